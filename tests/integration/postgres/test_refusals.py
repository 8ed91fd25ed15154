"""Every leaf, made by a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from sorbus.data_layers.postgres.connection import Connection
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors import Invalid, SorbusError
from sorbus.errors import database as leaves

SCHEMA = """
CREATE TABLE org (id int PRIMARY KEY);
CREATE TABLE item (
    id int PRIMARY KEY,
    org_id int NOT NULL CONSTRAINT item_org_fk REFERENCES org (id),
    parent_id int CONSTRAINT item_parent_fk REFERENCES item (id),
    email text,
    short varchar(3),
    small smallint CONSTRAINT item_small_positive CHECK (small > 0),
    price numeric(4, 2),
    data jsonb,
    span int4range,
    CONSTRAINT item_span_excl EXCLUDE USING gist (span WITH &&)
);
CREATE UNIQUE INDEX item_org_email ON item (org_id, lower(email));
INSERT INTO org VALUES (1), (2);
INSERT INTO item (id, org_id, email, span) VALUES (1, 1, 'a@b.c', '[1,5)');
INSERT INTO item (id, org_id, parent_id) VALUES (2, 1, 1);
"""


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as lent:
        await lent.execute(SCHEMA)
        yield lent


async def refused(connection: Connection, query: str, *args: object) -> SorbusError:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
        await connection.execute(query, *args)
    found = translate(caught.value)
    assert found is not None, caught.value
    return found


async def test_a_unique_index_names_itself_and_its_expressions(connection: Connection) -> None:
    found = await refused(connection, "INSERT INTO item (id, org_id, email) VALUES (3, 1, 'A@b.c')")
    assert isinstance(found, leaves.UniqueViolation)
    assert (found.constraint, found.schema, found.table) == ("item_org_email", "public", "item")
    assert found.columns == ("org_id", "lower(email)")
    assert "a@b.c" not in str(found).lower()


async def test_a_foreign_key_tells_a_missing_row_from_one_still_used(connection: Connection) -> None:
    missing = await refused(connection, "INSERT INTO item (id, org_id) VALUES (3, 77)")
    assert isinstance(missing, leaves.ForeignKeyViolation)
    assert (missing.constraint, missing.columns, missing.still_used) == ("item_org_fk", ("org_id",), False)
    assert (missing.table, missing.referenced) == ("item", "org")

    used = await refused(connection, "DELETE FROM org WHERE id = 1")
    assert isinstance(used, leaves.ForeignKeyViolation)
    assert (used.constraint, used.still_used, used.table, used.referenced) == (
        "item_org_fk",
        True,
        "item",
        "org",
    )


async def test_a_foreign_key_to_its_own_table_is_told_apart_too(connection: Connection) -> None:
    missing = await refused(connection, "UPDATE item SET parent_id = 99 WHERE id = 2")
    assert isinstance(missing, leaves.ForeignKeyViolation)
    assert not missing.still_used
    used = await refused(connection, "DELETE FROM item WHERE id = 1")
    assert isinstance(used, leaves.ForeignKeyViolation)
    assert used.still_used


async def test_not_null_names_its_column(connection: Connection) -> None:
    found = await refused(connection, "INSERT INTO item (id) VALUES (3)")
    assert isinstance(found, leaves.NotNullViolation)
    assert (found.table, found.columns) == ("item", ("org_id",))


async def test_check_and_exclusion_name_their_constraint(connection: Connection) -> None:
    check = await refused(connection, "INSERT INTO item (id, org_id, small) VALUES (3, 1, -1)")
    assert isinstance(check, leaves.CheckViolation)
    assert check.constraint == "item_small_positive"
    exclusion = await refused(connection, "INSERT INTO item (id, org_id, span) VALUES (3, 1, '[2,3)')")
    assert isinstance(exclusion, leaves.ExclusionViolation)
    assert (exclusion.constraint, exclusion.columns) == ("item_span_excl", ("span",))


@pytest.mark.parametrize(
    ("column", "value", "leaf"),
    [
        ("small", 40_000, leaves.NumericOutOfRange),
        ("small", 2**70, leaves.NumericOutOfRange),
        ("price", 12345, leaves.NumericOutOfRange),
        ("short", "four", leaves.TextTooLong),
        ("email", "nul\x00", leaves.TextNotStorable),
        ("email", "half \ud800", leaves.TextNotStorable),
        ("data", {"a": "\x00"}, leaves.TextNotStorable),
        ("data", {"a": "\ud800"}, leaves.TextNotStorable),
        ("small", "3", leaves.ValueNotStorable),
        ("data", object(), leaves.ValueNotStorable),
    ],
)
async def test_values_that_do_not_fit_are_the_callers_fault(
    connection: Connection, column: str, value: object, leaf: type[Invalid]
) -> None:
    found = await refused(connection, f"UPDATE item SET {column} = $1 WHERE id = 1", value)
    assert type(found) is leaf
    assert isinstance(found, Invalid)


@pytest.mark.parametrize(
    ("query", "leaf"),
    [
        ("SELECT * FROM nowhere", leaves.UndefinedTable),
        ("SELECT * FROM nowhere.at_all", leaves.UndefinedTable),
        ("SELECT nothing FROM item", leaves.UndefinedColumn),
        ("SELECT 1::nonsense", leaves.UndefinedColumn),
        ("SELECT nonsense(1)", leaves.UndefinedColumn),
    ],
)
async def test_what_a_migration_would_make_points_at_the_migration(
    connection: Connection, query: str, leaf: type[leaves.DatabaseFault]
) -> None:
    found = await refused(connection, query)
    assert type(found) is leaf
    assert "sorbus migrate" in found.hint


async def test_time_limits_and_locks(connection: Connection, pool: Pool) -> None:
    slow = await refused(connection, "SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)")
    assert isinstance(slow, leaves.QueryCanceled)
    async with pool.transaction() as holder:
        await holder.execute("SELECT 1 FROM item WHERE id = 1 FOR UPDATE")
        locked = await refused(connection, "SELECT 1 FROM item WHERE id = 1 FOR UPDATE NOWAIT")
    assert isinstance(locked, leaves.LockNotAvailable)
    assert locked.retryable


async def test_a_serialization_failure_may_be_tried_again(connection: Connection, pool: Pool) -> None:
    await connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
    await connection.fetchval("SELECT count(*) FROM item")
    async with pool.transaction(begin="BEGIN ISOLATION LEVEL SERIALIZABLE") as other:
        await other.fetchval("SELECT count(*) FROM item")
        await other.execute("UPDATE item SET email = 'x' WHERE id = 1")
    found = await refused(connection, "UPDATE item SET email = 'y' WHERE id = 1")
    assert isinstance(found, leaves.SerializationFailure)
    assert found.retryable
    await connection.execute("ROLLBACK")


async def test_a_deadlock_ends_one_of_the_two(connection: Connection, pool: Pool) -> None:
    async def lock(first: int, second: int, met: asyncio.Barrier) -> SorbusError | None:
        try:
            async with pool.transaction() as mine:
                await mine.execute("SET LOCAL deadlock_timeout = '50ms'")
                await mine.execute("SELECT 1 FROM org WHERE id = $1 FOR UPDATE", first)
                await met.wait()
                await mine.execute("SELECT 1 FROM org WHERE id = $1 FOR UPDATE", second)
        except asyncpg.PostgresError as cause:
            return translate(cause)
        return None

    met = asyncio.Barrier(2)
    found = await asyncio.gather(lock(1, 2, met), lock(2, 1, met))
    assert sorted(type(each).__name__ for each in found) == ["Deadlock", "NoneType"]


async def test_a_reader_may_not_write(connection: Connection) -> None:
    await connection.execute("BEGIN READ ONLY")
    found = await refused(connection, "DELETE FROM item")
    assert isinstance(found, leaves.DatabaseReadOnly)
    await connection.execute("ROLLBACK")


async def test_a_missing_permission_is_named(connection: Connection) -> None:
    await connection.execute("BEGIN; SET LOCAL ROLE pg_monitor")
    found = await refused(connection, "DELETE FROM item")
    assert isinstance(found, leaves.PermissionMissing)
    assert "item" in found.message
    await connection.execute("ROLLBACK")
