"""The schema of a document as an input says what its create and update actions take, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from tests.unit.types.orders import Line, Order, Place

from sorbus import (
    Attr,
    Domain,
    Embedded,
    PrivateArg,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    uuid_primary_key,
)
from sorbus.errors.declaration import DefinitionErrors
from sorbus.errors.inputs import InvalidAction
from sorbus.types.purposes import Purpose

KEY = "01a218a6-7fcb-77e8-b7da-1114f1f1d3ea"


@pytest.fixture
async def app() -> AsyncIterator[Sorbus]:
    async with Sorbus(domains=[Domain("orders", resources=[Order])], secret=b"o" * 32) as opened:
        yield opened


def fits(app: Sorbus, name: str, given: str, value: Any) -> bool:
    """Whether the schema of an action's input allows a value."""
    taken = app.spec.resources["Order"].actions[name].input(given)
    assert taken is not None
    schema = taken.json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(value)


NEW = [
    ("first", {"item": "a"}, True),
    ("first", {"item": "a", "count": 2, "tax": {"rate": 1}}, True),
    ("first", None, True),
    ("first", {}, False),
    ("first", {"item": None}, False),
    ("first", {"item": "a", "id": KEY}, False),
    ("first", {"item": "a", "id": None}, False),
    ("first", {"item": "a", "total": 1}, False),
    ("first", {"item": "a", "secret": "b"}, False),
    ("first", {"item": "a", "tax": {}}, False),
    ("lines", [{"item": "a"}, {"item": "b"}], True),
    ("lines", [{"item": "a", "id": KEY}], False),
    ("place", {"city": "a", "loud": True}, True),
    ("place", {"city": "a", "code": "b"}, False),
    ("place", {"loud": True}, False),
    ("places", [{"city": "a"}], True),
    ("either", {"kind": "line", "item": "a"}, True),
    ("either", {"kind": "line", "item": "a", "id": KEY}, False),
    ("either", {"kind": "place", "city": "a"}, True),
    ("either", {"kind": "place", "code": "a"}, False),
]


@pytest.mark.parametrize(("given", "value", "right"), NEW)
async def test_a_create_takes_what_its_schema_says(app: Sorbus, given: str, value: Any, right: bool) -> None:
    assert fits(app, "make", given, value) is right
    assert await taken(Order.make(app.scope(), **{given: value})) is right


CHANGED = [
    # What tells by itself whether a document is there.
    ("lines", [{"id": "first", "count": 2}, {"item": "new"}], True),
    ("lines", [{"count": 2}], False),
    ("lines", [{"id": "first", "total": 2}], False),
    ("lines", [{"id": "no key"}], None),
    ("places", [{"city": "a"}], True),
    ("places", [{"code": "a"}], False),
    # A document that is there.
    ("first", {"count": 2}, True),
    ("first", {"count": 2, "id": "first"}, True),
    ("first", {"total": 2}, False),
    ("place", {"code": "b"}, True),
    ("place", {}, True),
    ("place", {"code": "b", "loud": True}, False),
    ("either", {"kind": "line", "count": 3}, True),
    ("either", {"kind": "place", "city": "b"}, True),
]


@pytest.mark.parametrize(("given", "value", "right"), CHANGED)
async def test_so_does_an_update(app: Sorbus, given: str, value: Any, right: bool | None) -> None:
    scope = app.scope()
    order = await Order.make(
        scope,
        first=Line(item="a"),
        lines=[Line(item="b")],
        place=Place(city="c"),
        either=Line(item="d"),
    )
    whole = {"lines": order.lines[0], "first": order.first}.get(given)
    for each in value if isinstance(value, list) else [value]:
        if each.get("id") == "first" and whole is not None:
            each["id"] = str(whole.id)
    assert right is None or fits(app, "edit", given, value) is right
    assert await taken(order.edit(scope, **{given: value})) is bool(right)


async def taken(call: Any) -> bool:
    try:
        await call
    except InvalidAction:
        return False
    return True


async def test_a_key_that_nobody_can_give_is_told_as_such(app: Sorbus) -> None:
    scope = app.scope()
    new = "Line: `id`: a new one gets its key when it is made; leave it out."

    async def told(call: Any) -> list[tuple[Any, str]]:
        with pytest.raises(InvalidAction) as caught:
            await call
        return [(each.path, str(each)) for each in caught.value.errors]

    document = {"id": KEY, "item": "a"}
    assert await told(Order.make(scope, first=document)) == [(("input", "first", "id"), new)]
    assert await told(Order.make(scope, lines=[document])) == [(("input", "lines", 0, "id"), new)]
    order = await Order.make(scope, lines=[Line(item="a")])
    assert await told(order.edit(scope, first=document)) == [(("input", "first", "id"), new)]
    assert await told(order.edit(scope, lines=[document])) == [
        (
            ("input", "lines", 0, "id"),
            "Line: `id`: there is none with this key; leave it out to make a new one.",
        )
    ]


async def test_what_is_shown_is_complete_and_public(app: Sorbus) -> None:
    order = await Order.make(app.scope(), first=Line(item="a"), either=Place(city="b"))
    for name in ("first", "either"):
        kind = app.spec.resources["Order"].attributes[name].type
        shown = kind.shown(getattr(order, name))
        Draft202012Validator(kind.json_schema()).validate(shown)
        assert not Draft202012Validator(kind.json_schema(Purpose.CREATED)).is_valid(shown)
    schema = app.spec.resources["Order"].attributes["lines"].type.json_schema()["items"]
    assert schema["required"] == ["id", "item", "count", "total", "tax"]
    assert schema["properties"]["item"]["description"] == "What is bought."


def test_a_document_has_no_arguments_that_only_code_may_give() -> None:
    class Seal(Embedded):
        text: Attr[str] = attribute(public=True)

        @action.create
        def press(self, scope: Scope, text: str, forced: PrivateArg[bool] = False) -> None:
            """Press it."""

    class Letter(Resource):
        id: Attr[UUID] = uuid_primary_key()
        seal: Attr[Seal | None] = attribute()

    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("letters", resources=[Letter])])
    (error,) = caught.value.errors
    assert (error.code, error.path) == ("missing-part", ("Seal", "press"))
    assert "`PrivateArg`" in str(error)
