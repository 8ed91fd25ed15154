"""What is tried again, how long it waits, and what a checkpoint may hold."""

from __future__ import annotations

import pytest

from sorbus.errors.base import Forbidden, FrameworkError, Invalid, UnknownError
from sorbus.errors.database import Deadlock, TextNotStorable, UndefinedTable
from sorbus.errors.llm import ModelTimeout, RequestRefused
from sorbus.errors.pipelines import StageTimedOut
from sorbus.pipelines.definition.stages import DEFAULT_BACKOFF
from sorbus.pipelines.running.attempts import is_retryable
from sorbus.pipelines.running.store import encoded_size


@pytest.mark.parametrize(
    "error",
    [
        OSError("away"),
        ValueError("odd"),
        RuntimeError("odd"),
        TimeoutError(),
        UnknownError("odd"),
        ModelTimeout("m", seconds=1),
        StageTimedOut("p", "s", 1.0),
        Deadlock(sqlstate="40P01"),
        ExceptionGroup("several", [OSError("away")]),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    assert is_retryable(error)


@pytest.mark.parametrize(
    "error",
    [
        Invalid("wrong"),
        Forbidden("no"),
        FrameworkError("wrong"),
        RequestRefused("m", status=400, reason="too long"),
        UndefinedTable("t", sqlstate="42P01"),
        TextNotStorable("NUL"),
        TypeError("a bug"),
        AttributeError("a bug"),
        NameError("a bug"),
        ImportError("a bug"),
    ],
    ids=repr,
)
def test_what_will_not_pass_is_not(error: Exception) -> None:
    assert not is_retryable(error)


def test_waits_double_with_some_jitter_up_to_five_minutes() -> None:
    for attempt, wait in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 256.0), (10, 300.0), (500, 300.0)):
        found = [DEFAULT_BACKOFF.seconds(attempt) for _ in range(50)]
        assert min(found) >= 0.75 * wait
        assert max(found) <= 1.25 * wait
        assert len(set(found)) > 1


@pytest.mark.parametrize(
    ("value", "size"),
    [(None, 4), ({"a": [1, "é"]}, 14), ("\\u0000", 9), ("\\\\u0000", 11), ("\N{GRINNING FACE}", 6)],
)
def test_the_size_of_an_output_is_that_of_its_json(value: object, size: int) -> None:
    assert encoded_size(value) == size


@pytest.mark.parametrize(
    "value", ["\x00", {"a": ["x", "\\\x00"]}, {"\x00": 1}, "a\\\\\x00b", "\ud800", {"\udfff": 1}], ids=repr
)
def test_text_that_postgresql_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TextNotStorable):
        encoded_size(value)
