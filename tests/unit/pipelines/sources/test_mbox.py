from __future__ import annotations

import io
import mailbox
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.pipelines.sources.mbox import is_separator, split_mbox

SEPARATOR = b"From ada@example.org Mon Aug  5 10:00:00 2002\n"


def message(number: int, body: bytes = b"text") -> bytes:
    return SEPARATOR + f"From: a@example.org\nMessage-ID: <{number}@x>\n\n".encode() + body + b"\n\n"


def split(raw: bytes, *, max_bytes: int = 10_000) -> list[bytes | None]:
    return [entry.raw for entry in split_mbox(io.BytesIO(raw), max_bytes=max_bytes)]


def test_messages_are_found_with_their_places() -> None:
    entries = list(split_mbox(io.BytesIO(message(1) + message(2)), max_bytes=10_000))
    assert [(entry.number, entry.offset) for entry in entries] == [(1, 0), (2, len(message(1)))]
    assert sum(entry.size for entry in entries) == 2 * len(message(1))


@pytest.mark.parametrize(
    "body",
    [
        b"text\nFrom here on it rains.\n",
        b"text\n\nFrom here on it rains.\n",
        b"text\nFrom ada@example.org Mon Aug  5 10:00:00 2002\nsaid the log\n",
        b"text\n\nFrom ada@example.org Mon Aug  5 10:00:00 2002\nsaid the log\n",
        b"text\n\n>From ada@example.org Mon Aug  5 10:00:00 2002\nSubject: quoted\n",
    ],
)
def test_a_sentence_that_begins_with_from_begins_no_message(body: bytes) -> None:
    parts = split(message(1, body) + message(2))
    assert len(parts) == 2
    assert parts[0] is not None
    assert body.replace(b"\n>From", b"\nFrom").strip() in parts[0]


@pytest.mark.parametrize(
    "line",
    [
        b"From ada@example.org Mon Aug  5 10:00:00 2002\n",
        b"From - Mon Aug 05 10:00:00 2002\r\n",
        b"From 1234@xxx Mon Aug 05 10:00:00 +0000 2002\n",
        b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011 -0700 2011\n",
    ],
)
def test_separators_of_many_programs_are_known(line: bytes) -> None:
    assert is_separator(line)


def test_a_message_above_the_limit_is_read_over() -> None:
    parts = split(message(1, b"x" * 50_000) + message(2), max_bytes=1_000)
    assert parts[0] is None
    assert parts[1] is not None


def test_an_endless_line_is_read_in_pieces() -> None:
    assert split(SEPARATOR + b"Subject: x\n\n" + b"From " * 100_000, max_bytes=1_000_000) != []


class _Endless(io.RawIOBase):
    """Messages as long as somebody reads, of which none is kept."""

    def __init__(self, count: int) -> None:
        self._messages: Iterator[bytes] = (
            message(number, b"line of text\n" * 200) for number in range(count)
        )
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._left = self._left or next(self._messages, b"")
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_memory_does_not_grow_with_the_mbox() -> None:
    tracemalloc.start()
    try:
        count = sum(1 for _ in split_mbox(io.BufferedReader(_Endless(4_000)), max_bytes=100_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 4_000
    assert peak < 1_000_000


def test_it_finds_what_the_standard_library_finds(tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(b"".join(message(number) for number in range(30)))
    with closing(mailbox.mbox(path)) as box:
        assert len(split(path.read_bytes())) == len(box) == 30


LINES = st.sampled_from(
    [SEPARATOR, b"\n", b"Subject: x\n", b"text\n", b">From x\n", b"From me\n", b"\xff\0\n", b"end", b"\r\n"]
)


@given(st.lists(LINES, max_size=30).map(b"".join))
def test_every_byte_belongs_to_one_message(raw: bytes) -> None:
    entries = list(split_mbox(io.BytesIO(raw), max_bytes=10_000))
    assert sum(entry.size for entry in entries) == len(raw)
    assert [entry.offset for entry in entries] == [
        sum(each.size for each in entries[:index]) for index in range(len(entries))
    ]
    kept = b"".join(entry.raw or b"" for entry in entries)
    assert kept.count(b"text") == raw.count(b"text")
