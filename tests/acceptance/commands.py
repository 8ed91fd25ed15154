"""Running `sorbus` as a user does: a process in a folder, with the database by environment variable."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

LIMIT = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that it said."""
        return self.out + self.err


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A folder to work in, and the environment of its commands."""

    folder: Path
    database_url: str = ""
    auto_migrate: bool = True

    def environment(self) -> dict[str, str]:
        """That of the tests, with the database and with nothing of the developer's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SORBUS_")}
        kept["SORBUS_HOME"] = str(self.folder / "home")
        kept["NO_COLOR"] = "1"
        if self.database_url:
            kept["DATABASE_URL"] = self.database_url
        if self.auto_migrate:
            kept["SORBUS_AUTO_MIGRATE"] = "1"
        return kept

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sorbus.cli.main", *args,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=self.folder, env=self.environment(),
        )  # fmt: skip

    async def run(self, *args: str) -> Said:
        """Run a command to its end."""
        return await finish(await self.start(*args))


async def finish(process: asyncio.subprocess.Process) -> Said:
    """Wait for a command's end; kill it when that takes too long."""
    try:
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Said(code=process.returncode, out=out.decode(), err=err.decode())


async def until(ready: Callable[[], Awaitable[object] | object], *, seconds: float = LIMIT) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            found = ready()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            await asyncio.sleep(0.03)


def mail(number: int, *, body: str | None = None) -> bytes:
    """A well-formed message."""
    said = (
        body
        or f"Dear team, John Smith of Example Corp asks whether order {number} arrived on Monday. Thank you very much."
    )
    return (
        f"From: Jane Doe <jane@example.org>\r\nTo: Team <team@example.org>\r\nSubject: Order {number}\r\n"
        f"Message-ID: <m{number}@example.org>\r\nDate: Mon, 05 Oct 2026 10:00:00 +0000\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        f"\r\n{said}\r\n"
    ).encode()
