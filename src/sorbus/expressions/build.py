"""What a declaration and a query are written with besides fields and operators."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeVar, get_type_hints, overload

from sorbus.errors.declaration import BrokenExpression, NoParentRow
from sorbus.expressions.expr import Built, Expr, Lowering, Operand, Sort, any_expression, is_expression
from sorbus.expressions.nodes import (
    FRAGMENT,
    UNTRUSTED,
    ActorRef,
    Aggregated,
    AggregateKind,
    As,
    Call,
    Const,
    Exists,
    Incoming,
    InputRef,
    Node,
    Ref,
    TenantRef,
    outward,
)
from sorbus.expressions.templates import template
from sorbus.types.base import split_optional

__all__ = [
    "ActorField",
    "Built",
    "ExistsExpr",
    "Expr",
    "IncomingField",
    "InputValue",
    "Lowering",
    "Operand",
    "Related",
    "Sort",
    "Tenant",
    "Untrusted",
    "coalesce",
    "concat",
    "fragment",
    "if_",
    "incoming",
    "any_expression",
    "is_expression",
    "lazy",
    "now",
    "parent",
    "tenant",
]

T = TypeVar("T")
S = TypeVar("S", str, str | None)


class ActorField(Expr[T]):
    """An attribute of the actor."""

    __slots__ = ("name",)

    def __init__(self, name: str | Any) -> None:
        # A field may not know its name yet while the class body that declares it still runs.
        self.name = name

    def lower(self, context: Lowering) -> Node:
        del context
        return (
            ActorRef(self.name) if isinstance(self.name, str) else ActorRef(self.name.name, self.name.owner)
        )


class InputValue(Expr[T]):
    """An input of the running action."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def lower(self, context: Lowering) -> Node:
        del context
        return InputRef(self.name)


class IncomingField(Expr[T]):
    """A field of the row that an upsert would have inserted."""

    __slots__ = ("field",)

    def __init__(self, field: Any) -> None:
        self.field = field

    def lower(self, context: Lowering) -> Node:
        return Incoming(context.field(self.field).name)


class Tenant(Expr[Any]):
    """The scope's tenant."""

    __slots__ = ()

    def lower(self, context: Lowering) -> Node:
        del context
        return TenantRef()


class Related(Expr[T]):
    """A field of the row at the far end of a to-one relationship."""

    __slots__ = ("of", "relationship")

    def __init__(self, relationship: Any, of: Callable[[Any], Expr[T]]) -> None:
        self.relationship = relationship
        self.of = of

    def lower(self, context: Lowering) -> Node:
        outer, at = context.source(self.relationship)
        name, destination, inner = at.into(self.relationship)
        node = self.of(destination).lower(inner)
        # A plain field becomes a path; only that can be reached through a to-one relationship.
        if isinstance(node, Ref) and node.outer == 0:
            return Ref(node.name, (name, *node.path), outer)
        return outward(Aggregated(AggregateKind.FIRST, name, node), outer)


class Untrusted(Expr[T]):
    """An expression that somebody outside has written: a field that the actor may not see is null in it."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expr[T]) -> None:
        self.inner = inner

    def lower(self, context: Lowering) -> Node:
        return Call(UNTRUSTED, (self.inner.lower(context),))


class Ready(Expr[T]):
    """An expression that has been lowered already, over the rows at hand."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def lower(self, context: Lowering) -> Node:
        del context
        return self.node


class ExistsExpr(Expr[bool]):
    """Whether a related row exists that meets a condition."""

    __slots__ = ("relationship", "where")

    def __init__(self, relationship: Any, where: Callable[[Any], Expr[bool]] | None) -> None:
        self.relationship = relationship
        self.where = where

    def lower(self, context: Lowering) -> Node:
        outer, at = context.source(self.relationship)
        name, destination, inner = at.into(self.relationship)
        node = Exists(name, None if self.where is None else self.where(destination).lower(inner))
        return outward(node, outer)


