"""The GraphQL suite on Strawberry, SQLAlchemy's ORM and a data loader, with its caches and orjson, over HTTP."""

from __future__ import annotations

import asyncio
import enum
import time
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import strawberry
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from serving import Command, serve
from sqlalchemy import BigInteger, DateTime, Enum, ForeignKey, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

HOST = "127.0.0.1"


class Kind(enum.StrEnum):
    """What an article is."""

    NEWS = "news"
    ESSAY = "essay"


class Base(DeclarativeBase):
    """All tables."""


class ArticleRow(Base):
    """Something to read."""

    __tablename__ = "bench_articles"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    title: Mapped[str]
    summary: Mapped[str]
    kind: Mapped[Kind] = mapped_column(
        Enum(Kind, native_enum=False, values_callable=lambda members: [each.value for each in members])
    )
    words: Mapped[int] = mapped_column(BigInteger)
    starred: Mapped[bool]
    hidden: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RemarkRow(Base):
    """What somebody says about an article."""

    __tablename__ = "bench_remarks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    article_id: Mapped[UUID] = mapped_column(ForeignKey("bench_articles.id"))
    author: Mapped[str]
    text: Mapped[str]


KindEnum = strawberry.enum(Kind)


@strawberry.type
class Remark:
    """A remark."""

    id: strawberry.ID
    author: str
    text: str


@strawberry.type
class Article:
    """An article."""

    id: strawberry.ID
    title: str
    summary: str
    kind: KindEnum  # type: ignore[valid-type]
    words: int
    starred: bool
    created_at: datetime

    @strawberry.field
    async def remarks(self, info: strawberry.Info) -> list[Remark]:
        """Its remarks, in one statement for all articles."""
        found: list[Remark] = await info.context["remarks"].load(self.id)
        return found


class StrawberrySide:
    """Strawberry, served by granian on the event loop of the standard library."""

    async def open(self, url: str) -> None:
        """Connect, and serve."""
        self.engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=8)
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        side = self

        @strawberry.type
        class Query:
            @strawberry.field
            async def articles(self, info: strawberry.Info, limit: int) -> list[Article]:
                return await side.articles(info.context["org"], limit)

        class Application(GraphQL):  # type: ignore[type-arg]
            async def get_context(self, request: Any, response: Any = None) -> dict[str, Any]:
                del response
                org = UUID(request.headers["x-org"])
                loader = DataLoader(load_fn=lambda keys: side.remarks(org, keys))
                return {"org": org, "remarks": loader}

            def encode_json(self, data: object) -> bytes:
                return orjson.dumps(data)

        schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
        self.port = _free()
        server = Server(
            Application(schema),
            address=HOST,
            port=self.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            websockets=False,
            log_enabled=False,
        )
        self.server, self.running = server, asyncio.create_task(server.serve())

    async def articles(self, org: UUID, limit: int) -> list[Article]:
        """The first articles of a tenant."""
        query = (
            select(ArticleRow)
            .where(ArticleRow.org_id == org, ArticleRow.hidden.is_(False))
            .order_by(ArticleRow.id)
            .limit(limit)
        )
        async with self.sessions() as session:
            rows = (await session.scalars(query)).all()
        return [
            Article(
                id=strawberry.ID(str(each.id)),
                title=each.title,
                summary=each.summary,
                kind=each.kind,
                words=each.words,
                starred=each.starred,
                created_at=each.created_at,
            )
            for each in rows
        ]

    async def remarks(self, org: UUID, keys: list[str]) -> list[list[Remark]]:
        """The remarks of several articles."""
        query = select(RemarkRow).where(
            RemarkRow.org_id == org, RemarkRow.article_id.in_([UUID(key) for key in keys])
        )
        async with self.sessions() as session:
            rows = (await session.scalars(query.order_by(RemarkRow.id))).all()
        found: dict[str, list[Remark]] = {key: [] for key in keys}
        for each in rows:
            found[str(each.article_id)].append(
                Remark(id=strawberry.ID(str(each.id)), author=each.author, text=each.text)
            )
        return [found[key] for key in keys]

    async def close(self) -> None:
        """Stop."""
        self.server.stop()
        await self.running
        await self.engine.dispose()

    def commands(self) -> dict[str, Command]:
        """`where` it is served, and the `cpu` seconds that it has used."""
        return {"where": self.where, "cpu": self.cpu}

    async def where(self) -> dict[str, Any]:
        """The URL."""
        return {"url": f"http://{HOST}:{self.port}/"}

    async def cpu(self) -> dict[str, Any]:
        """CPU seconds of this process."""
        return {"seconds": time.process_time()}


def _free() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        found: int = probe.getsockname()[1]
        return found


if __name__ == "__main__":
    serve(StrawberrySide())
