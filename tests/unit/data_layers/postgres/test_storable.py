"""Texts that PostgreSQL cannot hold, made into ones that it can."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from sorbus.data_layers.postgres.json_codec import storable
from sorbus.jobs.dispatch import _record


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("plain é \N{GRINNING FACE}", "plain é \N{GRINNING FACE}"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\N{GRINNING FACE}"),
        ({"\x00": ["\udfff", ("x\x00",)], "n": 1}, {"\ufffd": ["\ufffd", ["x\ufffd"]], "n": 1}),
        (7, 7),
        (None, None),
    ],
    ids=ascii,
)  # fmt: skip
def test_nul_and_lone_surrogates_are_replaced_and_nothing_else(value: object, stored: object) -> None:
    assert storable(value) == stored


def test_what_cannot_be_looked_into_stays_as_it_is() -> None:
    now = datetime.now(UTC)
    assert storable({"at": now}) == {"at": now}


@pytest.mark.parametrize(
    "message",
    ["a\x00b", "a\ud800b", "unsupported escape \\u0000 cannot be converted", "\\\\u0000\\"],
    ids=ascii,
)
def test_the_error_of_a_job_is_json_that_postgresql_takes_whatever_its_message(message: str) -> None:
    context = cast("Any", SimpleNamespace(attempt=1, node="n"))
    record = _record(context, {"error": message})
    assert msgspec.json.decode(record)["error"] == storable(message)
    assert "\x00" not in msgspec.json.decode(record)["error"]
