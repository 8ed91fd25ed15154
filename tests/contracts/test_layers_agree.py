"""What memory computes is what PostgreSQL computes, for random expressions over random rows with nulls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.contracts.things import INPUTS, KINDS, TYPES, VALUES, Thing, Things, rows
from tests.contracts.trees import Trees

from sorbus import Sorbus
from sorbus.data_layers.base import Bindings, DataLayer
from sorbus.data_layers.memory.layer import MemoryLayer
from sorbus.data_layers.postgres.migrations import push
from sorbus.expressions.nodes import Node, Ordering, Param, Ref
from sorbus.query.statements import Insert, Output, Select, Statement
from sorbus.types.base import field_type


async def create_tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await push(connection, Sorbus(domains=[Things]).schema())
    finally:
        await connection.close()


@pytest.fixture(scope="module", params=["pg18", "pg15"])
def things_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.getfixturevalue(request.param).fresh() as url:
        asyncio.run(create_tables(url))
        yield url


@pytest.fixture
async def app(things_url: str) -> AsyncIterator[Sorbus]:
    async with Sorbus(domains=[Things], database_url=things_url, secret=b"x", pool_size=1) as app:
        yield app


async def run(layer: DataLayer, statement: Statement, bindings: Bindings) -> list[list[Any]]:
    """The rows of a statement, as Python values."""
    session = await layer.acquire()
    try:
        found = await layer.compile(statement).fetch(session, bindings)
    finally:
        layer.release(session)
    outputs: Sequence[Output] = getattr(statement, "outputs", ())
    loaders = [layer.loader(each.type) for each in outputs]
    return [
        [
            value if value is None or load is None else load(value)
            for value, load in zip(row, loaders, strict=True)
        ]
        for row in found
    ]


async def fill(app: Sorbus, layer: DataLayer, drawn: list[dict[str, Any]]) -> None:
    spec = app.engine.spec_of(Thing)
    names = tuple(spec.attributes)
    nodes = tuple((name, Param(index, spec.attributes[name].type.python)) for index, name in enumerate(names))
    for row in drawn:
        await run(layer, Insert(resource=spec, values=nodes), Bindings([row[name] for name in names]))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(data=st.data())
async def test_memory_and_postgres_agree(app: Sorbus, data: st.DataObject) -> None:
    spec = app.engine.spec_of(Thing)
    postgres, memory = app.engine.layer_of(spec), MemoryLayer(app.spec)
    drawn = data.draw(rows(), label="rows")
    async with app.database.pool.connection() as connection:
        await connection.execute("DELETE FROM things")
    for layer in (postgres, memory):
        await fill(app, layer, drawn)

    trees = Trees(data.draw)
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), label="kinds")
    nodes: list[Node] = [trees.tree(kind) for kind in kinds]
    outputs = tuple(
        Output(name=f"o{number}", node=node, type=field_type(TYPES.get(kind, kind)))
        for number, (node, kind) in enumerate(zip(nodes, kinds, strict=True))
    )
    by = trees.tree(data.draw(st.sampled_from([int, str, float])))
    statement = Select(
        resource=spec,
        outputs=(Output(name="id", node=Ref("id"), type=spec.primary_key.type), *outputs),
        where=trees.tree(bool) if data.draw(st.booleans()) else None,
        order=(
            Ordering(by, data.draw(st.booleans()), data.draw(st.sampled_from([None, True, False]))),
            Ordering(Ref("id")),
        ),
    )
    inputs = {name: data.draw(st.none() | VALUES[int]) for name in INPUTS}
    bindings = Bindings(trees.params, inputs=inputs)
    wanted = await run(postgres, statement, bindings)
    assert await run(memory, statement, bindings) == wanted
