"""A connection to a fresh database, and small schemas to move between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from sorbus.data_layers.postgres.migrations import Connection, Runner, load, plan, write
from sorbus.data_layers.postgres.tables import Column, ForeignKey, Index, OnDelete, Schema, Table

RUNS = Table(
    "runs",
    columns=(
        Column("id", "uuid", nullable=False),
        Column("state", "text", nullable=False, default="'pending'"),
        Column("inserted_at", "timestamptz", nullable=False, default="now()"),
    ),
    primary_key=("id",),
    indexes=(Index("runs_state_index", ("state", "inserted_at")),),
)
STAGES = Table(
    "stages",
    columns=(
        Column("id", "uuid", nullable=False),
        Column("run_id", "uuid", nullable=False),
        Column("note", "text"),
    ),
    primary_key=("id",),
    foreign_keys=(
        ForeignKey("stages_run_id_fkey", ("run_id",), "runs", ("id",), on_delete=OnDelete.CASCADE),
    ),
)
FIRST = Schema((RUNS,))
SECOND = Schema((RUNS, STAGES))
THIRD = Schema((replace(RUNS, columns=(*RUNS.columns, Column("note", "text"))), STAGES))


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A second connection to the same database."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


type Declare = Callable[[Schema, str], None]


@pytest.fixture
def declare(folder: Path) -> Declare:
    """Write the migration that leads to a schema."""

    def written(schema: Schema, name: str) -> None:
        write(folder, plan(load(folder), schema, name=name).migrations)

    return written


@pytest.fixture
def runner(conn: Connection, folder: Path) -> Runner:
    return Runner(conn=conn, folder=folder)
