"""The rule of limits: who may pass next, from nothing but how they stand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.errors.pipelines import BadLimit
from sorbus.pipelines import Limit, Rate, limit
from sorbus.pipelines.definition.limits import Gate
from sorbus.pipelines.running.permits import by_name, name_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VALUES: Any = {"tenant": "a;b", "model": "m=1", "pipeline": "p", "stage": "p.s"}


def gate(one: Limit, held: dict[str, int] | None = None, full_at: datetime | None = None) -> Gate:
    """A limit as it stands at `NOW`."""
    return Gate(one, held or {}, full_at, NOW)


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({}, "at_once"),
        ({"at_once": 0}, "1 or more"),
        ({"rate": Rate(0)}, "1 or more"),
        ({"rate": Rate(1, 0.0)}, "more than 0 seconds"),
        ({"at_once": 1, "by": "tennant"}, "tenant, model, pipeline, stage"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(options: dict[str, Any], allowed: str) -> None:
    with pytest.raises(BadLimit, match=allowed):
        limit("reading", **options)


def test_a_name_is_not_empty_and_not_given_twice() -> None:
    with pytest.raises(BadLimit, match="1 to 200"):
        limit("", at_once=1)
    with pytest.raises(BadLimit, match="another limit"):
        by_name([limit("a", at_once=1), limit("a", at_once=2)])


def test_a_key_tells_apart_what_it_is_asked_to_and_values_cannot_reach_into_others() -> None:
    assert limit("gpt", at_once=1).key(VALUES) == "gpt"
    key = limit("g;t", at_once=1, by=["tenant", "model"]).key(VALUES)
    assert key == "g%3Bt;tenant=a%3Bb;model=m%3D1"
    assert name_of(key) == "g;t"


def test_the_tenant_with_the_fewest_goes_first() -> None:
    here = gate(Limit("x", at_once=6), {"a": 2, "b": 1})
    assert here.pick({"a": ["a1", "a2"], "b": ["b1"], "c": ["c1", "c2", "c3"]}) == ["c1", "b1", "c2"]
    assert here.free == 0


def test_of_tenants_that_have_equally_few_each_gets_its_turn() -> None:
    last, order = "", list[str]()
    for _ in range(6):
        here = Gate(Limit("x", at_once=1), {}, None, NOW, last)
        order += here.pick({"a": ["a"], "b": ["b"], "c": ["c"]})
        last = here.last
    assert "".join(order) == "abcabc"


def test_a_bucket_lets_its_count_start_at_once_and_then_one_for_each_interval() -> None:
    one = Limit("x", rate=Rate(3, 30.0))
    here = gate(one)
    assert here.pick({"a": list("abcde")}) == ["a", "b", "c"]
    assert here.opens_at == NOW + timedelta(seconds=10)
    assert here.full_at is not None
    later = Gate(one, {}, here.full_at, NOW + timedelta(seconds=21))
    assert later.pick({"a": list("de")}) == ["d", "e"]
    assert later.opens_at == NOW + timedelta(seconds=30)


@given(
    count=st.integers(1, 7),
    seconds=st.floats(0.001, 1000),
    steps=st.lists(st.tuples(st.floats(0, 500), st.integers(0, 9)), max_size=40),
)
def test_no_window_of_time_sees_more_starts_than_two_buckets_and_a_free_bucket_is_never_refused(
    count: int, seconds: float, steps: list[tuple[float, int]]
) -> None:
    rate = Rate(count, seconds)
    one, now, full_at, starts = Limit("x", rate=rate), NOW, None, list[datetime]()
    for wait, wanted in steps:
        now += timedelta(seconds=wait)
        here = Gate(one, {}, full_at, now)
        passed = here.pick({"a": list(range(wanted))})
        full_at = here.full_at
        starts += [now] * len(passed)
        if len(passed) < wanted:
            assert here.opens_at is not None
            assert here.opens_at > now
            assert Gate(one, {}, full_at, here.opens_at + timedelta(microseconds=1)).free >= 1
        recent = [each for each in starts if each > now - rate.window]
        assert len(recent) <= 2 * count
    # Over all the time: no more than the bucket, and what has come back since.
    if starts:
        back = (starts[-1] - starts[0] + timedelta(microseconds=len(starts))) / rate.interval
        assert len(starts) <= count + back + 1


@given(
    at_once=st.integers(1, 12),
    held=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)),
    waiting=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 6)),
)
def test_room_is_used_up_and_shared_evenly(
    at_once: int, held: dict[str, int], waiting: dict[str, int]
) -> None:
    queues = {tenant: [(tenant, number) for number in range(count)] for tenant, count in waiting.items()}
    passed = gate(Limit("x", at_once=at_once), dict(held)).pick(queues)
    room = max(at_once - sum(held.values()), 0)
    assert len(passed) == min(room, sum(waiting.values()))
    after = Counter({tenant: held.get(tenant, 0) for tenant in "abcd"})
    for tenant, number in passed:
        assert number == after[tenant] - held.get(tenant, 0), "each tenant's in their order"
        after[tenant] += 1
    gained = {tenant for tenant, _ in passed}
    left = {tenant for tenant, count in waiting.items() if after[tenant] - held.get(tenant, 0) < count}
    for rich in gained:
        for poor in left:
            assert after[rich] <= after[poor] + 1
