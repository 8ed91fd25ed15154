"""Filters and sorts as input types: public fields only, each operator only where it has a meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)

from sorbus.apis.graphql.scalars import ID
from sorbus.apis.graphql.surface import Exposed, Surface
from sorbus.apis.graphql.types import Types
from sorbus.query.input_fields import OF_SEVERAL, computable, has_order, item_type, operators_for
from sorbus.query.inputs import LOGIC
from sorbus.resource.spelling import camel, upper_camel
from sorbus.schema.fields import Cardinality
from sorbus.schema.resource import FieldSpec
from sorbus.types.base import FieldType

ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "ASC": "",
        "ASC_NULLS_FIRST": "++",
        "ASC_NULLS_LAST": "",
        "DESC": "-",
        "DESC_NULLS_FIRST": "-",
        "DESC_NULLS_LAST": "--",
    }
)
"""The sign of each order in a sort term; unless said otherwise nulls come last, and first when descending."""


class Conditions:
    """The filter and sort types of one schema."""

    def __init__(self, surface: Surface, types: Types) -> None:
        self.surface = surface
        self.types = types
        self.order = GraphQLEnumType(
            "SortOrder",
            {name: GraphQLEnumValue(sign) for name, sign in ORDERS.items()},
            description="The order of a sort term. Without more, nulls come last, and first when descending.",
        )
        self._operators: dict[str, GraphQLInputObjectType] = {}
        self._filters: dict[str, GraphQLInputObjectType] = {}
        self._sorts: dict[str, GraphQLInputObjectType | None] = {}

    def filter(self, exposed: Exposed) -> GraphQLInputObjectType:
        """The conditions on rows of a resource; all members of one hold together."""
        name = exposed.spec.name
        if name not in self._filters:
            self._filters[name] = GraphQLInputObjectType(
                self.types.free(f"{exposed.type}Filter"),
                lambda: self._members(exposed),
                description=f"A condition on {exposed.type}: everything in it holds.",
            )
        return self._filters[name]

    def _members(self, exposed: Exposed) -> dict[str, GraphQLInputField]:
        itself = self.filter(exposed)
        several = GraphQLList(GraphQLNonNull(itself))
        found = {
            "and": GraphQLInputField(several, description="All of these hold."),
            "or": GraphQLInputField(several, description="One of these holds."),
            "not": GraphQLInputField(itself, description="This does not hold."),
        }
        for outside, name, each in _fields(exposed):
            if outside not in LOGIC and getattr(each, "filterable", True) and computable(each):
                hint = exposed.type + upper_camel(name)
                operators = self.operators(each.type, key=exposed.is_key(name), hint=hint)
                found[outside] = GraphQLInputField(operators, out_name=name)
        for outside, way in exposed.relationships.items():
            # No statement can follow what a function finds.
            if outside not in LOGIC and way.cardinality is not Cardinality.MANUAL:
                far = self.filter(self.surface.destination(way))
                text = "A related record meets this; `{}` asks whether there is one."
                found[outside] = GraphQLInputField(far, out_name=way.name, description=text)
        return found

    def operators(self, kind: FieldType, *, key: bool, hint: str = "") -> GraphQLInputObjectType:
        """The operators of a type."""
        item = item_type(kind)
        value: Any = self.types.taken(
            item or FieldType(annotation=kind.annotation, constraints=kind.constraints), hint=hint
        )
        allowed = operators_for(kind)
        if key and kind.sql in {"uuid", "text"}:
            value = ID
        single = isinstance(value, GraphQLScalarType | GraphQLEnumType)
        ending = "ListFilter" if item is not None else "Filter"
        name = value.name + ending if single and len(allowed) > 1 else "PresenceFilter"
        # Types with one scalar may have operators of their own, as an integer of 32 bits has.
        known = self._operators.get(f"{name} {allowed}")
        if known is None:
            fields = {camel(each): _operator(each, value) for each in allowed}
            known = GraphQLInputObjectType(self.types.free(name), fields)
            self._operators[f"{name} {allowed}"] = known
        return known

    def sort(self, exposed: Exposed) -> GraphQLInputObjectType | None:
        """One term of a sort; None when there is nothing to sort by."""
        name = exposed.spec.name
        if name not in self._sorts:
            self._sorts[name] = self._sort(exposed)
        return self._sorts[name]

    def _sort(self, exposed: Exposed) -> GraphQLInputObjectType | None:
        values = {
            own.upper(): GraphQLEnumValue(own, description=each.description or None)
            for _, own, each in _fields(exposed)
            if getattr(each, "sortable", True) and computable(each) and has_order(each.type)
        }
        if not values:
            return None
        fields = GraphQLEnumType(self.types.free(f"{exposed.type}SortField"), values)

        def term(given: dict[str, str]) -> str:
            return given.get("order", "") + given["field"]

        return GraphQLInputObjectType(
            self.types.free(f"{exposed.type}Sort"),
            {
                "field": GraphQLInputField(GraphQLNonNull(fields)),
                "order": GraphQLInputField(GraphQLNonNull(self.order), default_value=""),
            },
            out_type=term,
        )


def _fields(exposed: Exposed) -> list[tuple[str, str, FieldSpec]]:
    """The fields that may be asked about: their outer names, their own, and what they are."""
    key = exposed.spec.primary_key
    found: list[tuple[str, str, FieldSpec]] = [("id", key.name, key)] if key.public else []
    return found + [(outside, each.name, each) for outside, each in exposed.fields.items()]


def _operator(name: str, value: Any) -> GraphQLInputField:
    if name == "is_nil":
        return GraphQLInputField(GraphQLBoolean, out_name=name, description="Whether it is null.")
    kind = GraphQLList(GraphQLNonNull(value)) if name in OF_SEVERAL else value
    return GraphQLInputField(kind, out_name=name)
