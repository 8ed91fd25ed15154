"""Bringing a database straight to the declarations, without files: for development, demos and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sorbus.data_layers.postgres.migrations import books
from sorbus.data_layers.postgres.migrations.books import migration_lock
from sorbus.data_layers.postgres.migrations.catalog import (
    Connection,
    in_catalog_words,
    installed,
    transaction,
)
from sorbus.data_layers.postgres.migrations.ddl import quoted
from sorbus.data_layers.postgres.migrations.diff import AS_THEY_ARE, diff
from sorbus.data_layers.postgres.migrations.execute import run_script
from sorbus.data_layers.postgres.migrations.extensions import check_extensions
from sorbus.data_layers.postgres.migrations.operations import Operation
from sorbus.data_layers.postgres.migrations.planner import up_text
from sorbus.data_layers.postgres.migrations.renames import Answers, rename_questions
from sorbus.data_layers.postgres.migrations.runner import SystemScript, run_system_scripts
from sorbus.data_layers.postgres.migrations.validate import validate
from sorbus.data_layers.postgres.tables import Schema, Table
from sorbus.errors.migrations import CannotBuildSchema, ManagedByFiles, MigrationFailed, PushRefused


async def push(
    conn: Connection,
    schema: Schema,
    *,
    system_scripts: Sequence[SystemScript] = (),
    allow_destructive: bool = False,
    answers: Answers | None = None,
    wait: float = books.DEFAULT_WAIT,
) -> tuple[str, ...]:
    """Make the database what `schema` declares and return the steps in words (none when it already was).

    One transaction, one process at a time. What was pushed is remembered, so a table that is no longer
    declared is noticed and migration files that come later find the database as it is.

    Args:
        conn: an open connection, not inside a transaction.
        schema: what is declared.
        system_scripts: what runs before, once per database.
        allow_destructive: let steps that lose stored values happen; what is not answered is then no rename.
        answers: renames, backfills and casts.
        wait: seconds to wait for another process that is migrating.

    Raises `PushRefused`, `ManagedByFiles`, `InvalidSchema`, `ExtensionUnavailable`, `CannotBuildSchema`,
    `MigrationLockTimeout`, and `MigrationFailed` for a system script.
    """
    validate(schema)
    said = answers or Answers()
    if allow_destructive:
        said = replace(said, no_renames=True)
    async with migration_lock(conn, wait=wait):
        await books.open_books(conn)
        await run_system_scripts(conn, system_scripts)
        await check_extensions(conn, schema)
        before = await books.last_push(conn)
        live = await installed(conn, _together(schema, before[0] if before else None))
        if before == (schema.canonical(), live.checksum):
            return ()
        steps = await _steps(conn, live, schema, said, allow_destructive=allow_destructive)
        if not await books.applied(conn):
            async with transaction(conn):
                await _carry_out(conn, steps)
                await books.note_pushed(conn, schema, await installed(conn, schema))
    return tuple(each.describe() for each in steps)


async def _steps(
    conn: Connection, live: Schema, schema: Schema, answers: Answers, *, allow_destructive: bool
) -> list[Operation]:
    known = await books.applied(conn)
    if not live.tables and not known:
        return diff(live, schema, answers=AS_THEY_ARE)  # nothing to compare with, so no scratch is needed
    wanted = await in_catalog_words(conn, schema)
    if known:
        found = diff(live, wanted, answers=AS_THEY_ARE)
        if found:
            raise ManagedByFiles(list(known.values())[-1].name, [each.describe() for each in found])
        return []
    await _refuse(conn, live, wanted, answers, allow_destructive=allow_destructive)
    return diff(live, _in_order(wanted, schema), answers=answers)


async def _carry_out(conn: Connection, steps: Sequence[Operation]) -> None:
    try:
        await run_script(conn, up_text(steps), name="push", file="sql", in_transaction=True)
    except MigrationFailed as error:
        raise CannotBuildSchema(error.statement, error.postgres_message) from error


def _together(schema: Schema, before: Schema | None) -> Schema:
    if before is None:
        return schema
    gone = tuple(each for each in before.tables if each.name not in schema.names)
    return Schema((*schema.tables, *gone), schema.extensions)


def _in_order(wanted: Schema, declared: Schema) -> Schema:
    """The tables with their columns in the order in which they were declared."""

    def ordered(table: Table) -> Table:
        names = [each.name for each in declared.table(table.name).columns]
        columns = sorted(table.columns, key=lambda each: names.index(each.name))
        return replace(table, columns=tuple(columns))

    return Schema(tuple(ordered(each) for each in wanted.tables), wanted.extensions)


async def _refuse(
    conn: Connection, live: Schema, wanted: Schema, answers: Answers, *, allow_destructive: bool
) -> None:
    questions = rename_questions(live, wanted, answers)
    if questions:
        raise PushRefused([str(each) for each in questions])
    steps = diff(live, wanted, answers=replace(answers, no_renames=True))
    reasons = [each.describe() for each in steps if each.loses_data and not allow_destructive]
    needs = [(each, each.need.why) for each in steps if each.need is not None]
    reasons += [f"{each.describe()}: {why}" for each, why in needs if await _has_rows(conn, each, live)]
    if reasons:
        raise PushRefused(reasons)


async def _has_rows(conn: Connection, step: Operation, live: Schema) -> bool:
    if step.table not in live.names:
        return True  # renamed in this very change: its rows are under the old name, so better ask
    return bool(await conn.fetchval(f"SELECT EXISTS (SELECT FROM {quoted(step.table)})"))  # noqa: S608
