"""An mbox of any size, message by message, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_CHUNK = 65_536
_FROM = re.compile(
    rb"From .{1,300}?\s(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+(?:\w{3}\s+\d{1,2}|\d{1,2}\s+\w{3})\b.*\d{4}\s*",
    re.DOTALL,
)
_HEADER = re.compile(rb"(?:>?From |[!-9;-~]+[ \t]*:)")
_QUOTED_FROM = re.compile(rb"^>(>*From )")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of an mbox: its number (from 1), the byte at which it begins, its size in bytes, its bytes.

    `raw` is None when the message is larger than the limit; it was read over, not kept.
    """

    number: int
    offset: int
    size: int
    raw: bytes | None


def is_separator(line: bytes) -> bool:
    """Whether this line may begin a message: `From`, somebody, and a date."""
    return line.startswith(b"From ") and len(line) <= 500 and _FROM.fullmatch(line) is not None


def split_mbox(stream: BinaryIO, *, max_bytes: int) -> Iterator[Entry]:
    """The messages of an mbox, read forward once; at most one message is in memory.

    A line begins a message when it is `From`, somebody and a date, follows an empty line (or begins the
    file), and a header follows it, so a sentence that begins with "From" does not. Quoted `>From` lines lose
    one `>`.
    """
    entry = _Open(number=0, offset=0)
    pending: bytes | None = None
    after_blank, offset, line_start = True, 0, True
    while line := stream.readline(_CHUNK):
        if pending is not None:
            if _HEADER.match(line):
                if entry.size:
                    yield entry.closed()
                entry = _Open(number=entry.number + 1, offset=offset - len(pending))
                entry.size = len(pending)
            else:
                entry.add(pending, max_bytes)
            pending = None
        if line_start and after_blank and is_separator(line):
            pending = line
        else:
            entry.add(line, max_bytes, unquote=line_start)
        after_blank = line_start and line in {b"\n", b"\r\n"}
        line_start = line.endswith(b"\n")
        offset += len(line)
    if pending is not None:
        entry.add(pending, max_bytes)
    if entry.size:
        yield entry.closed()


class _Open:
    """A message that is being read."""

    def __init__(self, *, number: int, offset: int) -> None:
        self.number, self.offset, self.size = number, offset, 0
        self._kept: bytearray | None = bytearray()

    def add(self, line: bytes, limit: int, *, unquote: bool = False) -> None:
        """Take one line, or forget all lines when they are too many."""
        self.size += len(line)
        if self._kept is None:
            return
        self._kept += _QUOTED_FROM.sub(rb"\1", line) if unquote else line
        if len(self._kept) > limit:
            self._kept = None

    def closed(self) -> Entry:
        """The message, complete."""
        raw = None if self._kept is None else bytes(self._kept)
        return Entry(number=max(1, self.number), offset=self.offset, size=self.size, raw=raw)
