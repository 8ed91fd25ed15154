"""For random pairs of schemas the steps lead from one to the other and back, proved on the catalog."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.conftest import Databases
from tests.integration.migrations.schemas import schemas

from sorbus.data_layers.postgres.migrations import (
    Answers,
    Connection,
    diff,
    in_catalog_words,
    read_catalog,
    rename_questions,
    validate,
)
from sorbus.data_layers.postgres.migrations.ddl import create_schema
from sorbus.data_layers.postgres.tables import Schema

EXAMPLES = int(os.environ.get("SORBUS_SCHEMA_EXAMPLES", "40"))


class Server:
    """One connection that outlives the examples, and the loop that it belongs to."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.conn: Connection = self.loop.run_until_complete(asyncpg.connect(url))

    def close(self) -> None:
        self.loop.run_until_complete(self.conn.close())
        self.loop.close()


@pytest.fixture(scope="module", params=["pg18", "pg15"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    databases: Databases = request.getfixturevalue(request.param)
    with databases.fresh() as url:
        opened = Server(url)
        yield opened
        opened.close()


@st.composite
def answers(draw: st.DrawFn, old: Schema, new: Schema) -> Answers:
    """Random answers to every question, so that renames are among the steps."""
    said = Answers()
    while questions := rename_questions(old.canonical(), new.canonical(), said):
        first = questions[0]
        said = said.says(first, draw(st.none() | st.sampled_from(first.candidates)))
    return said


async def catalog(conn: Connection) -> Schema:
    return replace(await read_catalog(conn), extensions=())


async def there_and_back(conn: Connection, old: Schema, new: Schema, said: Answers) -> None:
    for statement in create_schema(old):
        await conn.execute(statement)
    before = await catalog(conn)
    assert before == await in_catalog_words(conn, old)
    steps = diff(old, new, answers=said)
    for step in steps:
        event(type(step).__name__)
        for statement in step.forward():
            await conn.execute(statement)
    assert await catalog(conn) == await in_catalog_words(conn, new)
    for step in reversed(steps):
        for statement in step.backward():
            await conn.execute(statement)
    assert await catalog(conn) == before


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(old=schemas(), new=schemas(), data=st.data())
def test_steps_lead_to_the_new_schema_and_back(
    server: Server, old: Schema, new: Schema, data: st.DataObject
) -> None:
    validate(old)
    validate(new)
    said = data.draw(answers(old, new))

    async def example() -> None:
        await server.conn.execute("CREATE SCHEMA example; SET search_path = example, public")
        try:
            await there_and_back(server.conn, old, new, said)
        finally:
            await server.conn.execute("DROP SCHEMA example CASCADE")

    server.loop.run_until_complete(example())


@settings(max_examples=50, deadline=None)
@given(schema=schemas())
def test_json_gives_the_schema_back(schema: Schema) -> None:
    text = schema.to_json()
    again = Schema.from_json(text)
    assert again == schema.canonical()
    assert again.to_json() == text
    assert diff(again, schema) == []
