"""`Expr`: the typed face of expressions, with their operators and methods.

An `Expr[T]` remembers what was written; `lower` turns it into plain nodes once the resources are known.
"""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, NoReturn, Protocol, TypeGuard, TypeVar, overload

from sorbus.errors.declaration import ExpressionTruth
from sorbus.expressions.nodes import Call, Node, Ordering, Ref
from sorbus.expressions.operators import OPERATORS

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

    def computed_value(self, function: Any, annotation: Any) -> Node:
        """The node of a value that a Python function gives when the expression runs."""
        ...

    def into(self, relationship: Any) -> tuple[str, Any, Lowering]:
        """A relationship's name, its destination class, and the lowering of expressions over its rows."""
        ...

    def calculation(self, call: Any) -> Node:
        """The node of a calculation with arguments."""
        ...

    def outside(self) -> Lowering | None:
        """The lowering of expressions over the enclosing row; None when there is none."""
        ...

    def source(self, relationship: Any) -> tuple[int, Lowering]:
        """How many rows to step out of to reach where a relationship starts, and the lowering there."""
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
    @overload
    def __add__(self: Expr[date], other: Operand[timedelta]) -> Expr[date]: ...
    @overload
    def __add__(self: Expr[date | None], other: Operand[timedelta | None]) -> Expr[date | None]: ...
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
    @overload
    def __sub__(self: Expr[date], other: Operand[timedelta]) -> Expr[date]: ...
    @overload
    def __sub__(self: Expr[date], other: Operand[date]) -> Expr[timedelta]: ...
    @overload
    def __sub__(self: Expr[date | None], other: Operand[timedelta | None]) -> Expr[date | None]: ...
    @overload
    def __sub__(self: Expr[date | None], other: Operand[date | None]) -> Expr[timedelta | None]: ...
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

    @overload
    def __radd__(self: Expr[str], other: str) -> Expr[str]: ...
    @overload
    def __radd__(self: Expr[int], other: int) -> Expr[int]: ...
    @overload
    def __radd__(self: Expr[float], other: float) -> Expr[float]: ...
    @overload
    def __radd__(self: Expr[Decimal], other: Decimal | int) -> Expr[Decimal]: ...
    @overload
    def __radd__(self: Expr[timedelta], other: datetime) -> Expr[datetime]: ...
    @overload
    def __radd__(self: Expr[timedelta], other: timedelta) -> Expr[timedelta]: ...
    @overload
    def __radd__(self: Expr[str | None], other: str) -> Expr[str | None]: ...
    @overload
    def __radd__(self: Expr[int | None], other: int) -> Expr[int | None]: ...
    @overload
    def __radd__(self: Expr[float | None], other: float) -> Expr[float | None]: ...
    @overload
    def __radd__(self: Expr[Decimal | None], other: Decimal | int) -> Expr[Decimal | None]: ...
    def __radd__(self, other: Any) -> Any:
        return Built("add", other, self)

    @overload
    def __rsub__(self: Expr[int], other: int) -> Expr[int]: ...
    @overload
    def __rsub__(self: Expr[float], other: float) -> Expr[float]: ...
    @overload
    def __rsub__(self: Expr[Decimal], other: Decimal | int) -> Expr[Decimal]: ...
    @overload
    def __rsub__(self: Expr[datetime], other: datetime) -> Expr[timedelta]: ...
    @overload
    def __rsub__(self: Expr[int | None], other: int) -> Expr[int | None]: ...
    @overload
    def __rsub__(self: Expr[float | None], other: float) -> Expr[float | None]: ...
    @overload
    def __rsub__(self: Expr[Decimal | None], other: Decimal | int) -> Expr[Decimal | None]: ...
    @overload
    def __rsub__(self: Expr[datetime | None], other: datetime) -> Expr[timedelta | None]: ...
    def __rsub__(self, other: Any) -> Any:
        return Built("sub", other, self)

    @overload
    def __rmul__(self: Expr[int], other: int) -> Expr[int]: ...
    @overload
    def __rmul__(self: Expr[float], other: float) -> Expr[float]: ...
    @overload
    def __rmul__(self: Expr[Decimal], other: Decimal | int) -> Expr[Decimal]: ...
    @overload
    def __rmul__(self: Expr[int | None], other: int) -> Expr[int | None]: ...
    @overload
    def __rmul__(self: Expr[float | None], other: float) -> Expr[float | None]: ...
    @overload
    def __rmul__(self: Expr[Decimal | None], other: Decimal | int) -> Expr[Decimal | None]: ...
    def __rmul__(self, other: Any) -> Any:
        return Built("mul", other, self)

    @overload
    def __rtruediv__(self: Expr[int], other: int) -> Expr[int]: ...
    @overload
    def __rtruediv__(self: Expr[float], other: float) -> Expr[float]: ...
    @overload
    def __rtruediv__(self: Expr[Decimal], other: Decimal | int) -> Expr[Decimal]: ...
    @overload
    def __rtruediv__(self: Expr[int | None], other: int) -> Expr[int | None]: ...
    @overload
    def __rtruediv__(self: Expr[float | None], other: float) -> Expr[float | None]: ...
    @overload
    def __rtruediv__(self: Expr[Decimal | None], other: Decimal | int) -> Expr[Decimal | None]: ...
    def __rtruediv__(self, other: Any) -> Any:
        return Built("div", other, self)

    @overload
    def __rmod__(self: Expr[int], other: int) -> Expr[int]: ...
    @overload
    def __rmod__(self: Expr[float], other: float) -> Expr[float]: ...
    @overload
    def __rmod__(self: Expr[Decimal], other: Decimal | int) -> Expr[Decimal]: ...
    @overload
    def __rmod__(self: Expr[int | None], other: int) -> Expr[int | None]: ...
    @overload
    def __rmod__(self: Expr[float | None], other: float) -> Expr[float | None]: ...
    @overload
    def __rmod__(self: Expr[Decimal | None], other: Decimal | int) -> Expr[Decimal | None]: ...
    def __rmod__(self, other: Any) -> Any:
        return Built("mod", other, self)

    def is_in(self, values: Sequence[T_co]) -> Expr[bool]:
        """Whether the value is one of `values`."""
        return Built("in", self, list(values))

    def not_in(self, values: Sequence[T_co]) -> Expr[bool]:
        """Whether the value is none of `values`; unknown for a null."""
        return Built("not", Built("in", self, list(values)))

    def between(self, low: Operand[T_co], high: Operand[T_co]) -> Expr[bool]:
        """Whether the value is at least `low` and at most `high`."""
        return Built("and", Built("ge", self, low), Built("le", self, high))

    def is_null(self) -> Expr[bool]:
        """Whether there is no value."""
        return Built("is_null", self)

    def is_distinct_from(self, other: Operand[T_co] | None) -> Expr[bool]:
        """Whether the two differ, where null is a value like any other: never unknown."""
        return Built("distinct", self, other)

    def contains(
        self: Expr[str] | Expr[str | None],
        part: str | Expr[str] | Expr[str | None],
        *,
        ignore_case: bool = False,
    ) -> Expr[bool]:
        """Whether the text contains `part`, to the letter or whatever the case."""
        return _text_test("contains", self, part, ignore_case=ignore_case)

    def starts_with(
        self: Expr[str] | Expr[str | None],
        part: str | Expr[str] | Expr[str | None],
        *,
        ignore_case: bool = False,
    ) -> Expr[bool]:
        """Whether the text starts with `part`, to the letter or whatever the case."""
        return _text_test("starts_with", self, part, ignore_case=ignore_case)

    def ends_with(
        self: Expr[str] | Expr[str | None],
        part: str | Expr[str] | Expr[str | None],
        *,
        ignore_case: bool = False,
    ) -> Expr[bool]:
        """Whether the text ends with `part`, to the letter or whatever the case."""
        return _text_test("ends_with", self, part, ignore_case=ignore_case)

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


