"""The core suite by hand: asyncpg, SQL and dictionaries.

Two pools: asyncpg's own as it is made by default, and one without the query that resets a session at each release,
which is as fast as asyncpg gets.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from itertools import count, cycle
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from rows import BODY, LABEL, METADATA, TITLE, letters, uuid7
from serving import Command, loads, once, serve

COLUMNS = "id, org_id, owner_id, kind, state, title, body, metadata, inserted_at"
GET = f"SELECT {COLUMNS} FROM bench_contents WHERE id = $1 AND org_id = $2"
LIST = f"SELECT {COLUMNS} FROM bench_contents WHERE org_id = $1 ORDER BY id LIMIT $2"
RUNS = (
    "SELECT id, org_id, content_id, state, prompt, output, inserted_at FROM bench_runs "
    "WHERE content_id = ANY($1::uuid[]) AND org_id = $2 ORDER BY id"
)
CALLS = (
    "SELECT id, org_id, run_id, model, tokens, cost, inserted_at FROM bench_calls "
    "WHERE run_id = ANY($1::uuid[]) AND org_id = $2 ORDER BY id"
)
AGGREGATE = f"""
    SELECT {COLUMNS},
        (SELECT count(*) FROM bench_runs r WHERE r.content_id = c.id AND r.org_id = $1) AS run_count,
        (SELECT coalesce(sum(l.cost), 0) FROM bench_runs r JOIN bench_calls l ON l.run_id = r.id AND l.org_id = $1
            WHERE r.content_id = c.id AND r.org_id = $1) AS cost
    FROM bench_contents c
    WHERE org_id = $1 AND state = $2 ORDER BY inserted_at DESC, id LIMIT $3
"""
CREATE = f"INSERT INTO bench_contents ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
UPDATE = f"UPDATE bench_contents SET title = $1 WHERE id = $2 AND org_id = $3 RETURNING {COLUMNS}"
LETTERS = (
    "id",
    "org_id",
    "owner_id",
    "kind",
    "title",
    "body",
    "metadata",
    "label",
    "revision",
    "inserted_at",
)
RELABEL = "UPDATE bench_letters SET label = $1, revision = revision + 1 WHERE org_id = $2 AND label IS NULL"


async def codecs(connection: Any) -> None:
    """JSON as Python values; in the binary form, which COPY needs."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        format="binary",
    )


async def no_reset(connection: Any) -> None:
    """Hand a connection on as it is."""


