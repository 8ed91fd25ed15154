"""A domain with a value of every type that a database writes itself, and values for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    GraphQL,
    Json,
    JsonApi,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    field_policy,
    has_many,
    policy,
    uuid_primary_key,
)
from sorbus.data_layers.postgres.migrations import push


class Mood(StrEnum):
    """Text, and one that must be escaped."""

    PLAIN = "plain"
    ODD = 'it\'s "odd" \\ \n'


class Level(IntEnum):
    """Numbers."""

    LOW = 1
    HIGH = 2


class Shelf(Resource):
    """Holds values."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    values: Many[Value] = has_many(public=True)
    hidden_values: Many[Value] = has_many(public=True, where=lambda value: value.secret.is_null())
    value_count = agg.count(values, public=True)

    @action.create
    def put_up(self, scope: Scope, name: str) -> None:
        """Put it up."""

    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/shelves", "get", "index", put_up, includes=["values.shelf"])
    graphql = GraphQL("list")


class Value(Resource):
    """One of every type that the database writes itself."""

    id: Attr[UUID] = uuid_primary_key()
    shelf_id: Attr[UUID | None] = attribute(public=True, default=None)
    text: Attr[str | None] = attribute(public=True, default=None)
    number: Attr[int | None] = attribute(public=True, default=None)
    share: Attr[float | None] = attribute(public=True, default=None)
    price: Attr[Decimal | None] = attribute(public=True, default=None)
    sure: Attr[bool | None] = attribute(public=True, default=None)
    at: Attr[datetime | None] = attribute(public=True, default=None)
    day: Attr[date | None] = attribute(public=True, default=None)
    hour: Attr[time | None] = attribute(public=True, default=None)
    raw: Attr[bytes | None] = attribute(public=True, default=None)
    mood: Attr[Mood | None] = attribute(public=True, default=None)
    level: Attr[Level | None] = attribute(public=True, default=None)
    tags: Attr[list[str]] = attribute(public=True, default=list)
    keys: Attr[list[UUID | None]] = attribute(public=True, default=list)
    extra: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    secret: Attr[str | None] = attribute(public=True, default=None)
    stamp: Attr[datetime | None] = attribute(public=True, default=None)

    shelf: One[Shelf] = belongs_to(via=shelf_id, public=True)
    shout = calculate(text + "!", public=True)

    @action.create
    def keep(
        self,
        scope: Scope,
        shelf_id: UUID | None = None,
        text: str | None = None,
        number: int | None = None,
        share: float | None = None,
        price: Decimal | None = None,
        sure: bool | None = None,
        at: datetime | None = None,
        day: date | None = None,
        hour: time | None = None,
        raw: bytes | None = None,
        mood: Mood | None = None,
        level: Level | None = None,
        tags: list[str] = [],  # noqa: B006
        keys: list[UUID | None] = [],  # noqa: B006
        extra: dict[str, Json] = {},  # noqa: B006
        secret: str | None = None,
        stamp: datetime | None = None,
    ) -> None:
        """Keep one."""

    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy([secret, stamp], authorize_if(sure)),
        field_policy(level, authorize_if(actor_present())),
        field_policy("*", authorize_if(True)),
    )
    json_api = JsonApi("/values", "get", "index", keep, includes=[shelf])
    graphql = GraphQL("list")


Store = Domain("store", resources=[Shelf, Value])


@asynccontextmanager
async def stocked(url: str) -> AsyncIterator[Sorbus]:
    """The application over an empty database, open and with its tables."""
    app = Sorbus(domains=[Store], name="store", database_url=url, secret=b"k" * 32)
    async with app:
        async with app.database.pool.connection() as connection:
            await push(connection, app.schema())
        yield app


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
MOMENTS = st.datetimes(timezones=st.just(UTC)).filter(lambda each: FIRST < each < LAST) | st.just(
    datetime(2026, 1, 1, tzinfo=UTC)
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VALUES = st.fixed_dictionaries(
    {
        "text": maybe(TEXTS),
        "number": maybe(st.integers(-(2**63), 2**63 - 1)),
        "share": maybe(st.floats()),
        "price": maybe(st.decimals(min_value=-(10**12), max_value=10**12, places=4)),
        "sure": maybe(st.booleans()),
        "at": maybe(MOMENTS),
        "day": maybe(st.dates()),
        "hour": maybe(st.times()),
        "raw": maybe(st.binary(max_size=100)),
        "mood": maybe(st.sampled_from(Mood)),
        "level": maybe(st.sampled_from(Level)),
        "tags": st.lists(TEXTS, max_size=3),
        "keys": st.lists(maybe(st.uuids()), max_size=3),
        "extra": st.dictionaries(TEXTS, DOCUMENTS, max_size=3),
        "secret": maybe(TEXTS),
        "stamp": maybe(MOMENTS),
    }
)
