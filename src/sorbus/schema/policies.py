"""Specs of policies and field policies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sorbus.expressions.nodes import TRUE, Node
from sorbus.schema.actions import ActionKind
from sorbus.scope import Scope


class Effect(StrEnum):
    """What a check does where its condition holds."""

    AUTHORIZE_IF = "authorize_if"
    FORBID_IF = "forbid_if"
    AUTHORIZE_UNLESS = "authorize_unless"
    FORBID_UNLESS = "forbid_unless"


class Access(StrEnum):
    """What becomes of a policy whose answer depends on the row.

    `FILTER` makes it a condition of the statement, `STRICT` refuses, `RUNTIME` lets Python look at each row
    after it was read and before anything is answered.
    """

    FILTER = "filter"
    STRICT = "strict"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a read asks for.

    Attributes:
        loads: the names of what is loaded along: relationships, calculations, aggregates.
        selected: the names of the attributes that are read; None means all.
        filters: the names of the fields that its conditions look at.
        via: the resource and relationship that the rows are reached by, if they are.
    """

    loads: frozenset[str] = frozenset()
    selected: frozenset[str] | None = None
    filters: frozenset[str] = frozenset()
    via: tuple[str, str] | None = None


NOTHING_WANTED = Wanted()


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as far as it is known before a row is seen: what facts look at.

    Attributes:
        changes: the attributes that a write sets, with their values.
        defaults: of a create, the values that its attributes have when nobody sets them.
        told: what facts have answered that do not look at what is written: a second look does not ask them again.
    """

    scope: Scope
    action: str
    inputs: Mapping[str, Any]
    kind: ActionKind = ActionKind.READ
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    wanted: Wanted = NOTHING_WANTED
    told: dict[Fact, bool | None] = field(default_factory=dict["Fact", "bool | None"])


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Fact(Node):
    """A condition that is decided once for each call, before any row is seen.

    Attributes:
        text: how explanations write it.
        decide: the answer; None is unknown.
        about_changes: whether it looks at what the action writes, which a body may still change.
        about_read: whether it looks at what a read asks for.
        about_scope: whether the scope and the action decide it, whatever the call asks for.
    """

    text: str
    decide: Callable[[Asked], bool | None]
    about_changes: bool = False
    about_read: bool = False
    about_scope: bool = False

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RuntimeCheck(Node):
    """A condition that a Python function decides for each row: `function(record, scope)`."""

    text: str
    function: Callable[[Any, Scope], bool | Awaitable[bool]]

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Readable(Node):
    """Whether the row that a relationship leads to is there and the actor may read it."""

    relationship: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One check: the first whose effect applies decides its policy."""

    effect: Effect
    condition: Node
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """Checks, and when they are asked.

    Attributes:
        when: the condition under which it applies; where it is unknown, the checks must allow all the same.
        bypass: whether its authorisation is enough, whatever later ones say.
        domain: whether it comes from the domain rather than from the resource.
    """

    checks: tuple[CheckSpec, ...]
    when: Node = TRUE
    bypass: bool = False
    access: Access = Access.FILTER
    description: str = ""
    domain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec(RuleSpec):
    """Checks for some actions.

    Attributes:
        actions: the names of the actions it is for.
    """

    actions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicySpec(RuleSpec):
    """Checks for seeing some fields.

    Attributes:
        fields: the names of the fields and relationships it is for.
    """

    fields: frozenset[str]
