"""UUID version 7: time-ordered identifiers made in the application (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, SafeUUID

_POOL = 512
"""Random numbers drawn at once: a system call for each would be a good part of the cost of an identifier."""

_slots: Any = UUID.__dict__
_set_int = _slots["int"].__set__
_set_safe = _slots["is_safe"].__set__
_new = object.__new__
_UNKNOWN = SafeUUID.unknown

_VERSION = 0x7000 << 64
_VARIANT = 0x8000000000000000
_RANDOM = 0x3FFFFFFFFFFFFFFF

_last = 0
_random: Iterator[tuple[int]] = iter(())


def uuid7() -> UUID:
    """A new UUIDv7. Within one process each is greater than the one before, also within a millisecond."""
    global _last, _random  # noqa: PLW0603  # the monotonic clock of this process is one value by its nature
    # 48 bits of milliseconds, then 12 bits of sub-millisecond time (RFC 9562, method 3), then random bits.
    stamp = (time.time_ns() << 12) // 1_000_000
    if stamp <= _last:
        stamp = _last + 1
    _last = stamp
    try:
        number = next(_random)[0]
    except StopIteration:
        fresh = _drawn(_POOL)
        number = next(fresh)[0]
        _random = fresh
    return _made(stamp, number)


def uuid7s(count: int) -> list[UUID]:
    """New UUIDv7s in ascending order, later than all before and earlier than all after."""
    global _last  # noqa: PLW0603  # as above
    first = max((time.time_ns() << 12) // 1_000_000, _last + 1)
    _last = first + count - 1
    return [_made(stamp, number) for stamp, (number,) in enumerate(_drawn(count), first)]


def _made(stamp: int, number: int) -> UUID:
    made = _new(UUID)
    # Past the constructor, which spends most of its time on the other ways to spell an identifier.
    bits = (stamp >> 12 << 80) | _VERSION | ((stamp & 0x0FFF) << 64) | _VARIANT | (number & _RANDOM)
    _set_int(made, bits)
    _set_safe(made, _UNKNOWN)
    return made


def _drawn(count: int) -> Iterator[tuple[int]]:
    """Random numbers of 64 bits."""
    return struct.iter_unpack("=Q", os.urandom(8 * count))


def _forget() -> None:
    """A forked process draws numbers of its own."""
    global _random  # noqa: PLW0603  # as above
    _random = iter(())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
