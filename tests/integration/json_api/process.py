"""A server process for the tests; its arguments are DATABASE_URL HOST PORT GRACE."""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    JsonApi,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    action,
    authorize_if,
    policy,
    uuid_primary_key,
)
from sorbus.apis.json_api import json_api
from sorbus.http import http_app, serve


class Sleeper(Resource):
    """Something that takes its time."""

    id: Attr[UUID] = uuid_primary_key()

    @action.generic
    @classmethod
    async def sleep(cls, scope: Scope, seconds: float) -> str:
        """Sleep."""
        print("asleep", flush=True)
        await asyncio.sleep(seconds)
        return "awake"

    storage = Postgres("sleepers")
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/sleepers", "index", sleep)


async def main(database_url: str, host: str, port: int, grace: float) -> None:
    app = Sorbus(domains=[Domain("sleep", resources=[Sleeper])], database_url=database_url, secret=b"k" * 32)
    asgi = http_app(app, interfaces=[json_api])
    await serve(asgi, host=host, port=port, grace=grace, on_ready=lambda url: print(url, flush=True))
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
