"""References in the database: every option is made, read back, and taken back."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from sorbus import (
    Attr,
    Domain,
    Identities,
    One,
    Resource,
    Sorbus,
    Tenancy,
    attribute,
    belongs_to,
    uuid_primary_key,
)
from sorbus.data_layers.postgres.migrations.adopt import live_differences
from sorbus.data_layers.postgres.migrations.catalog import in_catalog_words, read_catalog
from sorbus.data_layers.postgres.migrations.diff import AS_THEY_ARE, diff
from sorbus.data_layers.postgres.tables import Schema


class Firm(Resource):
    """A tenant's firm."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    code: Attr[str] = attribute()
    tenancy = Tenancy(org_id)
    identities = Identities(code=[org_id, code])


def declared(**options: object) -> Schema:
    """The tables of a resource whose reference has these options."""

    class Deal(Resource):
        """A deal with a firm."""

        id: Attr[UUID] = uuid_primary_key()
        org_id: Attr[UUID] = attribute()
        firm_id: Attr[UUID | None] = attribute()
        code: Attr[str] = attribute()
        firm: One[Firm | None] = belongs_to(**options)  # type: ignore[arg-type]
        by_code: One[Firm] = belongs_to(via=code, destination="code", on_update="cascade")
        tenancy = Tenancy(org_id)

    return Sorbus(domains=[Domain("deals", resources=[Firm, Deal])]).schema()


OPTIONS: list[dict[str, object]] = [
    {},
    {"on_delete": "cascade"},
    {"on_delete": "nilify"},
    {"on_delete": "nothing", "deferrable": True},
    {"on_update": "restrict"},
    {"match_tenant": False, "on_delete": "nilify"},
    {"index": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_every_option_is_made_and_read_back(database_url: str, options: dict[str, object]) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        schema = declared(**options)
        for step in diff(Schema(), schema, answers=AS_THEY_ARE):
            for sql in step.forward():
                await connection.execute(sql)
        assert await live_differences(connection, schema) == []
        found = await read_catalog(connection)
        assert (
            found.table("deal").foreign_keys
            == (await in_catalog_words(connection, schema)).table("deal").foreign_keys
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("options", OPTIONS[1:], ids=str)
async def test_a_change_of_an_option_leads_there_and_back(pg18_url: str, options: dict[str, object]) -> None:
    connection = await asyncpg.connect(pg18_url)
    try:
        before, after = declared(), declared(**options)
        for step in diff(Schema(), before, answers=AS_THEY_ARE):
            for sql in step.forward():
                await connection.execute(sql)
        steps = diff(before, after, answers=AS_THEY_ARE)
        assert steps
        for step in steps:
            for sql in step.forward():
                await connection.execute(sql)
        assert await live_differences(connection, after) == []
        for step in reversed(steps):
            for sql in step.backward():
                await connection.execute(sql)
        assert await live_differences(connection, before) == []
    finally:
        await connection.close()


def test_a_snapshot_keeps_every_option() -> None:
    for options in OPTIONS:
        schema = declared(**options)
        assert Schema.from_json(schema.to_json()) == schema.canonical()
