from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sorbus.errors.llm import ModelTimeout, ModelUnavailable, RateLimited
from sorbus.llm.config import Retries
from sorbus.llm.providers.http import retry_after
from sorbus.llm.retrying import Attempts, retrying, wait_before

QUICK = Retries(attempts=3, base=0.001, cap=0.002, max_wait=5)


def test_waits_double_with_jitter_up_to_the_cap() -> None:
    retries = Retries(attempts=9, base=1, cap=8)
    for attempt, longest in ((2, 1), (3, 2), (4, 4), (5, 8), (9, 8)):
        waits = [wait_before(attempt, retries=retries, demanded=None) for _ in range(50)]
        assert all(wait is not None and longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1


def test_a_demanded_wait_is_kept_exactly_unless_it_is_too_long() -> None:
    assert wait_before(2, retries=QUICK, demanded=4.5) == 4.5
    assert wait_before(2, retries=QUICK, demanded=5.5) is None


def test_no_attempt_is_made_beyond_the_last() -> None:
    assert wait_before(4, retries=QUICK, demanded=0) is None


async def test_the_first_good_answer_counts_its_attempts() -> None:
    attempts = Attempts()

    async def ask() -> str:
        if attempts.count < 3:
            raise ModelUnavailable("m", reason="refused")
        return "ok"

    assert await retrying(ask, retries=QUICK, attempts=attempts) == "ok"
    assert attempts.count == 3


async def test_the_last_error_says_how_often_it_was_tried() -> None:
    async def ask() -> str:
        raise RateLimited("m")

    with pytest.raises(RateLimited, match="attempts: 3"):
        await retrying(ask, retries=QUICK, attempts=Attempts())


async def test_a_time_limit_is_not_tried_again() -> None:
    attempts = Attempts()

    async def ask() -> str:
        raise ModelTimeout("m", seconds=1)

    with pytest.raises(ModelTimeout):
        await retrying(ask, retries=QUICK, attempts=attempts)
    assert attempts.count == 1


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after("7") == 7
    assert retry_after("0.5") == 0.5
    assert retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now=now) == 30
    assert retry_after("Thu, 01 Jan 2026 11:00:00 GMT", now=now) == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None
