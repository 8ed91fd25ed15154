"""`sorbus mcp`: the official SDK's client over standard input and output of the real command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from tests.integration.mcp.library import Member, make
from tests.integration.mcp.wire import META

ROOT = Path(__file__).parents[3]


def parameters(url: str, home: Path, *args: str) -> StdioServerParameters:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SORBUS_")}
    env |= {"DATABASE_URL": url, "SORBUS_HOME": str(home), "SORBUS_AUTO_MIGRATE": "1"}
    env["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'src'}"
    command = ["-m", "sorbus.cli.main", "mcp", "--app", "tests.integration.mcp.library:make", *args]
    return StdioServerParameters(command=sys.executable, args=command, env=env, cwd=ROOT)


async def member(url: str, *, admin: bool) -> str:
    """The key of a member."""
    app = make()
    app.database_url = url
    async with app:
        made = await Member.join(app.system_scope(), org_id="main", admin=admin)
    return str(made.id)


@asynccontextmanager
async def raw(given: StdioServerParameters) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command itself, line by line."""
    process = await asyncio.create_subprocess_exec(
        given.command, *given.args, env=given.env, cwd=given.cwd,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=2**24,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def message(number: int, method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


@pytest.fixture(autouse=True)
def migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SORBUS_AUTO_MIGRATE", "1")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_starts_the_command_and_calls_tools(pg18_url: str, tmp_path: Path, mode: Any) -> None:
    key = await member(pg18_url, admin=False)
    server = parameters(pg18_url, tmp_path, "--actor", f"Member:{key}", "--tenant", "main")
    async with Client(stdio_client(server), mode=mode) as client:
        names = {each.name for each in (await client.list_tools()).tools}
        assert "book_add" in names
        assert "book_remove" not in names
        made = await client.call_tool("book_add", {"title": "Over the line"})
        assert made.structured_content["title"] == "Over the line"
        counted = await client.call_tool("book_count_words", {"text": "one two"})
        assert counted.structured_content == {"result": {"words": 2}}
        [listed] = (await client.list_resources()).resources
        read = await client.read_resource(str(listed.uri))
        assert json.loads(read.contents[0].text) == made.structured_content
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("book_remove", {"id": made.structured_content["id"]})


async def test_the_line_survives_what_is_no_message_and_ends_with_its_client(
    pg18_url: str, tmp_path: Path
) -> None:
    async with raw(parameters(pg18_url, tmp_path, "--tenant", "main")) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"{\n\n[]\n" + b"x" * (5 * 1024 * 1024) + b"\n" + message(1, "ping"))
        codes = [json.loads(await process.stdout.readline()) for _ in range(4)]
        assert [each.get("error", {}).get("code") for each in codes] == [-32700, -32600, -32600, None]
        # One that is taken back is not answered, and others are answered meanwhile.
        process.stdin.write(message(2, "tools/call", name="book_wait") + message(3, "ping"))
        assert json.loads(await process.stdout.readline())["id"] == 3
        process.stdin.write(message(2, "ping"))
        assert json.loads(await process.stdout.readline())["error"]["code"] == -32600
        # However many wait, one can be taken back.
        process.stdin.write(
            b"".join(message(100 + each, "tools/call", name="book_wait") for each in range(40))
        )
        for each in range(40):
            taken_back = {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": 100 + each},
            }
            process.stdin.write(json.dumps(taken_back).encode() + b"\n")
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
        process.stdin.write(json.dumps(note).encode() + b"\n")
        process.stdin.write(message(4, "tools/list", _meta=META))
        answer = json.loads(await process.stdout.readline())
        assert answer["id"] == 4
        assert answer["result"]["resultType"] == "complete"
        process.stdin.close()
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        assert out == b""
        assert process.returncode == 0
