"""The tables of the core suite as SQLAlchemy's ORM has them."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from rows import uuid7
from sqlalchemy import DateTime, Enum, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Kind(enum.StrEnum):
    """What a content is."""

    EMAIL = "email"
    DOCUMENT = "document"
    NOTE = "note"


class State(enum.StrEnum):
    """How far a content or a run is."""

    QUEUED = "queued"
    DONE = "done"


def stored(kind: type[enum.Enum]) -> Any:
    """An enumeration kept as text."""
    return Enum(kind, native_enum=False, values_callable=lambda members: [each.value for each in members])


def key() -> Any:
    """A key of version 7, made in the application."""
    return mapped_column(primary_key=True, default=uuid7)


def now() -> Any:
    """When the row was written."""
    return mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


class Base(DeclarativeBase):
    """All tables."""


class Content(Base):
    """A text somebody owns."""

    __tablename__ = "bench_contents"

    id: Mapped[UUID] = key()
    org_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    kind: Mapped[Kind] = mapped_column(stored(Kind))
    state: Mapped[State] = mapped_column(stored(State), default=State.QUEUED)
    title: Mapped[str]
    body: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    inserted_at: Mapped[datetime] = now()
    runs: Mapped[list[Run]] = relationship(order_by="Run.id")


class Run(Base):
    """One execution over one piece of content."""

    __tablename__ = "bench_runs"

    id: Mapped[UUID] = key()
    org_id: Mapped[UUID]
    content_id: Mapped[UUID] = mapped_column(ForeignKey("bench_contents.id"))
    state: Mapped[State] = mapped_column(stored(State))
    prompt: Mapped[str]
    output: Mapped[str | None]
    inserted_at: Mapped[datetime] = now()
    calls: Mapped[list[Call]] = relationship(order_by="Call.id")


class Call(Base):
    """One call of a model within a run."""

    __tablename__ = "bench_calls"

    id: Mapped[UUID] = key()
    org_id: Mapped[UUID]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("bench_runs.id"))
    model: Mapped[str]
    tokens: Mapped[int]
    cost: Mapped[Decimal]
    inserted_at: Mapped[datetime] = now()


class Letter(Base):
    """A text that comes in with thousands of others."""

    __tablename__ = "bench_letters"

    id: Mapped[UUID] = key()
    org_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    kind: Mapped[Kind] = mapped_column(stored(Kind))
    title: Mapped[str]
    body: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    label: Mapped[str | None]
    revision: Mapped[int] = mapped_column(default=0)
    inserted_at: Mapped[datetime] = now()