class AsyncpgSide:
    """Raw asyncpg."""

    async def open(self, url: str) -> None:
        """Make both pools."""
        self.plain = await asyncpg.create_pool(url, min_size=8, max_size=8, init=codecs, reset=no_reset)
        self.default = await asyncpg.create_pool(url, min_size=8, max_size=8, init=codecs)
        self.numbers = count()

    async def close(self) -> None:
        """Close both pools."""
        await self.plain.close()
        await self.default.close()

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check`, `load` and `once`; an operation on the default pool has `_default_pool` in its name."""
        each = {
            "get": self.get,
            "list50": self.list50,
            "list50_load": self.load,
            "list50_nested": self.nested,
            "list50_aggregate": self.aggregate,
            "create": self.create,
            "update": self.update,
        }
        operations = {name: partial(method, self.plain) for name, method in each.items()}
        operations |= {f"{name}_default_pool": partial(method, self.default) for name, method in each.items()}
        return {
            "prepare": self.prepare,
            "check": self.check,
            "load": loads(operations),
            "once": once({"bulk_create": self.bulk_create, "bulk_update": self.bulk_update}),
        }

    async def prepare(self, *, org: str, owner: str, keys: list[str]) -> dict[str, Any]:
        """Choose the tenant, the owner of new rows and the keys to get."""
        self.org, self.owner = UUID(org), UUID(owner)
        self.last = UUID(keys[-1])
        self.keys = cycle([UUID(key) for key in keys])
        self.letters = letters(self.owner)
        return {}

    async def get(self, pool: Any) -> Any:
        """One row by its key."""
        row = await pool.fetchrow(GET, next(self.keys), self.org)
        return dict(row) if row is not None else None

    async def list50(self, pool: Any) -> Any:
        """Fifty rows of the tenant."""
        return [dict(row) for row in await pool.fetch(LIST, self.org, 50)]

    async def load(self, pool: Any) -> Any:
        """Fifty rows with their runs."""
        async with pool.acquire() as connection:
            contents = [dict(row) for row in await connection.fetch(LIST, self.org, 50)]
            await self._related(connection, contents, RUNS, "runs", "content_id")
        return contents

    async def nested(self, pool: Any) -> Any:
        """Fifty rows with their runs and the calls of those."""
        async with pool.acquire() as connection:
            contents = [dict(row) for row in await connection.fetch(LIST, self.org, 50)]
            runs = await self._related(connection, contents, RUNS, "runs", "content_id")
            await self._related(connection, runs, CALLS, "calls", "run_id")
        return contents

    async def _related(
        self, connection: Any, rows: list[dict[str, Any]], sql: str, name: str, via: str
    ) -> list[dict[str, Any]]:
        by_id: dict[Any, list[Any]] = {}
        for each in rows:
            each[name] = by_id[each["id"]] = []
        found = [dict(row) for row in await connection.fetch(sql, list(by_id), self.org)]
        for row in found:
            by_id[row[via]].append(row)
        return found

    async def aggregate(self, pool: Any) -> Any:
        """The newest fifty that are done, with the number of their runs and what their calls cost."""
        return [dict(row) for row in await pool.fetch(AGGREGATE, self.org, "done", 50)]

    async def create(self, pool: Any) -> Any:
        """One new row."""
        row = {
            "id": uuid7(),
            "org_id": self.org,
            "owner_id": self.owner,
            "kind": "email",
            "state": "queued",
            "title": TITLE,
            "body": BODY,
            "metadata": METADATA,
            "inserted_at": datetime.now(UTC),
        }
        await pool.execute(CREATE, *row.values())
        return row

    async def update(self, pool: Any) -> Any:
        """Another title for one row, by its key."""
        title = f"{TITLE} {next(self.numbers)}"
        return dict(await pool.fetchrow(UPDATE, title, next(self.keys), self.org))

    async def bulk_create(self) -> int:
        """Ten thousand new rows: by COPY, which takes about two thirds of the time of an INSERT from `unnest`."""
        now = datetime.now(UTC)
        records = [
            (
                uuid7(),
                self.org,
                row["owner_id"],
                row["kind"],
                row["title"],
                row["body"],
                row["metadata"],
                None,
                0,
                now,
            )
            for row in self.letters
        ]
        async with self.plain.acquire() as connection:
            status = await connection.copy_records_to_table("bench_letters", records=records, columns=LETTERS)
        return int(status.rpartition(" ")[2])

    async def bulk_update(self) -> int:
        """The ten thousand rows of the tenant that have no label get one, and a higher revision."""
        status = await self.plain.execute(RELABEL, LABEL, self.org)
        return int(status.rpartition(" ")[2])

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        pool = self.plain
        one, many, loaded = await self.get(pool), await self.list50(pool), await self.load(pool)
        made = await self.create(self.default)
        read = await pool.fetchrow(GET, made["id"], self.org)
        changed = await pool.fetchrow(UPDATE, "Changed", self.last, self.org)
        return {
            "get": [one[name] for name in ("id", "org_id", "kind", "title", "body", "metadata")],
            "list50": [[each["id"], each["metadata"]] for each in many],
            "list50_load": [
                [each["id"], [[run["id"], run["state"]] for run in each["runs"]]] for each in loaded
            ],
            "list50_nested": [
                [
                    each["id"],
                    [
                        [run["id"], [[call["id"], call["cost"]] for call in run["calls"]]]
                        for run in each["runs"]
                    ],
                ]
                for each in await self.nested(pool)
            ],
            "list50_aggregate": [
                [each[name] for name in ("id", "state", "run_count", "cost")]
                for each in await self.aggregate(pool)
            ],
            "create": [
                read[name] for name in ("org_id", "owner_id", "kind", "state", "title", "body", "metadata")
            ],
            "update": [changed[name] for name in ("id", "title", "state")],
        }


if __name__ == "__main__":
    serve(AsyncpgSide())
