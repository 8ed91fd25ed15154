"""Fields that stand under one name must be the same; checked in the time that it takes to read them once.

graphql-core's own rule compares all pairs: 400 fields under one name kept a server busy for two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
)

from sorbus.apis.graphql.bindings import below
from sorbus.apis.graphql.compiling import Compiler, Selections, selections_of, written

_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


def conflicts(schema: GraphQLSchema, document: DocumentNode) -> Iterator[GraphQLError]:
    """The fields of a valid document that stand under one name and are not the same."""
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    every = _Everything(schema, fragments, {})
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            root = schema.get_root_type(each.operation)
            if root is not None:
                yield from _within(every, root, [each.selection_set])


class _Everything(Compiler):
    """Collects fields whatever their directives say."""

    def wanted(self, node: Any) -> bool:
        """All are."""
        del node
        return True


def _within(every: _Everything, kind: GraphQLObjectType, selections: Selections) -> Iterator[GraphQLError]:
    for key, nodes in every.fields(kind, selections).items():
        different = _different(nodes)
        if different is not None:
            text = f"Fields '{key}' conflict because {different}. Use different aliases on the fields to fetch both."
            yield GraphQLError(text, nodes)
            continue
        inside = selections_of(nodes)
        field = kind.fields.get(nodes[0].name.value) or _META.get(nodes[0].name.value)
        if not inside or field is None:
            continue
        found = below(field)
        abstract = isinstance(found, GraphQLUnionType | GraphQLInterfaceType)
        several = every.schema.get_possible_types(found) if abstract else (found,)
        for each in several:
            yield from _within(every, each, inside)


def _different(nodes: list[FieldNode]) -> str | None:
    """Why fields under one name are not the same; None when they are."""
    if len(nodes) == 1:
        return None
    names = {each.name.value for each in nodes}
    if len(names) > 1:
        first, second, *_ = sorted(names)
        return f"'{first}' and '{second}' are different fields"
    if len({written(each) for each in nodes}) > 1:
        return "they have differing arguments"
    return None
