"""What looks odd in a declaration and is no mistake."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from tests.unit.resource.putting_together import put_together

from sorbus import (
    Arg,
    Attr,
    Many,
    One,
    Policies,
    Query,
    Resource,
    Scope,
    action,
    actor,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    exists,
    forbid_if,
    has_many,
    policy,
    related,
    timestamp,
    uuid_primary_key,
)
from sorbus.types.json import Json


class TestWhatIsNoMistake:
    def test_a_resource_named_before_it_is_defined(self) -> None:
        class Bill(Resource):
            id: Attr[UUID] = uuid_primary_key()
            lines: Many[Line] = has_many()

            @action.read
            @classmethod
            def long(cls, scope: Scope) -> Query[Bill]:
                return cls.query()

        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()
            bill_id: Attr[UUID] = attribute()
            bill: One[Bill] = belongs_to()

        spec = put_together(Bill, Line)
        assert spec.resources["Bill"].relationships["lines"].destination == "Line"
        assert spec.resources["Line"].relationships["bill"].destination == "Bill"

    def test_types_that_a_function_defines(self) -> None:
        class Shape(StrEnum):
            ROUND = "round"

        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            shape: Attr[Shape] = attribute(default=Shape.ROUND)

            @action.create
            def write(self, scope: Scope, shape: Shape, other: Arg[Shape | None] = None) -> None: ...

        spec = put_together(Note).resources["Note"]
        assert spec.attributes["shape"].type.enum is Shape
        assert spec.actions["write"].inputs[0].type.enum is Shape

    def test_a_resource_that_refers_to_itself(self) -> None:
        class Node(Resource):
            id: Attr[UUID] = uuid_primary_key()
            parent_id: Attr[UUID | None] = attribute(default=None)
            parent: One[Node | None] = belongs_to()
            children: Many[Node] = has_many(via="parent_id")
            width = agg.count(children)
            above = calculate(related(parent, lambda row: row.id))

        spec = put_together(Node).resources["Node"]
        assert spec.relationships["parent"].destination == "Node"
        assert spec.calculations["above"].type.nullable

    def test_members_of_an_abstract_base(self) -> None:
        class Owned(Resource):
            id: Attr[UUID] = uuid_primary_key()
            owner_id: Attr[UUID] = attribute()
            owner: One[Owner] = belongs_to()
            inserted_at: Attr[Json] = timestamp()  # type: ignore[assignment]
            is_mine = calculate(exists(owner))

            @action.update
            def give(self, scope: Scope, owner_id: UUID) -> None: ...

            policies = Policies(policy("read", authorize_if(owner_id == actor(id))))

        class Owner(Resource):
            id: Attr[UUID] = uuid_primary_key()

        class Note(Owned):
            text: Attr[str] = attribute()
            policies = Policies(policy("any", forbid_if(True)))

        class Line(Owned):
            cents: Attr[int] = attribute()

            @action.create
            def write(self, scope: Scope, owner_id: UUID, cents: int) -> None: ...

        spec = put_together(Owner, Note, Line)
        note, line = spec.resources["Note"], spec.resources["Line"]
        assert list(note.attributes) == ["id", "owner_id", "inserted_at", "text"]
        assert [each.name for each in line.actions["write"].inputs] == ["owner_id", "cents"]
        assert line.relationships["owner"].destination == "Owner"
        assert {"give", "read"} <= set(line.actions)
        assert line.policies is not None
        assert note.policies is not None
        assert len(line.policies) == len(note.policies) == 1
        assert line.policies != note.policies

    def test_helpers_that_begin_with_an_underscore(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text: Attr[str] = attribute()

            def _shout(self) -> str:
                return self.text.upper()

        assert list(put_together(Note).resources["Note"].attributes) == ["id", "text"]
