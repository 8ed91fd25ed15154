"""Bindings: what each field of the GraphQL schema means. They stand in `extensions` of the schema's fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from graphql import GraphQLField, GraphQLObjectType, get_named_type

from sorbus.apis.graphql.surface import Exposed, Root
from sorbus.schema.fields import RelationshipSpec

KEY = "sorbus"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Value:
    """A field of a record.

    Attributes:
        name: the field's own name.
        derived: whether it must be asked for.
        arguments: the names of its arguments; only a calculation has some.
        show: from the value on the record to what is shown; None where that is the same.
    """

    name: str
    derived: bool = False
    arguments: tuple[str, ...] = ()
    show: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Related:
    """A relationship, as a record, as a list, or (`connection`) as pages with cursors."""

    relationship: RelationshipSpec
    exposed: Exposed
    connection: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A member of a document inside a record, which is plain JSON by now."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A union of documents: which type a tag means.

    Attributes:
        key: the name of the tag.
        types: the names of the types, by tag.
    """

    key: str
    types: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Top:
    """A field of `Query` or `Mutation`.

    Attributes:
        payload: whether it answers with a result and errors.
    """

    root: Root
    payload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fetch:
    """The field of `Query` that fetches any record by its node id."""


def binding(field: GraphQLField) -> Any:
    """What a field of the schema means; None of those of introspection and of pages."""
    return field.extensions.get(KEY)


def type_of(field: GraphQLField) -> Any:
    """The type of a field."""
    # Its own alias is recursive, which type checkers give up on.
    return cast("Any", field.type)  # pyright: ignore[reportUnknownMemberType]


def below(field: GraphQLField) -> Any:
    """The named type of a field, without lists and what must not be null."""
    return cast("Any", get_named_type(type_of(field)))


def exposed_of(kind: GraphQLObjectType) -> Exposed | None:
    """The resource behind an object type."""
    found: Exposed | None = kind.extensions.get(KEY)
    return found
