"""The typed face of expressions: what a declaration and a query are written with.

An `Expr[T]` remembers what was written; `lower` turns it into plain nodes once the resources are known.
"""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, NoReturn, Protocol, TypeGuard, TypeVar, overload

from sorbus.errors.declaration import ExpressionTruth
from sorbus.expressions.nodes import (
    UNTRUSTED,
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Exists,
    Incoming,
    InputRef,
    Node,
    Ordering,
    Ref,
    TenantRef,
)
from sorbus.expressions.operators import COMPARISONS

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

type Operand[V] = V | Expr[V]
"""What may stand beside an expression: a plain value or another expression."""


class Lowering(Protocol):
    """What `Expr` needs to know about the resources to become nodes."""

    def field(self, field: Any) -> Ref:
        """The reference of a field, seen from the row in question."""
        ...

    def value(self, value: Any, beside: Any) -> Node:
        """The node of a plain value compared with, or computed with, `beside` (an `Expr` or None)."""
        ...

    def into(self, relationship: Any) -> tuple[str, Any, Lowering]:
        """A relationship's name, its destination class, and the lowering of expressions over its rows."""
        ...


class Expr(Generic[T_co]):
    """An expression with values of type `T`. Combine conditions with `&`, `|` and `~`."""

    __slots__ = ()
    __hash__ = object.__hash__

    def lower(self, context: Lowering) -> Node:
        """The plain node of this expression."""
        raise NotImplementedError

    def __bool__(self) -> NoReturn:
        """Always an error: an expression has no truth value until it runs.

        Raises:
            ExpressionTruth: `and`, `or`, `not` or `if` was used on an expression.
        """
        raise ExpressionTruth(type(self).__name__)

    def __eq__(self, other: Operand[T_co] | None) -> Expr[bool]:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]
        return Built("eq", self, other)

    def __ne__(self, other: Operand[T_co] | None) -> Expr[bool]:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]
        return Built("ne", self, other)

    def __lt__(self, other: Operand[T_co]) -> Expr[bool]:
        return Built("lt", self, other)

    def __le__(self, other: Operand[T_co]) -> Expr[bool]:
        return Built("le", self, other)

    def __gt__(self, other: Operand[T_co]) -> Expr[bool]:
        return Built("gt", self, other)

    def __ge__(self, other: Operand[T_co]) -> Expr[bool]:
        return Built("ge", self, other)

    def __and__(self: Expr[bool], other: Expr[bool]) -> Expr[bool]:
        return Built("and", self, other)

    def __or__(self: Expr[bool], other: Expr[bool]) -> Expr[bool]:
        return Built("or", self, other)

    def __invert__(self: Expr[bool]) -> Expr[bool]:
        return Built("not", self)

    # One overload for each type instead of a type variable, with which mypy lets text be added to numbers.
    @overload
    def __add__(self: Expr[str], other: Operand[str]) -> Expr[str]: ...
    @overload
    def __add__(self: Expr[int], other: Operand[int]) -> Expr[int]: ...
    @overload
    def __add__(self: Expr[float], other: Operand[float]) -> Expr[float]: ...
    @overload
    def __add__(self: Expr[Decimal], other: Operand[Decimal | int]) -> Expr[Decimal]: ...
    @overload
    def __add__(self: Expr[timedelta], other: Operand[timedelta]) -> Expr[timedelta]: ...
    @overload
    def __add__(self: Expr[datetime], other: Operand[timedelta]) -> Expr[datetime]: ...
    @overload
    def __add__(self: Expr[str | None], other: Operand[str | None]) -> Expr[str | None]: ...
    @overload
    def __add__(self: Expr[int | None], other: Operand[int | None]) -> Expr[int | None]: ...
    @overload
    def __add__(self: Expr[float | None], other: Operand[float | None]) -> Expr[float | None]: ...
    @overload
    def __add__(self: Expr[Decimal | None], other: Operand[Decimal | int | None]) -> Expr[Decimal | None]: ...
    @overload
    def __add__(self: Expr[timedelta | None], other: Operand[timedelta | None]) -> Expr[timedelta | None]: ...
    @overload
    def __add__(self: Expr[datetime | None], other: Operand[timedelta | None]) -> Expr[datetime | None]: ...
    def __add__(self, other: Any) -> Any:
        return Built("add", self, other)

    @overload
    def __sub__(self: Expr[int], other: Operand[int]) -> Expr[int]: ...
    @overload
    def __sub__(self: Expr[float], other: Operand[float]) -> Expr[float]: ...
    @overload
    def __sub__(self: Expr[Decimal], other: Operand[Decimal | int]) -> Expr[Decimal]: ...
    @overload
    def __sub__(self: Expr[timedelta], other: Operand[timedelta]) -> Expr[timedelta]: ...
    @overload
    def __sub__(self: Expr[datetime], other: Operand[timedelta]) -> Expr[datetime]: ...
    @overload
    def __sub__(self: Expr[datetime], other: Operand[datetime]) -> Expr[timedelta]: ...
    @overload
    def __sub__(self: Expr[int | None], other: Operand[int | None]) -> Expr[int | None]: ...
    @overload
    def __sub__(self: Expr[float | None], other: Operand[float | None]) -> Expr[float | None]: ...
    @overload
    def __sub__(self: Expr[Decimal | None], other: Operand[Decimal | int | None]) -> Expr[Decimal | None]: ...
    @overload
    def __sub__(self: Expr[timedelta | None], other: Operand[timedelta | None]) -> Expr[timedelta | None]: ...
    @overload
    def __sub__(self: Expr[datetime | None], other: Operand[timedelta | None]) -> Expr[datetime | None]: ...
    @overload
    def __sub__(self: Expr[datetime | None], other: Operand[datetime | None]) -> Expr[timedelta | None]: ...
    def __sub__(self, other: Any) -> Any:
        return Built("sub", self, other)

    @overload
    def __mul__(self: Expr[int], other: Operand[int]) -> Expr[int]: ...
    @overload
    def __mul__(self: Expr[float], other: Operand[float]) -> Expr[float]: ...
    @overload
    def __mul__(self: Expr[Decimal], other: Operand[Decimal | int]) -> Expr[Decimal]: ...
    @overload
    def __mul__(self: Expr[int | None], other: Operand[int | None]) -> Expr[int | None]: ...
    @overload
    def __mul__(self: Expr[float | None], other: Operand[float | None]) -> Expr[float | None]: ...
    @overload
    def __mul__(self: Expr[Decimal | None], other: Operand[Decimal | int | None]) -> Expr[Decimal | None]: ...
    def __mul__(self, other: Any) -> Any:
        return Built("mul", self, other)

    @overload
    def __truediv__(self: Expr[int], other: Operand[int]) -> Expr[int]: ...
    @overload
    def __truediv__(self: Expr[float], other: Operand[float]) -> Expr[float]: ...
    @overload
    def __truediv__(self: Expr[Decimal], other: Operand[Decimal | int]) -> Expr[Decimal]: ...
    @overload
    def __truediv__(self: Expr[int | None], other: Operand[int | None]) -> Expr[int | None]: ...
    @overload
    def __truediv__(self: Expr[float | None], other: Operand[float | None]) -> Expr[float | None]: ...
    @overload
    def __truediv__(
        self: Expr[Decimal | None], other: Operand[Decimal | int | None]
    ) -> Expr[Decimal | None]: ...
    def __truediv__(self, other: Any) -> Any:
        return Built("div", self, other)

    @overload
    def __mod__(self: Expr[int], other: Operand[int]) -> Expr[int]: ...
    @overload
    def __mod__(self: Expr[float], other: Operand[float]) -> Expr[float]: ...
    @overload
    def __mod__(self: Expr[Decimal], other: Operand[Decimal | int]) -> Expr[Decimal]: ...
    @overload
    def __mod__(self: Expr[int | None], other: Operand[int | None]) -> Expr[int | None]: ...
    @overload
    def __mod__(self: Expr[float | None], other: Operand[float | None]) -> Expr[float | None]: ...
    @overload
    def __mod__(self: Expr[Decimal | None], other: Operand[Decimal | int | None]) -> Expr[Decimal | None]: ...
    def __mod__(self, other: Any) -> Any:
        return Built("mod", self, other)

    @overload
    def __neg__(self: Expr[int]) -> Expr[int]: ...
    @overload
    def __neg__(self: Expr[float]) -> Expr[float]: ...
    @overload
    def __neg__(self: Expr[Decimal]) -> Expr[Decimal]: ...
    @overload
    def __neg__(self: Expr[timedelta]) -> Expr[timedelta]: ...
    @overload
    def __neg__(self: Expr[int | None]) -> Expr[int | None]: ...
    @overload
    def __neg__(self: Expr[float | None]) -> Expr[float | None]: ...
    @overload
    def __neg__(self: Expr[Decimal | None]) -> Expr[Decimal | None]: ...
    @overload
    def __neg__(self: Expr[timedelta | None]) -> Expr[timedelta | None]: ...
    def __neg__(self) -> Any:
        return Built("neg", self)

    def is_in(self, values: Sequence[T_co]) -> Expr[bool]:
        """Whether the value is one of `values`."""
        return Built("in", self, list(values))

    def is_null(self) -> Expr[bool]:
        """Whether there is no value."""
        return Built("is_null", self)

    def contains(self: Expr[str] | Expr[str | None], part: str | Expr[str]) -> Expr[bool]:
        """Whether the text contains `part`, to the letter."""
        return Built("contains", self, part)

    def starts_with(self: Expr[str] | Expr[str | None], part: str | Expr[str]) -> Expr[bool]:
        """Whether the text starts with `part`, to the letter."""
        return Built("starts_with", self, part)

    def ends_with(self: Expr[str] | Expr[str | None], part: str | Expr[str]) -> Expr[bool]:
        """Whether the text ends with `part`, to the letter."""
        return Built("ends_with", self, part)

    def lower_case(self: Expr[str]) -> Expr[str]:
        """The text in lower case."""
        return Built("lower", self)

    def length(self: Expr[str]) -> Expr[int]:
        """The number of characters."""
        return Built("length", self)

    def asc(self, *, nulls_first: bool | None = None) -> Sort:
        """Ascending by this expression; nulls last unless said otherwise."""
        return Sort(self, descending=False, nulls_first=nulls_first)

    def desc(self, *, nulls_first: bool | None = None) -> Sort:
        """Descending by this expression; nulls first unless said otherwise."""
        return Sort(self, descending=True, nulls_first=nulls_first)


