"""The nearest names in messages."""

from __future__ import annotations

import pytest

from sorbus.errors.base import Forbidden, FrameworkError, Invalid, Kind, SorbusError, UnknownError
from sorbus.errors.hints import did_you_mean, listed


@pytest.mark.parametrize(
    ("name", "allowed", "hint"),
    [
        ("promt", ["prompt", "content_id"], "Did you mean `prompt`?"),
        ("polices", ["policies", "tenancy"], "Did you mean `policies`?"),
        ("colour", ["prompt"], ""),
        ("", ["prompt"], ""),
        ("prompt", [], ""),
    ],
)
def test_the_nearest_name_is_offered_when_one_is_near(name: str, allowed: list[str], hint: str) -> None:
    assert did_you_mean(name, allowed) == hint


def test_names_are_listed_in_order_and_none_is_said() -> None:
    assert listed(["b", "a"]) == "a, b"
    assert listed([]) == "none"
    assert listed([], none="nothing yet") == "nothing yet"


def test_there_are_four_kinds() -> None:
    kinds = {
        Forbidden: Kind.FORBIDDEN,
        Invalid: Kind.INVALID,
        FrameworkError: Kind.FRAMEWORK,
        UnknownError: Kind.UNKNOWN,
    }
    assert {cls: cls.kind for cls in kinds} == kinds
    assert set(SorbusError.__subclasses__()) >= set(kinds)


def test_an_error_shows_its_hint_after_its_message() -> None:
    error = Invalid("It is wrong.", path=("input", "name"), hint="Mend it.")
    assert str(error) == "It is wrong. Mend it."
    assert str(Invalid("It is wrong.")) == "It is wrong."
    assert error.page == "docs/errors/invalid.md"
    assert error.to_dict() == {
        "kind": "invalid",
        "code": "invalid",
        "message": "It is wrong.",
        "path": ["input", "name"],
        "hint": "Mend it.",
    }
