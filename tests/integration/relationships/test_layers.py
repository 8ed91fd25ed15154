"""Relationships between data layers: the keys travel, and joins are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    InMemory,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    belongs_to,
    exists,
    has_many,
    policy,
    uuid_primary_key,
)
from sorbus.errors.framework import CannotJoin


class Hall(Resource):
    """A place, kept in memory."""

    id: Attr[UUID] = uuid_primary_key()
    town: Attr[str] = attribute()
    closed: Attr[bool] = attribute(default=False)

    shows: Many[Show] = has_many(order_by=lambda show: show.title)
    first: Many[Show] = has_many(via="hall_id", order_by=lambda show: show.title, limit=1)
    local: Many[Show] = has_many(via="hall_id", where=lambda show: show.title == Hall.town)

    @action.create
    def build(self, scope: Scope, town: str, closed: bool = False) -> None:
        """Build it."""

    storage = InMemory()
    policies = Policies(
        policy("create", authorize_if(True)),
        policy("read", authorize_if(closed == False)),  # noqa: E712
    )


class Show(Resource):
    """What is played there, kept in PostgreSQL."""

    id: Attr[UUID] = uuid_primary_key()
    hall_id: Attr[UUID] = attribute()
    title: Attr[str] = attribute()

    hall: One[Hall] = belongs_to()

    @action.create
    def plan(self, scope: Scope, hall_id: UUID, title: str) -> None:
        """Plan it."""

    storage = Postgres("shows")
    policies = Policies(policy("any", authorize_if(True)))


@pytest.fixture
async def app(pg18_url: str) -> AsyncIterator[Sorbus]:
    domain = Domain("town", resources=[Hall, Show])
    async with Sorbus(domains=[domain], database_url=pg18_url, auto_migrate=True, secret=b"x") as app:
        yield app


async def test_loads_go_from_one_layer_to_the_other(app: Sorbus) -> None:
    scope = app.scope()
    oslo = await Hall.build(scope, town="Oslo")
    shut = await Hall.build(scope, town="Bergen", closed=True)
    for title, hall in (("b", oslo), ("a", oslo), ("c", shut)):
        await Show.plan(scope, hall_id=hall.id, title=title)
    shows = await Show.query(scope).order_by(Show.title).load(Show.hall).all()
    # The policy of the other layer's rows holds.
    assert [each.hall and each.hall.town for each in shows] == ["Oslo", "Oslo", None]
    (hall,) = await Hall.query(scope).load(Hall.shows, Hall.first).all()
    assert ([each.title for each in hall.shows], [each.title for each in hall.first]) == (["a", "b"], ["a"])


async def test_what_would_join_both_is_refused(app: Sorbus) -> None:
    scope = app.scope()
    await Hall.build(scope, town="Oslo")
    with pytest.raises(CannotJoin, match=r"Show\.hall.*another data layer \(memory\)"):
        await Show.query(scope).where(exists(Show.hall, lambda hall: hall.town == "Oslo")).all()
    with pytest.raises(CannotJoin, match=r"Hall\.shows.*another data layer \(postgres\)"):
        await Hall.query(scope).where(exists(Hall.shows)).all()
    with pytest.raises(CannotJoin, match=r"Hall\.local"):
        await Hall.query(scope).load(Hall.local).all()
