"""Ranges: everything between two bounds, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, Generic, Literal, Self, TypeGuard, TypeVar, cast, get_args

from sorbus.errors.declaration import MissingPart
from sorbus.errors.hints import listed
from sorbus.types import storing
from sorbus.types.limits import Limits
from sorbus.types.names import bare, type_name
from sorbus.types.rules import ON_CLASS, TypeRule, teach

T_co = TypeVar("T_co", covariant=True)

Bounds = Literal["[)", "[]", "(]", "()"]
"""Whether each end belongs to the range: `[` and `]` do, `(` and `)` do not."""

RANGE_TYPES: Mapping[type, str] = MappingProxyType(
    {int: "int8range", Decimal: "numrange", date: "daterange", datetime: "tstzrange"}
)
"""The column type for each type of bounds."""

ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "int8range": "bigint",
        "numrange": "numeric",
        "daterange": "date",
        "tstzrange": "timestamp with time zone",
    }
)
"""The type of the bounds of each range type."""


def is_range(value: object) -> TypeGuard[Range[Any]]:
    """Whether a value is a range."""
    return isinstance(value, Range)


class Range(Generic[T_co]):
    """Everything from `lower` to `upper`: `Range(1, 5)` is 1, 2, 3 and 4.

    Whole numbers and days are brought to the one form that PostgreSQL gives them, `[lower, upper)`, so that equal
    ranges are equal values. None at an end means that it has none.

    Attributes:
        lower, upper: the ends; None where there is none, and in the empty range.
        bounds: which ends belong to it.
        empty: whether nothing lies in it.

    Raises:
        ValueError: the lower end lies above the upper one, the two are of different types, or the bounds are none.
    """

    __slots__ = ("_parts",)

    def __init__(
        self,
        lower: T_co | None = None,
        upper: T_co | None = None,
        bounds: Bounds = "[)",
        *,
        empty: bool = False,
    ) -> None:
        self._parts: tuple[Any, Any, Bounds, bool] = (
            (None, None, "[)", True) if empty else _canonical(lower, upper, bounds)
        )

    @property
    def lower(self) -> T_co | None:
        """The lower end, or None."""
        return cast("T_co | None", self._parts[0])

    @property
    def upper(self) -> T_co | None:
        """The upper end, or None."""
        return cast("T_co | None", self._parts[1])

    @property
    def bounds(self) -> Bounds:
        """Which ends belong to it."""
        return self._parts[2]

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        return self._parts[3]

    def __eq__(self, other: object) -> bool:
        return self._parts == other._parts if isinstance(other, Range) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        return f"Range({self})"

    @classmethod
    def nothing(cls) -> Self:
        """The empty range."""
        return cls(empty=True)

    @property
    def lower_inclusive(self) -> bool:
        """Whether the lower end belongs to it."""
        return self.bounds[0] == "["

    @property
    def upper_inclusive(self) -> bool:
        """Whether the upper end belongs to it."""
        return self.bounds[1] == "]"

    def __contains__(self, value: object) -> bool:
        """Whether a value, or every value of another range, lies in it."""
        if is_range(value):
            return value.empty or (
                not self.empty and _low(self) <= _low(value) and _high(value) <= _high(self)
            )
        if self.empty:
            return False
        at = (0, value, 0)
        return _low(self) <= at <= _high(self)

    def overlaps(self, other: Range[Any]) -> bool:
        """Whether anything lies in both."""
        return (
            not self.empty and not other.empty and _low(self) <= _high(other) and _low(other) <= _high(self)
        )

    def before(self, other: Range[Any]) -> bool:
        """Whether all of it lies below all of another; nothing lies nowhere."""
        return not self.empty and not other.empty and _high(self) < _low(other)

    def adjacent(self, other: Range[Any]) -> bool:
        """Whether the two touch without sharing anything."""
        if self.empty or other.empty:
            return False
        return _touch(self, other) or _touch(other, self)

    def intersection(self, other: Range[Any]) -> Range[Any]:
        """What lies in both."""
        if not self.overlaps(other):
            return Range(empty=True)
        low = max((self, other), key=_low)
        high = min((self, other), key=_high)
        bounds = cast("Bounds", low.bounds[0] + high.bounds[1])
        return Range(low.lower, high.upper, bounds)

    # The order of PostgreSQL: the empty range first, then by the lower end, then by the upper one.

    def __lt__(self, other: Range[Any]) -> bool:
        return _order(self) < _order(other)

    def __le__(self, other: Range[Any]) -> bool:
        return _order(self) <= _order(other)

    def __gt__(self, other: Range[Any]) -> bool:
        return _order(self) > _order(other)

    def __ge__(self, other: Range[Any]) -> bool:
        return _order(self) >= _order(other)

    def __str__(self) -> str:
        if self.empty:
            return "empty"
        ends = ("" if each is None else str(each) for each in (self.lower, self.upper))
        return f"{self.bounds[0]}{','.join(ends)}{self.bounds[1]}"


def _low(range_: Range[Any]) -> tuple[int, Any, int]:
    if range_.lower is None:
        return (-1, 0, 0)
    return (0, range_.lower, 0 if range_.lower_inclusive else 1)


def _high(range_: Range[Any]) -> tuple[int, Any, int]:
    if range_.upper is None:
        return (1, 0, 0)
    return (0, range_.upper, 0 if range_.upper_inclusive else -1)


def _order(range_: Range[Any]) -> tuple[Any, ...]:
    return (0,) if range_.empty else (1, _low(range_), _high(range_))


def _touch(left: Range[Any], right: Range[Any]) -> bool:
    same = left.upper is not None and left.upper == right.lower
    return same and left.upper_inclusive != right.lower_inclusive


def _step(value: Any) -> Any:
    """The next value of a type whose values can be counted; None for others."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, date) and not isinstance(value, datetime):
        try:
            return value + timedelta(days=1)
        except OverflowError:
            raise ValueError(f"no day comes after {value}") from None
    return None


