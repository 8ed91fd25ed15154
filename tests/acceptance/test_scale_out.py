"""One application as several nodes over one database: web nodes and workers, restarted, cut off and killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from tests.acceptance.commands import Shell, until
from tests.acceptance.fleet import GATE, LOG, STAGES
from tests.integration.pipelines.helpers import JOURNAL
from tests.integration.pipelines.link import Link

ROOT = Path(__file__).parents[2]
TYPE = "application/vnd.api+json"
LIMIT = 90.0
RESUMED = 30.0
DRAIN = "3"
SECONDS = "0.15"


@dataclass(slots=True)
class Node:
    """A command that stays, and where it serves or answers its probes."""

    process: asyncio.subprocess.Process
    url: str

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self.process.pid

    async def stop(self) -> int:
        """SIGTERM; answers with how it ended."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT):
            return await self.process.wait()

    async def ready(self, http: aiohttp.ClientSession) -> bool:
        """Whether it says that it can work."""
        try:
            async with http.get(f"{self.url}/ready") as reply:
                return reply.status == 200
        except aiohttp.ClientConnectionError:
            return False


@dataclass(slots=True)
class Fleet:
    """Nodes over one database, and a client that asks any web node which is ready.

    Attributes:
        folder: where the stages note who works on them.
        webs: those that a load balancer would know, in the order in which it asks them.
    """

    database_url: str
    folder: Path
    http: aiohttp.ClientSession
    stack: AsyncExitStack
    webs: list[Node] = field(default_factory=list[Node])
    runs: list[str] = field(default_factory=list[str])

    async def start(self, *args: str, database_url: str = "") -> Node:
        """Start a command of `sorbus`; it has begun when this returns."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SORBUS_")},
            "DATABASE_URL": database_url or self.database_url,
            "SORBUS_HOME": str(self.folder),
            "SORBUS_AUTO_MIGRATE": "1",
            "SORBUS_SECRET": "the same on every node",
            "FLEET_FOLDER": str(self.folder),
        }
        with (self.folder / "errors").open("a") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sorbus.cli.main", *args, "--app", "tests.acceptance.fleet:app", "--port", "0",
                stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=ROOT, env=environment,
            )  # fmt: skip
        self.stack.push_async_callback(end, process)
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, (line, (self.folder / "errors").read_text())
        return Node(process, found.group())

    async def ask(self, method: str, path: str, kind: str = "", **attributes: Any) -> Any:
        """Ask the first web node that is ready. Whatever goes wrong after that is a failure of the fleet."""
        body = {"data": {"type": kind, "attributes": attributes}} if kind else None
        async with asyncio.timeout(LIMIT):
            url = f"{(await self.ready_web()).url}{path}"
            async with self.http.request(method, url, json=body, headers={"content-type": TYPE}) as reply:
                assert reply.status < 300, (reply.status, await reply.text())
                return await reply.json(content_type=None)

    async def ready_web(self) -> Node:
        """The first web node that is ready; there is always one."""
        for each in list(self.webs):
            if await each.ready(self.http):
                return each
        raise AssertionError("no web node is ready")

    async def start_run(self, text: str) -> str:
        """Start a run over HTTP; answers with its id."""
        name = f"content {len(self.runs)}"
        content = await self.ask(
            "POST", "/api/contents", "contents", source_type="text", external_id=name, title=name, text=text
        )
        run = await self.ask("POST", "/api/runs", "runs", content_id=content["data"]["id"], pipeline="steps")
        self.runs.append(run["data"]["id"])
        return self.runs[-1]

    async def completed(self) -> bool:
        """Whether every run is completed, as the web nodes say."""
        found = await self.ask("GET", "/api/runs?filter[state][not_eq]=completed&page[limit]=1")
        return found["data"] == []

    def begun(self) -> list[tuple[str, str, int]]:
        """Run, stage and process of every attempt that has begun."""
        log = self.folder / LOG
        lines = log.read_text().splitlines() if log.exists() else []
        return [(run, name, int(pid)) for run, name, pid in map(str.split, lines)]

    def workers(self, name: str, run: str = "") -> set[int]:
        """The processes that have begun a stage."""
        return {pid for each, stage, pid in self.begun() if stage == name and run in ("", each)}

    async def check_once(self) -> None:
        """Every stage and every result of every run was committed once."""
        conn = await asyncpg.connect(self.database_url)
        entries = await conn.fetch("SELECT run_id::text AS run, event FROM journal")
        await conn.close()
        events = [*(f"stage {name}" for name in STAGES), "result"]
        wanted = {(run, event): 1 for run in self.runs for event in events}
        assert Counter((each["run"], each["event"]) for each in entries) == wanted


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process that has not ended."""
    if process.returncode is None:
        process.kill()
        await process.wait()


@asynccontextmanager
async def fleet(url: str, folder: Path) -> AsyncIterator[Fleet]:
    """No node yet."""
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        yield Fleet(url, folder, http, stack)


async def journal(url: str) -> None:
    """Have the database itself note what is committed."""
    conn = await asyncpg.connect(url)
    await conn.execute(JOURNAL)
    await conn.close()


