"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sorbus.web import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"), (0.0004, "0 ms"), (0.34, "340 ms"), (4.24, "4.2 s"), (60, "1 min"), (185, "3 min 5 s"),
        (7200, "2 h"), (7440, "2 h 4 min"), (86_400, "1 d"), (266_400, "3 d 2 h"),
    ],
)  # fmt: skip
def test_how_long_it_took(seconds: float, text: str) -> None:
    assert formatting.lasting(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "$0"), ("0.000012", "$0.000012"), ("0.25", "$0.25"), ("1234.5", "$1,234.50")],
)
def test_money(amount: str, text: str) -> None:
    assert formatting.money(Decimal(amount)) == text


def test_what_is_not_known_is_a_dash() -> None:
    formats = (formatting.money, formatting.number, formatting.size, formatting.lasting, formatting.moment)
    assert {each(None) for each in formats} == {"–"}


def test_sizes_numbers_and_times() -> None:
    assert [formatting.size(each) for each in (0, 999, 1500, 2_500_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.5 MB",
    ]
    assert formatting.number(1234567) == "1\u202f234\u202f567"
    assert formatting.moment(datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)) == "02 Jan 2020, 03:04"
    assert formatting.moment(datetime.now(UTC)).count(":") == 2
    assert formatting.iso(datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2020-01-02T03:04:05.000+00:00"


def test_json_is_shown_in_lines_and_what_is_cut_off_as_it_is() -> None:
    assert formatting.pretty('{"a": [1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert formatting.pretty('{"a": [1') == '{"a": [1'
    assert formatting.pretty(None) == ""
