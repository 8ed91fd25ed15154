"""Filters from outside on lists of every type of item, on both data layers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal
from uuid import UUID

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import (
    Attr,
    CiStr,
    Domain,
    FieldPolicies,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    field_policy,
    has_many,
    policy,
    uuid_primary_key,
)
from sorbus.errors.inputs import InvalidFilter
from sorbus.query.query import Query


class Tone(Enum):
    LOW = "low"
    HIGH = "high"


class Grade(IntEnum):
    BAD = 1
    GOOD = 2


class Bag(Resource):
    """Lists of every type."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    words: Attr[list[str]] = attribute(default=list, public=True, max_length=3)
    names: Attr[list[CiStr]] = attribute(default=list, public=True)
    numbers: Attr[list[int]] = attribute(default=list, public=True)
    gaps: Attr[list[int | None]] = attribute(default=list, public=True)
    weights: Attr[list[float]] = attribute(default=list, public=True)
    prices: Attr[list[Decimal]] = attribute(default=list, public=True)
    truths: Attr[list[bool]] = attribute(default=list, public=True)
    keys: Attr[list[UUID]] = attribute(default=list, public=True)
    days: Attr[list[date]] = attribute(default=list, public=True)
    moments: Attr[list[datetime]] = attribute(default=list, public=True)
    clocks: Attr[list[time]] = attribute(default=list, public=True)
    spans: Attr[list[timedelta]] = attribute(default=list, public=True)
    tones: Attr[list[Tone]] = attribute(default=list, public=True)
    grades: Attr[list[Grade]] = attribute(default=list, public=True)
    sizes: Attr[list[Literal["s", "m"]]] = attribute(default=list, public=True)
    perhaps: Attr[list[str] | None] = attribute(default=None, public=True)
    coins: Many[Coin] = has_many(public=True)
    worths = agg.list(coins, lambda coin: coin.worth, public=True)

    storage = Postgres("listed_bags")
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy("*", authorize_if(True)), field_policy([perhaps], authorize_if(actor_present()))
    )

    @action.create
    def pack(
        self,
        scope: Scope,
        name: str,
        words: list[str] = [],  # noqa: B006
        names: list[CiStr] = [],  # noqa: B006
        numbers: list[int] = [],  # noqa: B006
        gaps: list[int | None] = [],  # noqa: B006
        weights: list[float] = [],  # noqa: B006
        prices: list[Decimal] = [],  # noqa: B006
        truths: list[bool] = [],  # noqa: B006
        keys: list[UUID] = [],  # noqa: B006
        days: list[date] = [],  # noqa: B006
        moments: list[datetime] = [],  # noqa: B006
        clocks: list[time] = [],  # noqa: B006
        spans: list[timedelta] = [],  # noqa: B006
        tones: list[Tone] = [],  # noqa: B006
        grades: list[Grade] = [],  # noqa: B006
        sizes: list[Literal["s", "m"]] = [],  # noqa: B006
        perhaps: list[str] | None = None,
    ) -> None:
        """Pack it."""


class Coin(Resource):
    """A coin in a bag."""

    id: Attr[UUID] = uuid_primary_key()
    bag_id: Attr[UUID] = attribute()
    worth: Attr[int] = attribute(public=True)
    bag: One[Bag] = belongs_to(via=bag_id, on_delete="cascade")

    storage = Postgres("listed_coins")
    policies = Policies(policy("any", authorize_if(True)))

    @action.create
    def put(self, scope: Scope, bag_id: UUID, worth: int) -> None:
        """Put it in."""


KEY = UUID(int=7)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FULL: dict[str, Any] = {
    "words": ["a,b", "'", "%"], "names": ["Ann"], "numbers": [1, 2**63 - 1], "gaps": [None, 3],
    "weights": [0.1], "prices": [Decimal("1.50")], "truths": [True], "keys": [KEY], "days": [date(2026, 1, 1)],
    "moments": [NOON], "clocks": [time(12, 30)], "spans": [timedelta(hours=1)], "tones": [Tone.LOW],
    "grades": [Grade.GOOD], "sizes": ["s"], "perhaps": ["x"],
}  # fmt: skip


@pytest.fixture
async def scope(opened: Opener) -> AsyncIterator[Scope]:
    async with opened([Domain("bags", resources=[Bag, Coin])]) as app:
        scope = app.scope(actor="ann")
        full = await Bag.pack(scope, name="full", **FULL)
        await Bag.pack(scope, name="empty")
        await Coin.put(scope, bag_id=full.id, worth=5)
        yield scope


# As they come in JSON: an item that is there, and one that is not.
ITEMS: list[tuple[str, Any, Any]] = [
    ("words", "a,b", "a"), ("words", "'", ""), ("names", "ANN", "An"), ("numbers", 2**63 - 1, 0), ("gaps", 3, 4),
    ("weights", 0.1, 0.2), ("prices", "1.5", "1.51"), ("truths", True, False),
    ("keys", str(KEY), str(UUID(int=8))), ("days", "2026-01-01", "2026-01-02"),
    ("moments", "2026-01-01T13:00:00+01:00", "2026-01-01T13:00:00"), ("clocks", "12:30:00", "12:31:00"),
    ("spans", "PT1H", "PT2H"), ("tones", "low", "high"), ("grades", 2, 1), ("sizes", "s", "m"),
    ("perhaps", "x", "y"), ("worths", 5, 6),
]  # fmt: skip


async def test_every_type_of_item_is_found(scope: Scope) -> None:
    async def found(condition: Any) -> list[str]:
        query: Query[Bag] = Bag.query(scope).filter_input(condition).order_by(Bag.name)
        return await query.list_of(Bag.name)

    for field, there, missing in ITEMS:
        assert await found({field: {"has": there}}) == ["full"], field
        assert await found({field: {"has": missing}}) == [], field
        assert await found({field: {"intersects": [missing, there]}}) == ["full"], field
        assert await found({field: {"intersects": [missing]}}) == [], field
        assert await found({field: {"intersects": []}}) == [], field
        # A list that is null has and lacks nothing.
        without = [] if field == "perhaps" else ["empty"]
        assert await found({"not": {field: {"has": there}}}) == without, field


async def test_a_hidden_list_has_nothing(scope: Scope) -> None:
    stranger = replace(scope, actor=None)
    for condition in ({"has": "x"}, {"intersects": ["x"]}):
        asked = {"perhaps": condition}
        assert await Bag.query(scope).filter_input(asked).count() == 1
        assert await Bag.query(stranger).filter_input(asked).count() == 0
        assert await Bag.query(stranger).filter_input({"not": asked}).count() == 0


def test_what_is_no_item_is_refused(scope: Scope) -> None:
    wrong: list[tuple[str, Any]] = [
        ("words", 5), ("numbers", "1"), ("numbers", 2**63), ("numbers", True), ("weights", float("nan")),
        ("prices", "1e999999"), ("truths", 1), ("keys", "7"), ("tones", "middle"), ("grades", 3), ("sizes", "l"),
        ("words", ["a"]), ("words", {"eq": "a"}), ("words", None), ("words", "\x00"),
    ]  # fmt: skip
    for field, value in wrong:
        for condition in ({"has": value}, {"intersects": [value]}):
            with pytest.raises(InvalidFilter) as caught:
                Bag.query(scope).filter_input({field: condition})
            assert caught.value.path == ("filter", field, *condition)
