"""Sections: the rules listed in a resource's body, found by their type and held to their name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from sorbus.errors.declaration import DeclarationError
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Node
from sorbus.resource.actions import Action
from sorbus.resource.effects import Work
from sorbus.resource.fields import Attr
from sorbus.resource.spelling import NameStyle
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.resource.policies import Policy

ActionType = Literal["read", "create", "update", "destroy", "generic", "any"]
ACTION_TYPES: tuple[str, ...] = ("read", "create", "update", "destroy", "generic", "any")


class ExtensionContext(Protocol):
    """What a section's `transform` may ask about its resource.

    Attributes:
        cls: the declaring class.
        errors: where it notes mistakes; it may also raise one.
    """

    @property
    def cls(self) -> type[Any]: ...
    @property
    def errors(self) -> list[DeclarationError]: ...

    def lower(self, expression: Expr[Any]) -> Node:
        """An expression over this resource's fields as a node."""
        ...

    def restrict(self, spec: ResourceSpec, *policies: Policy) -> ResourceSpec:
        """The spec with further policies, which must allow besides its own.

        A resource without policies stays closed: an extension opens nothing.
        """
        ...


class Section:
    """A part of a declaration. `section_name` is the one name that it may have in a class body."""

    section_name: ClassVar[str] = ""
    registry: ClassVar[dict[str, type[Section]]] = {}
    before: ClassVar[tuple[str, ...]] = ()
    """The names of sections whose transforms run after this one's."""
    after: ClassVar[tuple[str, ...]] = ()
    """The names of sections whose transforms run before this one's."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.section_name:
            Section.registry[cls.section_name] = cls

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """The mistakes in this section, seen from the spec as it was declared."""
        del spec, lowerer
        yield from ()

    @property
    def exposes(self) -> bool:
        """Whether it lets somebody outside run actions, so that a resource without policies is worth a warning."""
        return False

    @property
    def listed(self) -> Iterable[Any]:
        """What it lets somebody outside run: actions, and words for the primary read."""
        actions: Iterable[Any] = getattr(self, "actions", ())
        return actions

    # the door for extensions, see `sorbus.resource.extensions`

    def members(self, cls: type[Any]) -> Mapping[str, Any]:
        """What this section adds to the body of a class; an attribute comes as `Added`, with its type."""
        del cls
        return {}

    def transform(self, spec: ResourceSpec, context: ExtensionContext) -> ResourceSpec:
        """The spec with what this section changes."""
        del context
        return spec

    def verify(self, spec: ResourceSpec) -> Iterator[DeclarationError]:
        """The mistakes that show when every section has transformed the spec."""
        del spec
        yield from ()

    def effects(self, spec: ResourceSpec, action: ActionSpec) -> Work | None:
        """The work that commits together with a write of an action; asked once for each action."""
        del spec, action
        return None

    def notices(self, spec: ResourceSpec, action: ActionSpec) -> Work | None:
        """The work that follows the commit of a write of an action; asked once for each action."""
        del spec, action
        return None


def section_of[S: Section](spec: ResourceSpec, kind: type[S]) -> S | None:
    """The section of a kind that a resource has; None when it has none."""
    found = spec.sections.get(kind.section_name)
    return found if isinstance(found, kind) else None


class Storage(Section):
    """Where the rows live."""

    section_name = "storage"
    layer: ClassVar[str] = ""

    def __init__(self, table: str | None = None) -> None:
        self.table = table


class Postgres(Storage):
    """The rows live in a PostgreSQL table."""

    section_name = ""
    layer = "postgres"

    def __init__(self, table: str) -> None:
        super().__init__(table)


class InMemory(Storage):
    """The rows live in this process; for tests and for data that may vanish."""

    section_name = ""
    layer = "memory"


@dataclass(frozen=True, slots=True)
class Identity:
    """Attributes that together tell rows apart, with options; made by `identity`."""

    keys: tuple[Attr[Any], ...]
    all_tenants: bool = False
    message: str = ""
    early: bool = False
    where: Expr[bool] | None = None
    nulls_distinct: bool = True


def identity(
    *keys: Attr[Any],
    all_tenants: bool = False,
    message: str = "",
    early: bool = False,
    where: Expr[bool] | None = None,
    nulls_distinct: bool = True,
) -> Identity:
    """An identity with options: `Identities(email=identity(email, all_tenants=True))`.

    Args:
        all_tenants: whether the values are unique among the rows of all tenants, not only of each one.
        message: what the error says of the names, instead of "has already been taken".
        early: whether writes ask for such a row before hooks and async bodies run, so that slow work is not done
            in vain. The unique index decides in any case.
        where: only rows that meet this condition are told apart: `identity(slug, where=archived_at.is_null())`. It
            compares attributes of the row with each other and with plain values, as an index must be able to.
        nulls_distinct: False lets a null equal a null, so that there is one row at most without a value.
    """
    return Identity(keys, all_tenants, message, early, where, nulls_distinct)


class Identities(Section):
    """Attributes that together tell rows apart: `Identities(email=[email], name=[first, last])`.

    On a resource with a tenancy they tell the rows of each tenant apart: its attribute joins the keys by itself.
    """

    section_name = "identities"

    def __init__(self, **identities: list[Attr[Any]] | Identity) -> None:
        self.identities = identities


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """A relationship that is served, with the updates that change it; made by `linkage`."""

    relationship: Any
    replace: Action | None = None
    add: Action | None = None
    remove: Action | None = None


def linkage(
    relationship: Any,
    *,
    replace: Action | None = None,
    add: Action | None = None,
    remove: Action | None = None,
) -> Linkage:
    """A relationship that clients may change: `linkage(tags, replace=retag, add=add_tags, remove=drop_tags)`.

    Args:
        replace: the update that puts other rows in place of all related ones (`PATCH`).
        add: the update that relates further rows (`POST`).
        remove: the update that ends the relationship with some rows (`DELETE`).
    """
    return Linkage(relationship=relationship, replace=replace, add=add, remove=remove)


class JsonApi(Section):
    """What JSON:API serves under a path.

    Args:
        path: the collection's path, such as `/runs`.
        actions: the actions to expose; `"get"` and `"index"` are the primary read for one row and for many.
        includes: the include paths that are allowed; without them, the public relationships to served resources.
        related: relationships with routes of their own (`/runs/{id}/calls`, `/runs/{id}/relationships/calls`);
            `linkage(calls, add=…)` lets clients change them.
        names: how fields, inputs and relationships are spelled.
    """

    section_name = "json_api"

    def __init__(
        self,
        path: str,
        *actions: Action | Literal["get", "index"],
        includes: list[Any] | None = None,
        related: list[Any] | None = None,
        names: NameStyle = "snake",
    ) -> None:
        self.path = path
        self.actions = actions
        self.includes = includes or []
        self.related = tuple(
            each if isinstance(each, Linkage) else Linkage(relationship=each) for each in related or ()
        )
        self.names: NameStyle = names

    @property
    def exposes(self) -> bool:
        """Whether it lists an action."""
        return bool(self.actions)

    @property
    def listed(self) -> Iterable[Any]:
        """Its actions, and the updates that change relationships."""
        changing = [way for each in self.related for way in (each.replace, each.add, each.remove)]
        return (*self.actions, *(each for each in changing if each is not None))


Predicate = Callable[[Any], Expr[bool]]
