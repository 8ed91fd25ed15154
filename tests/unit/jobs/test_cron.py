"""Cron expressions, as Oban reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sorbus.errors.jobs import BadCron, BadJobOption
from sorbus.jobs import Cron, NewJob, UniqueScope
from sorbus.jobs.cron import Clock

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("* * * * *", True),
        ("*/5 * * * *", True),
        ("0 12 * * MON", True),
        ("0 12 2 3 *", True),
        ("@hourly", True),
        ("1-59 * * * *", False),
        ("0 12 * * TUE", False),
        ("@daily", False),
    ],
)
def test_an_expression_matches_its_minutes(expression: str, due: bool) -> None:
    assert Cron("c", expression, NewJob("w")).matches(MONDAY_NOON) is due


def test_times_are_read_in_utc() -> None:
    tokyo = MONDAY_NOON.astimezone(timezone(timedelta(hours=9)))
    assert Cron("c", "0 12 * * *", NewJob("w")).matches(tokyo)
    assert Cron("c", "@hourly", NewJob("w")).tick(tokyo).meta["cron_at"] == "2026-03-02T12:00:00+00:00"


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "a * * * *", "*/0 * * * *"])
def test_an_unreadable_expression_is_refused_where_it_is_declared(expression: str) -> None:
    with pytest.raises(BadCron, match="The cron `nightly` has the expression"):
        Cron("nightly", expression, NewJob("w"))


def test_a_tick_is_unique_for_its_name_and_minute() -> None:
    tick = Cron("c", "@hourly", NewJob("w", meta={"tenant": "t"})).tick(MONDAY_NOON + timedelta(seconds=59))
    assert tick.unique_key == "cron:c:2026-03-02T12:00:00+00:00"
    assert tick.unique_scope is UniqueScope.ALWAYS
    assert tick.meta["tenant"] == "t"


def test_a_cron_makes_its_own_unique_key() -> None:
    with pytest.raises(BadJobOption, match="unique_key"):
        Cron("c", "@hourly", NewJob("w", unique_key="k"))


def test_two_crons_of_one_name_are_refused() -> None:
    class Nothing:
        async def fetch(self, query: str, /, *args: object) -> list[object]:
            return []

    crons = [Cron("c", "@hourly", NewJob("w")), Cron("c", "@daily", NewJob("v"))]
    with pytest.raises(BadJobOption, match="different names"):
        Clock(Nothing(), crons, wake=lambda _: None)
