"""The suite `http` on Litestar, advanced-alchemy's services over asyncpg, and msgspec's structs."""

from contextlib import AsyncExitStack
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from advanced_alchemy.extensions.litestar import (
    AsyncSessionConfig,
    EngineConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemyPlugin,
)
from advanced_alchemy.extensions.litestar.providers import create_service_provider
from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import SQLAlchemyAsyncRepositoryService
from core_sqlalchemy_models import Content, Kind, State
from http_serving import HttpSide, who
from litestar import Controller, Litestar, get, post
from litestar.di import Provide
from litestar.params import Parameter
from msgspec import Meta, Struct, field
from serving import serve
from sqlalchemy.orm import selectinload


class RunOut(Struct):
    """A run as clients see it."""

    id: UUID
    content_id: UUID
    state: State
    prompt: str
    output: str | None
    inserted_at: datetime


class ContentOut(Struct):
    """A content as clients see it."""

    id: UUID
    kind: Kind
    state: State
    title: str
    body: str
    inserted_at: datetime
    metadata_: dict[str, Any] = field(name="metadata")


class ContentWithRuns(ContentOut):
    """A content with its runs."""

    runs: list[RunOut]


class Several(Struct):
    """A list."""

    data: list[ContentOut]


class SeveralWithRuns(Struct):
    """A list with runs."""

    data: list[ContentWithRuns]


class ContentIn(Struct):
    """A new content."""

    kind: Kind
    title: Annotated[str, Meta(max_length=200)]
    body: Annotated[str, Meta(max_length=10_000)]
    metadata: dict[str, Any]


class Caller(Struct):
    """Who calls."""

    id: UUID
    org_id: UUID


def caller(x_user: Annotated[str, Parameter(header="X-User")]) -> Caller:
    """Who calls, by the header."""
    user, org = who(x_user)
    return Caller(UUID(user), UUID(org))


class ContentService(SQLAlchemyAsyncRepositoryService[Content]):
    """The contents."""

    class Repo(SQLAlchemyAsyncRepository[Content]):
        """Where they are kept."""

        model_type = Content

    repository_type = Repo


FIFTY = LimitOffset(50, 0)


class ContentController(Controller):
    """The routes of the suite."""

    @get("/contents/{key:uuid}")
    async def one(self, key: UUID, contents: ContentService, caller: Caller) -> ContentOut:
        """One row."""
        found = await contents.get_one(Content.id == key, Content.org_id == caller.org_id)
        return contents.to_schema(found, schema_type=ContentOut)

    @get("/contents")
    async def listing(self, contents: ContentService, caller: Caller) -> Several:
        """Fifty rows."""
        rows = await contents.get_many(Content.org_id == caller.org_id, FIFTY, order_by=("id", False))
        return Several(list(contents.to_schema(rows, schema_type=ContentOut).items))

    @get("/contents-with-runs")
    async def with_runs(self, contents: ContentService, caller: Caller) -> SeveralWithRuns:
        """Fifty rows with their runs."""
        rows = await contents.get_many(
            Content.org_id == caller.org_id, FIFTY, order_by=("id", False), load=selectinload(Content.runs)
        )
        return SeveralWithRuns(list(contents.to_schema(rows, schema_type=ContentWithRuns).items))

    @post("/contents")
    async def create(self, data: ContentIn, contents: ContentService, caller: Caller) -> ContentOut:
        """One new row."""
        made = await contents.create(
            Content(
                org_id=caller.org_id, owner_id=caller.id, kind=data.kind, title=data.title, body=data.body,
                metadata_=data.metadata,
            ),
            auto_commit=True,
            auto_refresh=False,
        )  # fmt: skip
        return contents.to_schema(made, schema_type=ContentOut)


class LitestarSide(HttpSide):
    """Litestar."""

    async def application(self, url: str) -> Any:
        """The application."""
        config = SQLAlchemyAsyncConfig(
            connection_string=url.replace("postgresql://", "postgresql+asyncpg://", 1),
            engine_config=EngineConfig(pool_size=8, max_overflow=0),
            session_config=AsyncSessionConfig(expire_on_commit=False),
            # The rows have no files and no time of change; every flush would ask.
            enable_file_object_listener=False,
            enable_touch_updated_timestamp_listener=False,
        )
        app = Litestar(
            [ContentController],
            dependencies={
                "contents": Provide(create_service_provider(ContentService)),
                "caller": Provide(caller, sync_to_thread=False),
            },
            plugins=[SQLAlchemyPlugin(config)],
            openapi_config=None,
            logging_config=None,
        )
        self.opened = AsyncExitStack()
        await self.opened.enter_async_context(app.lifespan())
        return app

    async def leave(self) -> None:
        """Close the pool."""
        await self.opened.aclose()


if __name__ == "__main__":
    serve(LitestarSide())
