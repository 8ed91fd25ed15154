"""What an action's body assigns to its draft."""

from __future__ import annotations

from typing import Any

import pytest

from sorbus.resource.assembly.bodies import assigned_names, misspelt_assignments


def plain(self: Any, other: Any) -> None:
    self.first = other
    self.second = self.third
    other.fourth = self


async def waiting(draft: Any) -> None:
    draft.first = await draft.load()


def branches(self: Any, many: list[int]) -> None:
    if many:
        self.first = 1
    else:
        for each in many:
            self.second = each
    local = self
    del local


def added(self: Any) -> None:
    self.first = self.second = 1
    self.third: int = 3


def closure(self: Any) -> None:
    def inner() -> Any:
        return self

    self.first = inner


def nothing() -> None: ...


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (plain, {"first", "second"}),
        (waiting, {"first"}),
        (branches, {"first", "second"}),
        (added, {"first", "second", "third"}),
        (closure, {"first"}),
        (nothing, set()),
        (len, set()),
    ],
)
def test_the_names_set_on_the_first_parameter_are_found(function: Any, names: set[str]) -> None:
    assert set(assigned_names(function)) == names


def test_each_misspelt_name_is_told_once_with_the_near_one() -> None:
    def body(self: Any) -> None:
        self.titel = 1
        self.titel = 2
        self.text = 3

    (error,) = misspelt_assignments(body, "Note", "Note.write", ["title", "text"])
    assert str(error) == (
        "`Note` has no field `titel` in the body of `Note.write`, which sets it. Fields: text, title. "
        "Did you mean `title`?"
    )
