"""Plain JSON is copied without a validator, and everything else is left to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sorbus.types import Json
from sorbus.types.plain_json import NotPlain, copied, quickened

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
ODD = st.recursive(
    SCALARS | st.binary() | st.dates() | st.uuids(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.sets(st.integers())
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=10,
)


def nodes(value: Any) -> list[Any]:
    """The lists and dictionaries in a value."""
    match value:
        case dict():
            return [value, *(found for each in value.values() for found in nodes(each))]
        case list():
            return [value, *(found for each in value for found in nodes(each))]
        case _:
            return []


def outcome(validate: Any, value: Any) -> Any:
    """What a validator answers or raises, with the types that are in it."""
    try:
        return repr(validate(value))
    except ValidationError as error:
        return error.errors(include_url=False, include_context=False)


@given(PLAIN)
def test_a_copy_is_equal_and_shares_nothing(value: Any) -> None:
    made = copied(value)
    assert repr(made) == repr(value)
    assert not {id(each) for each in nodes(made)} & {id(each) for each in nodes(value)}


@pytest.mark.parametrize("annotation", [Json, dict[str, Json], list[Json]])
@given(value=PLAIN | ODD)
def test_the_quick_way_answers_as_the_validator_does(annotation: Any, value: Any) -> None:
    validate = TypeAdapter[Any](annotation).validate_python
    assert outcome(quickened(annotation, validate), value) == outcome(validate, value)


@pytest.mark.parametrize(
    "annotation", [dict[str, Any], dict[str, int], list[str], int, dict[str, Json] | None]
)
def test_other_types_keep_their_validator(annotation: Any) -> None:
    validate = TypeAdapter[Any](annotation).validate_python
    assert quickened(annotation, validate) == validate


def test_what_is_no_plain_json_is_not_copied() -> None:
    class Text(str):
        __slots__ = ()

    endless: list[Any] = []
    endless.append(endless)
    for value in ({1: 2}, (1,), {"a": {1}}, [b""], Text("a"), {Text("a"): 1}, endless):
        with pytest.raises(NotPlain):
            copied(value)
