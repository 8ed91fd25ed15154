"""What the Django sides of the suite `http` share: granian's WSGI server, one worker with a few threads.

Django's own how-to serves it so. Each thread keeps its connection (`CONN_MAX_AGE`).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from serving import Command

THREADS = 8
SIDES = Path(__file__).parent


class DjangoSide:
    """A Django project that serves in a process of its own, which granian starts.

    Args:
        urls: the module of its routes.
        threads: how many requests it answers at the same time.
    """

    def __init__(self, urls: str, *, threads: int = THREADS) -> None:
        self.urls, self.threads = urls, threads

    async def open(self, url: str) -> None:
        """Start to serve."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "http_django_settings",
            "BENCH_URLS": self.urls,
            "BENCH_DATABASE": url,
        }
        command = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1",
            "--blocking-threads", str(self.threads), "--blocking-threads-idle-timeout", "600",
            "--host", "127.0.0.1", "--port", str(self.port), "--no-ws", "--log-level", "error",
            "--factory", "django.core.wsgi:get_wsgi_application",
        ]  # fmt: skip
        self.server = await asyncio.create_subprocess_exec(*command, cwd=SIDES, env=environment)
        try:
            await self._answers()
        except BaseException:
            await self.close()
            raise

    async def _answers(self) -> None:
        for _ in range(500):
            if self.server.returncode is not None:
                raise SystemExit(f"the server ended with status {self.server.returncode}")
            try:
                await self.cpu()
            except OSError:
                await asyncio.sleep(0.02)
                continue
            return
        raise SystemExit("the server does not answer")

    async def close(self) -> None:
        """Stop."""
        with suppress(ProcessLookupError):
            self.server.terminate()
        await self.server.wait()

    def commands(self) -> dict[str, Command]:
        """`where`, and `cpu`: the processor time of the process that serves so far, in seconds."""
        return {"where": self.where, "cpu": self.cpu}

    async def where(self) -> dict[str, Any]:
        """The port."""
        return {"port": self.port}

    async def cpu(self) -> dict[str, Any]:
        """The processor time; the serving process says it itself, at a route that is not measured."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /cpu HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        _, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        answer: dict[str, Any] = json.loads(body)
        return answer
