"""The embedded PostgreSQL: a private server in a folder of the project, shared by its processes."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sorbus.errors.embedded import EmbeddedUnavailable

if TYPE_CHECKING:
    # Needs UNIX' own modules, which a server on another system by URL does without.
    from sorbus.data_layers.postgres.embedded_cluster import Postmaster

LOCK_SECONDS = 180.0


def sorbus_home(start: Path | None = None) -> Path:
    """The folder where Sorbus keeps what belongs to a project.

    It is SORBUS_HOME when that is set; else `.sorbus` in the project's folder, which is the nearest folder
    from `start` (the current folder by default) upwards that has a `.sorbus` or a `pyproject.toml`, or
    `start` itself.
    """
    chosen = os.environ.get("SORBUS_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    here = (start or Path.cwd()).absolute()
    marked = (
        each
        for each in (here, *here.parents)
        if (each / ".sorbus").is_dir() or (each / "pyproject.toml").is_file()
    )
    return next(marked, here) / ".sorbus"


class EmbeddedServer:
    """A running private PostgreSQL and this process' share in it. Made by `start_embedded`.

    Attributes:
        url: the URL of its maintenance database `postgres`; a restarted server keeps it.
        folder: where its data, log and locks are.
        log: its log file.
        pid: the server's process id.
        owned: True when this process started it, False when it found it running.
    """

    def __init__(self, share: _Share) -> None:
        self._share = share
        self._leaving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return self._share.url

    @property
    def folder(self) -> Path:
        return self._share.folder

    @property
    def log(self) -> Path:
        return self._share.log

    @property
    def pid(self) -> int:
        return self._share.pid

    @property
    def owned(self) -> bool:
        return self._share.owned

    async def ensure_running(self) -> None:
        """Start the server again if it has died; a running one is left alone.

        Raises:
            EmbeddedFault: one of its leaves, when it cannot be started.
        """
        await _in_thread(self._share.ensure_running, undo=None, abandon=self._share.abandon)

    async def stop(self) -> None:
        """Leave the server; the last process that leaves stops it. Calling it again does nothing."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(asyncio.to_thread(self._share.leave))
        await asyncio.shield(self._leaving)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def start_embedded(
    folder: Path | None = None, *, settings: Mapping[str, str] | None = None
) -> EmbeddedServer:
    """A private PostgreSQL in `folder`, started now or found running.

    The first start makes the data folder (one to two seconds), later ones take a third of a second at most.
    Processes that use the same folder share one server; it stops when the last of them leaves. A server that
    was killed recovers here.

    Args:
        folder: where it lives; `postgres` in `sorbus_home()` by default.
        settings: lines for postgresql.conf, used when the data folder is made.

    Raises:
        EmbeddedUnavailable: the wheel is missing, or the platform has no UNIX sockets.
        EmbeddedFolderUnusable: the folder cannot be made, written or entered.
        EmbeddedVersionMismatch: the data was made by another major version.
        EmbeddedStartFailed: PostgreSQL did not come up; the message has the end of its log.
        EmbeddedBusy: another process has been starting or stopping it for minutes.
    """
    if sys.platform == "win32":
        raise EmbeddedUnavailable("it needs UNIX sockets")
    share = _Share((folder or sorbus_home() / "postgres").absolute(), settings or {})
    await _in_thread(share.join, undo=share.leave, abandon=share.abandon)
    return EmbeddedServer(share)


class _Share:
    """The blocking half: joins and leaves the users of one server under its start lock."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        from sorbus.data_layers.postgres import embedded_cluster, embedded_files

        self._files = embedded_files
        self._layout = embedded_files.Layout(folder)
        self._cluster = embedded_cluster.Cluster(self._layout, settings=settings)
        self._user: int | None = None
        self._process = os.getpid()
        self.abandon = threading.Event()
        self.folder = folder
        self.log = self._layout.log
        self.url = ""
        self.pid = 0
        self.owned = False

    def join(self) -> None:
        account = self._files.prepare_folder(self._layout)
        with self._files.start_lock(self._layout, account, seconds=LOCK_SECONDS, abandon=self.abandon):
            user = self._files.join_users(self._layout, account)
            try:
                self._note(*self._cluster.ensure_running())
            except BaseException:
                os.close(user)
                raise
            self._user = user
        # Also a process that never stops its server on purpose leaves it in order.
        atexit.register(self.leave)

    def ensure_running(self) -> None:
        account = self._files.prepare_folder(self._layout)
        with self._files.start_lock(self._layout, account, seconds=LOCK_SECONDS, abandon=self.abandon):
            self._note(*self._cluster.ensure_running())

    def leave(self) -> None:
        """Stop the server when nobody else uses it. In a forked child the share is the parent's."""
        atexit.unregister(self.leave)
        user, self._user = self._user, None
        if user is None or os.getpid() != self._process:
            return
        if not self.folder.exists():
            # Somebody has deleted it; a server without its data ends by itself within a minute.
            os.close(user)
            return
        try:
            with self._files.start_lock(self._layout, None, seconds=LOCK_SECONDS, abandon=threading.Event()):
                if self._files.is_last_user(user):
                    self._cluster.stop()
        finally:
            os.close(user)

    def _note(self, server: Postmaster, started: bool) -> None:
        self.url, self.pid, self.owned = server.url, server.pid, self.owned or started


async def _in_thread[T](
    work: Callable[[], T], *, undo: Callable[[], None] | None, abandon: threading.Event
) -> T:
    """Run blocking work in a thread. A cancelled caller waits for its end and undoes it."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        abandon.set()
        await asyncio.wait([task])
        abandon.clear()
        if task.exception() is None and undo is not None:
            await asyncio.to_thread(undo)
        raise
