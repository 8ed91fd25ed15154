"""Sections: the rules listed in a resource's body, found by their type and held to their name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

from sorbus.errors.declaration import DeclarationError
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr
from sorbus.schema.resource import ResourceSpec

ActionType = Literal["read", "create", "update", "destroy", "generic", "any"]
ACTION_TYPES: tuple[str, ...] = ("read", "create", "update", "destroy", "generic", "any")


class Section:
    """A part of a declaration. `section_name` is the one name that it may have in a class body."""

    section_name: ClassVar[str] = ""
    registry: ClassVar[dict[str, type[Section]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.section_name:
            Section.registry[cls.section_name] = cls

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """The mistakes in this section, seen from the finished spec; extensions add theirs here."""
        del spec, lowerer
        yield from ()

    @property
    def exposes(self) -> bool:
        """Whether it lets somebody outside run actions, so that a resource without policies is worth a warning."""
        return False


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


class Tenancy(Section):
    """Every row belongs to the tenant whose key stands in this attribute; the tenant comes from the scope."""

    section_name = "tenancy"

    def __init__(self, attribute: Attr[Any]) -> None:
        self.attribute = attribute


class Identities(Section):
    """Attributes that together tell rows apart: `Identities(email=[email], slug=[org_id, slug])`."""

    section_name = "identities"

    def __init__(self, **identities: list[Attr[Any]]) -> None:
        self.identities = identities


class JsonApi(Section):
    """What JSON:API serves under a path.

    Args:
        path: the collection's path, such as `/runs`.
        actions: the actions to expose; `"get"` and `"index"` are the primary read for one row and for many.
    """

    section_name = "json_api"

    def __init__(
        self, path: str, *actions: Action | Literal["get", "index"], includes: list[Any] | None = None
    ) -> None:
        self.path = path
        self.actions = actions
        self.includes = includes or []

    @property
    def exposes(self) -> bool:
        """Whether it lists an action."""
        return bool(self.actions)


Predicate = Callable[[Any], Expr[bool]]
