"""The core suite on SQLAlchemy's ORM: async on asyncpg, a session for each operation."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from uuid import UUID

import orjson
from rows import BODY, METADATA, TITLE, uuid7
from serving import Command, loads, serve
from sqlalchemy import DateTime, Enum, ForeignKey, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload


class Kind(enum.StrEnum):
    """What a content is."""

    EMAIL = "email"
    DOCUMENT = "document"
    NOTE = "note"


class State(enum.StrEnum):
    """How far a run is."""

    QUEUED = "queued"
    DONE = "done"


def stored(kind: type[enum.Enum]) -> Any:
    """An enumeration kept as text."""
    return Enum(kind, native_enum=False, values_callable=lambda members: [each.value for each in members])


class Base(DeclarativeBase):
    """All tables."""


class Content(Base):
    """A text somebody owns."""

    __tablename__ = "bench_contents"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    org_id: Mapped[UUID]
    kind: Mapped[Kind] = mapped_column(stored(Kind))
    title: Mapped[str]
    body: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    inserted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    runs: Mapped[list[Run]] = relationship(order_by="Run.id")


class Run(Base):
    """One execution over one piece of content."""

    __tablename__ = "bench_runs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    org_id: Mapped[UUID]
    content_id: Mapped[UUID] = mapped_column(ForeignKey("bench_contents.id"))
    state: Mapped[State] = mapped_column(stored(State))
    prompt: Mapped[str]
    output: Mapped[str | None]
    inserted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


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

    async def close(self) -> None:
        """Dispose of it."""
        await self.engine.dispose()

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
        self.keys = cycle([UUID(key) for key in keys])
        return {}

    async def get(self) -> Any:
        """One row by its key."""
        async with self.session() as session:
            query = select(Content).where(Content.id == next(self.keys), Content.org_id == self.org)
            return await session.scalar(query)

    async def list50(self) -> Any:
        """Fifty rows of the tenant."""
        async with self.session() as session:
            query = select(Content).where(Content.org_id == self.org).order_by(Content.id).limit(50)
            return (await session.scalars(query)).all()

    async def load(self) -> Any:
        """Fifty rows with their runs."""
        async with self.session() as session:
            query = (
                select(Content)
                .where(Content.org_id == self.org)
                .order_by(Content.id)
                .limit(50)
                .options(selectinload(Content.runs.and_(Run.org_id == self.org)))
            )
            return (await session.scalars(query)).all()

    async def create(self) -> Any:
        """One new row."""
        async with self.session() as session:
            made = Content(org_id=self.org, kind=Kind.EMAIL, title=TITLE, body=BODY, metadata_=METADATA)
            session.add(made)
            await session.commit()
            return made

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        one, many, loaded, made = (
            await self.get(),
            await self.list50(),
            await self.load(),
            await self.create(),
        )
        async with self.session() as session:
            read = await session.get_one(Content, made.id)
        return {
            "get": [one.id, one.org_id, one.kind, one.title, one.body, one.metadata_],
            "list50": [[each.id, each.metadata_] for each in many],
            "list50_load": [[each.id, [[run.id, run.state] for run in each.runs]] for each in loaded],
            "create": [read.org_id, read.kind, read.title, read.body, read.metadata_],
        }


if __name__ == "__main__":
    serve(SqlalchemySide())
