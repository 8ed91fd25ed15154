"""The core suite on Sorbus: through the engine, with tenancy and policies on, without HTTP."""

from __future__ import annotations

from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

from rows import BODY, METADATA, TITLE
from serving import Command, loads, serve
from studio import Content, Kind, Studio, User

from sorbus import Sorbus
from sorbus.engine.hydrate import record


class SorbusSide:
    """Sorbus."""

    app: Sorbus

    async def open(self, url: str) -> None:
        """Open the application, which makes the tables."""
        self.app = Sorbus(domains=[Studio], database_url=url, pool_size=8, auto_migrate=True)
        await self.app.open()

    async def close(self) -> None:
        """Close it."""
        await self.app.close()

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check` and `load`."""
        return {
            "prepare": self.prepare,
            "check": self.check,
            "load": loads(
                {"get": self.get, "list50": self.list50, "list50_load": self.load, "create": self.create}
            ),
        }

    async def prepare(self, *, org: str, keys: list[str]) -> dict[str, Any]:
        """Choose the tenant and the keys to get."""
        self.org = UUID(org)
        user = record(User, {"id": uuid4(), "org_id": self.org})
        self.scope = self.app.scope(actor=user, tenant=self.org)
        self.keys = cycle([UUID(key) for key in keys])
        return {}

    async def get(self) -> Any:
        """One row by its key."""
        return await Content.get(self.scope, next(self.keys))

    async def list50(self) -> Any:
        """Fifty rows of the tenant."""
        return await Content.query(self.scope).limit(50).all()

    async def load(self) -> Any:
        """Fifty rows with their runs."""
        return await Content.query(self.scope).load(Content.runs).limit(50).all()

    async def create(self) -> Any:
        """One new row."""
        return await Content.ingest(self.scope, kind=Kind.EMAIL, title=TITLE, body=BODY, metadata=METADATA)

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        one, many, loaded, made = (
            await self.get(),
            await self.list50(),
            await self.load(),
            await self.create(),
        )
        read = await Content.get(self.scope, made.id)
        return {
            "get": [one.id, one.org_id, one.kind, one.title, one.body, one.metadata],
            "list50": [[each.id, each.metadata] for each in many],
            "list50_load": [[each.id, [[run.id, run.state] for run in each.runs]] for each in loaded],
            "create": [read.org_id, read.kind, read.title, read.body, read.metadata],
        }


if __name__ == "__main__":
    serve(SorbusSide())
