"""Recognising a database that was brought up without migration files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sorbus.data_layers.postgres.migrations.catalog import Connection, in_catalog_words, installed
from sorbus.data_layers.postgres.migrations.diff import AS_THEY_ARE, diff
from sorbus.data_layers.postgres.migrations.files import Migration
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.migrations import CannotAdopt


async def adopted_count(conn: Connection, chain: Sequence[Migration], pushed: Schema) -> int:
    """How many migrations of the chain the database already embodies, counted from the first.

    The newest migration whose snapshot equals the live tables decides, PostgreSQL's spelling on both sides.
    Raises `CannotAdopt` when there are tables but no migration describes them.
    """
    for count in range(len(chain), -1, -1):
        described = chain[count - 1].schema if count else Schema()
        if not await live_differences(conn, described, besides=pushed):
            return count
    raise CannotAdopt(chain[-1].name, await live_differences(conn, chain[-1].schema, besides=pushed))


async def live_differences(
    conn: Connection, described: Schema, *, besides: Schema | None = None
) -> list[str]:
    """What would have to change in the database for it to be as described, in words; empty when it is.

    Looks at the described tables and those of `besides`; other tables of the database are not ours.
    """
    watched = replace(described, tables=(*described.tables, *(besides.tables if besides else ())))
    live = await installed(conn, watched)
    wanted = await in_catalog_words(conn, described)
    missing = [each for each in wanted.extensions if each not in live.extensions]
    live = replace(live, extensions=wanted.extensions)
    found = [f"install extension {each}" for each in missing]
    return found + [each.describe() for each in diff(live, wanted, answers=AS_THEY_ARE)]
