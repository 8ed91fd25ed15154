"""Sections: the rules listed in a resource's body, found by their type and held to their name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from sorbus.errors.declaration import DeclarationError
from sorbus.expressions.build import ActorField, Expr, InputValue
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Node
from sorbus.resource.actions import Action
from sorbus.resource.effects import Work
from sorbus.resource.fields import Attr, Field
from sorbus.schema.actions import ActionSpec
from sorbus.schema.policies import Effect
from sorbus.schema.resource import ResourceSpec

T = TypeVar("T")

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


def identity(*keys: Attr[Any], all_tenants: bool = False) -> Identity:
    """An identity with options: `Identities(email=identity(email, all_tenants=True))`.

    Args:
        all_tenants: whether the values are unique among the rows of all tenants, not only of each one.
    """
    return Identity(keys, all_tenants)


class Identities(Section):
    """Attributes that together tell rows apart: `Identities(email=[email], name=[first, last])`.

    On a resource with a tenancy they tell the rows of each tenant apart: its attribute joins the keys by itself.
    """

    section_name = "identities"

    def __init__(self, **identities: list[Attr[Any]] | Identity) -> None:
        self.identities = identities


Condition = Expr[bool] | Literal[True]
"""What a check asks. No plain `bool`: a comparison with a value of a wrong type would be one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a policy."""

    effect: Effect
    condition: Condition


@dataclass(frozen=True, slots=True)
class Policy:
    """Checks for some actions; made by `policy` and `bypass`."""

    on: tuple[Action | ActionType, ...]
    checks: tuple[Check, ...]
    bypass: bool = False


def authorize_if(condition: Condition) -> Check:
    """Allow where the condition is true."""
    return Check(Effect.AUTHORIZE_IF, condition)


def forbid_if(condition: Condition) -> Check:
    """Forbid where the condition is true; where it is unknown, the next check decides."""
    return Check(Effect.FORBID_IF, condition)


def authorize_unless(condition: Condition) -> Check:
    """Allow where the condition is false; unknown allows nothing."""
    return Check(Effect.AUTHORIZE_UNLESS, condition)


def forbid_unless(condition: Condition) -> Check:
    """Forbid where the condition is false or unknown."""
    return Check(Effect.FORBID_UNLESS, condition)


def policy(on: Action | ActionType | list[Action | ActionType], *checks: Check) -> Policy:
    """Every listed action must be allowed by the first check that decides; none deciding means forbidden."""
    return Policy(tuple(on) if isinstance(on, list) else (on,), checks)


def bypass(on: Action | ActionType | list[Action | ActionType], *checks: Check) -> Policy:
    """Where these checks allow, later policies are not asked."""
    return Policy(tuple(on) if isinstance(on, list) else (on,), checks, bypass=True)


def actor(attribute: Field[T]) -> Expr[T]:
    """An attribute of the actor; null when nobody acts."""
    return ActorField(attribute)


def actor_present() -> Expr[bool]:
    """Whether anybody acts."""
    return ActorField("")


def input_value(name: str) -> Expr[Any]:
    """An input of the running action, by name; null when it was not given."""
    return InputValue(name)


class Policies(Section):
    """Who may do what. All policies that apply must allow; no section means that everything is forbidden."""

    section_name = "policies"

    def __init__(self, *policies: Policy) -> None:
        self.policies = policies


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


Predicate = Callable[[Any], Expr[bool]]
