"""The shapes on Prefect: asynchronous flows of tasks with persisted results, on its own server over PostgreSQL.

The server is a process of its own, on loopback only; the flows are called in this process, the quickest way there is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import shapes
from serving import Command, serve
from shapes import CHAIN, DIAMOND, SIDES, TEXT, Clock, shape_commands

START_SECONDS = 120.0


class PrefectShapes:
    """Prefect."""

    async def open(self, url: str) -> None:
        """Start its server, and make the flows."""
        self.home = tempfile.TemporaryDirectory(prefix="sorbus-bench-prefect-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        os.environ |= {
            "PREFECT_HOME": self.home.name,
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_DATABASE_CONNECTION_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "10",
            "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "0",
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "DO_NOT_TRACK": "1",
        }
        command = [
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        self.log = Path(self.home.name, "server.log")
        with self.log.open("wb") as log:
            self.server = await asyncio.to_thread(
                subprocess.Popen, command, stdout=log, stderr=log, cwd=self.home.name, start_new_session=True
            )
        await self.answers(port)
        self.flows = flows()
        self.unfinished = 0

    async def answers(self, port: int) -> None:
        """Wait until the server answers."""
        clock = Clock()
        while clock.seconds() < START_SECONDS and self.server.poll() is None:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /api/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.readline()
                writer.close()
                if b" 200 " in answer:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.2)
        raise RuntimeError(f"the server of Prefect does not answer:\n{self.log.read_text()[-2_000:]}")

    async def close(self) -> None:
        """Stop the server."""
        os.killpg(self.server.pid, signal.SIGTERM)
        try:
            await asyncio.to_thread(self.server.wait, 20)
        except subprocess.TimeoutExpired:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
        self.home.cleanup()

    def commands(self) -> dict[str, Command]:
        """Those of the shapes."""
        return shape_commands({name: partial(self.run, name) for name in self.flows}, self.check)

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        del number
        clock = Clock()
        await self.result(shape)
        return clock.seconds()

    async def result(self, shape: str) -> shapes.Part:
        """What one run finds."""
        self.unfinished += 1
        found: shapes.Part = await self.flows[shape](TEXT)
        self.unfinished -= 1
        return found

    async def check(self) -> dict[str, Any]:
        """What a run of each shape finds, and how many were not brought to their end."""
        found = {name: await self.result(name) for name in self.flows}
        return {**found, "unfinished": self.unfinished}


def flows() -> dict[str, Any]:
    """The flows, made when the settings stand."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    durable: Any = partial(task, persist_result=True, cache_policy=NO_CACHE)

    @durable()
    async def opening(text: str) -> shapes.Part:
        return shapes.opening(text)

    @durable()
    async def following(part: shapes.Part) -> shapes.Part:
        return shapes.following(part)

    @durable()
    async def joining(parts: list[shapes.Part]) -> shapes.Part:
        return shapes.joining(parts)

    @flow(validate_parameters=False, persist_result=True)
    async def chain(text: str) -> shapes.Part:
        return await following(await following(await opening(text)))

    @flow(validate_parameters=False, persist_result=True)
    async def diamond(text: str) -> shapes.Part:
        part = await opening(text)
        return await joining(list(await asyncio.gather(*(following(part) for _ in range(SIDES)))))

    return {CHAIN: chain, DIAMOND: diamond}


if __name__ == "__main__":
    serve(PrefectShapes())
