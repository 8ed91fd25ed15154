"""An upsert whose row has a null among the keys inserts plainly: nothing can be in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import (
    Attr,
    Domain,
    Identities,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    identity,
    outcome_of,
    policy,
    uuid_primary_key,
)
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import InvalidAction


class Parcel(Resource):
    """A parcel, whose number may not be known yet."""

    id: Attr[UUID] = uuid_primary_key()
    number: Attr[str | None] = attribute(default=None)
    weight: Attr[int] = attribute(default=0)

    @action.create(upsert="number")
    def bring(self, scope: Scope, number: str | None = None, weight: int = 0) -> None: ...

    identities = Identities(number=identity(number, where=~number.is_null()))
    policies = Policies(policy("any", authorize_if(weight < 100)))


class Shelf(Resource):
    """A shelf; one of them has no number."""

    id: Attr[UUID] = uuid_primary_key()
    number: Attr[int | None] = attribute(default=None)
    weight: Attr[int] = attribute(default=0)

    @action.create(upsert="number")
    def store(self, scope: Scope, number: int | None = None, weight: int = 0) -> None: ...

    identities = Identities(number=identity(number, nulls_distinct=False))
    policies = Policies(policy("any", authorize_if(True)))


Depot = Domain("depot", resources=[Parcel, Shelf])


@pytest.fixture
async def app(opened: Opener) -> AsyncIterator[Sorbus]:
    async with opened([Depot]) as app:
        yield app


def compiled(app: Sorbus, bulk: str = "insert") -> list[bool]:
    """Of the inserts that were compiled for `bring`, whether they fall back on an update."""
    data: Any = app.engine.plan_of(Parcel.bring).data
    statements = [key for key in data.executables if key[0] == bulk]
    return [key[-1] is False if bulk == "insert many" else len(key) > 2 for key in statements]


async def test_each_of_them_is_a_row_of_its_own(app: Sorbus) -> None:
    scope = app.scope()
    made = [await Parcel.bring(scope, weight=5) for _ in range(2)]
    assert made[0].id != made[1].id
    assert [outcome_of(each) for each in made] == ["inserted", "inserted"]
    assert compiled(app) == [False]
    known = [await Parcel.bring(scope, number="a", weight=weight) for weight in (1, 2)]
    assert known[0].id == known[1].id
    assert [outcome_of(each) for each in known] == ["inserted", "updated"]
    assert compiled(app) == [False, True]
    assert await Parcel.query(scope).count() == 3


async def test_in_bulk_they_share_a_statement_and_the_others_find_their_rows(app: Sorbus) -> None:
    scope = app.scope()
    first = await Parcel.bring(scope, number="b")
    rows: list[dict[str, Any]] = [
        {"weight": 1}, {"number": "a", "weight": 2}, {"weight": 3}, {"number": "b", "weight": 4}, {"weight": 5}
    ]  # fmt: skip
    result = await Parcel.bring.bulk(scope, rows, returning=True)
    assert result.records is not None
    assert [each.weight for each in result.records] == [1, 2, 3, 4, 5]
    assert [outcome_of(each) for each in result.records] == ["inserted"] * 3 + ["updated", "inserted"]
    assert result.records[3].id == first.id
    assert compiled(app, "insert many") == [False]
    stored = {each.id: each.weight for each in await Parcel.query(scope).all()}
    assert stored == {each.id: each.weight for each in result.records}


async def test_policies_decide_over_them_all_the_same(app: Sorbus) -> None:
    scope = app.scope()
    with pytest.raises(ActionForbidden):
        await Parcel.bring(scope, weight=100)
    with pytest.raises((ActionForbidden, InvalidAction)):
        await Parcel.bring.bulk(scope, [{"weight": 1}, {"weight": 100}])
    left = await Parcel.bring.bulk(scope, [{"weight": 1}, {"weight": 100}], on_error="continue")
    assert (left.count, [each.index for each in left.errors]) == (1, [1])
    assert await Parcel.query(scope).count() == 1


async def test_where_nulls_are_equal_a_null_is_a_key_like_any_other(app: Sorbus) -> None:
    scope = app.scope()
    made = [await Shelf.store(scope, weight=weight) for weight in (1, 2)]
    assert made[0].id == made[1].id
    assert [outcome_of(each) for each in made] == ["inserted", "updated"]
    assert (await Shelf.query(scope).one()).weight == 2
