"""Reading a database's catalog into a `Schema`, and declared schemas in the catalog's own words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import uuid4

import asyncpg

from sorbus.data_layers.postgres.migrations import ddl
from sorbus.data_layers.postgres.migrations.ddl import quoted
from sorbus.data_layers.postgres.migrations.extensions import check_extensions
from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    Expression,
    ForeignKey,
    Index,
    OnDelete,
    RowPolicy,
    Schema,
    Table,
)
from sorbus.errors.migrations import CannotBuildSchema, CatalogForbidden

type Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

OWN_TABLES = frozenset(
    {"sorbus_migrations", "sorbus_system_scripts", "sorbus_pushed_schema", "sorbus_tenants"}
)
"""The tables in which migrations keep their own books; never part of a schema that is read."""

_REACTIONS = {
    b"a": OnDelete.NOTHING,
    b"r": OnDelete.RESTRICT,
    b"c": OnDelete.CASCADE,
    b"n": OnDelete.NILIFY,
}


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql` beside this module."""
    return (files(__package__ or "") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@asynccontextmanager
async def transaction(conn: Connection) -> AsyncGenerator[None]:
    """A transaction, or a savepoint inside one. When the connection is lost, that is the error raised."""
    inner = conn.transaction()
    await inner.start()
    try:
        yield
    except BaseException:
        if not conn.is_closed():
            await inner.rollback()
        raise
    await inner.commit()


async def read_catalog(
    conn: Connection, *, tables: Collection[str] | None = None, namespace: str | None = None
) -> Schema:
    """What the database has, in PostgreSQL's own words.

    Args:
        conn: an open connection.
        tables: only these tables; all of the namespace (but our own books) when None.
        namespace: the PostgreSQL schema to read; the first of the search path when None.
    """
    oid = await conn.fetchval(
        "SELECT oid FROM pg_namespace WHERE nspname = coalesce($1::text, current_schema())", namespace
    )
    only = None if tables is None else list(tables)
    parts = _Parts()
    for record in await conn.fetch(sql("columns"), oid, only):
        parts.column(record)
    for record in await conn.fetch(sql("indexes"), oid, only):
        parts.index(record)
    for record in await conn.fetch(sql("constraints"), oid, only):
        parts.constraint(record)
    for record in await conn.fetch(sql("policies"), oid, only):
        parts.policy(record)
    extensions = [str(each["extname"]) for each in await conn.fetch(sql("extensions"))]
    found = (each for each in parts.tables() if each.name not in OWN_TABLES)
    return Schema(tuple(found), tuple(extensions)).canonical()


class _Parts:
    """Records of the catalog, gathered by table."""

    def __init__(self) -> None:
        self._comments: dict[str, str | None] = {}
        self._columns: defaultdict[str, list[Column]] = defaultdict(list)
        self._indexes: defaultdict[str, list[Index]] = defaultdict(list)
        self._checks: defaultdict[str, list[Check]] = defaultdict(list)
        self._foreign_keys: defaultdict[str, list[ForeignKey]] = defaultdict(list)
        self._policies: defaultdict[str, list[RowPolicy]] = defaultdict(list)
        self._primary_keys: dict[str, tuple[str, ...]] = {}

    def column(self, record: Any) -> None:
        table = record["table_name"]
        self._comments[table] = record["table_comment"]
        if record["name"] is None:  # a table without columns
            return
        self._columns[table].append(
            Column(
                record["name"],
                record["type"],
                nullable=not record["not_null"],
                default=record["default_sql"],
                comment=record["comment"],
                generated=record["generated_sql"],
                identity=record["identity"],
            )
        )

    def index(self, record: Any) -> None:
        keys: list[str | Expression] = []
        for text, name, plain in zip(record["keys"], record["names"], record["plain"], strict=True):
            keys.append(name if name is not None and plain else Expression(text))
        count = record["key_count"]
        # An interrupted concurrent build must never pass for the index that was asked for.
        parameters = [*record["parameters"], *([] if record["is_valid"] else ["invalid"])]
        self._indexes[record["table_name"]].append(
            Index(
                record["name"],
                tuple(keys[:count]),
                unique=record["is_unique"],
                where=record["predicate"],
                using=record["method"],
                include=tuple(str(each) for each in record["names"][count:]),
                nulls_distinct=record["nulls_distinct"],
                parameters=tuple(parameters),
            )
        )

    def constraint(self, record: Any) -> None:
        table, name = record["table_name"], record["name"]
        if record["kind"] == b"p":
            self._primary_keys[table] = tuple(record["columns"])
        elif record["kind"] == b"c":
            self._checks[table].append(Check(name, record["expression"]))
        else:
            self._foreign_keys[table].append(
                ForeignKey(
                    name,
                    tuple(record["columns"]),
                    record["references_table"],
                    tuple(record["keys"]),
                    on_delete=_REACTIONS.get(record["on_delete"], OnDelete.NOTHING),
                    on_update=_REACTIONS.get(record["on_update"], OnDelete.NOTHING),
                    nilified=tuple(record["nilified"]),
                    deferrable=record["is_deferred"],
                )
            )

    def policy(self, record: Any) -> None:
        self._policies[record["table_name"]].append(
            RowPolicy(
                record["name"],
                record["using_sql"] or "true",
                record["check_sql"] or "true",
                enforced=record["enforced"],
            )
        )

    def tables(self) -> list[Table]:
        return [
            Table(
                name,
                columns=tuple(self._columns[name]),
                primary_key=self._primary_keys.get(name, ()),
                indexes=tuple(self._indexes[name]),
                foreign_keys=tuple(self._foreign_keys[name]),
                checks=tuple(self._checks[name]),
                policies=tuple(self._policies[name]),
                comment=comment,
            )
            for name, comment in self._comments.items()
        ]


async def in_catalog_words(conn: Connection, schema: Schema) -> Schema:
    """The declared schema as this server spells it: types, defaults and expressions parsed by PostgreSQL
    itself.

    It is built in a scratch namespace inside a transaction that is rolled back, so nothing stays. Extensions
    that are not installed are installed inside it too. Raises `CannotBuildSchema`, `CatalogForbidden`.
    """
    statements = ddl.create_schema(schema.canonical())
    try:
        found = await _in_scratch(conn, schema, [";\n".join(statements)] if statements else [])
    except CannotBuildSchema:
        # One by one is slower, but tells which one it is.
        found = await _in_scratch(conn, schema, statements)
    return replace(found, extensions=schema.canonical().extensions)


async def _in_scratch(conn: Connection, schema: Schema, scripts: Sequence[str]) -> Schema:
    scratch = f"sorbus_scratch_{uuid4().hex[:12]}"
    undone = conn.transaction()
    await undone.start()
    try:
        await _enter(conn, scratch, schema)
        for each in scripts:
            await _build(conn, each)
        return await read_catalog(conn, namespace=scratch)
    finally:
        if not conn.is_closed():
            await undone.rollback()


async def _build(conn: Connection, statement: str) -> None:
    try:
        await conn.execute(statement)
    except asyncpg.PostgresError as error:
        raise CannotBuildSchema(statement, str(error)) from error


async def _enter(conn: Connection, scratch: str, schema: Schema) -> None:
    await check_extensions(conn, schema)
    for extension in schema.extensions:
        await _build(conn, f"CREATE EXTENSION IF NOT EXISTS {quoted(extension)}")
    try:
        await conn.execute(f"CREATE SCHEMA {quoted(scratch)}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise CatalogForbidden(str(error)) from error
    path = await conn.fetchval("SHOW search_path")
    await conn.execute(
        "SELECT set_config('search_path', $1 || ', ' || $2, true),"
        " set_config('client_min_messages', 'warning', true)",
        scratch,
        path or '""',
    )


async def installed(conn: Connection, schema: Schema) -> Schema:
    """What the database has of the tables and extensions that `schema` names."""
    live = await read_catalog(conn, tables=schema.names)
    return replace(live, extensions=tuple(each for each in live.extensions if each in schema.extensions))
