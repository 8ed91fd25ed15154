"""UUID version 7: time-ordered identifiers made in the application (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import time
from uuid import UUID

_last = 0


def uuid7() -> UUID:
    """A new UUIDv7. Within one process each is greater than the one before, also within a millisecond."""
    global _last  # noqa: PLW0603  # the monotonic clock of this process is one value by its nature
    # 48 bits of milliseconds, then 12 bits of sub-millisecond time (RFC 9562, method 3), then random bits.
    now = time.time_ns()
    stamp = (now // 1_000_000) << 12 | ((now % 1_000_000) << 12) // 1_000_000
    _last = stamp = max(stamp, _last + 1)
    high = (stamp >> 12) << 16 | 0x7000 | (stamp & 0x0FFF)
    low = 0x8000000000000000 | (int.from_bytes(os.urandom(8)) & 0x3FFFFFFFFFFFFFFF)
    return UUID(int=high << 64 | low)
