"""The core suite by hand: asyncpg, SQL and dictionaries.

Two pools: asyncpg's own as it is made by default, and one without the query that resets a session at each release,
which is as fast as asyncpg gets.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from rows import BODY, METADATA, TITLE, uuid7
from serving import Command, loads, serve

COLUMNS = "id, org_id, kind, title, body, metadata, inserted_at"
GET = f"SELECT {COLUMNS} FROM bench_contents WHERE id = $1 AND org_id = $2"
LIST = f"SELECT {COLUMNS} FROM bench_contents WHERE org_id = $1 ORDER BY id LIMIT $2"
RUNS = (
    "SELECT id, org_id, content_id, state, prompt, output, inserted_at FROM bench_runs "
    "WHERE content_id = ANY($1::uuid[]) AND org_id = $2 ORDER BY id"
)
CREATE = f"INSERT INTO bench_contents ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"


async def codecs(connection: Any) -> None:
    """JSON as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: orjson.dumps(value).decode(),
        decoder=orjson.loads,
    )


async def no_reset(connection: Any) -> None:
    """Hand a connection on as it is."""


class AsyncpgSide:
    """Raw asyncpg."""

    async def open(self, url: str) -> None:
        """Make both pools."""
        self.plain = await asyncpg.create_pool(url, min_size=8, max_size=8, init=codecs, reset=no_reset)
        self.default = await asyncpg.create_pool(url, min_size=8, max_size=8, init=codecs)

    async def close(self) -> None:
        """Close both pools."""
        await self.plain.close()
        await self.default.close()

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check` and `load`; an operation on the default pool has `_default_pool` in its name."""
        operations: dict[str, Any] = {}
        for suffix, pool in (("", self.plain), ("_default_pool", self.default)):
            operations[f"get{suffix}"] = lambda pool=pool: self.get(pool)
            operations[f"list50{suffix}"] = lambda pool=pool: self.list50(pool)
            operations[f"list50_load{suffix}"] = lambda pool=pool: self.load(pool)
            operations[f"create{suffix}"] = lambda pool=pool: self.create(pool)
        return {"prepare": self.prepare, "check": self.check, "load": loads(operations)}

    async def prepare(self, *, org: str, keys: list[str]) -> dict[str, Any]:
        """Choose the tenant and the keys to get."""
        self.org = UUID(org)
        self.keys = cycle([UUID(key) for key in keys])
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
            by_id: dict[Any, list[Any]] = {}
            for each in contents:
                each["runs"] = by_id[each["id"]] = []
            for row in await connection.fetch(RUNS, list(by_id), self.org):
                by_id[row["content_id"]].append(dict(row))
        return contents

    async def create(self, pool: Any) -> Any:
        """One new row."""
        row = {
            "id": uuid7(),
            "org_id": self.org,
            "kind": "email",
            "title": TITLE,
            "body": BODY,
            "metadata": METADATA,
            "inserted_at": datetime.now(UTC),
        }
        await pool.execute(CREATE, *row.values())
        return row

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        one, many = await self.get(self.plain), await self.list50(self.plain)
        loaded, made = await self.load(self.plain), await self.create(self.default)
        read = await self.plain.fetchrow(GET, made["id"], self.org)
        return {
            "get": [one[name] for name in ("id", "org_id", "kind", "title", "body", "metadata")],
            "list50": [[each["id"], each["metadata"]] for each in many],
            "list50_load": [
                [each["id"], [[run["id"], run["state"]] for run in each["runs"]]] for each in loaded
            ],
            "create": [read[name] for name in ("org_id", "kind", "title", "body", "metadata")],
        }


if __name__ == "__main__":
    serve(AsyncpgSide())
