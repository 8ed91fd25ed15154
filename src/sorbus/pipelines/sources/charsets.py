"""From bytes to clean text, whatever the label says."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# Quadratic, stateful or not meant for text; a mail may name any codec of Python's.
_REFUSED = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7", "mbcs", "oem"}
# What mail programs mean by these labels, after the WHATWG's encoding standard.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "tis-620": "cp874",
}
_SINGLE_BYTE = {"cp1252", "iso8859-15", "cp1254", "koi8-r", "cp1251"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_META = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_MULTIBYTE_UTF8 = re.compile(rb"[\xc3-\xf4][\x80-\xbf]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Clean text, the charset that was used for it, and what was odd."""

    text: str
    charset: str
    warnings: tuple[str, ...] = ()


def decode(raw: bytes, *, declared: str | None = None) -> Decoded:
    """Text of `raw`; never fails, what does not decode becomes U+FFFD and is named in the warnings.

    A byte order mark wins, then the declared charset when it fits, then UTF-8, then Windows-1252.
    """
    for mark, charset in _BOMS:
        if raw.startswith(mark):
            return _replacing(raw[len(mark) :], charset, ())
    codec = codec_of(declared) if declared else None
    if declared and codec:
        return _as_declared(raw, printable(declared).lower(), codec)
    return _guess(raw, (f"unknown charset {printable(declared)}",) if declared else ())


def _as_declared(raw: bytes, label: str, codec: str) -> Decoded:
    single = codec in _SINGLE_BYTE
    fits = _fits(raw, codec)
    if (_MULTIBYTE_UTF8.search(raw) if single else not fits) and _fits(raw, "utf-8"):
        return Decoded(clean(raw.decode("utf-8")), "utf-8", (f"labelled {label}, but is utf-8",))
    if fits:
        return Decoded(clean(raw.decode(codec)), label)
    return Decoded(clean(raw.decode(codec, "replace")), label, (f"not all bytes are {label}",))


def html_charset(raw: bytes) -> str | None:
    """The charset that an HTML text names in itself, or None."""
    match = _META.search(raw[:4096])
    return match[1].decode("ascii") if match and match[1].isascii() else None


def codec_of(label: str) -> str | None:
    """Python's name of the codec that this label means, or None when there is none for text."""
    try:
        found = codecs.lookup(label.strip().strip("\"'"))
    except (LookupError, ValueError, UnicodeError):
        return None
    name = found.name
    if not getattr(found, "_is_text_encoding", False) or name in _REFUSED:
        return None
    return _MEANT.get(name, name)


def clean(text: str) -> str:
    """Text to store and to read: no NUL or other control, no half surrogate, `\\n` newlines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def printable(label: str) -> str:
    """A label from outside, short and on one line, to stand in a warning."""
    return " ".join(clean(label).split())[:60]


def one_line(text: str, *, limit: int = 1000) -> str:
    """The text on one line: a newline smuggled into a header does not begin a new one."""
    return " ".join(clean(text).split())[:limit]


def _guess(raw: bytes, warnings: tuple[str, ...]) -> Decoded:
    if b"\x1b$" in raw and _fits(raw, "iso2022_jp"):
        return Decoded(clean(raw.decode("iso2022_jp")), "iso2022_jp", warnings)
    wide = _utf16_without_mark(raw)
    if wide:
        return _replacing(raw, wide, (*warnings, "no byte order mark"))
    if _fits(raw, "utf-8"):
        return Decoded(clean(raw.decode("utf-8")), "utf-8", warnings)
    return _replacing(raw, "cp1252", (*warnings, "charset guessed as windows-1252"))


def _utf16_without_mark(raw: bytes) -> str:
    head = raw[: 4096 - 4096 % 2]
    pairs = len(head) // 2
    if pairs < 8 or len(raw) % 2:
        return ""
    if head[1::2].count(0) > pairs * 0.7 and not head[::2].count(0):
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > pairs * 0.7 and not head[1::2].count(0) else ""


def _replacing(raw: bytes, codec: str, warnings: tuple[str, ...]) -> Decoded:
    text = raw.decode(codec, "replace")
    if "\ufffd" in text:
        warnings = (*warnings, f"not all bytes are {codec}")
    return Decoded(clean(text), codec, warnings)


def _fits(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except (UnicodeError, ValueError):
        return False
    return True