@dataclass(frozen=True, slots=True)
class Sort:
    """One term of a sort."""

    by: Expr[Any]
    descending: bool = False
    nulls_first: bool | None = None

    def lower(self, context: Lowering) -> Ordering:
        """The plain ordering."""
        return Ordering(self.by.lower(context), self.descending, self.nulls_first)


def is_expression(value: object) -> TypeGuard[Expr[Any]]:
    """Whether a value is an expression rather than a plain value."""
    return isinstance(value, Expr)


class Built(Expr[Any]):
    """An operator on expressions and plain values."""

    __slots__ = ("args", "operator")

    def __init__(self, operator: str, *args: Any) -> None:
        self.operator = operator
        self.args = args

    def lower(self, context: Lowering) -> Node:
        operator = self.operator
        if operator in {"eq", "ne"} and self.args[1] is None:
            test = Call("is_null", (self.args[0].lower(context),))
            return test if operator == "eq" else Call("not", (test,))
        if operator in {"and", "or"}:
            return self._flat(context)
        beside = self._beside(operator)
        return Call(
            operator,
            tuple(
                arg.lower(context) if isinstance(arg, Expr) else context.value(arg, beside)
                for arg in self.args
            ),
        )

    def _beside(self, operator: str) -> Expr[Any] | None:
        """The expression whose type a plain value beside it must have."""
        if operator not in COMPARISONS and operator != "coalesce":
            return None
        return next(filter(is_expression, self.args), None)

    def _flat(self, context: Lowering) -> Node:
        """`a & b & c` as one node with three arguments."""
        flat: list[Node] = []
        for arg in self.args:
            node = arg.lower(context)
            if isinstance(node, Call) and node.operator == self.operator:
                flat.extend(node.args)
            else:
                flat.append(node)
        return Call(self.operator, tuple(flat))


