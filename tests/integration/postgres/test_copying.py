"""Rows get into a table by COPY where that does the same as an INSERT, and only there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from sorbus import Sorbus
from sorbus.data_layers.postgres import copying
from sorbus.data_layers.postgres.copying import Copying
from sorbus.data_layers.postgres.migrations import push
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import InvalidAction
from sorbus.testing.conformance.many_rows import rows
from sorbus.testing.conformance.many_rows_world import Chest
from sorbus.testing.conformance.people import Visits
from sorbus.testing.conformance.press import DOMAINS
from sorbus.testing.conformance.world import Tenant, new_tenant


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Tenant]:
    connection = await asyncpg.connect(database_url)
    try:
        app = Sorbus(domains=DOMAINS, database_url=database_url, secret=b"test")
        await push(connection, app.schema())
    finally:
        await connection.close()
    async with app:
        visits = Visits()
        app.provide(Visits, visits)
        yield await new_tenant(app, visits)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each COPY has written."""
    written: list[int] = []
    write = Copying.write

    async def noting(self: Copying, session: Any, sql: str, lists: Any) -> bool:
        done = await write(self, session, sql, lists)
        if done:
            written.append(len(lists[0]))
        return done

    monkeypatch.setattr(Copying, "write", noting)
    return written


async def admin(here: Tenant, sql: str) -> None:
    async with here.app.database.pool.connection() as connection:
        await connection.execute(sql)


async def test_many_rows_are_copied_and_few_inserted(here: Tenant, copied: list[int]) -> None:
    await Chest.add.bulk(here.scope, rows(copying.FEWEST - 1))
    assert copied == []
    await Chest.add.bulk(here.scope, [{**each, "code": f"n{each['code']}"} for each in rows(copying.FEWEST)])
    assert copied == [copying.FEWEST]


async def test_a_table_is_asked_for_once(here: Tenant, copied: list[int]) -> None:
    for number in range(3):
        await Chest.add.bulk(here.scope, [{**each, "code": f"{number}{each['code']}"} for each in rows(200)])
    assert copied == [200, 200, 200]


async def test_a_refused_copy_leaves_the_connection_usable(here: Tenant, copied: list[int]) -> None:
    await Chest.add(here.scope, code="m150")
    with pytest.raises(InvalidAction):
        await Chest.add.bulk(here.scope, rows(200))
    assert copied == []
    assert (await Chest.add.bulk(here.scope, rows(150))).count == 150
    assert copied == [150]


async def test_a_number_that_no_column_holds_is_refused_as_by_insert(here: Tenant, copied: list[int]) -> None:
    given = rows(copying.FEWEST)
    given[7]["numbers"] = [2**70]
    raised: list[str] = []
    for count in (copying.FEWEST, copying.FEWEST - 1):
        with pytest.raises(SorbusError) as caught:
            await Chest.add.bulk(here.scope, given[:count])
        raised.append(type(caught.value).__name__)
    assert raised[0] == raised[1]
    assert copied == []


async def test_a_table_with_a_rule_is_left_to_insert(here: Tenant, copied: list[int]) -> None:
    await admin(here, "CREATE TABLE noted (code text)")
    await admin(
        here,
        'CREATE RULE noting AS ON INSERT TO "suite_chests" DO ALSO INSERT INTO noted VALUES (NEW.code)',
    )
    await Chest.add.bulk(here.scope, rows(200))
    assert copied == []
    async with here.app.database.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM noted") == 200


async def test_a_trigger_sees_copied_rows(here: Tenant, copied: list[int]) -> None:
    await admin(
        here,
        """
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
        CREATE TRIGGER shouting BEFORE INSERT ON suite_chests FOR EACH ROW EXECUTE FUNCTION shout();
        """,
    )
    await Chest.add.bulk(here.scope, rows(200))
    assert copied == [200]
    assert {each.name for each in await Chest.query(here.scope).all()} == {"THING"}


async def test_row_level_security_is_left_to_insert(here: Tenant, copied: list[int]) -> None:
    await admin(here, "DROP ROLE IF EXISTS sorbus_test_copying")
    await admin(here, "CREATE ROLE sorbus_test_copying")
    try:
        await admin(
            here,
            """
            GRANT ALL ON ALL TABLES IN SCHEMA public TO sorbus_test_copying;
            ALTER TABLE suite_chests ENABLE ROW LEVEL SECURITY;
            CREATE POLICY everything ON suite_chests USING (true);
            """,
        )
        async with here.app.transaction() as opened:
            session = await opened.session(here.app.engine.layers["postgres"])
            await session.execute("SET LOCAL ROLE sorbus_test_copying")
            assert (await Chest.add.bulk(here.scope, rows(200))).count == 200
        assert copied == []
    finally:
        await admin(here, "DROP OWNED BY sorbus_test_copying; DROP ROLE sorbus_test_copying")


async def test_a_table_that_changes_is_looked_at_again(here: Tenant, copied: list[int]) -> None:
    await Chest.add.bulk(here.scope, rows(200))
    await admin(here, "ALTER TABLE suite_chests RENAME TO suite_boxes")
    await admin(here, "CREATE VIEW suite_chests AS SELECT * FROM suite_boxes")
    more = [{**each, "code": f"n{each['code']}"} for each in rows(200)]
    # COPY cannot write into a view; the next run knows.
    with pytest.raises(Exception, match="view"):
        await Chest.add.bulk(here.scope, more)
    assert (await Chest.add.bulk(here.scope, more)).count == 200
    assert copied == [200]
