"""A small last-in-first-out pool of asyncpg connections.

Made for the hot path: taking a connection and giving it back are a list's pop and append, and no reset query
is sent between two users. Three things make that safe: session state is only ever set with SET LOCAL; a
connection that comes back in the middle of a query or of a transaction is mended in the background before
anybody else gets it; and what cannot be mended is dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import asyncpg

from sorbus.data_layers.postgres.connection import (
    Connection,
    DriverConnection,
    checked_url,
    open_patiently,
)
from sorbus.data_layers.postgres.faults import DRIVER_ERRORS
from sorbus.errors.database import (
    DatabaseUnavailable,
    PoolClosed,
    PoolExhausted,
    PoolForeignConnection,
    PoolForeignLoop,
    TransactionAborted,
)

MEND_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """What a pool has done and is doing.

    Attributes:
        size: the most connections it opens.
        open: connections that exist or are being opened.
        idle: connections that wait for work.
        busy: connections that are lent out.
        waiting: tasks that wait for one.
        opened, dropped: connections opened and dropped so far.
        mended: connections that came back in the middle of something and were made clean again.
        waited: tasks that had to wait so far.
        timed_out: tasks that waited in vain.
    """

    size: int
    open: int
    idle: int
    busy: int
    waiting: int
    opened: int
    dropped: int
    mended: int
    waited: int
    timed_out: int


class Pool:
    """Connections to one database, for one event loop.

    Args:
        url: a `postgresql://` URL.
        size: the most connections that it opens.
        min_size: how many `open` opens at once; the others follow on demand.
        acquire_timeout: seconds to wait for a free connection before PoolExhausted.
        reconnect_timeout: seconds to try to reach a server that is away before DatabaseUnavailable.
        close_timeout: seconds that `close` waits for lent connections.
        statement_cache: prepared statements per connection; 0 behind a pooler in transaction mode.
        statement_timeout: seconds after which a statement is given up with TimeoutError; None for no limit.
        application_name: what `pg_stat_activity` shows.
        settings: further settings of every session, such as `{"enable_seqscan": "off"}`.
        revive: called when the server cannot be reached, before the next try (the embedded server starts
            again).
        kind, on_lend: the class of its connections, and what each that is lent (not acquired) passes first.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 10,
        min_size: int = 0,
        acquire_timeout: float = 30.0,
        reconnect_timeout: float = 10.0,
        close_timeout: float = 10.0,
        statement_cache: int = 512,
        statement_timeout: float | None = None,
        application_name: str = "sorbus",
        settings: Mapping[str, str] | None = None,
        revive: Callable[[], Awaitable[None]] | None = None,
        kind: type[DriverConnection] = asyncpg.Connection,
        on_lend: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        self._kind, self.on_lend = kind, on_lend
        self.url = checked_url(url)
        self.size = size
        self._min_size = min(min_size, size)
        self._acquire_timeout, self._reconnect_timeout = acquire_timeout, reconnect_timeout
        self._close_timeout = close_timeout
        self._statement_cache, self._statement_timeout = statement_cache, statement_timeout
        self._application_name = application_name
        self._settings, self._revive = settings, revive
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed, self._slots = False, 0
        self._idle: list[DriverConnection] = []
        self._busy: set[DriverConnection] = set()
        self._stale: set[DriverConnection] = set()
        # A waiter gets a connection, or None: the right to open one.
        self._waiters: deque[asyncio.Future[DriverConnection | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()
        self._opened = self._dropped = self._mended = self._waited = self._timed_out = 0

    # -- lending --

    def connection(self) -> Lease:
        """`async with pool.connection() as connection:` lends one for the block."""
        return Lease(self)

    async def acquire(self) -> DriverConnection:
        """A connection of the caller's own until `release`.

        Raises:
            PoolExhausted: none became free within `acquire_timeout`.
            DatabaseUnavailable: the server could not be reached within `reconnect_timeout`.
            DatabaseLoginFailed, NoSuchDatabase: the server refused.
            PoolClosed, PoolForeignLoop: the pool is closed, or belongs to another event loop.
        """
        if self._loop is not asyncio.get_running_loop():
            self._bind()
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.is_closed():
                self._busy.add(connection)
                return connection
            self._forget(connection)
        if self._closed:
            raise PoolClosed
        if self._slots >= self.size:
            return await self._wait()
        self._slots += 1
        return await self._fill_slot()

    async def lend(self) -> DriverConnection:
        """As `acquire`, for SQL that does not come from the engine."""
        connection = await self.acquire()
        try:
            if self.on_lend is not None:
                await self.on_lend(connection)
        except BaseException:
            self.release(connection)
            raise
        return connection

    def release(self, connection: DriverConnection) -> None:
        """Take a connection back. One in the middle of something is mended before anybody else gets it.

        Raises:
            PoolForeignConnection: it is not lent out by this pool.
        """
        driver: Any = connection
        try:
            self._busy.remove(connection)
        except KeyError:
            raise PoolForeignConnection from None
        if (
            connection.is_closed()
            or connection.is_in_transaction()
            or driver._protocol._is_cancelling()
            or self._stale
            or self._closed
        ):
            self._take_care(connection)
        elif self._waiters:
            self._offer(connection)
        else:
            self._idle.append(connection)

    def transaction(self, *, begin: str = "BEGIN") -> Transaction:
        """`async with pool.transaction() as connection:` commits at the block's end, rolls back on an error.

        Args:
            begin: the opening statement, such as `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`.
        """
        return Transaction(self, begin)

    async def connect(self, *, application_name: str | None = None, plain: bool = False) -> DriverConnection:
        """A connection of the caller's own, for LISTEN or session locks; `plain` leaves out the pool's settings.

        Raises:
            DatabaseUnavailable, DatabaseLoginFailed, NoSuchDatabase: as `acquire`.
        """
        return await self._open(application_name or self._application_name, plain=plain)

    async def replanned[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work that opens its own transaction; once more when a table was altered under its plans.

        Outside a transaction the driver prepares again by itself. Inside one PostgreSQL has already failed
        the transaction, so the whole work is run again, with every plan of this pool forgotten.

        Args:
            work: takes its connection itself, and has no effects outside its transaction.
        """
        try:
            return await work()
        except (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError):
            await self.forget_plans()
            return await work()

    async def forget_plans(self) -> None:
        """Drop every prepared statement, as after a migration; lent connections follow when released."""
        self._stale.update(self._busy)
        for connection in list(self._idle):
            await connection.reload_schema_state()

    # -- opening and closing --

    async def open(self) -> None:
        """Open `min_size` connections now. Optional: `acquire` opens on demand."""
        self._bind()
        lent = [await self.acquire() for _ in range(self._min_size)]
        for connection in lent:
            self.release(connection)

    async def close(self) -> None:
        """Refuse new users, wait up to `close_timeout` seconds for lent connections, and cut off the rest."""
        self._closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(PoolClosed())
        self._note_progress()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._close_timeout):
                await self._drained.wait()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self._busy:
            connection.terminate()
        idle, self._idle = self._idle, []
        self._slots -= len(idle)
        for connection in idle:
            try:
                await connection.close(timeout=1.0)
            except DRIVER_ERRORS:
                connection.terminate()
        # One round of the loop, in which the transports say goodbye.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def stats(self) -> PoolStats:
        """The counters, at this moment."""
        return PoolStats(
            size=self.size,
            open=self._slots,
            idle=len(self._idle),
            busy=len(self._busy),
            waiting=sum(not each.done() for each in self._waiters),
            opened=self._opened,
            dropped=self._dropped,
            mended=self._mended,
            waited=self._waited,
            timed_out=self._timed_out,
        )

    # -- the slow paths --

    def _bind(self) -> None:
        if self._closed:
            raise PoolClosed
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise PoolForeignLoop

    async def _wait(self) -> DriverConnection:
        """Wait in line, first come first served."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[DriverConnection | None] = loop.create_future()
        self._waiters.append(waiter)
        self._waited += 1
        timer = loop.call_later(self._acquire_timeout, self._give_up, waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            # Cancelled after the hand-over but before this task ran: pass it on.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            with suppress(ValueError):
                self._waiters.remove(waiter)
            raise
        finally:
            timer.cancel()
        if connection is None:
            return await self._fill_slot()
        if connection.is_closed():
            self._busy.discard(connection)
            self._dropped += 1
            return await self._fill_slot()
        return connection

    def _give_up(self, waiter: asyncio.Future[DriverConnection | None]) -> None:
        if not waiter.done():
            self._timed_out += 1
            with suppress(ValueError):
                self._waiters.remove(waiter)
            waiter.set_exception(
                PoolExhausted(size=self.size, waited=self._acquire_timeout, waiting=len(self._waiters))
            )

    def _pass_on(self, connection: DriverConnection | None) -> None:
        if connection is None:
            self._free_slot()
        else:
            self.release(connection)

    async def _fill_slot(self) -> DriverConnection:
        """Open a connection in a slot that is already counted."""
        try:
            connection = await self._open(self._application_name)
        except DatabaseUnavailable as cause:
            self._slots -= 1
            self._disappoint(cause)
            raise
        except BaseException:
            self._free_slot()
            raise
        self._opened += 1
        if self._closed:
            connection.terminate()
            self._free_slot()
            raise PoolClosed
        self._busy.add(connection)
        return connection

    async def _open(self, application_name: str, *, plain: bool = False) -> DriverConnection:
        return await open_patiently(
            self.url,
            seconds=self._reconnect_timeout,
            statement_cache=self._statement_cache,
            statement_timeout=self._statement_timeout,
            application_name=application_name,
            settings=None if plain else self._settings,
            revive=self._revive,
            kind=self._kind,
        )

    def _offer(self, connection: DriverConnection) -> None:
        """Give a clean connection to the first who waits, or lay it down."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._busy.add(connection)
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def _free_slot(self) -> None:
        """Hand the right to open a connection to the first who waits, or give it up."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._slots -= 1

    def _disappoint(self, cause: DatabaseUnavailable) -> None:
        """Tell everybody in line that the server is away; each would find out after the other."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(
                    DatabaseUnavailable(
                        cause.detail, where=cause.where, waited=cause.waited, sqlstate=cause.sqlstate
                    )
                )

    def _forget(self, connection: DriverConnection) -> None:
        self._stale.discard(connection)
        self._dropped += 1
        self._free_slot()
        self._note_progress()

    def _take_care(self, connection: DriverConnection) -> None:
        if connection.is_closed():
            self._forget(connection)
            return
        if not self._closed and not self._is_dirty(connection) and connection not in self._stale:
            self._offer(connection)
            return
        task = asyncio.get_running_loop().create_task(self._mend(connection))
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._note_progress()

    def _note_progress(self) -> None:
        if self._closed and not self._busy and not self._tasks:
            self._drained.set()

    def _is_dirty(self, connection: DriverConnection) -> bool:
        driver: Any = connection
        return bool(connection.is_in_transaction() or driver._protocol._is_cancelling())

    async def _mend(self, connection: DriverConnection) -> None:
        """Wait for a cancelled query's end, roll back, and hand the connection on; drop it if that fails."""
        driver: Any = connection
        try:
            async with asyncio.timeout(MEND_SECONDS):
                if self._is_dirty(connection):
                    await driver._protocol._wait_for_cancellation(MEND_SECONDS)
                    if connection.is_in_transaction():
                        await connection.execute("ROLLBACK")
                    self._mended += 1
                if connection in self._stale:
                    self._stale.discard(connection)
                    await connection.reload_schema_state()
                if self._closed:
                    await connection.close()
        except (*DRIVER_ERRORS, asyncio.CancelledError):
            connection.terminate()
        if connection.is_closed():
            self._forget(connection)
        else:
            self._offer(connection)


class Lease:
    """One connection, for an `async with` block. Made by `Pool.connection`."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        self._connection = connection = await self._pool.lend()
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.release(self._connection)


class Transaction:
    """One connection in one transaction, for an `async with` block. Made by `Pool.transaction`."""

    __slots__ = ("_begin", "_connection", "_pool")

    def __init__(self, pool: Pool, begin: str) -> None:
        self._pool = pool
        self._begin = begin

    async def __aenter__(self) -> Connection:
        self._connection = connection = await self._pool.lend()
        try:
            await connection.execute(self._begin)
        except BaseException:
            self._pool.release(connection)
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._connection
        try:
            if kind is None:
                if await connection.execute("COMMIT") == "ROLLBACK":
                    raise TransactionAborted
            elif issubclass(kind, Exception) and not connection.is_closed():
                await connection.execute("ROLLBACK")
            # A cancelled task does not wait for its rollback: the pool does it in the background.
        finally:
            self._pool.release(connection)
