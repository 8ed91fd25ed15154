"""Requests that are wrong as HTTP, and failures: the right status, one form, nothing of the inside."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.integration.callers import Caller, caller_from_header
from tests.integration.json_api.client import MEDIA_TYPE, Client
from tests.integration.json_api.conftest import BODY_LIMIT
from tests.integration.json_api.desk import SECRET

from sorbus import Sorbus
from sorbus.apis.json_api import json_api
from sorbus.apis.mcp import mcp_api
from sorbus.http import bodies, http_app, serving

SECONDS = 10.0

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestPathsAndMethods:
    @pytest.mark.parametrize(
        "path",
        ["/api/", "/api/nothing", "/api/notes/", "/api/notes/a/b/c", "/api/notes/x/remove", "/api/comments"],
    )
    async def test_unknown_paths_are_not_found(self, api: Client, path: str) -> None:
        answer = await api.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (404, MEDIA_TYPE)
        assert answer.error["code"] == "no-such-route"

    async def test_outside_the_api_a_problem_is_answered(self, api: Client) -> None:
        answer = await api.ask("GET", "/nothing")
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
        assert answer.json["code"] == "no-such-route"
        assert answer.json["status"] == 404
        assert answer.json["type"] == "urn:sorbus:error:no-such-route"

    async def test_a_wrong_method_names_the_right_ones(self, api: Client) -> None:
        answer = await api.ask("PUT", "/api/notes/1")
        assert (answer.status, answer.error["code"]) == (405, "method-not-allowed")
        assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
        assert (await api.ask("DELETE", "/api/notes/search")).headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await api.ask("GET", "/api/notes/count-words")).headers["allow"] == "OPTIONS, POST"
        outside = await api.ask("POST", "/health")
        assert (outside.status, set(outside.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
        assert outside.headers["content-type"] == "application/problem+json"

    async def test_options_says_what_is_allowed(self, api: Client) -> None:
        answer = await api.ask("OPTIONS", "/api/notes")
        assert (answer.status, answer.text) == (204, "")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert not [name for name in answer.headers if name.startswith("access-control")]

    async def test_parameters_a_route_does_not_know_are_refused(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        for query in (
            "filter[slug]=x",
            "sort=slug",
            "page[limit]=1",
            "q=1",
            "include[]=x",
            "[x]=1",
            "fields=title",
        ):
            answer = await api.ask("GET", f"/api/notes/{note['id']}?{query}")
            assert (answer.status, answer.error["code"]) == (400, "unknown-parameter"), query

    async def test_a_very_long_query_is_refused(self, api: Client) -> None:
        answer = await api.ask("GET", "/api/notes?sort=" + "a" * 20_000)
        assert (answer.status, answer.error["code"]) == (414, "query-too-long")
        answer = await api.ask("GET", "/api/notes?" + "&".join(["sort="] * 500))
        assert (answer.status, answer.error["code"]) == (414, "query-too-long")


class TestNegotiation:
    @pytest.mark.parametrize(
        ("given", "status"),
        [
            (MEDIA_TYPE, 422),
            ("application/vnd.api+json; profile=https://example.org/x", 422),
            ("application/json; charset=utf-8", 422),
            ("application/vnd.api+json; charset=utf-8", 415),
            ('application/vnd.api+json; ext="https://jsonapi.org/ext/atomic"', 415),
            ("application/json; charset=latin-1", 415),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
            ("multipart/form-data; boundary=x", 415),
            ("", 415),
        ],
    )
    async def test_bodies_of_other_types_are_not_read(self, api: Client, given: str, status: int) -> None:
        body = b'{"data": {"attributes": {}}}'
        answer = await api.ask("POST", "/api/notes", data=body, headers={"content-type": given})
        assert answer.status == status
        if status == 415:
            assert answer.error["code"] == "unsupported-media-type"

    @pytest.mark.parametrize(
        ("accept", "status"),
        [
            (MEDIA_TYPE, 200),
            ("*/*", 200),
            ("application/json", 200),
            ("text/html, application/*;q=0.5", 200),
            (f"{MEDIA_TYPE}; charset=utf-8, {MEDIA_TYPE}", 200),
            (f"{MEDIA_TYPE}; charset=utf-8", 406),
            (f'{MEDIA_TYPE}; ext="https://jsonapi.org/ext/atomic"', 406),
            (f"{MEDIA_TYPE};q=0", 406),
            ("text/html", 406),
            ("nonsense", 406),
        ],
    )
    async def test_clients_that_take_something_else_are_told_so(
        self, api: Client, accept: str, status: int
    ) -> None:
        answer = await api.ask("GET", "/api/notes", headers={"accept": accept})
        assert answer.status == status
        if status == 406:
            assert answer.error["code"] == "not-acceptable"


class TestSizes:
    async def test_a_body_at_the_limit_is_read(self, api: Client) -> None:
        attributes = {"slug": "big", "title": "t", "body": ""}
        room = BODY_LIMIT - len(json.dumps({"data": {"attributes": attributes}}))
        answer = await api.send("POST", "/notes", {"attributes": {**attributes, "body": "x" * room}})
        assert answer.status == 201
        assert len((await api.get(f"/notes/{answer.data['id']}")).data["attributes"]["body"]) == room
        more = {**attributes, "slug": "bigger", "body": "x" * room}
        assert (await api.send("POST", "/notes", {"attributes": more})).status == 413

    async def test_a_larger_body_is_refused(self, api: Client) -> None:
        body = b'{"data": {"attributes": {"name": "' + b"x" * BODY_LIMIT + b'"}}}'
        answer = await api.ask("POST", "/api/folders", data=body, headers={"content-type": MEDIA_TYPE})
        assert (answer.status, answer.error["code"]) == (413, "payload-too-large")

    async def test_a_body_without_a_length_is_cut_off_at_the_limit(
        self, session: aiohttp.ClientSession, url: str, ada: Caller
    ) -> None:
        sent = 0

        async def endless():
            nonlocal sent
            for _ in range(2_000):
                sent += 10_000
                yield b"x" * 10_000

        headers = {**ada.headers, "content-type": MEDIA_TYPE}
        try:
            async with session.post(f"{url}/api/folders", data=endless(), headers=headers) as answer:
                assert answer.status == 413
        except aiohttp.ClientError:
            # The server may close while the client still sends.
            pass
        assert sent < 20_000_000
        assert (await Client(session, url, ada).get("/notes")).status == 200


@pytest.mark.parametrize("path", ["/mcp", "/api/folders"])
async def test_a_body_that_does_not_come_ends(
    app: Sorbus, ada: Caller, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)
    asgi = http_app(app, interfaces=[json_api, mcp_api], scope_from=caller_from_header(app))
    async with serving(asgi) as url:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-person: {ada.headers['x-person']}\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: 500\r\n\r\n{{".encode())
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"body-too-slow" in answer
        writer.close()
        await writer.wait_closed()


async def test_a_body_that_says_that_it_is_too_large_is_not_waited_for(url: str, ada: Caller) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST /api/folders HTTP/1.1\r\nhost: x\r\nx-person: {ada.headers['x-person']}\r\n"
    writer.write(f"{head}content-type: {MEDIA_TYPE}\r\ncontent-length: {BODY_LIMIT + 1}\r\n\r\n".encode())
    async with asyncio.timeout(SECONDS):
        assert await reader.readline() == b"HTTP/1.1 413 Payload Too Large\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_is_no_http_is_no_failure_of_the_server(url: str, ada: Caller) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST /api/folders HTTP/1.1\r\nhost: x\r\nx-person: {ada.headers['x-person']}\r\n"
    writer.write(
        f"{head}content-type: {MEDIA_TYPE}\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n".encode()
    )
    assert await reader.readline() == b"HTTP/1.1 400 Bad Request\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_goes_away_leaves_the_server_well(
    api: Client, url: str, ada: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = urlsplit(url)
    for _ in range(3):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST /api/folders HTTP/1.1\r\nhost: x\r\nx-person: {ada.headers['x-person']}\r\n"
        writer.write(f"{head}content-type: {MEDIA_TYPE}\r\ncontent-length: 500\r\n\r\n{{".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await api.get("/folders")).data == []
    assert "failed" not in "".join(capfd.readouterr())


class TestFailures:
    async def test_an_unforeseen_error_is_an_id_and_nothing_else(
        self, api: Client, capfd: pytest.CaptureFixture[str]
    ) -> None:
        answer = await api.send("POST", "/notes/explode")
        assert (answer.status, answer.error["code"]) == (500, "internal-error")
        assert sorted(answer.error) == ["code", "detail", "id", "status", "title"]
        for inside in (SECRET, "ZeroDivision", "Traceback", ".py", "sorbus"):
            assert inside not in answer.text
        logged = "".join(capfd.readouterr())
        assert answer.error["id"] in logged
        assert "ZeroDivisionError" in logged

    async def test_a_failing_scope_is_an_id_and_nothing_else(self, api: Client) -> None:
        answer = await api.ask("GET", "/api/notes", headers={"x-person": "nonsense"})
        assert (answer.status, answer.error["code"]) == (500, "internal-error")
        assert "nonsense" not in answer.text

    async def test_a_reader_without_tenant_is_told_so(self, session: aiohttp.ClientSession, url: str) -> None:
        answer = await Client(session, url, None).get("/notes")
        assert (answer.status, answer.error["code"]) == (400, "tenant-required")
        assert "app.scope" not in answer.text
