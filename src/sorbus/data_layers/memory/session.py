"""Sessions and transactions in memory: one writer at a time, readers see what is committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sorbus.data_layers.memory.locks import StoreLock
from sorbus.data_layers.memory.tables import Row, Table
from sorbus.errors.database import LockNotAvailable, TransactionAborted
from sorbus.query.statements import Lock, LockMode, LockWait

_SHARED = frozenset({LockMode.SHARE, LockMode.KEY_SHARE})

Check = Callable[[Mapping[str, Table]], None]
"""A reference that is looked at later; it raises where it does not hold."""


@dataclass(slots=True)
class Writing:
    """The tables as one statement writes them; what it did can be undone when it fails.

    Attributes:
        own: the tables that nobody else sees yet; the others are copied before the first write.
        private: whether the writes stay invisible to others for now.
        place: from a resource to the name of its table, which may be the scope's tenant's.
        later: what is looked at when the statement is done.
        deferred: what is looked at when the transaction is committed.
    """

    tables: dict[str, Table]
    own: set[str]
    private: bool
    place: Callable[[str], str] = str
    later: list[Check] = field(default_factory=list[Check])
    deferred: list[Check] = field(default_factory=list[Check])
    _undo: list[tuple[str, Any, Row | None]] = field(default_factory=list[tuple[str, Any, Row | None]])

    def table(self, resource: str) -> Table:
        """The rows of a resource."""
        return self.tables[self.place(resource)]

    def _table(self, name: str) -> Table:
        if self.private and name not in self.own:
            self.tables[name] = self.tables[name].copy()
            self.own.add(name)
        return self.tables[name]

    def put(self, resource: str, row: Row) -> None:
        """Add or replace a row."""
        name = self.place(resource)
        table = self._table(name)
        key = row[table.key]
        self._undo.append((name, key, table.rows.get(key)))
        table.put(row)

    def remove(self, resource: str, key: Any) -> None:
        """Take a row away."""
        name = self.place(resource)
        table = self._table(name)
        self._undo.append((name, key, table.rows[key]))
        table.remove(key)

    def settle(self) -> None:
        """Look at what was left for the end of the statement; without a transaction it is the end of all.

        Raises:
            ForeignKeyViolation: a reference does not hold.
        """
        checks = self.later if self.private else [*self.later, *self.deferred]
        for check in checks:
            check(self.tables)

    def undo(self) -> None:
        """Put everything back."""
        for name, key, before in reversed(self._undo):
            table = self.tables[name]
            if before is not None:
                table.put(before)
            elif key in table.rows:
                table.remove(key)


Mark = dict[str, Table] | None
"""The tables of a transaction as they were at some moment; None before its first write."""


class Store:
    """The committed rows of an application, and the lock that lets one transaction write at a time.

    Args:
        lock_timeout: seconds that a write waits for another transaction.
    """

    def __init__(self, tables: Mapping[str, Table], *, lock_timeout: float) -> None:
        self.tables = dict(tables)
        self.lock = StoreLock()
        self.lock_timeout = lock_timeout


class MemorySession:
    """What a connection is to PostgreSQL: used by one task at a time, in or outside a transaction.

    Attributes:
        began: when the transaction was opened; None outside one.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.began: datetime | None = None
        self._tables: dict[str, Table] | None = None
        self._own: set[str] = set()
        self._deferred: list[Check] = []
        self._shares = False
        self._failed = False

    @property
    def tables(self) -> dict[str, Table]:
        """The rows as this session sees them: what is committed, and its own writes."""
        return self.store.tables if self._tables is None else self._tables

    @property
    def now(self) -> datetime:
        """When the transaction began; outside one, this moment."""
        return self.began or datetime.now(UTC)

    def check(self) -> None:
        """A transaction in which a statement failed takes no further ones.

        Raises:
            TransactionAborted: one has failed.
        """
        if self._failed:
            raise TransactionAborted

    def fail(self) -> None:
        """Note that a statement has failed."""
        self._failed = self.began is not None

    def begin(self) -> None:
        """Open a transaction. Its first write takes the lock, so that reading alone waits for nobody."""
        self.began = datetime.now(UTC)

    def commit(self) -> None:
        """Let everybody see what was written.

        Raises:
            TransactionAborted: a statement had failed; everything is undone instead.
            ForeignKeyViolation: a deferred reference does not hold; everything is undone.
        """
        failed = self._failed
        if self._tables is not None and not failed:
            try:
                for check in self._deferred:
                    check(self._tables)
            except BaseException:
                self.rollback()
                raise
            self.store.tables = self._tables
        self.rollback()
        if failed:
            raise TransactionAborted

    def rollback(self) -> None:
        """Forget what was written."""
        if self._tables is not None or self._shares:
            self.store.lock.release(self)
        self._tables, self._own, self._shares = None, set(), False
        self._deferred = []
        self.began, self._failed = None, False

    def mark(self) -> Mark:
        """The tables as they are now. Later writes go to copies, so that these stay as they are."""
        self._own = set()
        return None if self._tables is None else dict(self._tables)

    def go_back(self, mark: Mark) -> None:
        """Put the tables back as they were; the lock, once taken, is kept until the end."""
        if self._tables is not None:
            self._tables = dict(self.store.tables if mark is None else mark)
        self._own, self._failed = set(), False

    async def hold(self, lock: Lock) -> bool:
        """Lock what will be read, all of it: there are no locks on single rows here.

        Returns:
            False when rows that others have locked are to be skipped, and somebody has locked them.

        Raises:
            LockNotAvailable: another transaction has the lock, or did not end in time.
        """
        shared = lock.mode in _SHARED
        if lock.wait is not LockWait.WAIT and not self.store.lock.free(self, shared=shared):
            if lock.wait is LockWait.SKIP_LOCKED:
                return False
            raise LockNotAvailable
        if not shared:
            await self.lock()
        elif self.began is not None and self._tables is None:
            await self._take(shared=True)
            self._shares = True
        return True

    async def lock(self) -> None:
        """Become the one transaction that writes; outside a transaction there is nothing to hold.

        Raises:
            LockNotAvailable: another transaction did not end in time.
        """
        if self.began is None or self._tables is not None:
            return
        await self._take()
        self._tables = dict(self.store.tables)

    async def writing(self) -> Writing:
        """The tables to write to; `done` must follow.

        Raises:
            LockNotAvailable: another transaction did not end in time.
        """
        if self.began is not None:
            await self.lock()
            return Writing(self.tables, self._own, private=True, deferred=self._deferred)
        await self._take()
        return Writing(self.store.tables, set(), private=False)

    def done(self) -> None:
        """End a single write; a transaction keeps its lock."""
        if self.began is None:
            self.store.lock.release(self)

    async def _take(self, *, shared: bool = False) -> None:
        if not await self.store.lock.take(self, shared=shared, patience=self.store.lock_timeout):
            raise LockNotAvailable
