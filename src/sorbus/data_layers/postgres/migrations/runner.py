"""Applying and undoing migrations: one process at a time, each migration whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import perf_counter

from sorbus.data_layers.postgres.migrations import books
from sorbus.data_layers.postgres.migrations.adopt import adopted_count
from sorbus.data_layers.postgres.migrations.books import Applied, migration_lock
from sorbus.data_layers.postgres.migrations.catalog import Connection, transaction
from sorbus.data_layers.postgres.migrations.execute import run_script
from sorbus.data_layers.postgres.migrations.files import DOWN, UP, Migration, find, load
from sorbus.errors.migrations import MigrationChanged, UnknownAppliedMigration


@dataclass(frozen=True, slots=True)
class SystemScript:
    """Tables that are not the application's own, such as the job queue's.

    Each (name, version) runs once per database, in one transaction, before the application's migrations.
    `up` is SQL, or a function that does its work on the connection it is given. A new version is a new
    script with a higher number; scripts run in the order of the list.
    """

    name: str
    version: int
    up: str | Callable[[Connection], Awaitable[object]]


class State(StrEnum):
    """Where a migration stands in one database."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    """Applied, but up.sql is another one since."""
    UNKNOWN = "unknown"
    """Applied, but not in the folder."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One migration with its state; `applied_at` and `duration` are None while it is pending."""

    name: str
    id: str
    state: State
    applied_at: datetime | None = None
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, by name in the order in which it was done."""

    scripts: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    reverted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Migrations of one folder on one database.

    Args:
        conn: an open connection of its own, not inside a transaction and not behind a pooler that shares
        sessions. folder: the folder of migrations; it may be missing.
        system_scripts: what runs before the first migration.
        wait: seconds to wait for another process that is migrating.
        lock_timeout: seconds that a statement may wait for a table that others use; None waits without end.
        Waiting
            DDL keeps every later query on that table waiting too.
    """

    conn: Connection
    folder: Path
    system_scripts: Sequence[SystemScript] = ()
    wait: float = books.DEFAULT_WAIT
    lock_timeout: float | None = 60.0

    async def up(self, to: str | None = None) -> Report:
        """Apply what is pending, up to and with `to` (a name, number or id), or everything.

        A database that was brought up by `push` is recognised: migrations whose tables it already has are
        noted as adopted. Raises `MigrationFailed`, `MigrationChanged`, `UnknownAppliedMigration`,
        `CannotAdopt`, `MigrationLockTimeout`, `NoSuchMigration` and what reading the folder raises.
        """
        chain = load(self.folder)
        wanted = chain[: find(chain, to)] if to is not None else chain
        async with self._alone():
            scripts = await run_system_scripts(self.conn, self.system_scripts)
            known = await books.applied(self.conn)
            await books.note_names(self.conn, chain, known)
            pending = [each for each in wanted if each.id not in known]
            _refuse_changed(chain, known)
            if pending:
                _refuse_unknown(chain, known)
            adopted = [] if known else await self._adopt(chain)
            todo = [each for each in pending if each not in adopted]
            for each in todo:
                await self._apply(each)
        return Report(scripts=scripts, adopted=_names(adopted), applied=_names(todo))

    async def down(self, *, steps: int = 1, to: str | None = None) -> Report:
        """Undo the newest `steps` migrations, or everything after `to` (`zero` for all).

        Raises `MigrationFailed`, `UnknownAppliedMigration`, `MigrationLockTimeout`, `NoSuchMigration` and
        what reading the folder raises.
        """
        chain = load(self.folder)
        async with self._alone():
            known = await books.applied(self.conn)
            _refuse_unknown(chain, known)
            done = [each for each in chain if each.id in known]
            keep = find(chain, to) if to is not None else None
            undone = (
                done[len(done) - steps :] if keep is None else [each for each in done if each in chain[keep:]]
            )
            for each in reversed(undone):
                await self._revert(each)
        return Report(reverted=_names(undone[::-1]))

    async def status(self) -> list[Standing]:
        """Every migration of the folder and of the database, oldest first. Changes nothing."""
        chain = load(self.folder)
        known = await books.applied(self.conn)
        found = [_standing(each, known.get(each.id)) for each in chain]
        strange = known.keys() - {each.id for each in chain}
        found += [
            Standing(each.name, each.id, State.UNKNOWN, each.applied_at, each.duration)
            for each in known.values()
            if each.id in strange
        ]
        return found

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        async with migration_lock(self.conn, wait=self.wait):
            before = await self.conn.fetchval("SHOW lock_timeout")
            milliseconds = 0 if self.lock_timeout is None else round(self.lock_timeout * 1000)
            await self.conn.execute("SELECT set_config('lock_timeout', $1, false)", str(milliseconds))
            try:
                await books.open_books(self.conn)
                yield
            finally:
                if not self.conn.is_closed():
                    await self.conn.execute("SELECT set_config('lock_timeout', $1, false)", before)

    async def _adopt(self, chain: list[Migration]) -> list[Migration]:
        pushed = await books.pushed_schema(self.conn)
        if pushed is None or not chain:
            return []
        adopted = chain[: await adopted_count(self.conn, chain, pushed)]
        async with transaction(self.conn):
            for each in adopted:
                await books.note_applied(self.conn, each, adopted=True)
            await books.forget_pushed(self.conn)
        return adopted

    async def _apply(self, migration: Migration) -> None:
        began = perf_counter()
        if migration.up_in_transaction:
            async with transaction(self.conn):
                await run_script(self.conn, migration.up, name=migration.name, file=UP, in_transaction=True)
                await books.note_applied(self.conn, migration, seconds=perf_counter() - began)
        else:
            await run_script(self.conn, migration.up, name=migration.name, file=UP, in_transaction=False)
            await books.note_applied(self.conn, migration, seconds=perf_counter() - began)

    async def _revert(self, migration: Migration) -> None:
        if migration.down_in_transaction:
            async with transaction(self.conn):
                await run_script(
                    self.conn, migration.down, name=migration.name, file=DOWN, in_transaction=True
                )
                await books.note_reverted(self.conn, migration)
        else:
            await run_script(self.conn, migration.down, name=migration.name, file=DOWN, in_transaction=False)
            await books.note_reverted(self.conn, migration)


