"""The section of notifications: every mistake is found when the application is put together."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    InMemory,
    Json,
    Many,
    Notifications,
    One,
    Resource,
    Scope,
    Sorbus,
    action,
    agg,
    attribute,
    belongs_to,
    exists,
    has_many,
    publish,
    topic,
    uuid_primary_key,
)
from sorbus.engine.topics import fitted, parse_template
from sorbus.errors.declaration import DefinitionErrors
from sorbus.errors.notifications import BadTopic
from sorbus.resource.notifications import Published


def mistakes(section: Notifications, *, memory: bool = False) -> list[str]:
    class Part(Resource):
        """A part of a thing."""

        id: Attr[UUID] = uuid_primary_key()
        thing_id: Attr[UUID] = attribute()
        thing: One[Thing] = belongs_to(via=thing_id)

        @action.create
        def add(self, scope: Scope, thing_id: UUID) -> None:
            """Add one."""

    class Thing(Resource):
        """A thing."""

        id: Attr[UUID] = uuid_primary_key()
        name: Attr[str] = attribute()
        secret: Attr[str] = attribute(sensitive=True)
        tags: Attr[list[str]] = attribute(default=list)
        meta: Attr[Json] = attribute(default=dict)
        parts: Many[Part] = has_many()
        part_count = agg.count(parts)

        @action.update
        def rename(self, scope: Scope, name: str) -> None:
            """Rename it."""

        @action.generic
        @classmethod
        async def ping(cls, scope: Scope) -> str:
            """Answer."""
            return "pong"

        @action.destroy
        def remove(self, scope: Scope) -> None:
            """Remove it."""

        storage = InMemory()
        notifications = section

    PARTS["Thing"], PARTS["Part"] = Thing, Part
    if not memory:
        Thing.__declared__.pop("storage")
    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("d", resources=[Thing, Part])])
    return [str(each) for each in caught.value.errors]


PARTS: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("published", "text"),
    [
        (publish("thing:{nmae}"), "Did you mean `name`?"),
        (publish("thing:{part_count}"), "computed and not stored"),
        (publish("thing:{secret}"), "sensitive"),
        (publish("thing:{tags}"), "A topic is made of single values"),
        (publish("thing:{meta}"), "A topic is made of single values"),
        (publish("thing:{id!r}"), "`{id!r}` is no name of a field"),
        (publish("thing:{id"), "cannot be read"),
        (publish("  "), "it is empty"),
        (publish("things", on="read"), "Kinds: any, create, destroy, update"),
        (publish("things", on="updtae"), "Did you mean `update`?"),  # type: ignore[arg-type]
    ],
    ids=lambda value: value.topic if isinstance(value, Published) else None,
)
def test_what_cannot_be_published_is_refused(published: Published, text: str) -> None:
    (found,) = mistakes(Notifications(published))
    assert text in found


def test_what_lives_in_memory_is_not_durable() -> None:
    (found,) = mistakes(Notifications(publish("things"), durable=True), memory=True)
    assert "cannot be published durably" in found


def test_actions_payloads_conditions_and_loads_are_checked() -> None:
    class Other(Resource):
        """Another resource."""

        id: Attr[UUID] = uuid_primary_key()
        other: Attr[int] = attribute()

        @action.update
        def move(self, scope: Scope) -> None:
            """Move it."""

    class Box(Resource):
        """A box."""

        id: Attr[UUID] = uuid_primary_key()
        lid: Attr[bool] = attribute()
        boxes_id: Attr[UUID | None] = attribute(default=None)
        inner: Many[Box] = has_many(via="boxes_id")
        inner_count = agg.count(inner)

        @action.generic
        @classmethod
        async def ping(cls, scope: Scope) -> str:
            """Answer."""
            return "pong"

        @action.destroy
        def burn(self, scope: Scope) -> None:
            """Burn it."""

        notifications = Notifications(
            publish("a", on=Other.move),
            publish("b", on=ping),
            publish("c", payload=[Other.other]),
            publish("d", where=exists(inner, lambda box: box.lid == True)),  # noqa: E712
            publish("e", load=[inner_count]),
        )

    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("d", resources=[Box, Other])])
    text = str(caught.value)
    assert "`Other.move` is no action of `Box`" in text
    assert "`Box.ping` is a generic action and writes no row" in text
    assert "`Box` has no field `other` in the payload of `c`" in text
    assert "the condition of `d` looks beyond the stored values of the row" in text
    assert "of a row that is gone nothing can be loaded" in text


class TestTopics:
    def test_values_are_escaped_so_that_parts_stay_apart(self) -> None:
        template = parse_template("room:{name}", where="t")
        assert template.topic({"name": "a:b%"}) == "room:a%3Ab%25"
        assert template.topic({"name": None}) is None
        assert template.matches("room:x")
        assert not template.matches("room:x:y")
        assert topic("a:{b}:{c}", b=1, c="x:y") == "a:1:x%3Ay"

    def test_a_missing_value_is_an_error(self) -> None:
        with pytest.raises(BadTopic, match="no value for c"):
            topic("a:{b}:{c}", b=1)

    def test_long_ones_are_hashed(self) -> None:
        assert fitted("short") == "short"
        assert len(fitted("x" * 500)) == 65
        assert fitted("x" * 500) != fitted("x" * 501)
