from __future__ import annotations

import pytest

from sorbus.pipelines.sources.sniffing import Holds, binary_kind, sniff

MAIL = b"Return-Path: <a@b.example>\nReceived: from x\n\tby y\nSubject: x\n\ntext"
MBOX = b"From a@b.example Mon Aug  5 10:00:00 2002\nSubject: x\n\ntext"


@pytest.mark.parametrize(
    ("name", "head", "holds"),
    [
        ("1.eml", b"whatever", Holds.MAIL),
        ("in.mbox", b"whatever", Holds.MBOX),
        ("Inbox", MBOX, Holds.MBOX),
        ("1029384.M1P2.host:2,S", MAIL, Holds.MAIL),
        ("mail.txt", MAIL, Holds.MAIL),
        ("page.html", MAIL, Holds.DOCUMENT),
        ("notes.txt", b"Note: this\nis no mail\n", Holds.DOCUMENT),
        ("notes", b"From here on\n", Holds.TEXT),
        ("a.log", b"2024-01-01 started\n", Holds.TEXT),
        ("a.txt", b"%PDF-1.7 x", Holds.BINARY),
        ("a", bytes(range(256)), Holds.BINARY),
        ("a.txt", "Größe".encode("utf-16"), Holds.DOCUMENT),
        ("a.txt", "twenty plain letters".encode("utf-16-le"), Holds.DOCUMENT),
        ("a.txt", b"a NUL \0 in a long enough text", Holds.DOCUMENT),
    ],
)
def test_a_file_is_known_by_its_name_and_first_bytes(name: str, head: bytes, holds: Holds) -> None:
    assert sniff(name, head) is holds


def test_a_binary_file_is_called_by_its_kind() -> None:
    assert binary_kind(b"PK\x03\x04rest") == "a ZIP archive or an Office document"
    assert binary_kind(b"text") == ""
