"""The conformance domain of expressions: studios, their works, and works made after others."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    Expr,
    Json,
    Many,
    One,
    Policies,
    Postgres,
    Scope,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    calculation,
    computed,
    exists,
    fn,
    has_many,
    nested,
    parent,
    policy,
)
from sorbus.testing.conformance.of_org import OfOrg


class Tone(StrEnum):
    """The colours of works."""

    WARM = "warm"
    COLD = "cold"


def _shouted(cls: type[Painting], suffix: str = "") -> Expr[str]:
    return fn.upper(cls.title) + suffix


class Grade(Enum):
    """What a work is worth, by an enumeration whose members are no texts."""

    FINE = "fine"
    POOR = "poor"


class Painting(OfOrg):
    """A work that a studio made, perhaps after another."""

    studio_id: Attr[UUID] = attribute()
    model_id: Attr[UUID | None] = attribute(default=None)
    title: Attr[str] = attribute(public=True)
    price: Attr[Decimal] = attribute(default=Decimal(0), public=True)
    width: Attr[int] = attribute(default=1, public=True)
    rating: Attr[float | None] = attribute(default=None)
    shown_on: Attr[date | None] = attribute(default=None)
    sold_at: Attr[datetime | None] = attribute(default=None)
    tones: Attr[list[Tone]] = attribute(default=list)
    words: Attr[list[str]] = attribute(default=list)
    grades: Attr[list[Grade]] = attribute(default=list)
    sheet: Attr[dict[str, Json]] = attribute(default=dict)
    stored: Attr[bool] = attribute(default=False)

    studio: One[Studio] = belongs_to(via=studio_id)
    model: One[Painting] = belongs_to(via=model_id, foreign_key=False)
    copies: Many[Painting] = has_many(via="model_id")

    loud = calculate(fn.upper(title), public=True)
    is_model = calculate(agg.count(copies) > 0)
    has_wider_copy = calculate(exists(copies, lambda copy: copy.width > parent(Painting.width)))

    @calculation(public=True)
    @classmethod
    def discounted(cls, percent: int = 10) -> Expr[Decimal]:
        """The price after a discount."""
        return cls.price * (100 - percent) / 100

    @calculation
    @classmethod
    def costs(cls, least: Arg[Decimal], strictly: bool = False) -> Expr[bool]:
        """Whether it costs so much; Python chooses how to ask."""
        return cls.price > least if strictly else cls.price >= least

    @calculation
    @classmethod
    def halved(cls, times: int = 1) -> Expr[Decimal]:
        """The price with half off, several times: a calculation over itself."""
        return cls.discounted(percent=50) if times <= 1 else cls.halved(times=times - 1) / 2

    @calculation
    @classmethod
    def copies_wider_than(cls, least: int) -> Expr[int]:
        """How many copies are wider."""
        return agg.count(cls.copies, where=lambda copy: copy.width > least)

    @computed(loads=[title, discounted(percent=50).as_("half")])
    def tag(self, mark: str = "!") -> str:
        """A price tag, made in Python."""
        half: Decimal = vars(self)["half"]
        return f"{self.title}: {half.normalize():f}{mark}"

    @computed(loads=[title], expression=_shouted)
    def shout(self, suffix: str = "") -> str:
        """The title in upper case, in Python and as an expression."""
        return self.title.upper() + suffix

    @computed(loads=[title], expression=lambda cls: fn.length(cls.title))
    def size(self) -> int:
        """The length of the title, both ways."""
        return len(self.title)

    @computed(loads=[width, tag], batch=True)
    @staticmethod
    def places(records: list[Painting], scope: Scope, first: int = 1) -> list[int]:
        """The place of each among all that were read, the widest first."""
        CALLS["places"] += 1
        ranked = sorted(records, key=lambda each: -each.width)
        return [ranked.index(each) + first for each in records]

    @computed(loads=[nested(studio, lambda studio: [studio.paintings])], batch=True)
    @staticmethod
    async def shares(records: list[Painting], scope: Scope) -> list[str]:
        """Which part of its studio's works each is, from an asynchronous function."""
        return [f"1/{len(each.studio.paintings)} of {each.studio.name}" for each in records]

    @action.create
    def paint(
        self,
        scope: Scope,
        studio_id: UUID,
        title: str,
        model_id: UUID | None = None,
        price: Decimal = Decimal(0),
        width: int = 1,
        rating: float | None = None,
        shown_on: date | None = None,
        sold_at: datetime | None = None,
        tones: list[Tone] = [],  # noqa: B006
        words: list[str] = [],  # noqa: B006
        grades: list[Grade] = [],  # noqa: B006
        sheet: dict[str, Json] = {},  # noqa: B006
        stored: bool = False,
    ) -> None:
        """Paint it."""

    storage = Postgres("suite_paintings")
    policies = Policies(
        policy("create", authorize_if(actor_present())),
        policy("read", authorize_if(stored == False)),  # noqa: E712
    )


class Studio(OfOrg):
    """Where works are made."""

    name: Attr[str] = attribute()

    paintings: Many[Painting] = has_many(order_by=lambda painting: painting.title.desc())

    painting_count = agg.count(paintings)
    all_count = agg.count(paintings, authorize=False)
    ratings = agg.count(paintings, lambda painting: painting.rating)
    prices = agg.count(paintings, lambda painting: painting.price, unique=True)
    titles = agg.list(paintings, lambda painting: painting.title)
    widest = agg.list(
        paintings,
        lambda painting: painting.width,
        order_by=lambda each: each.width.desc(),
        unique=True,
        limit=2,
    )
    wanted_tones = agg.list(paintings, lambda painting: painting.tones)
    first_rating = agg.first(paintings, lambda painting: painting.rating, order_by=lambda each: each.title)
    first_or_null = agg.first(
        paintings, lambda painting: painting.rating, order_by=lambda each: each.title, include_null=True
    )
    best = agg.max(paintings, lambda painting: painting.rating, default=-1.0)
    income = agg.sum(paintings, lambda painting: painting.price, default=Decimal(-1))
    cheap_income = agg.sum(paintings, lambda painting: painting.discounted(percent=50))
    line = agg.custom(
        paintings,
        lambda painting: painting.title,
        sql="string_agg({0}, ', ')",
        fold=", ".join,
        type=str,
        default="none",
        order_by=lambda each: (each.width.desc(), each.title),
    )
    copies = agg.sum(paintings, lambda painting: agg.count(painting.copies))
    has_dear = agg.exists(paintings, where=lambda painting: painting.costs(Decimal(100)))
    is_busy = calculate(agg.count(paintings) > 2)
    mean_length = calculate(fn.round(agg.avg(paintings, lambda each: fn.length(each.title)), 1))

    @computed(loads=[nested(paintings, lambda painting: [painting.copies_wider_than(1), painting.studio])])
    def busiest(self) -> str:
        """The title of the work with the most wide copies, from nested loads."""
        best = max(self.paintings, key=lambda each: vars(each)["copies_wider_than"], default=None)
        return "" if best is None else f"{best.title} of {best.studio.name}"

    @action.create
    def open(self, scope: Scope, name: str) -> None:
        """Open it."""

    storage = Postgres("suite_studios")


CALLS: Counter[str] = Counter()
"""How often functions for all records were called."""

Gallery = Domain("suite_gallery", resources=[Studio, Painting])
