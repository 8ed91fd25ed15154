"""What expressions ask of PostgreSQL alone: fragments, collations, values of the moment in policies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import md5
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from sorbus import (
    Attr,
    Domain,
    Many,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    agg,
    attribute,
    authorize_if,
    calculate,
    exists,
    fn,
    fragment,
    has_many,
    lazy,
    policy,
    uuid_primary_key,
)
from sorbus.data_layers.postgres.migrations import push
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.framework import NotCompilable

DOORS = {"open": True}


class Leaf(Resource):
    id: Attr[UUID] = uuid_primary_key()
    twig_id: Attr[UUID] = attribute()
    size: Attr[int] = attribute(default=0)

    @action.create
    def grow(self, scope: Scope, twig_id: UUID, size: int) -> None: ...

    policies = Policies(policy("any", authorize_if(fragment("{0} < {1}", size, 100, type=bool))))


class Twig(Resource):
    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute()

    leaves: Many[Leaf] = has_many()

    hashed = calculate(fragment("md5({0} || {1})", name, "{}'; DROP TABLE twig; --", type=str))
    spread = agg.custom(
        leaves,
        lambda leaf: leaf.size,
        sql="max({0}) - min({0})",
        fold=lambda each: max(each) - min(each),
        type=int,
    )

    @action.create
    def sprout(self, scope: Scope, name: str) -> None: ...

    policies = Policies(policy("any", authorize_if(lazy(lambda: DOORS["open"]))))


Tree = Domain("tree", resources=[Twig, Leaf])


@pytest.fixture
async def scope(database_url: str) -> AsyncIterator[Scope]:
    app = Sorbus(domains=[Tree], database_url=database_url, secret=b"x")
    connection = await asyncpg.connect(database_url)
    try:
        await push(connection, app.schema())
    finally:
        await connection.close()
    async with app:
        yield app.scope()


async def test_fragments_bind_their_arguments_and_keep_the_guards_of_what_they_read(scope: Scope) -> None:
    twig = await Twig.sprout(scope, name="a")
    for size in (1, 5, 99):
        await Leaf.grow(scope, twig_id=twig.id, size=size)
    query = Twig.query(scope)
    (found,) = await query.load(Twig.hashed, Twig.spread).all()
    assert found.hashed == md5(b"a" + b"{}'; DROP TABLE twig; --", usedforsecurity=False).hexdigest()
    assert found.spread == 98
    counted = fragment("({0} + {1}) * 2", agg.count(Twig.leaves), 1, type=int)
    assert await query.list_of(counted) == [8]
    assert await query.where(fragment("{0} ~ {1}", Twig.name, "^[ab]$", type=bool)).count() == 1
    listed = fragment("{0} = ANY({1})", Twig.name, ["a", "b"], type=bool)
    assert await query.where(listed).count() == 1
    assert (
        await query.where(
            exists(Twig.leaves, lambda leaf: fragment("{0} % 5 = 0", leaf.size, type=bool))
        ).count()
        == 1
    )


async def test_a_fragment_in_a_policy_is_asked_of_the_database(scope: Scope) -> None:
    twig = await Twig.sprout(scope, name="a")
    with pytest.raises(ActionForbidden):
        await Leaf.grow(scope, twig_id=twig.id, size=200)
    assert await Leaf.query(scope).count() == 0


async def test_a_lazy_policy_is_asked_at_each_call(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await Twig.query(scope).count() == 0
    monkeypatch.setitem(DOORS, "open", False)
    with pytest.raises(ActionForbidden):
        await Twig.query(scope).count()


async def test_the_values_of_a_fragment_are_no_part_of_a_plan(scope: Scope) -> None:
    engine: Any = scope.need_runtime()
    query = Twig.query(scope)
    await query.where(fragment("length({0}) > {1}", Twig.name, 0, type=bool)).count()
    compiled = engine.compiled
    for number in range(1, 4):
        await query.where(fragment("length({0}) > {1}", Twig.name, number, type=bool)).count()
    assert engine.compiled == compiled


async def test_other_collations_are_postgresqls() -> None:
    async with Sorbus(domains=[Tree], storage="memory") as app:
        scope = app.scope()
        for use in (
            Twig.query(scope).order_by(fn.collate(Twig.name, "de-x-icu")),
            Twig.query(scope).load(Twig.hashed),
            Twig.query(scope).where(Twig.hashed == ""),
        ):
            with pytest.raises(NotCompilable):
                await use.all()
