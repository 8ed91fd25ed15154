"""Specs of actions: their inputs, bodies, hooks and transitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from sorbus.errors.declaration import DeclarationError
from sorbus.expressions.nodes import Node
from sorbus.schema.defaults import fresh
from sorbus.schema.paging import PAGES, Paging
from sorbus.schema.tenancy import TenancyMode
from sorbus.types.base import FieldType
from sorbus.types.purposes import Purpose


class ActionKind(StrEnum):
    """The five kinds of actions."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"

    @property
    def writes(self) -> bool:
        """Whether it changes a row of its resource."""
        return self in {ActionKind.CREATE, ActionKind.UPDATE, ActionKind.DESTROY}


class HookPoint(StrEnum):
    """Where a hook of the user's runs, in the order in which they come; those of batches in bulk runs only.

    `AFTER_WRITES` runs once for all rows that one statement has written, `AFTER_WRITE` for each of them.
    """

    BEFORE_TRANSACTION = "before_transaction"
    BEFORE_BATCH = "before_batch"
    BEFORE_WRITE = "before_write"
    AFTER_WRITE = "after_write"
    AFTER_WRITES = "after_writes"
    AFTER_BATCH = "after_batch"
    AFTER_COMMIT = "after_commit"
    AFTER_TRANSACTION = "after_transaction"


class Missing(StrEnum):
    """The mark of an input without default."""

    MARK = "missing"


class Unchanged(StrEnum):
    """The mark of an input that changes nothing when it is not given."""

    MARK = "unchanged"


UNCHANGED: Any = Unchanged.MARK
"""The default of an update's input that may be left out: `def edit(self, scope, title: str = UNCHANGED)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input of an action.

    Attributes:
        attribute: whether it is an attribute of the resource that the action accepts, else an argument.
        default: the signature's default, or `Missing.MARK`.
        public: whether interfaces take it from outside; code can always give it.
        purpose: whether embedded documents in it are all new, as those of a create are.
    """

    name: str
    type: FieldType
    attribute: bool
    default: Any = Missing.MARK
    description: str = ""
    sensitive: bool = False
    public: bool = True
    purpose: Purpose = Purpose.CHANGED

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of what is taken."""
        return self.type.json_schema(self.purpose)

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is Missing.MARK

    def make_default(self) -> Any:
        """The default, for one call."""
        return fresh(self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionSpec:
    """A guarded change of a state attribute: the write happens only in one of `sources`.

    Attributes:
        target: the state that follows; None when the body chooses one of `choices`.
    """

    attribute: str
    sources: tuple[Any, ...]
    target: Any = None
    choices: tuple[Any, ...] = ()

    @property
    def targets(self) -> tuple[Any, ...]:
        """The states that may follow."""
        return self.choices or (self.target,)


class OnSkip(StrEnum):
    """What an upsert answers with when its condition leaves the row there is alone."""

    ERROR = "error"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertSpec:
    """What a create does when a row with the keys of an identity is there.

    Attributes:
        identity: the identity's name.
        fields: the attributes that are updated; None means those that the action accepts.
        where: what the row there is, and the incoming one, must meet to be updated.
        skipped: what follows when they do not.
        updates: the name of the update action whose policies must allow the update, too.
    """

    identity: str
    fields: tuple[str, ...] | None = None
    where: Node | None = None
    skipped: OnSkip = OnSkip.ERROR
    updates: str | None = None


@runtime_checkable
class MadeBody(Protocol):
    """A body that is more than the user's function, which it wraps, and can itself be declared wrongly."""

    def __call__(self, cls: type[Any], scope: Any, /, **inputs: Any) -> Any:
        """Run it, as a function is run."""
        ...

    def mistakes(self, application: Any, action: ActionSpec) -> Iterable[DeclarationError]:
        """What is wrong with it in a finished application."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action.

    Attributes:
        body: the user's function, or what was made of it; None for the primary read.
        body_async: whether the body is a coroutine function and so runs before the transaction opens.
        returns: what a generic action answers with; None when it answers nothing.
        upsert: what a create falls back on to update the row there is.
        changes: the changes and validations that run after the body, in order.
        soft: whether a destroy keeps the row and writes what its body sets.
        atomic: whether a bulk run over a query must be one statement.
        grouped: whether calls of a create that come at the same moment are written together.
        bounds: attributes that this action may give these values only; without any it leaves them alone.
        transaction: whether a generic or read action runs in one.
        page: how the rows of a read action come in pages.
        tenancy: which tenants it may look at.
        hooks: the user's hooks at each point, in written order.
    """

    name: str
    kind: ActionKind
    resource: str
    description: str = ""
    inputs: tuple[InputSpec, ...] = ()
    body: Callable[..., Any] | None = None
    body_async: bool = False
    returns: FieldType | None = None
    transition: TransitionSpec | None = None
    upsert: UpsertSpec | None = None
    changes: tuple[Any, ...] = ()
    soft: bool = False
    atomic: bool = False
    grouped: bool = False
    bounds: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    transaction: bool = True
    page: Paging = PAGES
    tenancy: TenancyMode = TenancyMode.ENFORCE
    hooks: Mapping[HookPoint, tuple[Callable[..., Any], ...]] = field(default_factory=dict[HookPoint, Any])

    @property
    def label(self) -> str:
        """Resource and action, as in `Run.start`."""
        return f"{self.resource}.{self.name}"

    def input(self, name: str) -> InputSpec | None:
        """The input of a name."""
        return next((each for each in self.inputs if each.name == name), None)

    @property
    def public_inputs(self) -> tuple[InputSpec, ...]:
        """The inputs that interfaces take from outside."""
        return tuple(each for each in self.inputs if each.public)
