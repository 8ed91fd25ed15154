"""Failed jobs wait longer each time."""

from __future__ import annotations

import pytest

from sorbus.errors.jobs import BadJobOption
from sorbus.jobs import Backoff


def test_the_wait_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base=2, cap=10, jitter=0)
    assert [backoff.seconds(attempt) for attempt in (1, 2, 3, 4, 5000)] == [2, 4, 8, 10, 10]


def test_the_jitter_spreads_the_wait_within_its_bounds() -> None:
    waits = {Backoff(base=100, jitter=0.5).seconds(1) for _ in range(200)}
    assert len(waits) > 100
    assert 50 <= min(waits) < 80
    assert 120 < max(waits) <= 150


@pytest.mark.parametrize("options", [{"base": -1.0}, {"cap": -1.0}, {"jitter": 1.5}])
def test_impossible_settings_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(BadJobOption):
        Backoff(**options)