class ActorField(Expr[T]):
    """An attribute of the actor."""

    __slots__ = ("name",)

    def __init__(self, name: str | Any) -> None:
        # A field may not know its name yet while the class body that declares it still runs.
        self.name = name

    def lower(self, context: Lowering) -> Node:
        del context
        return ActorRef(self.name if isinstance(self.name, str) else self.name.name)


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
        name, destination, inner = context.into(self.relationship)
        node = self.of(destination).lower(inner)
        # A plain field becomes a path; only that can be reached through a to-one relationship.
        if isinstance(node, Ref) and node.outer == 0:
            return Ref(node.name, (name, *node.path))
        return Aggregated(AggregateKind.FIRST, name, node)


class Untrusted(Expr[T]):
    """An expression that somebody outside has written: a field that the actor may not see is null in it."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expr[T]) -> None:
        self.inner = inner

    def lower(self, context: Lowering) -> Node:
        return Call(UNTRUSTED, (self.inner.lower(context),))


class ExistsExpr(Expr[bool]):
    """Whether a related row exists that meets a condition."""

    __slots__ = ("relationship", "where")

    def __init__(self, relationship: Any, where: Callable[[Any], Expr[bool]] | None) -> None:
        self.relationship = relationship
        self.where = where

    def lower(self, context: Lowering) -> Node:
        name, destination, inner = context.into(self.relationship)
        return Exists(name, None if self.where is None else self.where(destination).lower(inner))


def if_(condition: Expr[bool], then: T | Expr[T], otherwise: T | Expr[T]) -> Expr[T]:
    """`then` where the condition is true, `otherwise` where it is false or unknown."""
    return Built("if", condition, then, otherwise)


def coalesce(first: Expr[T | None], *rest: Operand[T]) -> Expr[T]:
    """The first value that is not null; all of them have one type."""
    return Built("coalesce", first, *rest)


def concat(first: Expr[str] | str, second: Expr[str] | str) -> Expr[str]:
    """Two texts joined."""
    return Built("concat", first, second)


def now() -> Expr[datetime]:
    """The time at which the statement's transaction began."""
    return Built("now")


def incoming(field: Expr[T]) -> Expr[T]:
    """In an upsert's condition: a field of the row that would have been inserted."""
    return IncomingField(field)


def tenant() -> Expr[Any]:
    """The tenant of the scope."""
    return Tenant()
