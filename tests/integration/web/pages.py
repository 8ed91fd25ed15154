"""The pages of an application for the tests: who asks stands in headers, and answers are read as HTML."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
from lxml import html
from starlette.applications import Starlette
from starlette.requests import Request
from tests.integration.pipelines.shapes import Doing, shaped

from sorbus import Scope, Sorbus
from sorbus.http import ScopeSource, http_app
from sorbus.pipelines import Pipeline
from sorbus.web import web_pages

ORIGIN = "http://testserver"
SAME = {"sec-fetch-site": "same-origin"}
"""What a browser says of a request that a page of the server makes."""


def who(app: Sorbus) -> ScopeSource:
    """The actor and the tenant of the headers; by default the tests' user."""

    def source(request: Request) -> Scope:
        headers = request.headers
        return app.scope(actor=headers.get("x-actor", "me") or None, tenant=headers.get("x-tenant", "local"))

    return source


def served(app: Sorbus, source: ScopeSource | None = None) -> Starlette:
    """The pages of an application."""
    return http_app(app, interfaces=[web_pages], scope_from=source or who(app))


@asynccontextmanager
async def client(app: Sorbus, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the pages of an application that is open."""
    transport = httpx.ASGITransport(app=served(app))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={**SAME, **named}) as opened:
        yield opened


@asynccontextmanager
async def pages(
    url: str, doing: Doing, *pipelines: Pipeline, **options: Any
) -> AsyncIterator[tuple[Sorbus, httpx.AsyncClient]]:
    """An application with some pipelines, and a client of its pages."""
    async with shaped(url, doing, *pipelines, **options) as app, client(app) as opened:
        yield app, opened


def read(answer: httpx.Response) -> Any:
    """An answer as a tree."""
    return html.document_fromstring(answer.text)


def text_of(answer: httpx.Response, selector: str) -> list[str]:
    """The texts of the elements that a path finds."""
    return [" ".join(each.text_content().split()) for each in read(answer).xpath(selector)]


async def good(http: httpx.AsyncClient, path: str, **params: Any) -> httpx.Response:
    """A page that is there."""
    # Empty parameters would take those away that the path has.
    answer = await http.get(path, params=params or None)
    assert answer.status_code == 200, (path, text_of(answer, "//main"))
    return answer


class Reader:
    """Reads one stream of events, as a browser does, over the application itself.

    Attributes:
        events: what came so far.
        ended: set when the stream ended.
    """

    def __init__(self, app: Starlette, path: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.events: list[str] = []
        self.status = 0
        self.comments = 0
        self.ended = asyncio.Event()
        self.news = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self._gone = asyncio.Event()
        where, _, query = path.partition("?")
        self._scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": where,
            "raw_path": where.encode(), "query_string": query.encode(), "root_path": "", "scheme": "http",
            "headers": [(b"host", b"testserver"), *headers], "server": ("testserver", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self._app = app

    async def __aenter__(self) -> Reader:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        self.reading.set()
        async with asyncio.timeout(10):
            await self._task

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            self.ended.set()
            self.news.set()

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        # A reader that does not read lets nothing through.
        await self.reading.wait()
        body = message.get("body", b"").decode()
        for each in body.split("\n\n"):
            if each.startswith(":"):
                self.comments += 1
            elif each:
                self.events.append(each)
        self.news.set()

    async def until(self, text: str, *, seconds: float = 20.0) -> str:
        """Wait for the first event with a text in it that came since the last wait."""
        async with asyncio.timeout(seconds):
            while True:
                for index, each in enumerate(self.events):
                    if text in each:
                        del self.events[: index + 1]
                        return each
                assert not self.ended.is_set(), (text, self.events)
                self.news.clear()
                await self.news.wait()
