"""Introspection: what a client may ask about the schema, no more of it at once than the schema is large.

graphql-core bounds how deep such a question goes. With aliases it can still ask for everything a hundred times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    execute_sync,  # pyright: ignore[reportUnknownVariableType]  # a parameter of it is a bare `type`
)

from sorbus.errors.graphql import QueryTooLarge

LEAST = 10_000
"""Fields that any request may ask of the schema."""
EACH = 24
"""Fields that it may ask of each type, field, argument and value of it.

What client tools ask comes to ten or, where everything is a list, to twenty.
"""


class _TooMuch(BaseException):  # an Exception would become an error of one field, and the others would go on
    """The question has been answered far enough."""


class Introspection:
    """What one request asks about the schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._asked = 0
        self._most = LEAST

    def answer(self, document: DocumentNode, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a document that asks for nothing else.

        Raises:
            GraphQLError: it cannot be answered.
            QueryTooLarge: this and what was asked before ask for too much.
        """
        try:
            found = execute_sync(self.schema, document, variable_values=dict(variables), middleware=[self])
        except _TooMuch:
            raise QueryTooLarge("number of fields about the schema", limit=self._most) from None
        if found.errors:
            raise found.errors[0]
        return found.data or {}

    def resolve(self, resolve: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        """Count a field, and resolve it."""
        self._asked += 1
        if self._asked > self._most:
            self._most = max(LEAST, EACH * sum(_parts(self.schema)))
            if self._asked > self._most:
                raise _TooMuch
        return resolve(source, info, **arguments)


def _parts(schema: GraphQLSchema) -> Iterator[int]:
    """The number of parts of each type, itself included."""
    for kind in schema.type_map.values():
        yield 1
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield sum(1 + len(each.args) for each in kind.fields.values())
        elif isinstance(kind, GraphQLInputObjectType):
            yield len(kind.fields)
        elif isinstance(kind, GraphQLEnumType):
            yield len(kind.values)
