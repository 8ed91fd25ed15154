"""The suite `http` by hand: Starlette, asyncpg, orjson. Nothing is validated, no policy is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from core_asyncpg import codecs
from http_serving import USER, HttpSide, who
from rows import uuid7
from serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = "id, kind, state, title, body, metadata, inserted_at"
GET = f"SELECT {COLUMNS} FROM bench_contents WHERE id = $1 AND org_id = $2"
LIST = f"SELECT {COLUMNS} FROM bench_contents WHERE org_id = $1 ORDER BY id LIMIT 50"
RUNS = (
    "SELECT id, content_id, state, prompt, output, inserted_at FROM bench_runs "
    "WHERE content_id = ANY($1::uuid[]) AND org_id = $2 ORDER BY id"
)
CREATE = (
    "INSERT INTO bench_contents (id, org_id, owner_id, kind, state, title, body, metadata, inserted_at) "
    f"VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, $8) RETURNING {COLUMNS}"
)


def plain(value: Any) -> Any:
    """What orjson does not know: asyncpg's own class of UUID."""
    return str(value)


class FloorSide(HttpSide):
    """The floor."""

    async def application(self, url: str) -> Any:
        """The application."""

        async def no_reset(_: Any) -> None:
            """A pool that never changes a session needs no reset."""

        self.pool = await asyncpg.create_pool(url, min_size=8, max_size=8, init=codecs, reset=no_reset)
        routes = [
            Route("/contents/{id}", self.get),
            Route("/contents", self.listing),
            Route("/contents", self.create, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def leave(self) -> None:
        """Close the pool."""
        await self.pool.close()

    async def get(self, request: Request) -> Response:
        """One row."""
        _, org = who(request.headers[USER])
        row = await self.pool.fetchrow(GET, UUID(request.path_params["id"]), UUID(org))
        return json(dict(row.items())) if row else Response(status_code=404)

    async def listing(self, request: Request) -> Response:
        """Fifty rows, with their runs when they are asked for."""
        _, org = who(request.headers[USER])
        async with self.pool.acquire() as connection:
            found = [dict(row.items()) for row in await connection.fetch(LIST, UUID(org))]
            if request.query_params.get("include") == "runs":
                runs = await connection.fetch(RUNS, [row["id"] for row in found], UUID(org))
                by_key: dict[Any, list[Any]] = {row["id"]: [] for row in found}
                for run in runs:
                    by_key[run["content_id"]].append(dict(run.items()))
                for row in found:
                    row["runs"] = by_key[row["id"]]
        return json({"data": found})

    async def create(self, request: Request) -> Response:
        """One new row."""
        user, org = who(request.headers[USER])
        given = orjson.loads(await request.body())
        row = await self.pool.fetchrow(
            CREATE, uuid7(), UUID(org), UUID(user), given["kind"], given["title"], given["body"],
            given["metadata"], datetime.now(UTC),
        )  # fmt: skip
        return json(dict(row.items()), status=201)


def json(data: Any, *, status: int = 200) -> Response:
    """An answer."""
    return Response(orjson.dumps(data, default=plain), status, media_type="application/json")


if __name__ == "__main__":
    serve(FloorSide())