def _canonical(lower: Any, upper: Any, bounds: Any) -> tuple[Any, Any, Bounds, bool]:
    if bounds not in get_args(Bounds):
        raise ValueError(f"its bounds are {bounds!r}; allowed: {', '.join(get_args(Bounds))}")
    opens, closes = bounds
    # An end that is not there belongs to nothing.
    opens = "(" if lower is None else opens
    closes = ")" if upper is None else closes
    if lower is not None and opens == "(" and (following := _step(lower)) is not None:
        lower, opens = following, "["
    if upper is not None and closes == "]" and (following := _step(upper)) is not None:
        upper, closes = following, ")"
    if lower is not None and upper is not None:
        if type(lower) is not type(upper):
            raise ValueError(f"its ends are {type(lower).__name__} and {type(upper).__name__}")
        if _above(lower, upper):
            raise ValueError(f"its lower end {lower} lies above its upper end {upper}")
        if lower == upper and (opens, closes) != ("[", "]"):
            return (None, None, "[)", True)
    return (lower, upper, cast("Bounds", opens + closes), False)


def _above(lower: Any, upper: Any) -> bool:
    try:
        return bool(lower > upper)
    except TypeError:
        raise ValueError(f"its ends {lower!r} and {upper!r} cannot be compared") from None


_BOUNDS: dict[tuple[bool, bool], Bounds] = {
    (True, True): "[]",
    (True, False): "[)",
    (False, True): "(]",
    (False, False): "()",
}


