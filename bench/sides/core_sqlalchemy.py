"""The core suite on SQLAlchemy's ORM: async on asyncpg, a session for each operation."""

from __future__ import annotations

from itertools import count, cycle
from typing import Any
from uuid import UUID

import orjson
from core_sqlalchemy_models import Call, Content, Kind, Letter, Run, State
from rows import BODY, LABEL, METADATA, TITLE, letters
from serving import Command, loads, once, serve
from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload


class SqlalchemySide:
    """SQLAlchemy's ORM."""

    async def open(self, url: str) -> None:
        """Make the engine."""
        self.engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=8,
            max_overflow=0,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        self.session = async_sessionmaker(self.engine, expire_on_commit=False)
        self.numbers = count()

    async def close(self) -> None:
        """Dispose of it."""
        await self.engine.dispose()

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check`, `load` and `once`."""
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
                }
            ),
            "once": once({"bulk_create": self.bulk_create, "bulk_update": self.bulk_update}),
        }

    async def prepare(self, *, org: str, owner: str, keys: list[str]) -> dict[str, Any]:
        """Choose the tenant, the owner of new rows and the keys to get."""
        self.org, self.owner = UUID(org), UUID(owner)
        self.last = UUID(keys[-1])
        self.keys = cycle([UUID(key) for key in keys])
        self.letters = [
            {
                "org_id": self.org,
                "owner_id": each["owner_id"],
                "kind": Kind(each["kind"]),
                "title": each["title"],
                "body": each["body"],
                "metadata_": each["metadata"],
            }
            for each in letters(self.owner)
        ]
        return {}

    async def get(self) -> Any:
        """One row by its key."""
        async with self.session() as session:
            query = select(Content).where(Content.id == next(self.keys), Content.org_id == self.org)
            return await session.scalar(query)

    def _fifty(self) -> Select[tuple[Content]]:
        return select(Content).where(Content.org_id == self.org).order_by(Content.id).limit(50)

    async def list50(self) -> Any:
        """Fifty rows of the tenant."""
        async with self.session() as session:
            return (await session.scalars(self._fifty())).all()

    async def load(self) -> Any:
        """Fifty rows with their runs."""
        async with self.session() as session:
            runs = selectinload(Content.runs.and_(Run.org_id == self.org))
            return (await session.scalars(self._fifty().options(runs))).all()

    async def nested(self) -> Any:
        """Fifty rows with their runs and the calls of those."""
        async with self.session() as session:
            runs = selectinload(Content.runs.and_(Run.org_id == self.org))
            calls = runs.selectinload(Run.calls.and_(Call.org_id == self.org))
            return (await session.scalars(self._fifty().options(calls))).all()

    async def aggregate(self) -> Any:
        """The newest fifty that are done, with the number of their runs and what their calls cost."""
        runs = (
            select(func.count())
            .select_from(Run)
            .where(Run.content_id == Content.id, Run.org_id == self.org)
            .correlate(Content)
            .scalar_subquery()
        )
        cost = (
            select(func.coalesce(func.sum(Call.cost), 0))
            .join(Run, Call.run_id == Run.id)
            .where(Run.content_id == Content.id, Run.org_id == self.org, Call.org_id == self.org)
            .correlate(Content)
            .scalar_subquery()
        )
        query = (
            select(Content, runs, cost)
            .where(Content.org_id == self.org, Content.state == State.DONE)
            .order_by(Content.inserted_at.desc(), Content.id)
            .limit(50)
        )
        async with self.session() as session:
            return (await session.execute(query)).all()

    async def create(self) -> Any:
        """One new row."""
        async with self.session() as session:
            made = Content(
                org_id=self.org,
                owner_id=self.owner,
                kind=Kind.EMAIL,
                title=TITLE,
                body=BODY,
                metadata_=METADATA,
            )
            session.add(made)
            await session.commit()
            return made

    async def update(self) -> Any:
        """Another title for one row, by its key."""
        return await self._rename(next(self.keys), f"{TITLE} {next(self.numbers)}")

    async def _rename(self, key: UUID, title: str) -> Any:
        statement = (
            update(Content)
            .where(Content.id == key, Content.org_id == self.org)
            .values(title=title)
            .returning(Content)
        )
        async with self.session() as session:
            changed = await session.scalar(statement)
            await session.commit()
            return changed

    async def bulk_create(self) -> int:
        """Ten thousand new rows: the ORM's bulk insert, in batches as the dialect makes them."""
        async with self.session() as session:
            await session.execute(insert(Letter), self.letters)
            await session.commit()
        return len(self.letters)

    async def bulk_update(self) -> int:
        """The ten thousand rows of the tenant that have no label get one, and a higher revision."""
        statement = (
            update(Letter)
            .where(Letter.org_id == self.org, Letter.label.is_(None))
            .values(label=LABEL, revision=Letter.revision + 1)
            .execution_options(synchronize_session=False)
        )
        async with self.session() as session:
            result: Any = await session.execute(statement)
            await session.commit()
            return int(result.rowcount)

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        one, many, loaded = await self.get(), await self.list50(), await self.load()
        made = await self.create()
        async with self.session() as session:
            read = await session.get_one(Content, made.id)
        changed = await self._rename(self.last, "Changed")
        return {
            "get": [one.id, one.org_id, one.kind, one.title, one.body, one.metadata_],
            "list50": [[each.id, each.metadata_] for each in many],
            "list50_load": [[each.id, [[run.id, run.state] for run in each.runs]] for each in loaded],
            "list50_nested": [
                [each.id, [[run.id, [[call.id, call.cost] for call in run.calls]] for run in each.runs]]
                for each in await self.nested()
            ],
            "list50_aggregate": [
                [each.id, each.state, runs, cost] for each, runs, cost in await self.aggregate()
            ],
            "create": [
                read.org_id,
                read.owner_id,
                read.kind,
                read.state,
                read.title,
                read.body,
                read.metadata_,
            ],
            "update": [changed.id, changed.title, changed.state],
        }


if __name__ == "__main__":
    serve(SqlalchemySide())
