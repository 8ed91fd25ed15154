"""Schemas put together: whatever the definitions of several types are called, each reference leads to its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from sorbus import (
    Attr,
    Domain,
    Embedded,
    InMemory,
    Policies,
    Resource,
    Sorbus,
    Tagged,
    attribute,
    uuid_primary_key,
)
from sorbus.types.json_schemas import Definitions, Schema, inlined


def holding(inner: Schema, **more: Schema) -> Schema:
    """A holder of points; what a point is stands in a definition of its own."""
    holder = {"type": "object", "properties": {"at": {"$ref": "#/$defs/Point"}}, "required": ["at"]}
    return {"$ref": "#/$defs/Holder", "$defs": {"Holder": holder, "Point": inner, **more}}


def resolved(schema: Any, definitions: Definitions) -> Any:
    """A schema with everything in place of the references to it."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return resolved(definitions.schemas[schema["$ref"].removeprefix(definitions.prefix)], definitions)
        return {name: resolved(each, definitions) for name, each in schema.items()}
    return schema


NUMBER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}


class TestDefinitions:
    def test_what_is_equal_is_written_once(self) -> None:
        definitions = Definitions()
        first, second = definitions.gathered(holding(NUMBER)), definitions.gathered(holding(NUMBER))
        assert first == second == {"$ref": "#/$defs/Holder"}
        assert list(definitions.schemas) == ["Holder", "Point"]

    @pytest.mark.parametrize("order", [(NUMBER, TEXT, NUMBER, TEXT), (TEXT, NUMBER, NUMBER)])
    def test_equal_texts_that_refer_to_other_things_are_not_one(self, order: Sequence[Schema]) -> None:
        definitions = Definitions(prefix="#/components/schemas/")
        made = [definitions.gathered(holding(each)) for each in order]
        for schema, inner in zip(made, order, strict=True):
            assert resolved(schema, definitions)["properties"]["at"] == inner
        assert sorted(definitions.schemas) == ["Holder", "Holder2", "Point", "Point2"]

    def test_no_definition_takes_a_name_that_stands_for_something_else(self) -> None:
        definitions = Definitions({"Holder": {}}, taken=["Point", "Holder2"])
        shared = definitions.shared("Point3", {"type": "null"})
        made = definitions.gathered(holding(NUMBER))
        assert made == {"$ref": "#/$defs/Holder3"}
        assert resolved(made, definitions)["properties"]["at"] == NUMBER
        assert shared == {"$ref": "#/$defs/Point3"}
        assert definitions.schemas["Holder"] == {}
        assert definitions.schemas["Point3"] == {"type": "null"}

    def test_names_are_spelled_as_references_can_be(self) -> None:
        definitions = Definitions()
        made = definitions.gathered({"$ref": "#/$defs/Größe", "$defs": {"Größe": NUMBER, "Gr__e": TEXT}})
        assert resolved(made, definitions) == NUMBER
        assert definitions.schemas == {"Gr__e": NUMBER, "Gr__e2": TEXT}

    def test_a_definition_inside_itself_stays_one(self) -> None:
        @dataclass
        class Tree:
            children: list[Tree]

        Tree.__annotations__["children"] = list[Tree]
        definitions = Definitions(prefix="#/components/schemas/")
        made = [definitions.of(TypeAdapter(Tree)) for _ in range(2)]
        assert made == [{"$ref": "#/components/schemas/Tree"}] * 2
        items = definitions.schemas["Tree"]["properties"]["children"]["items"]
        assert items == {"$ref": "#/components/schemas/Tree"}


class TestInlined:
    def test_each_reference_becomes_what_it_leads_to(self) -> None:
        found = inlined(
            {"type": "array", "items": holding(NUMBER)["$defs"]["Holder"], "$defs": {"Point": TEXT}}
        )
        assert found["items"]["properties"] == {"at": TEXT}
        assert "$defs" not in found

    def test_a_definition_inside_itself_ends(self) -> None:
        node: Schema = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
        found = inlined({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
        assert found == {"type": "object", "properties": {"next": {"type": "object"}}}


def named[T](made: type[T], name: str) -> type[T]:
    """The class under another name, as a class of another module may have it."""
    made.__name__ = made.__qualname__ = name
    return made


@dataclass
class Spot:
    x: int


@dataclass
class Place:
    name: str


@dataclass
class Route:
    start: Spot
    end: Spot


@dataclass
class Address:
    start: Place
    end: Place


named(Spot, "Point")
named(Place, "Point")


class Journey(Embedded):
    route: Attr[Route] = attribute(public=True, description="From where to where.")
    address: Attr[Address] = attribute(public=True)


Way = Annotated[Route | Address, Tagged("kind", route=Route, address=Address)]


class Trip(Resource):
    id: Attr[UUID] = uuid_primary_key()
    journeys: Attr[list[Journey]] = attribute(public=True)
    way: Attr[Way] = attribute(public=True)

    storage = InMemory()
    policies = Policies()


class TestDocuments:
    """Documents and unions whose members refer to classes of one name."""

    def test_each_part_is_described_by_its_own_class(self) -> None:
        spec = Sorbus(domains=[Domain("trips", resources=[Trip])]).spec.resources["Trip"]
        definitions = Definitions()
        journeys = definitions.around(definitions.of(spec.attributes["journeys"].type))
        numbers, names = {"start": {"x": 1}, "end": {"x": 2}}, {"start": {"name": "a"}, "end": {"name": "b"}}
        check = Draft202012Validator(journeys)
        assert check.is_valid([{"route": numbers, "address": names}])
        assert not check.is_valid([{"route": names, "address": names}])
        assert not check.is_valid([{"route": numbers, "address": numbers}])
        assert journeys["items"]["properties"]["route"]["description"] == "From where to where."
        way = Draft202012Validator(definitions.around(definitions.of(spec.attributes["way"].type)))
        assert way.is_valid({"kind": "address", **names})
        assert not way.is_valid({"kind": "address", **numbers})
