"""`sorbus serve` as a stranger uses it: ingest content, start a run and read the result with plain HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from sorbus.testing.model_server import ModelServer

ROOT = Path(__file__).parents[2]
TYPE = "application/vnd.api+json"
FIGURES = "fields[budgets]=limit_tokens,spent_tokens,reserved_tokens,left_tokens"


@asynccontextmanager
async def serving(
    url: str, home: Path, *args: str, **variables: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SORBUS_HOME": str(home),
        "SORBUS_AUTO_MIGRATE": "1",
    } | variables
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sorbus.cli.main", "serve", "--port", "0", *args,
        stdout=asyncio.subprocess.PIPE, env=environment, cwd=home,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, line
        yield found.group(), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.wait()


async def post(
    http: aiohttp.ClientSession, path: str, kind: str, attributes: dict[str, Any]
) -> tuple[int, Any]:
    body = {"data": {"type": kind, "attributes": attributes}}
    async with http.post(path, json=body, headers={"content-type": TYPE}) as reply:
        return reply.status, await reply.json(content_type=None)


async def look(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(path) as reply:
        found = await reply.json(content_type=None)
        assert reply.status == 200, found
        return found


async def over(http: aiohttp.ClientSession, run: str, query: str) -> Any:
    """A run when it has ended, asked for again and again, as a stranger can."""
    async with asyncio.timeout(90):
        while True:
            found = await look(http, f"/api/runs/{run}?{query}")
            if found["data"]["attributes"]["state"] not in {"pending", "running"}:
                return found
            await asyncio.sleep(0.1)


async def test_content_run_and_result_over_http_and_a_clean_end(pg18_url: str, tmp_path: Path) -> None:
    async with ModelServer() as model, serving(pg18_url, tmp_path, "--model", model.model) as (base, process):
        async with aiohttp.ClientSession(base) as http:
            status, content = await post(
                http,
                "/api/contents",
                "contents",
                {
                    "source_type": "email",
                    "external_id": "a@b",
                    "title": "Printer",
                    "text": "Jane Doe cannot print.",
                },
            )
            assert status in {200, 201}, content
            key = content["data"]["id"]
            status, run = await post(
                http, "/api/runs", "runs", {"content_id": key, "pipeline": "email_analysis"}
            )
            assert status == 201, run
            found = await over(http, run["data"]["id"], "include=result,stages")
            assert found["data"]["attributes"]["state"] == "completed", found
            kinds = [each["type"] for each in found["included"]]
            assert sorted(kinds) == ["results", "stage-runs", "stage-runs", "stage-runs"]

            status, refused = await post(
                http, "/api/runs", "runs", {"content_id": key, "pipeline": "email_analisys"}
            )
            assert status in {400, 404, 422}
            assert "email_analysis" in refused["errors"][0]["meta"]["hint"]
            async with http.get("/api/openapi.json") as reply:
                assert (await reply.json(content_type=None))["openapi"].startswith("3.1")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def patch(
    http: aiohttp.ClientSession, path: str, kind: str, key: str, attributes: dict[str, Any]
) -> Any:
    body = {"data": {"type": kind, "id": key, "attributes": attributes}}
    async with http.patch(path, json=body, headers={"content-type": TYPE}) as reply:
        answer = await reply.json(content_type=None)
        assert reply.status == 200, answer
        return answer["data"]["attributes"]


async def test_budgets_over_http(pg18_url: str, tmp_path: Path) -> None:
    async with ModelServer() as model, serving(pg18_url, tmp_path, "--model", model.model) as (base, _):
        async with aiohttp.ClientSession(base) as http:
            status, made = await post(
                http, "/api/budgets", "budgets", {"limit_usd": "10", "limit_tokens": 1000000, "period": "day"}
            )
            assert status == 201, made
            source = {
                "source_type": "email",
                "external_id": "a",
                "title": "Printer",
                "text": "Jane Doe cannot print.",
            }
            _, content = await post(http, "/api/contents", "contents", source)
            wanted = {"content_id": content["data"]["id"], "pipeline": "email_analysis", "budget_tokens": 1}
            status, run = await post(http, "/api/runs", "runs", wanted)
            assert status == 201, run
            key = run["data"]["id"]
            found = await over(http, key, f"include=budget&{FIGURES}")
            assert found["data"]["attributes"]["error"]["code"] == "budget-exceeded"
            assert (found["included"][0]["type"], found["included"][0]["attributes"]["limit_tokens"]) == (
                "budgets",
                1,
            )
            raised = await patch(http, f"/api/runs/{key}", "runs", key, {"budget_tokens": 100000})
            assert raised["budget_tokens"] == 100000
            status, again = await post(http, f"/api/runs/{key}/retry", "runs", {})
            assert status == 200, again
            found = await over(http, key, f"include=budget&{FIGURES}")
            assert found["data"]["attributes"]["state"] == "completed", found
            own = found["included"][0]["attributes"]
            assert own["spent_tokens"] > 0
            assert own["left_tokens"] == 100000 - own["spent_tokens"]
            tenants = (await look(http, f"/api/budgets/{made['data']['id']}?{FIGURES}"))["data"]["attributes"]
            assert (tenants["spent_tokens"], tenants["reserved_tokens"]) == (own["spent_tokens"], 0)
            (mine,) = (await look(http, f"/api/budgets/of-run?run_id={key}"))["data"]
            assert mine["attributes"]["limit_tokens"] == 100000
            changed = await patch(
                http,
                f"/api/budgets/{made['data']['id']}",
                "budgets",
                made["data"]["id"],
                {"limit_tokens": None},
            )
            assert (changed["limit_tokens"], changed["limit_usd"]) == (None, "10")


async def test_the_demo_is_served_with_its_own_name_and_nothing_beside_it(
    pg18_url: str, tmp_path: Path
) -> None:
    async with ModelServer() as model:
        async with serving(pg18_url, tmp_path, "--demo", "--model", model.model) as (base, _):
            async with aiohttp.ClientSession(base) as http, http.get("/runs") as reply:
                assert reply.status == 200
                assert "sorbus_demo" in await reply.text()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sorbus.cli.main", "serve", "--demo", "--app", "nothing:app",
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await process.communicate()
    assert process.returncode == 2
    assert "leave out `--app` or `--demo`" in told.decode()


async def test_it_answers_under_the_names_that_it_is_given_and_no_others(tmp_path: Path) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"accept": "application/json, text/event-stream", "content-type": "application/json"}

    async def ask(http: aiohttp.ClientSession, host: str) -> list[int]:
        """What JSON:API, GraphQL and MCP say under a name."""
        named = {"host": host}
        async with (
            http.get("/api/desks", headers=named) as api,
            http.post("/graphql", headers=named, json={"query": "{ desks { name } }"}) as graph,
            http.post("/mcp", headers={**accept, **named}, json=ping) as tools,
        ):
            return [api.status, graph.status, tools.status]

    app = ("--app", "tests.acceptance.test_without_rows:app")
    names = {
        "SORBUS_HOSTS": "books.example.com, www.example.com",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
    }
    async with serving("", tmp_path, *app, **names) as (base, _), aiohttp.ClientSession(base) as http:
        for host in ("books.example.com", "WWW.example.com:8443", "localhost"):
            assert await ask(http, host) == [200, 200, 200]
        for host in ("evil.example.com", "books.example.com.evil.com", "example.com"):
            assert await ask(http, host) == [403, 403, 403]
