from __future__ import annotations

import asyncpg
import pytest

from sorbus.data_layers.postgres.faults import _split_key, translate, translate_connect
from sorbus.errors.database import DatabaseUnavailable


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("id", ("id",)),
        ("org_id, name", ("org_id", "name")),
        ("org_id, lower(email::text)", ("org_id", "lower(email::text)")),
        ('"Odd, name", COALESCE(a, b)', ("Odd, name", "COALESCE(a, b)")),
    ],
)
def test_a_key_is_split_at_its_outer_commas(key: str, columns: tuple[str, ...]) -> None:
    assert _split_key(key) == columns


@pytest.mark.parametrize(
    "foreign", [ValueError("x"), FileNotFoundError("mine"), ConnectionResetError(), KeyError(1)]
)
def test_an_exception_that_is_not_the_drivers_is_left_alone(foreign: Exception) -> None:
    assert translate(foreign) is None


def test_a_driver_error_without_a_leaf_is_left_alone() -> None:
    assert translate(asyncpg.PostgresSyntaxError("syntax error")) is None


def test_a_server_that_does_not_answer_is_named_with_the_time_spent() -> None:
    found = translate_connect(TimeoutError(), where="h:5432/d", waited=3.0)
    assert isinstance(found, DatabaseUnavailable)
    assert str(found).startswith(
        "The database at h:5432/d cannot be reached after 3.0 s: the server does not answer."
    )


def test_the_errors_of_a_missing_socket_say_what_is_missing() -> None:
    found = translate_connect(FileNotFoundError(2, "No such file or directory"), where="/run/x/d")
    assert isinstance(found, DatabaseUnavailable)
    assert "No such file or directory" in str(found)
