"""What a file holds, from its name and its first bytes."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePath

from sorbus.pipelines.sources.mbox import is_separator

SNIFFED = 8192
"""How many bytes at the beginning of a file are looked at."""

MEDIA_TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".json": "application/json",
}
"""Endings of documents, and what they are."""

_MAGIC = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\xd0\xcf\x11\xe0", "an old Office or Outlook file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"OggS", "a sound file"),
    (b"ID3", "a sound file"),
    (b"!BDN", "an Outlook data file"),
)
_HEADER_LINE = re.compile(rb"([!-9;-~]+)[ \t]*:")
_MAIL_HEADERS = frozenset(
    {
        b"from",
        b"to",
        b"date",
        b"subject",
        b"message-id",
        b"received",
        b"return-path",
        b"delivered-to",
        b"mime-version",
    }
)
_TEXT_BYTES = bytes({7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x100)) - {0x7F})


class Holds(StrEnum):
    """What a file seems to hold."""

    MBOX = "mbox"
    MAIL = "mail"
    DOCUMENT = "document"
    TEXT = "text"
    BINARY = "binary"


_MAIL = {".mbox": Holds.MBOX, ".mbx": Holds.MBOX, ".eml": Holds.MAIL, ".email": Holds.MAIL}


def sniff(name: str, head: bytes) -> Holds:
    """What a file with this name and these first bytes holds."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _MAIL:
        return _MAIL[suffix]
    if binary_kind(head):
        return Holds.BINARY
    if suffix in MEDIA_TYPES and MEDIA_TYPES[suffix] != "text/plain":
        return Holds.DOCUMENT
    if is_separator(head.split(b"\n", 1)[0] + b"\n"):
        return Holds.MBOX
    if _looks_like_mail(head):
        return Holds.MAIL
    return Holds.DOCUMENT if suffix in MEDIA_TYPES else Holds.TEXT


def binary_kind(head: bytes) -> str:
    """What a file that is no text seems to be ("a PNG picture"), or an empty string for text."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or not head:
        return ""
    half = len(head) // 2
    wide = half >= 8 and max(head[::2].count(0), head[1::2].count(0)) > half * 0.7
    odd = len(head.translate(None, _TEXT_BYTES))
    if odd * 10 > len(head) and not wide:
        return "a binary file of a kind that is not known"
    return ""


def _looks_like_mail(head: bytes) -> bool:
    names: set[bytes] = set()
    for index, line in enumerate(head.split(b"\n")[:60]):
        if not line.strip():
            break
        match = _HEADER_LINE.match(line)
        if match:
            names.add(match[1].lower())
        elif not (index and line[:1] in b" \t"):
            return False
    return len(names & _MAIL_HEADERS) >= 2
