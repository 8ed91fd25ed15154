"""Evaluation in memory, by SQL's three-valued logic: None is SQL's null, also as a truth value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sorbus.expressions.nodes import (
    ActorRef,
    Aggregated,
    Call,
    Const,
    Exists,
    Incoming,
    InputRef,
    Node,
    Param,
    Ref,
    TenantRef,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.types.rules import stored_form


class Unevaluable(Exception):
    """The expression needs something that is not in memory; the caller falls back to the data layer."""


class Rows(Protocol):
    """Where field values and related rows come from."""

    def value(self, row: Any, ref: Ref) -> Any:
        """The field's value for a row; raises `Unevaluable` when it is not at hand."""
        ...

    def exists(self, row: Any, node: Exists, environment: Environment) -> bool:
        """Whether a related row meets the condition."""
        ...

    def aggregate(self, row: Any, node: Aggregated, environment: Environment) -> Any:
        """The aggregate over the related rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What an expression may refer to besides the row.

    Attributes:
        now: when the transaction began.
        incoming: the row that an upsert would have inserted.
    """

    rows: Rows
    actor: Any = None
    tenant: Any = None
    inputs: dict[str, Any] | None = None
    params: Sequence[Any] = ()
    now: datetime | None = None
    incoming: Mapping[str, Any] | None = None


def actor_value(actor: Any, name: str) -> Any:
    """An actor's attribute; null without an actor. An empty name asks whether there is one."""
    if name == "":
        return actor is not None
    return None if actor is None else stored_form(getattr(actor, name))


def evaluate(node: Node, row: Any, environment: Environment) -> Any:
    """The value of an expression for one row.

    Returns:
        The value; None is null or, for a condition, unknown.

    Raises:
        Unevaluable: a field or related row is needed that `environment.rows` does not have.
    """
    match node:
        case Const(value):
            return value
        case Param(index):
            return environment.params[index]
        case Ref():
            return environment.rows.value(row, node)
        case Call(operator, args):
            return _call(operator, args, row, environment)
        case ActorRef(name):
            return actor_value(environment.actor, name)
        case TenantRef():
            return environment.tenant
        case InputRef(name):
            return stored_form((environment.inputs or {}).get(name))
        case Incoming(name) if environment.incoming is not None:
            return environment.incoming[name]
        case Exists():
            return environment.rows.exists(row, node, environment)
        case Aggregated():
            return environment.rows.aggregate(row, node, environment)
        case _:
            raise Unevaluable(type(node).__name__)


def _call(operator: str, args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    special = _SPECIAL.get(operator)
    if special is not None:
        return special(args, row, environment)
    rule = OPERATORS[operator]
    values = [evaluate(arg, row, environment) for arg in args]
    if rule.strict and any(value is None for value in values):
        return None
    return rule.python(*values)


def _and(args: tuple[Node, ...], row: Any, environment: Environment) -> bool | None:
    unknown = False
    for arg in args:
        value = evaluate(arg, row, environment)
        if value is False:
            return False
        unknown = unknown or value is None
    return None if unknown else True


def _or(args: tuple[Node, ...], row: Any, environment: Environment) -> bool | None:
    unknown = False
    for arg in args:
        value = evaluate(arg, row, environment)
        if value is True:
            return True
        unknown = unknown or value is None
    return None if unknown else False


def _not(args: tuple[Node, ...], row: Any, environment: Environment) -> bool | None:
    value = evaluate(args[0], row, environment)
    return None if value is None else not value


def _in(args: tuple[Node, ...], row: Any, environment: Environment) -> bool | None:
    needle = evaluate(args[0], row, environment)
    hay = evaluate(args[1], row, environment)
    if needle is None or hay is None:
        # SQL: `null = ANY('{}')` is false, `null = ANY(…)` otherwise unknown.
        return False if hay is not None and len(hay) == 0 else None
    if needle in hay:
        return True
    return None if None in hay else False


def _coalesce(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    for arg in args:
        value = evaluate(arg, row, environment)
        if value is not None:
            return value
    return None


def _if(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    chosen = args[1] if evaluate(args[0], row, environment) is True else args[2]
    return evaluate(chosen, row, environment)


def _now(args: tuple[Node, ...], row: Any, environment: Environment) -> datetime:
    del args, row
    return environment.now or datetime.now(UTC)


_SPECIAL: dict[str, Callable[[tuple[Node, ...], Any, Environment], Any]] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "in": _in,
    "coalesce": _coalesce,
    "if": _if,
    "now": _now,
}
