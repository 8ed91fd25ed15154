"""A client of graphql-transport-ws that says each message by itself, also those that no client should."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from sorbus import Sorbus

SECONDS = 10.0
PROTOCOL = "graphql-transport-ws"


class Wire:
    """One open socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, kind: str, **members: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **members}))

    async def subscribe(self, name: str, query: str, *, extensions: Any = None, **variables: Any) -> None:
        payload: dict[str, Any] = {"query": query, "variables": variables}
        if extensions is not None:
            payload["extensions"] = extensions
        await self.say("subscribe", id=name, payload=payload)

    async def listen(self, name: str, query: str, **more: Any) -> None:
        """Subscribe, and wait until nothing is missed any more."""
        await self.subscribe(name, query, **more)
        await self.say("ping", payload={"after": name})
        found = await self.hear()
        assert found == {"type": "pong", "payload": {"after": name}}, found

    async def hear(self) -> Any:
        """The next message that is no ping."""
        while True:
            async with asyncio.timeout(SECONDS):
                message = await self.socket.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, (message, self.socket.close_code)
            found = json.loads(message.data)
            if found != {"type": "ping"}:
                return found

    async def next(self, name: str) -> Any:
        """The data of the next message, which must be one of an operation."""
        found = await self.hear()
        assert (found["type"], found["id"]) == ("next", name), found
        return found["payload"]["data"]

    async def code(self, name: str) -> str:
        """The code of the error that ends an operation."""
        found = await self.hear()
        assert (found["type"], found["id"]) == ("error", name), found
        return str(found["payload"][0]["extensions"]["code"])

    async def closed(self) -> tuple[int | None, str]:
        """With which code and reason the server closes, whatever it says before."""
        async with asyncio.timeout(SECONDS):
            while True:
                message = await self.socket.receive()
                if message.type is aiohttp.WSMsgType.CLOSE:
                    return message.data, str(message.extra)
                if message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                    return self.socket.close_code, ""

    async def silent(self) -> bool:
        """Whether nothing comes for a moment."""
        try:
            async with asyncio.timeout(0.3):
                await self.socket.receive()
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def raw(session: aiohttp.ClientSession, url: str, **options: Any) -> AsyncIterator[Wire]:
    """A socket on which nothing has been said."""
    options = {"protocols": (PROTOCOL,), "max_msg_size": 0, **options}
    async with session.ws_connect(f"{url}/graphql", **options) as socket:
        yield Wire(socket)


@asynccontextmanager
async def wire(
    session: aiohttp.ClientSession, url: str, *, payload: Any = None, **options: Any
) -> AsyncIterator[Wire]:
    """A socket whose caller the server knows."""
    async with raw(session, url, **options) as opened:
        await opened.say("connection_init", **({} if payload is None else {"payload": payload}))
        assert await opened.hear() == {"type": "connection_ack"}
        yield opened


def listeners(app: Sorbus) -> int:
    """How many subscriptions the application has."""
    hub: Any = app._hub
    return sum(map(len, hub._subscriptions.values()))
