"""Messages of MCP over HTTP, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.integration.callers import Caller

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(frozen=True)
class Said:
    """A response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found


@dataclass(frozen=True)
class Wire:
    """Sends messages as a person."""

    session: aiohttp.ClientSession
    url: str
    person: Caller

    async def send(self, body: bytes, *, method: str = "POST", **headers: str) -> Said:
        """A request with a body."""
        sent = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self.person.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in sent.items() if value}
        async with self.session.request(method, self.url, data=body, headers=kept) as response:
            sent_back = {name.lower(): value for name, value in response.headers.items()}
            return Said(response.status, sent_back, await response.text())

    async def say(self, message: Any, **headers: str) -> Said:
        """A message."""
        return await self.send(json.dumps(message).encode(), **headers)

    async def ask(self, method: str, /, **params: Any) -> Said:
        """A request in a revision with a handshake."""
        return await self.say({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    async def modern(self, method: str, /, **params: Any) -> Said:
        """A request that stands for itself, with everything that it must say."""
        named = params.get("name", params.get("uri", ""))
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        return await self.say(message, mcp_protocol_version=MODERN, mcp_method=method, mcp_name=named)

    async def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """The result of a tool."""
        said = await self.ask("tools/call", name=name, arguments=arguments)
        found: dict[str, Any] = said.json["result"]
        return found