class RangeRule(TypeRule[Range[Any]]):
    """Ranges of one type of bounds."""

    python = Range

    def __init__(self, element: type) -> None:
        self.element = element
        self.sql = RANGE_TYPES[element]

    def cast(self, value: Any) -> Range[Any]:
        if is_range(value):
            lower, upper, bounds, empty = value.lower, value.upper, value.bounds, value.empty
        elif isinstance(value, Mapping):
            lower, upper, bounds, empty = _members(cast("Mapping[str, Any]", value))
        elif isinstance(value, (list, tuple)) and len(cast("list[Any]", value)) == 2:
            lower, upper = cast("list[Any]", value)
            bounds, empty = "[)", False
        else:
            raise ValueError('it should be a range such as {"lower": …, "upper": …}, or a list of two ends')
        if empty:
            return Range(empty=True)
        made = Range(self._end(lower, "lower"), self._end(upper, "upper"), bounds)
        # The canonical form of whole numbers may lie beyond the largest one.
        for each in (made.lower, made.upper):
            self._check(each)
        return made

    def _end(self, value: Any, name: str) -> Any:
        if value is None:
            return None
        try:
            return self._check(self._adapter.validate_python(value))
        except ValueError as error:
            raise ValueError(f"its `{name}` is no {self.element.__name__}: {_reason(error)}") from None

    def _check(self, value: Any) -> Any:
        check = storing.CHECKS.get(ELEMENTS[self.sql])
        return value if value is None or check is None else check(value)

    @property
    def _adapter(self) -> Any:
        return _adapter_of(self.element)

    def load(self, stored: Any) -> Range[Any]:
        """A range as memory keeps it, or as the driver answers with it, whose ends have other names."""
        if is_range(stored):
            return stored
        if isinstance(stored, Mapping):
            return self.cast(cast("Mapping[str, Any]", stored))
        if stored.isempty:
            return Range(empty=True)
        return Range(stored.lower, stored.upper, _BOUNDS[(bool(stored.lower_inc), bool(stored.upper_inc))])

    def to_json(self, value: Range[Any]) -> Any:
        if value.empty:
            return {"empty": True}
        ends = (_plain(value.lower), _plain(value.upper))
        return {"lower": ends[0], "upper": ends[1], "bounds": value.bounds}

    def json_schema(self, limits: Limits) -> dict[str, Any]:
        del limits
        end = {"anyOf": [self._adapter.json_schema(), {"type": "null"}], "default": None}
        return {
            "type": "object",
            "properties": {
                "lower": end,
                "upper": end,
                "bounds": {"enum": list(get_args(Bounds)), "default": "[)"},
                "empty": {"type": "boolean", "default": False},
            },
            "additionalProperties": False,
        }


_MEMBERS = ("lower", "upper", "bounds", "empty")


def _members(value: Mapping[str, Any]) -> tuple[Any, Any, Any, bool]:
    unknown = [str(each) for each in value if each not in _MEMBERS]
    if unknown:
        raise ValueError(f"a range has no `{unknown[0][:100]}`; it has {listed(_MEMBERS)}")
    empty = value.get("empty", False)
    if not isinstance(empty, bool):
        raise ValueError("its `empty` is true or false")  # noqa: TRY004  # what the contract asks for
    return value.get("lower"), value.get("upper"), value.get("bounds", "[)"), empty


def _reason(error: ValueError) -> str:
    errors: Any = getattr(error, "errors", None)
    text = str(error) if errors is None else str(errors()[0]["msg"])
    return text[:1].lower() + text[1:]


def _plain(value: Any) -> Any:
    return (
        str(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value
    )


@cache
def _adapter_of(element: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(element)


@cache
def _rule_for(element: type) -> RangeRule:
    return RangeRule(element)


def range_rule(annotation: Any) -> RangeRule:
    """The rule of `Range[T]`.

    Raises:
        MissingPart: its bounds are of a type that has no ranges.
    """
    args = get_args(annotation)
    element = bare(args[0]) if args else None
    if element not in RANGE_TYPES:
        shown = "no type" if element is None else type_name(element)
        allowed = listed(each.__name__ for each in RANGE_TYPES)
        raise MissingPart("Range", f"a range over {shown} cannot be stored; there are ranges over {allowed}.")
    return _rule_for(element)


teach(Range)
# Any of the rules shows a range in JSON; which one casts depends on the annotation.
setattr(Range, "__rule_for__", staticmethod(range_rule))  # noqa: B010
setattr(Range, ON_CLASS, _rule_for(int))
