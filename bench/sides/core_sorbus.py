"""The core suite on Sorbus: through the engine, with tenancy and policies on, without HTTP."""

from __future__ import annotations

from itertools import count, cycle
from typing import Any
from uuid import UUID

from rows import BODY, LABEL, METADATA, TITLE, letters
from serving import Command, loads, once, serve
from studio import Content, Kind, Letter, Open, OpenContent, Run, State, Studio, User

from sorbus import Sorbus
from sorbus.engine.hydrate import record


class SorbusSide:
    """Sorbus: the application under its rules, and one over the same rows without any."""

    app: Sorbus
    open_app: Sorbus

    async def open(self, url: str) -> None:
        """Open the applications; the first makes the tables."""
        self.app = Sorbus(domains=[Studio], database_url=url, pool_size=8, auto_migrate=True)
        await self.app.open()
        self.open_app = Sorbus(domains=[Open], database_url=url, pool_size=8, auto_migrate=False)
        await self.open_app.open()
        self.open_scope = self.open_app.scope()
        self.numbers = count()

    async def close(self) -> None:
        """Close them."""
        await self.open_app.close()
        await self.app.close()

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check`, `load` and `once`; an operation without rules has `_open` in its name."""
        return {
            "prepare": self.prepare,
            "check": self.check,
            "load": loads(
                {
                    "get": self.get,
                    "list50": self.list50,
                    "list50_load": self.load,
                    "list50_nested": self.nested,
                    "list50_aggregate": self.aggregate,
                    "create": self.create,
                    "update": self.update,
                    "get_open": self.get_open,
                    "list50_open": self.list50_open,
                }
            ),
            "once": once({"bulk_create": self.bulk_create, "bulk_update": self.bulk_update}),
        }

    async def prepare(self, *, org: str, owner: str, keys: list[str]) -> dict[str, Any]:
        """Choose the tenant, who acts, and the keys to get."""
        self.org, self.owner = UUID(org), UUID(owner)
        user = record(User, {"id": self.owner, "org_id": self.org})
        self.scope = self.app.scope(actor=user, tenant=self.org)
        self.last = UUID(keys[-1])
        self.keys = cycle([UUID(key) for key in keys])
        self.letters = letters(self.owner)
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

    async def nested(self) -> Any:
        """Fifty rows with their runs and the calls of those."""
        runs = Run.query().load(Run.calls)
        return await Content.query(self.scope).load_with(Content.runs, runs).limit(50).all()

    async def aggregate(self) -> Any:
        """The newest fifty that are done, with the number of their runs and what their calls cost."""
        query = Content.query(self.scope).where(Content.state == State.DONE)
        query = query.order_by(Content.inserted_at.desc()).limit(50)
        return await query.load(Content.run_count, Content.cost).all()

    async def create(self) -> Any:
        """One new row."""
        return await Content.ingest(
            self.scope, owner_id=self.owner, kind=Kind.EMAIL, title=TITLE, body=BODY, metadata=METADATA
        )

    async def update(self) -> Any:
        """Another title for one row, by its key."""
        return await Content.rename.by_key(next(self.keys), self.scope, title=f"{TITLE} {next(self.numbers)}")

    async def bulk_create(self) -> int:
        """Ten thousand new rows."""
        return (await Letter.ingest.bulk(self.scope, self.letters)).count

    async def bulk_update(self) -> int:
        """The ten thousand rows of the tenant that have no label get one, and a higher revision."""
        query = Letter.query(self.scope).where(Letter.label.is_null())
        return (await Letter.relabel.bulk(self.scope, query, {"label": LABEL})).count

    async def get_open(self) -> Any:
        """One row by its key, without rules."""
        return await OpenContent.get(self.open_scope, next(self.keys))

    async def list50_open(self) -> Any:
        """The same fifty rows, without rules: the caller asks for the tenant's."""
        query = OpenContent.query(self.open_scope).where(OpenContent.org_id == self.org)
        return await query.limit(50).all()

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        one, many, loaded = await self.get(), await self.list50(), await self.load()
        open_ones = [each.__dict__ for each in await self.list50_open()]
        if open_ones != [each.__dict__ for each in many]:
            raise RuntimeError("without rules the rows are others")
        made = await self.create()
        read = await Content.get(self.scope, made.id)
        changed = await Content.rename.by_key(self.last, self.scope, title="Changed")
        return {
            "get": [one.id, one.org_id, one.kind, one.title, one.body, one.metadata],
            "list50": [[each.id, each.metadata] for each in many],
            "list50_load": [[each.id, [[run.id, run.state] for run in each.runs]] for each in loaded],
            "list50_nested": [
                [each.id, [[run.id, [[call.id, call.cost] for call in run.calls]] for run in each.runs]]
                for each in await self.nested()
            ],
            "list50_aggregate": [
                [each.id, each.state, each.run_count, each.cost] for each in await self.aggregate()
            ],
            "create": [
                read.org_id,
                read.owner_id,
                read.kind,
                read.state,
                read.title,
                read.body,
                read.metadata,
            ],
            "update": [changed.id, changed.title, changed.state],
        }


if __name__ == "__main__":
    serve(SorbusSide())