def _text_test(operator: str, text: Any, part: Any, *, ignore_case: bool) -> Expr[bool]:
    if not ignore_case:
        return Built(operator, text, part)
    return Built(operator, Built("lower", text), Built("lower", part))


def is_expression(value: object) -> TypeGuard[Expr[Any]]:
    """Whether a value is an expression rather than a plain value."""
    return isinstance(value, Expr)


def any_expression(values: Iterable[object]) -> bool:
    """Whether one of some values is an expression; every write asks, so it is one call for all of them."""
    for value in values:  # noqa: SIM110  # a generator would be a call for each value
        if isinstance(value, Expr):
            return True
    return False


_WITH_NULL = frozenset({"eq", "ne", "distinct"})
"""The comparisons that ask for null when they compare with `None`."""

_ALIKE = frozenset({"in", "coalesce"})
"""The special forms whose arguments have one type."""


class Built(Expr[Any]):
    """An operator on expressions and plain values."""

    __slots__ = ("args", "operator")

    def __init__(self, operator: str, *args: Any) -> None:
        self.operator = operator
        self.args = args

    def lower(self, context: Lowering) -> Node:
        operator = self.operator
        if operator in _WITH_NULL and self.args[1] is None:
            test = Call("is_null", (self.args[0].lower(context),))
            return test if operator == "eq" else Call("not", (test,))
        if operator in {"and", "or"}:
            return self._flat(context)
        beside = self._beside(operator)
        return Call(
            operator,
            tuple(
                arg.lower(context)
                if isinstance(arg, Expr)
                else arg
                if isinstance(arg, Node)
                else context.value(arg, beside)
                for arg in self.args
            ),
        )

    def _beside(self, operator: str) -> Expr[Any] | None:
        """The expression whose type a plain value beside it must have."""
        if operator not in _ALIKE and not (operator in OPERATORS and OPERATORS[operator].same):
            return None
        candidates = self.args[:1] if operator == "in" else self.args
        return next(filter(is_expression, candidates), None)

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