async def run_system_scripts(conn: Connection, scripts: Sequence[SystemScript]) -> tuple[str, ...]:
    """Run the scripts that this database has not seen, each with its note in one transaction; return their
    names.

    The caller holds the migration lock and has opened the books. Raises `MigrationFailed`.
    """
    seen = await books.script_versions(conn)
    ran: list[str] = []
    for each in scripts:
        if (each.name, each.version) in seen:
            continue
        label = f"{each.name} v{each.version}"
        began = perf_counter()
        async with transaction(conn):
            if isinstance(each.up, str):
                await run_script(conn, each.up, name=label, file="system script", in_transaction=True)
            else:
                await each.up(conn)
            await books.note_script(conn, each.name, each.version, seconds=perf_counter() - began)
        ran.append(label)
    return tuple(ran)


def _names(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(each.name for each in migrations)


def _refuse_changed(chain: Sequence[Migration], known: dict[str, Applied]) -> None:
    changed = [each.name for each in chain if each.id in known and known[each.id].checksum != each.checksum]
    if changed:
        raise MigrationChanged(changed)


def _refuse_unknown(chain: Sequence[Migration], known: dict[str, Applied]) -> None:
    ids = {each.id for each in chain}
    strange = [each.name for each in known.values() if each.id not in ids]
    if strange:
        raise UnknownAppliedMigration(strange)


def _standing(migration: Migration, known: Applied | None) -> Standing:
    if known is None:
        return Standing(migration.name, migration.id, State.PENDING)
    state = State.APPLIED if known.checksum == migration.checksum else State.CHANGED
    return Standing(migration.name, migration.id, state, known.applied_at, known.duration)