@pytest.mark.slow
async def test_a_rolling_restart_of_every_node_loses_and_repeats_nothing(
    pg18_url: str, tmp_path: Path
) -> None:
    async with fleet(pg18_url, tmp_path) as nodes:
        # All at once, on an empty database: the first one makes the tables.
        web, one, two = await asyncio.gather(
            nodes.start("serve", "--no-jobs", "--drain", DRAIN), nodes.start("work"), nodes.start("work")
        )
        nodes.webs.append(web)
        await journal(pg18_url)
        ending = asyncio.Event()

        async def keep_asking() -> None:
            while not ending.is_set():
                await nodes.start_run(SECONDS)
                await asyncio.sleep(0.03)

        async with asyncio.TaskGroup() as group:
            group.create_task(keep_asking())
            await until(lambda: {one.pid, two.pid} <= nodes.workers("third"))
            three = await nodes.start("work")
            assert await one.stop() == 0
            four = await nodes.start("work")
            assert await two.stop() == 0
            nodes.webs.append(await nodes.start("serve", "--no-jobs", "--drain", DRAIN))
            assert await web.stop() == 0
            await until(lambda: {three.pid, four.pid} <= nodes.workers("third"))
            ending.set()
        assert {pid for _, _, pid in nodes.begun()} == {one.pid, two.pid, three.pid, four.pid}
        await until(nodes.completed)
        await nodes.check_once()
        # What was under way when a node was told to stop was finished by it: no stage has begun twice.
        begun = Counter((run, name) for run, name, _ in nodes.begun())
        assert begun == {(run, name): 1 for run in nodes.runs for name in STAGES}


@pytest.mark.slow
async def test_runs_go_on_elsewhere_when_a_worker_stops_is_cut_off_or_killed(
    pg18_url: str, tmp_path: Path
) -> None:
    async with fleet(pg18_url, tmp_path) as nodes, Link(pg18_url) as link:
        nodes.webs.append(await nodes.start("serve", "--no-jobs"))
        await journal(pg18_url)
        first = await nodes.start("work", "--grace", "0.3")
        held = [await nodes.start_run(GATE) for _ in range(2)]
        await until(lambda: all(nodes.workers("second", run) for run in held))
        behind_link = await nodes.start("work", database_url=link.url)
        # A stage that does not end in its grace is put back, and begins again elsewhere.
        assert await first.stop() == 0
        await until(lambda: all(behind_link.pid in nodes.workers("second", run) for run in held))
        link.hang()
        third = await nodes.start("work")
        await until(lambda: all(third.pid in nodes.workers("second", run) for run in held), seconds=RESUMED)
        fourth = await nodes.start("work")
        third.process.kill()
        await until(lambda: all(fourth.pid in nodes.workers("second", run) for run in held), seconds=RESUMED)
        # Now the one that was cut off finishes its stages, too, and comes back to tell.
        (tmp_path / GATE).touch()
        link.heal()
        await until(nodes.completed)
        await until(lambda: behind_link.ready(nodes.http))
        later = [await nodes.start_run(SECONDS) for _ in range(2)]
        while behind_link.pid not in {pid for run in later for pid in nodes.workers("third", run)}:
            later.append(await nodes.start_run(SECONDS))
        await until(nodes.completed)
        await nodes.check_once()
        begun = Counter((run, name) for run, name, _ in nodes.begun())
        assert {begun[run, "first"] for run in held} == {1}, "what was committed is not repeated"
        assert await fourth.stop() == 0
        assert await behind_link.stop() == 0


async def test_a_server_says_when_it_is_not_ready_and_drains_until_a_second_signal(
    pg18_url: str, tmp_path: Path
) -> None:
    async with fleet(pg18_url, tmp_path) as nodes, Link(pg18_url) as link:
        web = await nodes.start("serve", "--no-jobs", "--drain", "600", database_url=link.url)
        assert await web.ready(nodes.http)
        link.hang()
        await until(lambda: not_ready(web, nodes.http))
        async with nodes.http.get(f"{web.url}/health") as reply:
            assert reply.status == 200
        link.heal()
        await until(lambda: web.ready(nodes.http))
        web.process.send_signal(signal.SIGTERM)
        await until(lambda: not_ready(web, nodes.http))
        async with nodes.http.get(f"{web.url}/ready") as reply:
            assert (reply.status, (await reply.json())["checks"]["application"]) == (503, "stopping")
        async with nodes.http.get(f"{web.url}/api/runs") as reply:
            assert reply.status == 200
        assert await web.stop() == 0


async def not_ready(node: Node, http: aiohttp.ClientSession) -> bool:
    return not await node.ready(http)


async def test_an_application_without_jobs_has_nothing_to_work_on(pg18_url: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("from sorbus import Sorbus\napp = Sorbus(name='shop', domains=[])\n")
    said = await Shell(folder=tmp_path, database_url=pg18_url).run("work", "--app", "shop:app")
    assert said.code == 1
    assert "The application `shop` has no jobs to run." in said.err
