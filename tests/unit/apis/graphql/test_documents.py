"""The input types of documents: what makes one, and what makes or changes one."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLInputObjectType, GraphQLSchema, build_schema
from tests.unit.types.orders import Order

from sorbus import Domain, Sorbus
from sorbus.apis.graphql import sdl


def fields(schema: GraphQLSchema, name: str) -> dict[str, str]:
    """The fields of an input type, each with its type."""
    found = schema.type_map[name]
    assert isinstance(found, GraphQLInputObjectType)
    return {each: str(field.type) for each, field in found.fields.items()}


def test_a_create_offers_what_its_documents_are_made_of() -> None:
    schema: Any = build_schema(sdl(Sorbus(domains=[Domain("orders", resources=[Order])])))
    assert fields(schema, "MakeOrderInput") == {
        "first": "LineInput",
        "lines": "[LineInput!]",
        "place": "PlaceInput",
        "places": "[PlaceInput!]",
        "either": "OrderEitherInput",
    }
    assert fields(schema, "LineInput") == {"item": "String!", "count": "BigInt", "tax": "TaxInput"}
    assert fields(schema, "PlaceInput") == {"city": "String!", "loud": "Boolean"}
    assert fields(schema, "TaxInput") == {"rate": "BigInt!"}
    assert fields(schema, "OrderEitherInput") == {"line": "LineInput", "place": "PlaceInput"}


def test_an_update_offers_what_changes_those_that_are_there_as_well() -> None:
    schema: Any = build_schema(sdl(Sorbus(domains=[Domain("orders", resources=[Order])])))
    assert fields(schema, "EditOrderInput") == {
        "first": "LineChangeInput",
        "lines": "[LineChangeInput!]",
        "place": "PlaceChangeInput",
        # Nothing tells those that are there, so that all of them are made anew.
        "places": "[PlaceInput!]",
        "either": "OrderEitherChangeInput",
    }
    assert fields(schema, "LineChangeInput") == {
        "item": "String",
        "count": "BigInt",
        "tax": "TaxChangeInput",
        "id": "UUID",
    }
    assert fields(schema, "PlaceChangeInput") == {"city": "String", "loud": "Boolean", "code": "String"}
