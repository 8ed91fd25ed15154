"""Expressions in words, for explanations, errors and `sorbus inspect`."""

from __future__ import annotations

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

_INFIX = frozenset({"==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"})


def describe(node: Node) -> str:  # noqa: C901, PLR0911, PLR0912  # one return for each kind of node
    """The expression as a person would write it, e.g. `state == 'pending' & org_id == actor.org_id`."""
    match node:
        case Const(value):
            return _value(value)
        case Param(index):
            return f"${index + 1}"
        case Ref(name, path, outer):
            return "parent." * outer + ".".join((*path, name))
        case ActorRef(""):
            return "actor is present"
        case ActorRef(name):
            return f"actor.{name}"
        case TenantRef():
            return "tenant"
        case InputRef(name):
            return f"input.{name}"
        case Incoming(name):
            return f"incoming.{name}"
        case Exists(relationship, None):
            return f"exists({relationship})"
        case Exists(relationship, where):
            return f"exists({relationship}, {describe(where)})" if where is not None else relationship
        case Aggregated(kind, relationship, of):
            return f"{kind}({relationship}{'.' + describe(of) if of is not None else ''})"
        case Call(operator, args):
            return _call(operator, args)
        case _:
            return repr(node)


def _value(value: object) -> str:
    inner = getattr(value, "value", value)
    return "null" if inner is None else repr(inner)


def _call(operator: str, args: tuple[Node, ...]) -> str:
    if operator in {"and", "or"}:
        joined = (" & " if operator == "and" else " | ").join(map(describe, args))
        return f"({joined})"
    if operator == "not":
        return f"~({describe(args[0])})"
    symbol = OPERATORS[operator].symbol if operator in OPERATORS else operator
    if symbol in _INFIX and len(args) == 2:
        return f"{describe(args[0])} {symbol} {describe(args[1])}"
    return f"{symbol}({', '.join(map(describe, args))})"
