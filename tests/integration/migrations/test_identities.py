"""Identities with conditions reach the database, and are not taken for changes afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from uuid import UUID

from tests.integration.migrations.conftest import Declare

from sorbus import (
    Attr,
    CiStr,
    Domain,
    Expr,
    Identities,
    Postgres,
    Resource,
    attribute,
    identity,
    uuid_primary_key,
)
from sorbus.data_layers.postgres.ddl import schema_of
from sorbus.data_layers.postgres.migrations import Connection, Runner, check, push
from sorbus.data_layers.postgres.tables import Schema
from sorbus.resource.assembly import assemble

OWNER = UUID("00000000-0000-4000-8000-000000000001")


class State(StrEnum):
    """Texts with a quote and a backslash."""

    OPEN = "it's"
    SHUT = "a\\b"


class Grade(Enum):
    """Numbers."""

    LOW = 1
    HIGH = 2


def declared(*, nulls_distinct: bool = False, largest: int = 9) -> Schema:
    """The tables of one resource with an identity for each kind of value."""

    class Page(Resource):
        """A page."""

        id: Attr[UUID] = uuid_primary_key()
        slug: Attr[str] = attribute()
        state: Attr[State] = attribute()
        grade: Attr[Grade] = attribute()
        mail: Attr[CiStr | None] = attribute(default=None)
        size: Attr[int] = attribute()
        fee: Attr[Decimal] = attribute()
        live: Attr[bool] = attribute()
        day: Attr[date | None] = attribute(default=None)
        at: Attr[datetime | None] = attribute(default=None)
        owner: Attr[UUID | None] = attribute(default=None, column="owned by")

        storage = Postgres("pages")
        identities = Identities(
            null=identity(slug, where=owner.is_null()),
            text=identity(slug, size, where=(state == State.OPEN) & live & (fee > Decimal("1.5"))),
            several=identity(slug, fee, where=state.is_in([State.SHUT, State.OPEN]) | ~live | (size >= -5)),
            day=identity(day, where=(day > date(2020, 1, 1)) & (mail == CiStr("X")) & (grade == Grade.HIGH)),
            time=identity(at, where=(at >= datetime(2020, 1, 1, tzinfo=UTC)) & (fee != Decimal(-3))),
            key=identity(slug, day, where=(owner == OWNER) & (size <= largest)),
            fields=identity(size, day, where=_differ(slug, mail) & live.is_distinct_from(None)),
            last=identity(slug, grade, where=day == date.max),
            mail=identity(mail, nulls_distinct=nulls_distinct),
        )

    return schema_of(assemble("test", [Domain("site", resources=[Page])]))


def _differ(slug: Attr[str], mail: Attr[CiStr | None]) -> Expr[bool]:
    return ~slug.is_null() & mail.is_null()


async def test_every_condition_becomes_an_index_and_stays_one(conn: Connection) -> None:
    await push(conn, declared())
    assert await push(conn, declared()) == ()


async def test_migrations_keep_the_condition_and_nothing_drifts(
    conn: Connection, folder: Path, declare: Declare, runner: Runner
) -> None:
    declare(declared(), "pages")
    await runner.up()
    assert not await check(declared(), folder, conn)
    changed = declared(nulls_distinct=True, largest=10)
    drift = await check(changed, folder, conn)
    assert [each for each in drift.declared if "pages_mail_key" in each or "pages_key_key" in each]
    assert len(drift.declared) == 4, "two indexes are dropped and made anew"
    declare(changed, "changed")
    await runner.up()
    assert not await check(changed, folder, conn)
