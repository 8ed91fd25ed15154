"""Files around the embedded server: its folder, its locks, its socket and the account that it runs under."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sorbus.errors.embedded import EmbeddedBusy, EmbeddedFolderUnusable

log = logging.getLogger(__name__)

ACCOUNT = "embedded_postgres"
SOCKET = ".s.PGSQL.5432"
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
# Short enough for a socket where the temporary folder is not; what is made there is checked for its owner.
SHORT = "/tmp"  # noqa: S108
_USER_DATABASE = "/etc"
LOG_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that the server runs under when Sorbus itself runs as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one embedded server lives."""

    folder: Path

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "postgres.log"

    @property
    def start_lock(self) -> Path:
        """Locked by the process that starts or stops the server."""
        return self.folder / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Locked, shared, by every process that uses the server."""
        return self.folder / "users.lock"


def find_account(data: Path) -> Account | None:
    """The account for the server, or None when Sorbus does not run as root (PostgreSQL refuses to).

    The owner of existing data stays its owner; else a system user is made, and where that cannot be, `nobody`
    serves.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        owner = data.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    entry = _system_user() or _new_system_user() or pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def _new_system_user() -> pwd.struct_passwd | None:
    """The account, made by one process of the machine: of two that make it at once, one would end up with a number
    that is nobody's.
    """
    descriptor = os.open(_USER_DATABASE, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for attempt in range(5):
            found = _system_user()
            if found is not None:
                return found
            # Tools of the system have a lock of their own, which somebody else may hold.
            time.sleep(0.2 * attempt)
            _make_user()
        return _system_user()
    finally:
        os.close(descriptor)


def _make_user() -> None:
    tool = shutil.which("useradd")
    if tool is not None:
        command = [tool, "--system", "--no-create-home", "--user-group", "--shell", "/bin/false", ACCOUNT]
    elif (tool := shutil.which("adduser")) is not None:
        command = [tool, "-S", "-D", "-H", "-s", "/bin/false", ACCOUNT]
    else:
        return
    # A tool of the system with arguments of our own, no shell.
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603


def prepare_folder(layout: Layout) -> Account | None:
    """Make the folder, see that it can be written, and open the way to it for the server's account.

    Raises:
        EmbeddedFolderUnusable: it cannot be made, written or entered.
    """
    try:
        layout.folder.mkdir(parents=True, exist_ok=True)
        account = find_account(layout.data)
        give(layout.folder, account)
        with tempfile.TemporaryFile(dir=layout.folder):
            pass
        if layout.log.exists() and layout.log.stat().st_size > LOG_LIMIT:
            layout.log.replace(layout.log.with_suffix(".log.1"))
        layout.log.touch(mode=0o600)
        give(layout.log, account)
        if account is not None:
            open_way(layout.folder, account)
        return account
    except OSError as cause:
        raise EmbeddedFolderUnusable(layout.folder, cause.strerror or str(cause)) from cause


def give(path: Path, account: Account | None) -> None:
    """Make a path the account's own."""
    if account is not None and path.stat().st_uid != account.uid:
        os.chown(path, account.uid, account.gid)


def open_way(path: Path, account: Account) -> None:
    """Let the account pass through the folders above a path; it may not list them."""
    for parent in path.resolve().parents:
        found = parent.stat()
        if not _may_enter(found, account):
            log.warning("Letting other users pass through %s, so that PostgreSQL reaches %s", parent, path)
            parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _may_enter(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def open_tree(root: Path) -> None:
    """Let everybody read an installation that a strict umask had closed."""
    for path in (root, *root.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | (0o055 if path.is_dir() or mode & stat.S_IXUSR else 0o044)
        if mode != wanted:
            path.chmod(wanted)


def socket_folder(layout: Layout, account: Account | None) -> Path:
    """The folder of the server's socket: in its own folder, or elsewhere when that path is too long.

    The answer depends only on the folder and the environment, so a restarted server keeps its URL.

    Raises:
        EmbeddedFolderUnusable: no folder with a short enough path can be made, or somebody else owns it.
    """
    folder = layout.folder / "run"
    if not _fits(folder):
        name = f"sorbus-{os.geteuid()}-{hashlib.sha256(os.fsencode(layout.folder)).hexdigest()[:12]}"
        roots = (
            os.environ.get("XDG_RUNTIME_DIR") if account is None else None,
            tempfile.gettempdir(),
            SHORT,
        )
        fitting = [
            Path(root, name) for root in roots if root and Path(root).is_dir() and _fits(Path(root, name))
        ]
        if not fitting:
            raise EmbeddedFolderUnusable(
                layout.folder, "no folder for the socket has a path that is short enough"
            )
        folder = fitting[0]
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        give_checked(folder, layout, account)
        if account is not None:
            open_way(folder, account)
    except OSError as cause:
        raise EmbeddedFolderUnusable(folder, cause.strerror or str(cause)) from cause
    return folder


def give_checked(folder: Path, layout: Layout, account: Account | None) -> None:
    """Make a socket folder the account's own, unless a stranger made it first in a shared place."""
    found = folder.lstat()
    ours = {os.geteuid(), account.uid if account else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o022:
        raise EmbeddedFolderUnusable(layout.folder, f"the socket folder {folder} belongs to somebody else")
    give(folder, account)


def _fits(folder: Path) -> bool:
    plain = all(each.isalnum() or each in "/._-+~= " for each in str(folder))
    return plain and len(os.fsencode(folder / SOCKET)) <= MAX_SOCKET_PATH


class Abandoned(Exception):
    """The wait for a lock was given up because the caller was cancelled."""


@contextmanager
def start_lock(
    layout: Layout, account: Account | None, *, seconds: float, abandon: threading.Event
) -> Generator[None]:
    """Hold the lock under which servers are started and stopped; it dies with its process.

    Raises:
        EmbeddedBusy: another process held it for longer than `seconds`.
        Abandoned: `abandon` was set while waiting.
    """
    descriptor = open_lock(layout.start_lock, layout, account)
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(descriptor, fcntl.LOCK_EX):
            if abandon.is_set():
                raise Abandoned
            if time.monotonic() > deadline:
                raise EmbeddedBusy(layout.folder, waited=seconds)
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def open_lock(path: Path, layout: Layout, account: Account | None) -> int:
    """A file descriptor for a lock file, which is made when it is missing."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)
        return descriptor
    except OSError as cause:
        raise EmbeddedFolderUnusable(layout.folder, cause.strerror or str(cause)) from cause


def try_lock(descriptor: int, mode: int) -> bool:
    """Take a lock if it is free; False when another holder is in the way."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def join_users(layout: Layout, account: Account | None) -> int:
    """Count this process among the server's users; the system forgets it when the process dies."""
    descriptor = open_lock(layout.users_lock, layout, account)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_last_user(descriptor: int) -> bool:
    """Whether nobody else is among the users. Only true under the start lock."""
    return try_lock(descriptor, fcntl.LOCK_EX)
