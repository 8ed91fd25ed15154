"""The extension door: members, transforms in order, verdicts, and errors that name the extension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

import pytest

from sorbus import Attr, Domain, Resource, Scope, Sorbus, action, attribute, change, uuid_primary_key
from sorbus.errors.declaration import DeclarationError, DefinitionErrors, NoSuchField, WrongSection
from sorbus.errors.extensions import ExtensionFailed, ExtensionOrder, MemberTaken, NoSuchPart
from sorbus.resource.extensions import (
    Added,
    ExtensionContext,
    Section,
    Work,
    Write,
    add_changes,
    change_action,
    change_attribute,
)
from sorbus.schema import ActionSpec, ResourceSpec


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of these sections are forgotten after each test."""
    monkeypatch.setattr(Section, "registry", dict(Section.registry))


def put_together(*resources: type[Any]) -> Sorbus:
    return Sorbus(domains=[Domain("d", resources=list(resources))], storage="memory")


def errors(*resources: type[Any]) -> tuple[DeclarationError, ...]:
    with pytest.raises(DefinitionErrors) as caught:
        put_together(*resources)
    return caught.value.errors


class Counted(Section):
    """Adds a counter that every update increments, and notes each write."""

    section_name = "counted"
    seen: ClassVar[list[tuple[str, Any]]] = []

    def members(self, cls: type[Any]) -> Mapping[str, Any]:
        return {"version": Added(Attr[int], attribute(default=1, writable=False))}

    def transform(self, spec: ResourceSpec, context: ExtensionContext) -> ResourceSpec:
        return add_changes(spec, change.increment(context.cls.version), on=["update"])

    def effects(self, spec: ResourceSpec, action: ActionSpec) -> Work | None:
        return Note(self) if action.kind.writes else None

    def notices(self, spec: ResourceSpec, action: ActionSpec) -> Work | None:
        async def told(write: Write) -> None:
            self.seen.append(("after", write.result.version))

        return told


class Note:
    """An effect that asks for old values and takes many writes at once."""

    previous = ("text",)

    def __init__(self, section: Counted) -> None:
        self.section = section

    async def __call__(self, write: Write) -> None:
        await self.many([write])

    async def many(self, writes: list[Write]) -> None:
        """Note all of them."""
        self.section.seen.append(("write", [each.previous.get("text") for each in writes]))


class Page(Resource):
    """Something with a counter."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute()

    @action.create
    def write(self, scope: Scope, text: str) -> None:
        """Write it."""

    @action.update
    def rewrite(self, scope: Scope, text: str) -> None:
        """Write it anew."""

    counted = Counted()


async def test_an_extension_adds_fields_changes_and_effects() -> None:
    Counted.seen.clear()
    async with put_together(Page) as app:
        scope = app.system_scope()
        page = await Page.write(scope, text="a")
        again = await page.rewrite(scope, text="b")
        assert [each.__dict__["version"] for each in (page, again)] == [1, 2]
        await Page.rewrite.bulk(scope, [page.id], {"text": "c"})
    assert Counted.seen == [
        ("write", [None]),
        ("after", 1),
        ("write", ["a"]),
        ("after", 2),
        ("write", ["b"]),
        ("after", 3),
    ]


def test_the_spec_tells_who_added_what() -> None:
    spec = put_together(Page).spec.resources["Page"]
    assert [(each.extension, each.kind, each.name) for each in spec.additions] == [
        ("Counted", "field", "version"),
        ("Counted", "action changed", "rewrite: changes"),
    ]


def test_members_are_those_of_derived_classes_too() -> None:
    class Leaf(Page):
        """Derived."""

    spec = put_together(Leaf).spec.resources["Leaf"]
    assert "version" in spec.attributes
    assert spec.actions["rewrite"].changes


async def test_inherited_actions_are_those_of_the_derived_resource() -> None:
    class Left(Page):
        """One."""

    class Right(Page):
        """Another."""

    async with put_together(Left, Right) as app:
        scope = app.system_scope()
        made = await Left.write(scope, text="l")
        await made.rewrite(scope, text="m")
        assert await Right.query(scope).count() == 0
        assert [each.text for each in await Left.query(scope).all()] == ["m"]
    assert Left.write.owner is Left
    assert Page.write.owner is Page


def test_transforms_run_in_the_order_that_they_ask_for() -> None:
    order: list[str] = []

    def section(name: str, *, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Section:
        def transform(self: Section, spec: ResourceSpec, context: ExtensionContext) -> ResourceSpec:
            order.append(name)
            return spec

        body = {"section_name": name, "before": before, "after": after, "transform": transform}
        made: Section = type(name.title(), (Section,), body)()
        return made

    class Ordered(Resource):
        """Three extensions."""

        id: Attr[UUID] = uuid_primary_key()
        one = section("one", after=("three",))
        two = section("two", before=("three",))
        three = section("three")

    put_together(Ordered)
    assert order == ["two", "three", "one"]

    class Circular(Resource):
        """Two that each want to be first."""

        id: Attr[UUID] = uuid_primary_key()
        one = section("one", before=("two",))
        two = section("two", before=("one",))

    (error,) = errors(Circular)
    assert isinstance(error, ExtensionOrder)


class Broken(Section):
    """An extension with a fault at a chosen step."""

    section_name = "broken"

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def transform(self, spec: ResourceSpec, context: ExtensionContext) -> ResourceSpec:
        match self.fault:
            case "attribute":
                return change_attribute(spec, "txt", writable=False)
            case "action":
                return change_action(spec, "wirte", soft=True)
            case "noted":
                context.errors.append(WrongSection("somewhere", "it does not fit."))
            case "crash":
                raise KeyError("text")
            case _:
                pass
        return spec

    def verify(self, spec: ResourceSpec) -> Iterator[DeclarationError]:
        if self.fault == "verify":
            raise RuntimeError("late")
        yield from ()


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("attribute", NoSuchField, "Did you mean `text`?"),
        ("action", NoSuchPart, "Did you mean `write`?"),
        ("noted", WrongSection, "it does not fit."),
        ("crash", ExtensionFailed, "in `transform`: KeyError: 'text'"),
        ("verify", ExtensionFailed, "in `verify`: RuntimeError: late"),
    ],
)
def test_errors_say_which_extension(fault: str, kind: type[DeclarationError], text: str) -> None:
    class Faulty(Resource):
        """A resource."""

        id: Attr[UUID] = uuid_primary_key()
        text: Attr[str] = attribute()

        @action.create
        def write(self, scope: Scope, text: str) -> None:
            """Write it."""

        broken = Broken(fault)

    (error,) = errors(Faulty)
    assert isinstance(error, kind)
    assert text in str(error)
    assert "Broken" in str(error)
    assert "Faulty.broken" in str(error)


def test_a_member_whose_name_is_taken_is_refused_at_once() -> None:
    body = {"id": uuid_primary_key(), "version": attribute(), "counted": Counted(), "__module__": __name__}
    with pytest.raises(MemberTaken, match="Counted"):
        type("Twice", (Resource,), body)


def test_an_extension_opens_nothing() -> None:
    from sorbus import authorize_if, policy

    class Opening(Section):
        """Wants to allow everything."""

        section_name = "opening"

        def transform(self, spec: ResourceSpec, context: ExtensionContext) -> ResourceSpec:
            return context.restrict(spec, policy("any", authorize_if(True)))

    class Closed(Resource):
        """No policies."""

        id: Attr[UUID] = uuid_primary_key()
        opening = Opening()

    assert put_together(Closed).spec.resources["Closed"].policies is None
