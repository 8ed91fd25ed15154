"""What the HTTP servers of the suite `http` share: granian in this process, one worker, on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from serving import Command

USER = "x-user"
"""The header that says who calls: the user's key and the tenant's."""


def who(header: str) -> tuple[str, str]:
    """The user and the tenant in a header."""
    user, _, org = header.partition(" ")
    return user, org


class HttpSide:
    """A side that serves; subclasses make the ASGI application."""

    async def application(self, url: str) -> Any:
        """The application, ready to answer."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Leave nothing behind."""

    async def open(self, url: str) -> None:
        """Start to serve."""
        app = await self.application(url)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.server = Server(
            app, address="127.0.0.1", port=self.port, interface=Interfaces.ASGINL,
            http=HTTPModes.auto, websockets=False, log_enabled=False,
        )  # fmt: skip
        self.running = asyncio.create_task(self.server.serve())
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
        raise SystemExit("the server does not answer")

    async def close(self) -> None:
        """Stop."""
        self.server.stop()
        await asyncio.wait({self.running}, timeout=5)
        await self.leave()

    def commands(self) -> dict[str, Command]:
        """`where`, and `cpu`: the processor time of this process so far, in seconds."""
        return {"where": self.where, "cpu": self.cpu}

    async def where(self) -> dict[str, Any]:
        """The port."""
        return {"port": self.port}

    async def cpu(self) -> dict[str, Any]:
        """The processor time."""
        return {"seconds": time.process_time()}
