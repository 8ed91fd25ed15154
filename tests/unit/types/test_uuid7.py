"""UUIDv7: ids that sort by the time they were made."""

from __future__ import annotations

import copy
import os
import pickle
import time
from uuid import RFC_4122, UUID

import pytest

from sorbus.types.uuid7 import uuid7, uuid7s


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


def test_many_ids_at_once_stand_between_those_before_and_after() -> None:
    before, made, after = uuid7(), uuid7s(20_000), uuid7()
    assert [before, *made, after] == sorted({before, *made, after})
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert uuid7s(0) == []


def test_an_id_is_as_if_it_had_been_parsed() -> None:
    made = uuid7()
    parsed = UUID(str(made))
    assert made == parsed
    assert hash(made) == hash(parsed)
    assert made.is_safe is parsed.is_safe
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    with pytest.raises(TypeError):
        made.int = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_draws_random_bits_of_its_own() -> None:
    uuid7()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, uuid7().bytes)
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 16)
    os.close(reader)
    os.close(writer)
    assert uuid7().bytes[8:] != theirs[8:]
