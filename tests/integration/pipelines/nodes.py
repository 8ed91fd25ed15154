"""Worker processes over links of their own, and what may happen to them and to their database."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import asyncpg
from tests.integration.pipelines.helpers import until
from tests.integration.pipelines.link import Link

from sorbus.data_layers.postgres.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 60.0
EXPLAINING = (
    "SELECT node, now() - beat AS silent, now() - since AS series FROM sorbus_nodes ORDER BY beat",
    "SELECT id, attempt, attempted_by[1], attempted_at FROM oban_jobs WHERE state = 'executing'",
    """
    SELECT pid, state, application_name, now() - xact_start, left(query, 80) FROM pg_stat_activity
    WHERE xact_start IS NOT NULL
    """,
)


@dataclass(slots=True)
class Node:
    """A place for one worker process: whoever dies there is started again.

    Attributes:
        plan: what the process is told besides its database.
    """

    link: Link
    plan: dict[str, Any]
    process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start the process; it has begun when this returns. One that finds no database is started again."""
        plan = json.dumps({**self.plan, "url": self.link.url})
        async with asyncio.timeout(LIMIT):
            while True:
                self.process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.integration.pipelines.graph_worker", plan,
                    cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
                assert self.process.stdout is not None
                if await self.process.stdout.readline() == b"ready\n":
                    return
                await self.process.wait()

    async def ensure(self) -> None:
        """Start the process again if it has ended, as a supervisor does."""
        if self.process is None or self.process.returncode is not None:
            await self.start()

    async def kill(self) -> None:
        """End it without any clean-up."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass(slots=True)
class Field:
    """Some nodes over one database, and the means to harm both.

    Attributes:
        server: a server of the test's own.
        url: the database, reached directly.
        chance: decides who is harmed, and for how long.
    """

    server: EmbeddedServer
    url: str
    nodes: list[Node]
    chance: random.Random
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    def of(cls, server: EmbeddedServer, url: str, plans: list[dict[str, Any]], chance: random.Random) -> Self:
        """A node for each plan."""
        return cls(server, url, [Node(Link(url), plan) for plan in plans], chance)

    async def __aenter__(self) -> Self:
        for node in self.nodes:
            await self._stack.enter_async_context(node.link)
        await asyncio.gather(*(node.start() for node in self.nodes))
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            await node.kill()
        await self._stack.aclose()

    async def join(self, plan: dict[str, Any]) -> None:
        """One node more."""
        node = Node(Link(self.url), plan)
        await self._stack.enter_async_context(node.link)
        await node.start()
        self.nodes.append(node)

    async def asked(self, query: str, *args: object) -> Any:
        """One value, on a connection of its own."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(query, *args)
        finally:
            await connection.close(timeout=5)

    async def until_free(self, node: Node) -> None:
        """Wait until the node holds no job any more: the others have taken them."""
        query = "SELECT count(*) = 0 FROM oban_jobs WHERE state = 'executing' AND attempted_by[1] LIKE $1"
        try:
            await until(lambda: self.asked(query, f"%.{node.pid}.%"), seconds=LIMIT)
        except AssertionError:
            await self._tell(node)
            raise

    async def _tell(self, node: Node) -> None:
        """Print what may explain that a node's jobs are not taken."""
        print("the node with the process", node.pid, "keeps its jobs")
        connection = await asyncpg.connect(self.url)
        for query in EXPLAINING:
            for row in await connection.fetch(query):
                print("  ", *map(str, row.values()))
        await connection.close()

    # what may happen

    async def kill(self) -> None:
        """A worker dies."""
        await self._again(self.chance.choice(self.nodes))

    async def kill_leader(self) -> None:
        """The worker that the job tables call the leader dies."""
        leader = str(await self.asked("SELECT node FROM oban_leaders LIMIT 1"))
        await self._again(next((each for each in self.nodes if f".{each.pid}." in leader), self.nodes[0]))

    async def _again(self, node: Node) -> None:
        await node.kill()
        await self.until_free(node)
        await node.start()

    async def freeze(self) -> None:
        """A worker stands still for longer than it may be silent, and goes on as if nothing had been."""
        node = self.chance.choice(self.nodes)
        os.kill(node.pid, signal.SIGSTOP)
        try:
            await self.until_free(node)
        finally:
            os.kill(node.pid, signal.SIGCONT)

    async def cut(self) -> None:
        """A worker loses its connections and gets no new ones for a while."""
        node = self.chance.choice(self.nodes)
        node.link.cut()
        await asyncio.sleep(self.chance.uniform(0.3, 2.5))
        node.link.heal()

    async def hang(self) -> None:
        """Nothing passes between a worker and the database; what was sent arrives when others have its work."""
        node = self.chance.choice(self.nodes)
        node.link.hang()
        await self.until_free(node)
        node.link.heal()

    async def kill_backend(self) -> None:
        """The kernel kills one process of PostgreSQL, which then ends all the others and recovers."""
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'sorbus-pipelines' LIMIT 1"
        pid = await self.asked(query)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        await self._back()

    async def kill_postgres(self) -> None:
        """PostgreSQL dies."""
        os.kill(self.server.pid, signal.SIGKILL)
        await self._back()

    async def stop_postgres(self) -> None:
        """PostgreSQL is stopped at once, as at the end of a machine."""
        os.kill(self.server.pid, signal.SIGQUIT)
        await self._back()

    async def _back(self) -> None:
        await asyncio.sleep(self.chance.uniform(0.1, 1.0))

        async def answers() -> bool:
            try:
                await self.server.ensure_running()
                return bool(await self.asked("SELECT true"))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False

        await until(answers, seconds=LIMIT)
        for node in self.nodes:
            await node.ensure()

    def everything(self) -> list[Callable[[], Awaitable[None]]]:
        """Everything that may happen, in an order of chance."""
        found: list[Callable[[], Awaitable[None]]] = [
            self.kill, self.kill_leader, self.freeze, self.cut, self.hang,
            self.kill_backend, self.kill_postgres, self.stop_postgres,
        ]  # fmt: skip
        self.chance.shuffle(found)
        return found
