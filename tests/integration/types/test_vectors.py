"""Vectors: in memory and in PostgreSQL with pgvector; a server without it is named at once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import asyncpg
import pytest
from tests.conftest import Databases

from sorbus import (
    Attr,
    Domain,
    Hnsw,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    Vector,
    action,
    attribute,
    authorize_if,
    calculate,
    cosine_distance,
    inner_product,
    l2_distance,
    negative_inner_product,
    policy,
    uuid_primary_key,
)
from sorbus.data_layers.postgres.migrations import push
from sorbus.errors.database import ValueNotStorable
from sorbus.errors.inputs import InvalidAction
from sorbus.errors.migrations import ExtensionUnavailable

EAST = Vector([1, 0, 0])


class Passage(Resource):
    """A piece of text with what a model made of it."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute(public=True)
    embedding: Attr[Vector | None] = attribute(
        default=None, dimensions=3, index=Hnsw(distance="cosine", m=8, ef_construction=32)
    )

    from_east = calculate(cosine_distance(embedding, EAST))

    @action.create
    def add(self, scope: Scope, text: str, embedding: Vector | None = None) -> None:
        """Add a passage."""

    @action.update
    def embed(self, scope: Scope, embedding: Vector | None) -> None:
        """Set the vector."""

    storage = Postgres("passages")
    policies = Policies(policy("any", authorize_if(True)))


Library = Domain("library", resources=[Passage])


@pytest.fixture(params=["memory", "pg18", "pg15"])
def place(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of a fresh database; None for memory."""
    if request.param == "memory":
        yield None
        return
    databases: Databases = request.getfixturevalue(request.param)
    with databases.fresh() as url:
        yield url


@pytest.fixture
async def app(place: str | None) -> AsyncIterator[Sorbus]:
    if place is None:
        async with Sorbus(domains=[Library], storage="memory", secret=b"v") as opened:
            yield opened
        return
    connection = await asyncpg.connect(place)
    try:
        await push(connection, Sorbus(domains=[Library]).schema())
    except ExtensionUnavailable as error:
        pytest.skip(f"This server has no pgvector: {error.message}")
    finally:
        await connection.close()
    async with Sorbus(domains=[Library], database_url=place, secret=b"v") as opened:
        yield opened


async def three(app: Sorbus) -> Scope:
    scope = app.system_scope()
    await Passage.add(scope, text="east", embedding=EAST)
    await Passage.add(scope, text="north east", embedding=Vector([1, 1, 0]))
    await Passage.add(scope, text="west", embedding=Vector([-2, 0, 0]))
    await Passage.add(scope, text="nowhere")
    return scope


async def test_it_comes_back_equal(app: Sorbus) -> None:
    scope = app.system_scope()
    passage = await Passage.add(scope, text="x", embedding=Vector([0.1, -0.0, 3e38]))
    stored = await Passage.get(scope, passage.id)
    assert stored == passage
    assert isinstance(stored.embedding, Vector)
    changed = await stored.embed(scope, embedding=Vector([1, 2, 3]))
    assert changed.embedding == Vector([1, 2, 3])
    assert (await changed.embed(scope, embedding=None)).embedding is None


async def test_what_is_near_is_found(app: Sorbus) -> None:
    scope = await three(app)
    query = Passage.query(scope).where(~Passage.embedding.is_null())
    near = await query.order_by(cosine_distance(Passage.embedding, [2.0, 0.1, 0])).limit(2).all()
    assert [each.text for each in near] == ["east", "north east"]
    far = await query.order_by(l2_distance(Passage.embedding, EAST).desc()).all()
    assert [each.text for each in far] == ["west", "north east", "east"]
    by_product = await query.order_by(inner_product(Passage.embedding, EAST).desc(), Passage.text).all()
    assert [each.text for each in by_product] == ["east", "north east", "west"]
    assert await query.where(negative_inner_product(Passage.embedding, EAST) > 1.5).count() == 1
    assert await query.where(Passage.embedding == EAST).count() == 1


async def test_a_calculation_gives_the_distance(app: Sorbus) -> None:
    scope = await three(app)
    rows = await Passage.query(scope).order_by(Passage.text).load(Passage.from_east).all()
    found = {each.text: each.from_east for each in rows}
    assert found["nowhere"] is None
    assert math.isclose(found["east"], 0, abs_tol=1e-6)
    assert math.isclose(found["north east"], 1 - 1 / math.sqrt(2), rel_tol=1e-6)
    assert math.isclose(found["west"], 2, rel_tol=1e-6)


async def test_other_dimensions_are_refused(app: Sorbus) -> None:
    scope = await three(app)
    with pytest.raises(InvalidAction, match="2 dimensions and should have 3"):
        await Passage.add(scope, text="x", embedding=Vector([1, 2]))
    with pytest.raises(ValueNotStorable, match="dimensions"):
        await Passage.query(scope).where(l2_distance(Passage.embedding, [1.0, 2.0]) > 0).all()


async def test_the_index_serves_the_sort(pg18: Databases) -> None:
    with pg18.fresh() as url:
        connection = await asyncpg.connect(url)
        schema = Sorbus(domains=[Library]).schema()
        try:
            await push(connection, schema)
            assert await push(connection, schema) == ()
            await connection.execute(
                "INSERT INTO passages (id, text, embedding) SELECT gen_random_uuid(), 'x', "
                "ARRAY[random(), random(), random()]::real[]::vector FROM generate_series(1, 2000)"
            )
            await connection.execute("SET enable_seqscan = off")
            plan = await connection.fetch(
                "EXPLAIN SELECT text FROM passages ORDER BY embedding <=> $1::real[]::vector LIMIT 3",
                [1.0, 0.0, 0.0],
            )
            assert any("passages_embedding_idx" in row[0] for row in plan)
        finally:
            await connection.close()


async def test_a_server_without_it_is_named_when_the_application_opens(pg15: Databases) -> None:
    with pg15.fresh() as url:
        connection = await asyncpg.connect(url)
        try:
            if await connection.fetchval("SELECT true FROM pg_available_extensions WHERE name = 'vector'"):
                pytest.skip("this PostgreSQL 15 has pgvector")
            with pytest.raises(ExtensionUnavailable):
                await push(connection, Sorbus(domains=[Library]).schema())
            tables = await connection.fetchval(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'passages'"
            )
            assert tables == 0
        finally:
            await connection.close()
        with pytest.raises(ExtensionUnavailable, match="the extension vector"):
            await Sorbus(domains=[Library], database_url=url, secret=b"v").open()
