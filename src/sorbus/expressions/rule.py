"""What the table of operators holds: for each its SQL, its Python on values that are not null, its type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args, get_origin

from sorbus.types.base import sql_type

Kinds = Sequence[Any]
"""The types of arguments, without `None`; None for one that is not known."""

_NUMBERS = frozenset({"bigint", "double precision", "numeric"})


class Family(StrEnum):
    """What an argument must be; the text is how errors name it."""

    TEXT = "a text"
    NUMBER = "a number"
    MOMENT = "a date or time"
    LIST = "a list"
    SIZED = "a text or a list"
    DOCUMENT = "a JSON document"
    ANY = "a value"

    def holds(self, annotation: Any) -> bool:
        """Whether values of a type belong to it; what cannot be told does."""
        if annotation is None or annotation is Any or annotation is object:
            return True
        kind = sql_type(annotation)
        match self:
            case Family.TEXT:
                return kind in {"text", "citext"}
            case Family.NUMBER:
                return kind in _NUMBERS
            case Family.MOMENT:
                return kind in {"timestamp with time zone", "date"}
            case Family.LIST:
                return kind.endswith("[]")
            case Family.SIZED:
                return kind in {"text", "citext"} or kind.endswith("[]")
            case Family.DOCUMENT:
                return kind == "jsonb"
            case _:
                return True


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator or function.

    Attributes:
        name: its name in nodes.
        symbol: how `describe` writes it; a name means it is written as a call.
        sql: its SQL with `{0}`, `{1}`… for the arguments, or a function from their column types to that.
        python: the same on values that are not null.
        result: the type of its value, a function from the arguments' types to it, or None for arithmetic.
        takes: what the arguments must be; the last also stands for those that follow.
        strict: whether one null argument makes the value null.
        nullable: whether the value may be null although no argument is.
        same: whether all arguments have one type, so that a bare value takes that of the others.
    """

    name: str
    symbol: str
    sql: str | Callable[[Sequence[str | None]], str]
    python: Callable[..., Any]
    result: Any = None
    takes: tuple[Family, ...] = ()
    strict: bool = True
    nullable: bool = False
    same: bool = False

    def template(self, kinds: Sequence[str | None]) -> str:
        """Its SQL for arguments of these column types."""
        return self.sql if isinstance(self.sql, str) else self.sql(kinds)

    def kind(self, kinds: Kinds) -> Any:
        """The type of its value."""
        if self.result is None:
            return arithmetic(self.name, kinds)
        if isinstance(self.result, type) or get_origin(self.result) is not None:
            return self.result
        return self.result(kinds)

    def family(self, position: int) -> Family:
        """What the argument at a position must be."""
        return self.takes[min(position, len(self.takes) - 1)] if self.takes else Family.ANY


def by_first(**templates: str) -> Callable[[Sequence[str | None]], str]:
    """SQL chosen by the first known type of the arguments; `other` is for all the rest."""
    named = {name.replace("_", " "): text for name, text in templates.items()}

    def choose(kinds: Sequence[str | None]) -> str:
        known = next(filter(None, kinds), None)
        known = "array" if known is not None and known.endswith("[]") else known
        return named.get(known or "", named["other"])

    return choose


def first(kinds: Kinds) -> Any:
    """The type of the first argument."""
    return kinds[0]


def unified(kinds: Kinds) -> Any:
    """The one type of values that stand for each other; of numbers the widest."""
    known = [kind for kind in kinds if kind is not None and kind is not type(None)]
    if Decimal in known:
        return Decimal
    if float in known and set(known) <= {int, float}:
        return float
    return known[0] if known else None


def item_of(kinds: Kinds) -> Any:
    """The type of the items of the first argument."""
    items = get_args(kinds[0])
    return items[0] if items else None


def arithmetic(operator: str, kinds: Kinds) -> Any:
    """The type of a sum, difference, product, quotient or remainder."""
    known = [kind for kind in kinds if kind is not None]
    if (
        operator == "sub"
        and len(known) == 2
        and known[0] in {datetime, date}
        and known[1] in {datetime, date}
    ):
        return timedelta
    if operator in {"add", "sub"}:
        moment = next((kind for kind in known if kind in {datetime, date}), None)
        if moment is not None:
            return moment if operator == "add" or len(known) == 2 else None
    return unified(known)


def clamped(text: str, limit: int = 1_000_000_000) -> str:
    """A whole number cut to what PostgreSQL's `integer` holds, as its functions want it."""
    return f"greatest(least({text}, {limit}), -{limit})::int"
