"""The conformance domain of types: one resource with an attribute of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Literal, NewType, TypedDict
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Attr,
    CiStr,
    Domain,
    Identities,
    Json,
    Limits,
    Policies,
    Postgres,
    Range,
    Resource,
    Scope,
    Tagged,
    TypeRule,
    action,
    attribute,
    authorize_if,
    calculate,
    fn,
    integer_primary_key,
    policy,
    tag_of,
    timestamp,
    uuid_primary_key,
)

type Slug = Annotated[str, Limits(pattern="^[a-z-]+$", max_length=20)]
type Sku = Annotated[str, Limits(max_length=8)]
ShelfId = NewType("ShelfId", UUID)


class Color(StrEnum):
    """Colors."""

    RED = "red"
    BLUE = "blue"


class Size(Enum):
    """Sizes, which are no texts themselves."""

    SMALL = "s"
    LARGE = "l"


@dataclass(frozen=True)
class Part:
    """A part of something, with limits of its own."""

    name: Sku
    count: int = 1
    raw: bytes = b""


class Dimensions(TypedDict):
    """How large something is."""

    width: Decimal
    depth: Decimal | None


@dataclass(frozen=True)
class Card:
    """Paid by card."""

    number: str


@dataclass(frozen=True)
class Transfer:
    """Paid from an account."""

    iban: str
    due: date


@dataclass(frozen=True)
class Circle:
    """A round thing that names its own tag."""

    radius: int
    shape: Literal["circle"] = "circle"


@dataclass(frozen=True)
class Square:
    """A square thing that names its own tag."""

    side: int
    shape: Literal["square", "box"] = "square"


Payment = Annotated[Card | Transfer, Tagged("method", card=Card, transfer=Transfer)]
Answer = Annotated[int | str | bool | date | Decimal, Tagged(number=int, day=date)]
Figure = Annotated[Circle | Square, Tagged("shape")]


class MoneyRule(TypeRule["Money"]):
    """Amounts in a currency, kept in its smallest unit so that they sort as numbers."""

    sql = "bigint"

    def cast(self, value: object) -> Money:
        if isinstance(value, Money):
            return value
        if isinstance(value, str) and value.endswith(" EUR"):
            return Money(round(Decimal(value.removesuffix(" EUR")) * 100))
        raise ValueError("it should be an amount such as `9.90 EUR`")

    def dump(self, value: Money) -> int:
        return value.cents

    def load(self, stored: int) -> Money:
        return Money(stored)

    def to_json(self, value: Money) -> str:
        return f"{Decimal(value.cents) / 100:.2f} EUR"

    def json_schema(self, limits: Limits) -> dict[str, object]:
        return {"type": "string", "pattern": r"^-?\d+(\.\d+)? EUR$"}


@dataclass(frozen=True, order=True)
class Money:
    """An amount in euros."""

    cents: int
    type_rule = MoneyRule()


def _now_by_hand() -> datetime:
    return datetime.now().astimezone()


class Sample(Resource):
    """Something with an attribute of every kind."""

    id: Attr[UUID] = uuid_primary_key()
    email: Attr[CiStr] = attribute(public=True, max_length=50)
    nick: Attr[CiStr | None] = attribute(default=None)
    slug: Attr[Slug] = attribute(default="none", min_length=2)
    shelf: Attr[ShelfId | None] = attribute(default=None)
    price: Attr[Decimal | None] = attribute(default=None, max_digits=8, decimal_places=2)
    at: Attr[datetime | None] = attribute(default=None, precision=3)
    clock: Attr[time | None] = attribute(default=None, precision=0)
    span: Attr[timedelta | None] = attribute(default=None, precision=3)
    day: Attr[date | None] = attribute(default=None, ge=date(2000, 1, 1), le=date.max)
    blob: Attr[bytes | None] = attribute(default=None, max_length=4)
    seats: Attr[Range[int] | None] = attribute(default=None, index=True)
    rates: Attr[Range[Decimal] | None] = attribute(default=None)
    stay: Attr[Range[date] | None] = attribute(default=None)
    window: Attr[Range[datetime] | None] = attribute(default=None)
    words: Attr[list[Sku]] = attribute(default=list, max_length=3, unique_items=True, index=True)
    marks: Attr[list[int | None]] = attribute(default=list)
    picks: Attr[list[int]] = attribute(default=list, drop_nulls=True)
    colors: Attr[list[Color]] = attribute(default=list)
    sizes: Attr[list[Size]] = attribute(default=list)
    keys: Attr[list[UUID]] = attribute(default=list)
    names: Attr[list[CiStr]] = attribute(default=list)
    part: Attr[Part | None] = attribute(default=None)
    parts: Attr[dict[str, list[Part]]] = attribute(default=dict)
    space: Attr[Dimensions | None] = attribute(default=None)
    counts: Attr[dict[str, int]] = attribute(default=dict)
    payment: Attr[Payment | None] = attribute(default=None)
    answer: Attr[Answer | None] = attribute(default=None)
    figures: Attr[list[Figure]] = attribute(default=list)
    money: Attr[Money | None] = attribute(default=None)
    prices: Attr[list[Money]] = attribute(default=list)
    title: Attr[str | None] = attribute(default=None, trim=True, empty_as_null=True)
    anything: Attr[Json | None] = attribute(default=None)

    method = calculate(tag_of(payment))
    first_seat = calculate(fn.range_lower(seats))

    @action.create
    def add(
        self,
        scope: Scope,
        email: CiStr,
        nick: CiStr | None = None,
        slug: Slug = "none",
        shelf: ShelfId | None = None,
        price: Decimal | None = None,
        at: datetime | None = None,
        clock: time | None = None,
        span: timedelta | None = None,
        day: date | None = None,
        blob: bytes | None = None,
        seats: Range[int] | None = None,
        rates: Range[Decimal] | None = None,
        stay: Range[date] | None = None,
        window: Range[datetime] | None = None,
        words: list[Sku] = [],  # noqa: B006
        marks: list[int | None] = [],  # noqa: B006
        picks: list[int] = [],  # noqa: B006
        colors: list[Color] = [],  # noqa: B006
        sizes: list[Size] = [],  # noqa: B006
        keys: list[UUID] = [],  # noqa: B006
        names: list[CiStr] = [],  # noqa: B006
        part: Part | None = None,
        parts: dict[str, list[Part]] = {},  # noqa: B006
        space: Dimensions | None = None,
        counts: dict[str, int] = {},  # noqa: B006
        payment: Payment | None = None,
        answer: Answer | None = None,
        figures: list[Figure] = [],  # noqa: B006
        money: Money | None = None,
        prices: list[Money] = [],  # noqa: B006
        title: str | None = None,
        anything: Json | None = None,
    ) -> None:
        """Add a sample."""

    @action.update
    def change(
        self,
        scope: Scope,
        email: CiStr = UNCHANGED,
        seats: Range[int] | None = UNCHANGED,
        payment: Payment | None = UNCHANGED,
        money: Money | None = UNCHANGED,
        price: Decimal | None = UNCHANGED,
    ) -> None:
        """Change some of it."""

    @action.update
    def double(self, scope: Scope) -> None:
        """Compute values in the statement."""
        self.price = Sample.price * Decimal("1.005")

    storage = Postgres("suite_samples")
    identities = Identities(email=[email])
    policies = Policies(policy("any", authorize_if(True)))


class Ticket(Resource):
    """Something with a number that the database counts, and every option of an attribute."""

    id: Attr[int] = integer_primary_key()
    title: Attr[str] = attribute(public=True)
    details: Attr[str | None] = attribute(default=None, select_by_default=False)
    made_at: Attr[datetime] = timestamp()
    seen_at: Attr[datetime] = attribute(default=_now_by_hand, share_default=True)
    known_at: Attr[datetime] = attribute(default=_now_by_hand, share_default=True)
    changed_at: Attr[datetime] = timestamp(touch=True)
    changes: Attr[int] = attribute(default=0, update_default=7)
    currency: Attr[CiStr] = attribute(default=CiStr("eur"))

    @action.create
    def open(self, scope: Scope, title: str, details: str | None = None) -> None:
        """Open a ticket."""

    @action.update
    def rename(self, scope: Scope, title: str, changes: int = UNCHANGED) -> None:
        """Rename it."""

    @action.update
    def nothing(self, scope: Scope) -> None:
        """Change nothing."""

    storage = Postgres("suite_tickets")
    policies = Policies(policy("any", authorize_if(True)))


Kinds = Domain("kinds", resources=[Sample, Ticket])
