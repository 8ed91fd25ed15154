"""Expressions in words, for explanations, errors and `sorbus inspect`."""

from __future__ import annotations

from typing import cast

from sorbus.expressions.nodes import (
    FRAGMENT,
    NAMED,
    UNTRUSTED,
    ActorRef,
    Aggregated,
    As,
    Call,
    Const,
    Exists,
    Incoming,
    InputRef,
    Lazy,
    Node,
    Param,
    Ref,
    Template,
    TenantRef,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.types.base import type_name

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
        case Aggregated():
            return _aggregated(node)
        case Lazy(function):
            return f"lazy({getattr(function, '__name__', 'function')})"
        case Call(operator, args):
            return _call(operator, args)
        case _:
            return repr(node)


def _aggregated(node: Aggregated) -> str:
    """`count(articles)`, or `list(articles.title, where …, order by …, unique)`."""
    parts = [f"{node.relationship}{'.' + describe(node.of) if node.of is not None else ''}"]
    if node.where is not None:
        parts.append(f"where {describe(node.where)}")
    if node.order:
        terms = (describe(each.node) + (" desc" if each.descending else "") for each in node.order)
        parts.append(f"order by {' then '.join(terms)}")
    if node.unique:
        parts.append("unique")
    if node.limit is not None:
        parts.append(f"at most {describe(node.limit)}")
    if node.default is not None:
        parts.append(f"else {describe(node.default)}")
    if not node.authorize:
        parts.append("whoever asks")
    return f"{node.kind}({', '.join(parts)})"


def _value(value: object) -> str:
    if isinstance(value, As):
        return type_name(value.annotation)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, cast('tuple[object, ...]', value)))}]"
    inner = getattr(value, "value", value)
    return "null" if inner is None else repr(inner)


def _call(operator: str, args: tuple[Node, ...]) -> str:
    if operator in {"and", "or"}:
        joined = (" & " if operator == "and" else " | ").join(map(describe, args))
        return f"({joined})"
    if operator == "not":
        return f"~({describe(args[0])})"
    if operator in {NAMED, UNTRUSTED}:
        return describe(args[-1])
    if operator == FRAGMENT:
        template, _, *rest = args
        return f"fragment({', '.join([_template(template), *map(describe, rest)])})"
    symbol = OPERATORS[operator].symbol if operator in OPERATORS else operator
    if symbol in _INFIX and len(args) == 2:
        return f"{describe(args[0])} {symbol} {describe(args[1])}"
    return f"{symbol}({', '.join(map(describe, args))})"


def _template(node: Node) -> str:
    template = node.value if isinstance(node, Const) else None
    if not isinstance(template, Template):
        return describe(node)
    return repr(template.fill([f"{{{place}}}" for place in range(max(template.places, default=-1) + 1)]))
