"""What a client offers: resources with their fields, ways and calls; the same for every language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sorbus.apis.clients.types import Definition, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a resource, the key among them.

    Attributes:
        name: as it is declared.
        wire: as it is spelled in documents.
        unasked: whether it comes without being asked for.
    """

    name: str
    wire: str
    type: Type
    unasked: bool
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A relationship that a client sees.

    Attributes:
        to: the name of the resource that it leads to.
        many: whether it leads to a list.
    """

    name: str
    wire: str
    to: str
    many: bool
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A field that records are filtered by: the operators, and what they compare with."""

    name: str
    wire: str
    type: Type
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input of a call.

    Attributes:
        file: whether it is a file, or a list of them.
    """

    name: str
    wire: str
    type: Type
    required: bool
    file: bool = False
    description: str = ""


class CallKind(StrEnum):
    """What a call is about, and so how it is written and what it answers with."""

    GET = "get"
    LIST = "list"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    RUN = "run"
    RELATED = "related"
    RELATED_LIST = "related_list"
    IDENTIFIERS = "identifiers"
    IDENTIFIER = "identifier"
    LINK = "link"

    @property
    def shows(self) -> bool:
        """Whether it answers with records, whose fields can be chosen."""
        return self in {
            CallKind.GET,
            CallKind.LIST,
            CallKind.CREATE,
            CallKind.UPDATE,
            CallKind.RELATED,
            CallKind.RELATED_LIST,
        }

    @property
    def lists(self) -> bool:
        """Whether it answers with pages."""
        return self in {CallKind.LIST, CallKind.RELATED_LIST, CallKind.IDENTIFIERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        name: in small letters with `_`: `list`, `create`, `guess_genre`, `add`.
        action: the name of the action that it runs.
        method, path: of the request; `{id}` stands for the key.
        about: the name of the resource whose records it shows, or whose identifiers it takes.
        inputs: what it takes; none for those that only read and link.
        client_id: the input that a client may choose the key by, or None.
        answer: what a `RUN` answers with.
        counted: whether its pages may be counted.
        many: whether a `LINK` takes a list of keys.
        optional: whether a `LINK` takes null.
    """

    name: str
    action: str
    kind: CallKind
    method: str
    path: str
    about: str
    inputs: tuple[Input, ...] = ()
    client_id: Input | None = None
    answer: Type | None = None
    counted: bool = True
    many: bool = False
    optional: bool = False
    description: str = ""

    @property
    def member(self) -> bool:
        """Whether it is about one record."""
        return "{id}" in self.path

    @property
    def given(self) -> tuple[Input, ...]:
        """Everything that may be given, a client's own key first."""
        return (*((self.client_id,) if self.client_id else ()), *self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """The calls about one relationship."""

    way: Way
    calls: tuple[Call, ...]


Tree = Mapping[str, "Tree"]
"""The relationships that may be included, with those that may be included behind each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that a client sees.

    Attributes:
        name: of its class.
        type: of its resource objects.
        key: its key, which is called `id` outside.
        fields: all others.
        sorts: the fields that lists are sorted by, as they are declared and spelled; the key among them.
        includes: by declared names.
        counted: whether pages of it as related records may be counted.
    """

    name: str
    type: str
    key: Field
    fields: tuple[Field, ...]
    ways: tuple[Way, ...]
    filters: tuple[Filter, ...]
    sorts: tuple[tuple[str, str], ...]
    includes: Tree
    calls: tuple[Call, ...]
    related: tuple[Related, ...]
    counted: bool
    description: str = ""

    @property
    def shown(self) -> tuple[Field, ...]:
        """Every field, the key first."""
        return (self.key, *self.fields)

    def way(self, name: str) -> Way:
        """The relationship of a declared name."""
        return next(each for each in self.ways if each.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientModel:
    """Everything that a client offers.

    Attributes:
        title: the name of the application.
        prefix: where its API is mounted.
        resources: by name.
        named: the types that have names.
        codes: the codes that errors may have.
    """

    title: str
    prefix: str
    resources: Mapping[str, Resource]
    named: Mapping[str, Definition]
    codes: tuple[str, ...]

    @property
    def served(self) -> list[Resource]:
        """The resources of which something can be asked; others come with them only."""
        return [each for each in self.resources.values() if each.calls or each.related]
