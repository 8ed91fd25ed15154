"""The suite `http` on FastAPI, Pydantic and SQLAlchemy's ORM with asyncpg, as its documentation shows it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from core_sqlalchemy_models import Content, Kind, State
from fastapi import Depends, FastAPI, Header, HTTPException
from http_serving import HttpSide, who
from pydantic import BaseModel, ConfigDict, Field
from serving import serve
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload


class RunOut(BaseModel):
    """A run as clients see it."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    content_id: UUID
    state: State
    prompt: str
    output: str | None
    inserted_at: datetime


class ContentOut(BaseModel):
    """A content as clients see it."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    kind: Kind
    state: State
    title: str
    body: str
    metadata: dict[str, Any] = Field(validation_alias="metadata_")
    inserted_at: datetime


class ContentWithRuns(ContentOut):
    """A content with its runs."""

    runs: list[RunOut]


class Several(BaseModel):
    """A list."""

    data: list[ContentOut]


class SeveralWithRuns(BaseModel):
    """A list with runs."""

    data: list[ContentWithRuns]


class ContentIn(BaseModel):
    """A new content."""

    kind: Kind
    title: str = Field(max_length=200)
    body: str = Field(max_length=10_000)
    metadata: dict[str, Any]


class Caller(BaseModel):
    """Who calls."""

    id: UUID
    org_id: UUID


async def caller(x_user: Annotated[str, Header()]) -> Caller:
    """Who calls, by the header."""
    user, org = who(x_user)
    return Caller(id=UUID(user), org_id=UUID(org))


class FastApiSide(HttpSide):
    """FastAPI."""

    async def application(self, url: str) -> Any:
        """The application."""
        self.engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=8, max_overflow=0
        )
        sessions = async_sessionmaker(self.engine, expire_on_commit=False)

        async def session() -> AsyncIterator[AsyncSession]:
            async with sessions() as opened:
                yield opened

        return routes(session)

    async def leave(self) -> None:
        """Close the pool."""
        await self.engine.dispose()


def routes(session: Any) -> FastAPI:
    """The routes of the suite."""
    app = FastAPI()

    @app.get("/contents/{key}", response_model=ContentOut)
    async def get(
        key: UUID, who: Annotated[Caller, Depends(caller)], db: Annotated[AsyncSession, Depends(session)]
    ) -> Any:
        """One row."""
        query = select(Content).where(Content.id == key, Content.org_id == who.org_id)
        found = await db.scalar(query)
        if found is None:
            raise HTTPException(404)
        return found

    @app.get("/contents", response_model=Several)
    async def listing(
        who: Annotated[Caller, Depends(caller)], db: Annotated[AsyncSession, Depends(session)]
    ) -> Any:
        """Fifty rows."""
        query = select(Content).where(Content.org_id == who.org_id).order_by(Content.id).limit(50)
        return {"data": list(await db.scalars(query))}

    @app.get("/contents-with-runs", response_model=SeveralWithRuns)
    async def with_runs(
        who: Annotated[Caller, Depends(caller)], db: Annotated[AsyncSession, Depends(session)]
    ) -> Any:
        """Fifty rows with their runs."""
        query = select(Content).where(Content.org_id == who.org_id).order_by(Content.id).limit(50)
        return {"data": list(await db.scalars(query.options(selectinload(Content.runs))))}

    @app.post("/contents", response_model=ContentOut, status_code=201)
    async def create(
        given: ContentIn,
        who: Annotated[Caller, Depends(caller)],
        db: Annotated[AsyncSession, Depends(session)],
    ) -> Any:
        """One new row."""
        made = Content(
            org_id=who.org_id, owner_id=who.id, kind=given.kind, title=given.title, body=given.body,
            metadata_=given.metadata,
        )  # fmt: skip
        db.add(made)
        await db.commit()
        return made

    return app


if __name__ == "__main__":
    serve(FastApiSide())
