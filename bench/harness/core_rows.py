"""The rows of the suite `core`: the same for all sides, and brought back to the same state between rounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sides.rows import BODY, BULK, METADATA, TITLE

from sorbus.data_layers.postgres.database import Database
from sorbus.types.uuid7 import uuid7

ROWS, TENANTS, CHILDREN, CALLS = 10_000, 10, 3, 2
CONTENTS = (
    "id", "org_id", "owner_id", "kind", "state", "title", "body", "metadata", "inserted_at",
)  # fmt: skip
RUNS = ("id", "org_id", "content_id", "state", "prompt", "output", "inserted_at")
OF_CALLS = ("id", "org_id", "run_id", "model", "tokens", "cost", "inserted_at")
INDEX = "CREATE INDEX ON bench_contents (org_id, state, inserted_at DESC, id)"
"""What an application would have for the sorted list."""
# Half of the letters are the tenant's and wait for a label; the others are somebody else's.
REFILL = """
    INSERT INTO bench_letters
        (id, org_id, owner_id, kind, title, body, metadata, label, revision, inserted_at)
    SELECT md5(n::text)::uuid, CASE n % 2 WHEN 0 THEN $1::uuid ELSE $2::uuid END, $3,
        'email', $4::text || ' ' || n, $5, $6, NULL, 0, '2030-01-01'
    FROM generate_series(1, $7::integer) n
"""
DIGEST = """
    SELECT count(*) || ' ' || md5(string_agg(
        concat_ws('|', org_id, owner_id, kind, title, body, metadata, label, revision), E'\\n'
        ORDER BY title, org_id))
    FROM bench_letters
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What the sides are told of the rows.

    Attributes:
        org, owner: the tenant whose rows are read and written, and who owns them.
        keys: those of the tenant's contents, the oldest first.
    """

    org: UUID
    owner: UUID
    keys: list[UUID]

    def to_prepare(self) -> dict[str, Any]:
        """The arguments of the command `prepare`."""
        return {"org": str(self.org), "owner": str(self.owner), "keys": [str(key) for key in self.keys]}


async def seed(database: Database) -> Seeded:
    """Fill the tables of contents, runs and calls."""
    orgs, now, owner = [uuid4() for _ in range(TENANTS)], datetime.now(UTC), uuid4()
    contents = [
        (
            uuid7(),
            orgs[number % TENANTS],
            owner,
            ("email", "document", "note")[number % 3],
            ("queued", "done")[number // TENANTS % 2],
            TITLE,
            BODY,
            {**METADATA, "thread": number},
            now - timedelta(seconds=number),
        )
        for number in range(ROWS)
    ]
    runs = [
        (uuid7(), content[1], content[0], ("queued", "done")[number % 2], "Summarize.", None, now)
        for content in contents
        for number in range(CHILDREN)
    ]
    calls = [
        (uuid7(), run[1], run[0], "small", 100 + number, Decimal(number + 1) / 8, now)
        for run in runs
        for number in range(CALLS)
    ]
    async with database.pool.connection() as connection:
        await connection.execute(INDEX)
        for table, columns, records in (
            ("bench_contents", CONTENTS, contents),
            ("bench_runs", RUNS, runs),
            ("bench_calls", OF_CALLS, calls),
        ):
            await connection.copy_records_to_table(table, records=records, columns=columns)
            await connection.execute(f"VACUUM ANALYZE {table}")
    mine = [content[0] for content in contents if content[1] == orgs[0]]
    return Seeded(org=orgs[0], owner=owner, keys=mine)


async def restore(database: Database, seeded: Seeded) -> None:
    """Bring the table of letters back to where every round begins: 10 000 rows of the tenant, as many of another."""
    other = UUID(int=0)
    async with database.pool.connection() as connection:
        await connection.execute("TRUNCATE bench_letters")
        values = (seeded.org, other, seeded.owner, TITLE, BODY, METADATA, 2 * BULK)
        await connection.execute(REFILL, *values)
        await connection.execute("VACUUM ANALYZE bench_letters")


async def digest(database: Database) -> str:
    """What the table of letters holds, but for the keys and times that each side makes itself."""
    async with database.pool.connection() as connection:
        return str(await connection.fetchval(DIGEST))
