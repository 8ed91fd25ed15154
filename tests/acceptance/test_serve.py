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

TYPE = "application/vnd.api+json"


@asynccontextmanager
async def serving(url: str, home: Path, *args: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    environment = {**os.environ, "DATABASE_URL": url, "SORBUS_HOME": str(home), "SORBUS_AUTO_MIGRATE": "1"}
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
            async with asyncio.timeout(90):
                while True:
                    async with http.get(f"/api/runs/{run['data']['id']}?include=result,stages") as reply:
                        found = await reply.json(content_type=None)
                    if found["data"]["attributes"]["state"] not in {"pending", "running"}:
                        break
                    await asyncio.sleep(0.1)
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