class Parent(Expr[T]):
    """An expression over the row that encloses the row in question."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expr[T]) -> None:
        self.inner = inner

    def lower(self, context: Lowering) -> Node:
        outside = context.outside()
        if outside is None:
            raise NoParentRow
        return outward(self.inner.lower(outside))


class LazyValue(Expr[T]):
    """A value that a Python function gives when the expression runs."""

    __slots__ = ("annotation", "function")

    def __init__(self, function: Callable[[], T], annotation: Any) -> None:
        self.function = function
        self.annotation = annotation

    def lower(self, context: Lowering) -> Node:
        return context.computed_value(self.function, self.annotation)


class Fragment(Expr[T]):
    """SQL of the user's own."""

    __slots__ = ("args", "kind", "template")

    def __init__(self, text: str, args: tuple[Any, ...], kind: As) -> None:
        self.template = template(text, len(args), where="fragment")
        self.args = args
        self.kind = kind

    def lower(self, context: Lowering) -> Node:
        args = (
            arg.lower(context) if isinstance(arg, Expr) else context.value(arg, None) for arg in self.args
        )
        return Call(FRAGMENT, (Const(self.template), Const(self.kind), *args))


def if_(condition: Expr[bool], then: T | Expr[T], otherwise: T | Expr[T]) -> Expr[T]:
    """`then` where the condition is true, `otherwise` where it is false or unknown."""
    return Built("if", condition, then, otherwise)


def coalesce(first: Expr[T | None], *rest: Operand[T]) -> Expr[T]:
    """The first value that is not null; all of them have one type."""
    return Built("coalesce", first, *rest)


def concat(first: Operand[S], second: Operand[S], *rest: Operand[S]) -> Expr[S]:
    """Texts joined; null where one of them is."""
    joined: Expr[Any] = Built("concat", first, second)
    for each in rest:
        joined = Built("concat", joined, each)
    return joined


def now() -> Expr[datetime]:
    """The time at which the statement's transaction began."""
    return Built("now")


def incoming(field: Expr[T]) -> Expr[T]:
    """In an upsert's condition: a field of the row that would have been inserted."""
    return IncomingField(field)


def tenant() -> Expr[Any]:
    """The tenant of the scope."""
    return Tenant()


def parent(expression: Expr[T]) -> Expr[T]:
    """An expression over the enclosing row, inside a lambda over rows of the same resource.

    `exists(Task.subtasks, lambda task: task.size > parent(Task.size))`; two steps out are `parent(parent(…))`.

    Raises:
        NoParentRow: when it is lowered, and no row encloses the one in question.
    """
    return Parent(expression)


def lazy(function: Callable[[], T]) -> Expr[T]:
    """A value that a function without arguments gives each time a query or policy runs, once for each run.

    Raises:
        BrokenExpression: the function is asynchronous; an expression cannot wait.
    """
    name = getattr(function, "__name__", "function")
    if inspect.iscoroutinefunction(function):
        raise BrokenExpression(f"lazy({name})", "the function is asynchronous")
    try:
        annotation = get_type_hints(function).get("return")
    except (NameError, TypeError):
        annotation = None
    return LazyValue(function, None if annotation is None else split_optional(annotation)[0])


@overload
def fragment(sql: str, *args: Any, type: type[T], nullable: Literal[True]) -> Expr[T | None]: ...
@overload
def fragment(sql: str, *args: Any, type: type[T], nullable: bool = ...) -> Expr[T]: ...
def fragment(
    sql: str,
    *args: Any,
    type: type[Any],  # noqa: A002
    nullable: bool = False,
) -> Expr[Any]:
    """A piece of SQL, for PostgreSQL alone: `fragment("similarity({0}, {1})", Article.title, "bug", type=float)`.

    Args:
        sql: the text; `{0}`, `{1}`… stand for the arguments, `{{` and `}}` for braces. Never put values into it.
        args: fields, expressions and plain values; the latter are bound, never written into the text.
        type: the Python type of the value.
        nullable: whether the value may be null.

    Raises:
        BrokenFragment: the braces are wrong, name an argument that there is not, or leave one out.
    """
    return Fragment(sql, args, As(type, nullable))
