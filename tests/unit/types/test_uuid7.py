"""UUIDv7: ids that sort by the time they were made."""

from __future__ import annotations

import time
from uuid import RFC_4122

from sorbus.types.uuid7 import uuid7


def test_each_id_is_greater_than_the_one_before_also_within_a_millisecond() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_have_the_version_and_variant_of_the_standard() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, RFC_4122)


def test_the_first_48_bits_are_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid7().int >> 80
    after = time.time_ns() // 1_000_000
    # Ids made before in this process may have run ahead of the clock by a little.
    assert before - 1 <= stamp <= after + 1000
