"""The tables of a new tenant, made inside the transaction that makes the tenant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sorbus.data_layers.postgres.migrations import books
from sorbus.data_layers.postgres.migrations.catalog import installed, sql
from sorbus.data_layers.postgres.migrations.ddl import quoted
from sorbus.data_layers.postgres.migrations.diff import AS_THEY_ARE, diff
from sorbus.data_layers.postgres.migrations.execute import run_statements
from sorbus.data_layers.postgres.migrations.files import UP, Migration
from sorbus.data_layers.postgres.migrations.lexer import without_word
from sorbus.data_layers.postgres.migrations.planner import up_text
from sorbus.data_layers.postgres.tables import Schema


async def build_tenant(
    conn: Any, name: str, schema: Schema, chain: Callable[[], Sequence[Migration]]
) -> None:
    """Make the tables of a tenant whose schema is there and empty, and open its books.

    A database whose own tables were pushed gets them as declared; one that is managed by files runs the
    migrations, all in the open transaction. Nobody else uses the tables yet, so what the files build
    `CONCURRENTLY` is built at once.

    Raises:
        MigrationFailed: a statement failed.
    """
    pushed = await books.last_push(conn) is not None
    migrations = () if pushed else chain()
    path = await conn.fetchval("SHOW search_path")
    await conn.execute("SELECT set_config('search_path', $1, true)", f"{quoted(name)}, {path}")
    await conn.execute(sql("bookkeeping"))
    if migrations:
        for each in migrations:
            text = each.up if each.up_in_transaction else without_word(each.up, "concurrently")
            await run_statements(conn, text, name=f"{each.name} for the tenant {name}", file=UP)
            await books.note_applied(conn, each)
    else:
        steps = diff(Schema(), schema, answers=AS_THEY_ARE)
        await run_statements(conn, up_text(steps), name=f"the tables of the tenant {name}", file="sql")
        await books.note_pushed(conn, schema, await installed(conn, schema))
    await conn.execute("SELECT set_config('search_path', $1, true)", path)
