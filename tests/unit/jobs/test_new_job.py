"""A new job refuses what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from sorbus.errors.jobs import BadJobOption, JobNotJson, NoSuchJobOption
from sorbus.jobs import NewJob


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue": " "}, "`queue` must be a name"),
        ({"priority": 10}, "`priority` must be between 0 and 9, not 10"),
        ({"priority": -1}, "`priority` must be between 0 and 9"),
        ({"max_attempts": 0}, "`max_attempts` must be between 1 and 32767"),
        ({"scheduled_at": datetime(2026, 1, 1)}, "`scheduled_at` must be a time with a time zone"),  # noqa: DTZ001
        (
            {"scheduled_at": datetime(2026, 1, 1, tzinfo=UTC), "schedule_in": 1},
            "left out when",
        ),
        ({"schedule_in": -1}, "`schedule_in` must be a number of seconds, 0 or more"),
        ({"timeout": 0}, "`timeout` must be a number of seconds above 0"),
        ({"unique_period": timedelta(hours=1)}, "given together with `unique_key`"),
        ({"unique_key": "k", "unique_period": timedelta(0)}, "at least a second"),
        ({"meta": {"unique_key": "k"}}, "free of the reserved keys"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadJobOption, match=message):
        NewJob("w", **options)


def test_a_worker_needs_a_name() -> None:
    with pytest.raises(BadJobOption, match="`worker` must be a name"):
        NewJob("")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="unique"):
        NewJob("w", unique=True)  # type: ignore[call-arg]
    with pytest.raises(NoSuchJobOption, match=r"no option `unique`\. Options: max_attempts, .*") as caught:
        NewJob.from_options("w", {}, {"unique": True})
    assert caught.value.path == ("unique",)
    with pytest.raises(NoSuchJobOption, match="Did you mean `priority`"):
        NewJob.from_options("w", {}, {"prioritty": 1})


def test_options_given_as_data_are_checked_like_the_others() -> None:
    assert NewJob.from_options("w", {"a": 1}, {"queue": "q"}) == NewJob("w", {"a": 1}, queue="q")
    with pytest.raises(BadJobOption):
        NewJob.from_options("w", {}, {"priority": 77})


def test_ids_and_times_become_text() -> None:
    job = NewJob("w", {"id": UUID(int=1), "at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert job.args_json() == '{"id":"00000000-0000-0000-0000-000000000001","at":"2026-01-01T00:00:00Z"}'


def test_arguments_that_cannot_be_stored_are_refused() -> None:
    with pytest.raises(JobNotJson, match="The args of a `w` job"):
        NewJob("w", {"a": object()}).args_json()
    with pytest.raises(JobNotJson, match="NUL"):
        NewJob("w", {"a": "x\x00"}).args_json()
    with pytest.raises(JobNotJson, match="The meta of a `w` job"):
        NewJob("w", meta={"a": {1, object()}}).meta_json()
    # a backslash before the letters is no NUL
    assert NewJob("w", {"a": "\\u0000"}).args_json() == '{"a":"\\\\u0000"}'


def test_the_time_limit_travels_in_the_meta() -> None:
    assert NewJob("w", timeout=2, meta={"actor": "a"}).meta_json() == '{"actor":"a","timeout":2}'
