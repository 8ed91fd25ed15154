"""The tables that each tenant has for itself, as the part of `sorbus migrate` that they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import asyncpg
import click

from sorbus.data_layers.postgres.migrations import (
    Answers,
    Drift,
    Report,
    State,
    SystemScript,
    check,
    check_tenants,
    load,
    migrate_tenants,
    revert_tenants,
    tenant_standings,
)
from sorbus.data_layers.postgres.tables import Schema

type Connection = asyncpg.Connection[asyncpg.Record]


class TenantedApp(Protocol):
    """What this part needs from an application."""

    @property
    def migrations_folder(self) -> Path:
        """Where the application's own migrations lie."""
        ...

    def tenant_schema(self) -> Schema:
        """The tables that each tenant has for itself."""
        ...

    async def connect(self) -> Connection:
        """A connection of its own, which the command closes."""
        ...


class TenantPart:
    """An application seen from its tenants' tables: a folder of migrations and a schema of their own."""

    def __init__(self, app: TenantedApp) -> None:
        self._app = app
        self.migrations_folder = app.migrations_folder / "tenants"

    @property
    def exists(self) -> bool:
        """Whether tenants have tables of their own, or had them once."""
        return bool(self.schema().tables or load(self.migrations_folder))

    def schema(self) -> Schema:
        """The tables that each tenant has for itself."""
        return self._app.tenant_schema()

    def tenant_schema(self) -> Schema:
        """None: a tenant has no tenants."""
        return Schema()

    def system_scripts(self) -> Sequence[SystemScript]:
        """None: they run once, for the application."""
        return ()

    async def connect(self) -> Connection:
        """A connection to the application's database."""
        return await self._app.connect()

    @property
    def tables(self) -> frozenset[str]:
        """The names that its tables have or had."""
        chain = load(self.migrations_folder)
        return self.schema().names | chain[-1].schema.names if chain else self.schema().names

    async def up(self, conn: Connection, to: str | None) -> None:
        """Apply what is pending in every tenant."""
        _print(await migrate_tenants(conn, self.migrations_folder, to=to))

    async def down(self, conn: Connection, steps: int, to: str | None) -> None:
        """Undo the newest migrations in every tenant."""
        _print(await revert_tenants(conn, self.migrations_folder, steps=steps, to=to))

    async def status(self, conn: Connection) -> None:
        """Print how far each tenant is."""
        for name, standings in (await tenant_standings(conn, self.migrations_folder)).items():
            applied = [each for each in standings if each.state is State.APPLIED]
            pending = sum(each.state is State.PENDING for each in standings)
            newest = applied[-1].name if applied else "nothing"
            click.echo(f"Tenant {name}: {newest}" + (f", {pending} pending" if pending else ""))

    async def check(self, conn: Connection | None) -> list[str]:
        """What differs, as lines to print: once what all tenants share, then each tenant."""
        schema, folder = self.schema(), self.migrations_folder
        lines = [f"Tenants: {line}" for line in (await check(schema, folder)).lines()]
        found: Mapping[str, Drift] = {} if conn is None else await check_tenants(schema, folder, conn)
        for name, drift in found.items():
            lines += [f"Tenant {name}: {line}" for line in replace(drift, declared=()).lines()]
        return lines


def answers_for(answers: Answers, mine: Callable[[str], bool]) -> Answers:
    """The answers about some tables only: an answer that nothing asks for is an error."""
    return replace(
        answers,
        renames=tuple(each for each in answers.renames if mine(each.table or each.old)),
        backfills=_about(answers.backfills, mine),
        casts=_about(answers.casts, mine),
    )


def split(answers: Answers, tenants: Collection[str]) -> tuple[Answers, Answers]:
    """The answers about the application's tables, and those about tenants' tables."""
    return answers_for(answers, lambda each: each not in tenants), answers_for(
        answers, lambda each: each in tenants
    )


def _about(places: Mapping[str, str], mine: Callable[[str], bool]) -> dict[str, str]:
    return {place: sql for place, sql in places.items() if mine(place.partition(".")[0])}


def _print(reports: Mapping[str, Report]) -> None:
    for name, report in reports.items():
        for title, names in (
            ("Recognised", report.adopted),
            ("Applied", report.applied),
            ("Undid", report.reverted),
        ):
            for each in names:
                click.echo(f"Tenant {name}: {title} {each}")
