"""Evaluation in memory, by SQL's three-valued logic: None is SQL's null, also as a truth value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol, cast

from sorbus.errors.access import NotLoaded
from sorbus.errors.authorization import ActorFieldHidden, ActorFieldNotLoaded, WrongActor
from sorbus.expressions.casts import cast_value, json_value
from sorbus.expressions.functions.lists import holds
from sorbus.expressions.kinds import type_in
from sorbus.expressions.nodes import (
    CAST,
    COLLATE,
    FRAGMENT,
    NAMED,
    PARENT,
    PATH,
    UNTRUSTED,
    ActorRef,
    Aggregated,
    Call,
    Const,
    Exists,
    Incoming,
    InputRef,
    Lazy,
    Node,
    Param,
    Ref,
    TenantRef,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.scope import tenant_key
from sorbus.types.hidden import HIDDEN
from sorbus.types.rules import stored_form


class Unevaluable(Exception):
    """The expression needs something that is not in memory; the caller falls back to the data layer."""


class Rows(Protocol):
    """Where field values and related rows come from."""

    def value(self, row: Any, ref: Ref) -> Any:
        """The field's value for a row; raises `Unevaluable` when it is not at hand."""
        ...

    def enclosing(self, row: Any) -> Any:
        """The row that encloses a row inside an `Exists` or `Aggregated`."""
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
        lazy: the values of Python functions, each called once.
        incoming: the row that an upsert would have inserted.
    """

    rows: Rows
    actor: Any = None
    tenant: Any = None
    inputs: dict[str, Any] | None = None
    params: Sequence[Any] = ()
    now: datetime | None = None
    lazy: dict[Lazy, Any] = field(default_factory=dict[Lazy, Any])
    incoming: Mapping[str, Any] | None = None


def actor_value(actor: Any, name: str, owner: type[Any] | None = None) -> Any:
    """An actor's attribute; null without an actor. An empty name asks whether there is one.

    Args:
        owner: the class that declares the attribute, if one does.

    Raises:
        ActorFieldNotLoaded, ActorFieldHidden: the actor is a record without it.
        WrongActor: the actor cannot have it.
    """
    if name == "":
        return actor is not None
    if actor is None:
        return None
    kind: type[Any] = actor.__class__
    if owner is not None and not isinstance(actor, owner) and hasattr(kind, "__declared__"):
        raise WrongActor(kind.__name__, name, expected=owner.__name__)
    try:
        value = getattr(actor, name)
    except NotLoaded:
        raise ActorFieldNotLoaded(kind.__name__, name) from None
    except AttributeError:
        fields = getattr(kind, "__declared__", None) or getattr(actor, "__dict__", {})
        expected = owner.__name__ if owner is not None else ""
        raise WrongActor(kind.__name__, name, expected=expected, fields=fields) from None
    if value is HIDDEN:
        raise ActorFieldHidden(kind.__name__, name)
    return stored_form(value)


def evaluate(node: Node, row: Any, environment: Environment) -> Any:  # noqa: C901, PLR0911, PLR0912  # one case for each kind
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
        case ActorRef(name, owner):
            return actor_value(environment.actor, name, owner)
        case TenantRef(cast):
            return (cast or tenant_key)(environment.tenant)
        case InputRef(name):
            return stored_form((environment.inputs or {}).get(name))
        case Lazy(function):
            if node not in environment.lazy:
                environment.lazy[node] = function()
            return environment.lazy[node]
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
    if rule.strict:
        for value in values:
            if value is None:
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
    if holds(hay, needle):
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


def _today(args: tuple[Node, ...], row: Any, environment: Environment) -> date:
    return _now(args, row, environment).astimezone(UTC).date()


def _parent(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    return evaluate(args[0], environment.rows.enclosing(row), environment)


def _last(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    return evaluate(args[-1], row, environment)


def _cast(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    value = evaluate(args[0], row, environment)
    return None if value is None else cast_value(value, type_in(args).annotation)


def _item(items: list[Any], step: str) -> Any:
    place = int(step) if re.fullmatch(_POSITION, step) else len(items)
    return items[place] if -len(items) <= place < len(items) else None


def _path(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    """The value at a path of keys and positions; a position may count from the end."""
    found = evaluate(args[0], row, environment)
    for step in evaluate(args[1], row, environment) or ():
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(step)
        elif isinstance(found, list):
            found = _item(cast("Any", found), step)
        else:
            return None
    return found if found is None or len(args) == 2 else json_value(found, type_in(args).annotation)


def _collate(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    name = cast("Const", args[1]).value
    if name not in BY_CODE_POINT:
        raise Unevaluable(f"the collation `{name}` is known to PostgreSQL only")
    return evaluate(args[0], row, environment)


def _fragment(args: tuple[Node, ...], row: Any, environment: Environment) -> Any:
    del args, row, environment
    raise Unevaluable("a fragment of SQL is known to PostgreSQL only")


_POSITION = "-?[0-9]+"
BY_CODE_POINT = frozenset({"C", "POSIX", "ucs_basic"})
"""The collations that memory knows: they compare texts by their code points."""


_SPECIAL: dict[str, Callable[[tuple[Node, ...], Any, Environment], Any]] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "in": _in,
    "coalesce": _coalesce,
    "if": _if,
    "now": _now,
    "today": _today,
    PARENT: _parent,
    NAMED: _last,
    UNTRUSTED: _last,
    CAST: _cast,
    PATH: _path,
    COLLATE: _collate,
    FRAGMENT: _fragment,
}
