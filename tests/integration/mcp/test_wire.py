"""What goes over the wire, and what is refused there: other hosts and pages, bad messages, attacks."""

from __future__ import annotations

import asyncio
import json
from functools import reduce
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.integration.callers import Caller
from tests.integration.mcp import library
from tests.integration.mcp.library import SECRET
from tests.integration.mcp.wire import META, MODERN, Wire

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


class TestRevisions:
    @pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
    async def test_a_handshake_is_answered_in_the_revision_that_was_asked_for(
        self, wire: Wire, version: str
    ) -> None:
        said = await wire.ask("initialize", protocolVersion=version, capabilities={}, clientInfo={})
        assert said.status == 200
        assert said.json["result"]["protocolVersion"] == version
        assert "mcp-session-id" not in said.headers
        assert said.headers["content-type"] == "application/json"

    async def test_an_unknown_revision_is_answered_with_the_newest_handshake(self, wire: Wire) -> None:
        said = await wire.ask("initialize", protocolVersion="1999-01-01")
        assert said.json["result"]["protocolVersion"] == "2025-11-25"

    async def test_no_handshake_is_needed(self, wire: Wire) -> None:
        said = await wire.ask("ping")
        assert said.json == {"jsonrpc": "2.0", "id": 1, "result": {}}

    async def test_a_modern_answer_says_what_it_must(self, wire: Wire) -> None:
        said = await wire.modern("server/discover")
        result = said.json["result"]
        assert said.status == 200
        assert result["resultType"] == "complete"
        assert result["supportedVersions"][0] == MODERN
        assert result["cacheScope"] == "private"
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "library"
        listed = (await wire.modern("tools/list")).json["result"]
        assert listed["ttlMs"] == 0
        assert listed["cacheScope"] == "private"

    async def test_what_a_revision_does_not_have_is_not_found(self, wire: Wire) -> None:
        said = await wire.modern("ping")
        assert (said.status, said.error["code"]) == (404, -32601)
        said = await wire.ask("server/discover")
        assert (said.status, said.error["code"]) == (200, -32601)

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({}, -32020),
            ({"mcp_protocol_version": "2025-11-25"}, -32020),
            ({"mcp_protocol_version": MODERN}, -32020),
            ({"mcp_protocol_version": MODERN, "mcp_method": "tools/call"}, -32020),
        ],
    )
    async def test_headers_that_differ_from_the_message_are_refused(
        self, wire: Wire, headers: dict[str, str], code: int
    ) -> None:
        said = await wire.say({**LIST, "params": {"_meta": META}}, **headers)
        assert (said.status, said.error["code"]) == (400, code)

    async def test_a_tool_named_otherwise_in_the_header_is_refused(self, wire: Wire) -> None:
        params = {"name": "book_list", "arguments": {}, "_meta": META}
        message = {**LIST, "method": "tools/call", "params": params}
        named = {"mcp_protocol_version": MODERN, "mcp_method": "tools/call"}
        said = await wire.say(message, **named, mcp_name="book_remove")
        assert (said.status, said.error["code"]) == (400, -32020)
        said = await wire.say(message, **named, mcp_name="=?base64?Ym9va19saXN0?=")
        assert said.status == 200

    async def test_a_revision_that_nobody_knows_names_those_there_are(self, wire: Wire) -> None:
        said = await wire.say(LIST, mcp_protocol_version="2099-01-01")
        assert said.status == 400
        assert said.error["code"] == -32022
        assert MODERN in said.error["data"]["supported"]


class TestTheDoor:
    async def test_a_program_without_origin_comes_in(self, wire: Wire) -> None:
        assert (await wire.say(LIST)).status == 200

    @pytest.mark.parametrize("host", ["books.example.com", "BOOKS.example.com:8443", "localhost", "[::1]:1"])
    async def test_the_names_of_the_server_come_in(self, wire: Wire, host: str) -> None:
        assert (await wire.say(LIST, host=host)).status == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example.com",
            "127.0.0.1.evil.com",
            "localhost.evil.com",
            "x@127.0.0.1",
            "books.example.com.",
            "[",
        ],
    )
    async def test_a_page_that_rebinds_its_name_is_refused(self, wire: Wire, host: str) -> None:
        said = await wire.say(LIST, host=host, origin=f"http://{host}")
        assert (said.status, said.error["data"]["code"]) == (403, "host-refused")

    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example.com", "null", "http://127.0.0.1", "http://localhost:1", "file://", "x"],
    )
    async def test_a_page_of_somebody_else_is_refused(self, wire: Wire, origin: str) -> None:
        said = await wire.say(LIST, origin=origin)
        assert (said.status, said.error["data"]["code"]) == (403, "origin-refused")

    async def test_pages_that_were_named_and_those_of_the_server_come_in(self, wire: Wire) -> None:
        assert (await wire.say(LIST, origin="https://chat.example.com")).status == 200
        assert (await wire.say(LIST, origin=f"http://{urlsplit(wire.url).netloc}")).status == 200

    async def test_only_json_comes_in_and_goes_out(self, wire: Wire) -> None:
        assert (await wire.say(LIST, content_type="text/plain")).status == 415
        assert (await wire.say(LIST, content_type="application/x-www-form-urlencoded")).status == 415
        assert (await wire.say(LIST, accept="text/html")).status == 406
        assert (
            await wire.say(LIST, accept="*/*", content_type="application/json; charset=utf-8")
        ).status == 200

    @pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
    async def test_there_is_neither_a_stream_nor_a_session(self, wire: Wire, method: str) -> None:
        said = await wire.send(b"", method=method)
        assert said.status == 405
        assert said.headers["allow"] == "POST"

    async def test_a_large_body_is_not_read(self, wire: Wire) -> None:
        said = await wire.send(b" " * 200_001)
        assert (said.status, said.error["data"]["code"]) == (413, "payload-too-large")
        assert said.headers["connection"] == "close"


class TestMessages:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", -32700),
            (b"{", -32700),
            (b"\xff\xfe", -32700),
            (b"[" * 100_000, -32700),
            (b"[]", -32600),
            (json.dumps([LIST]).encode(), -32600),
            (b'"text"', -32600),
            (b'{"id": 1, "method": "ping"}', -32600),
            (b'{"jsonrpc": "2.0", "id": 1}', -32600),
            (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
            (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
            (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600),
            (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600),
        ],
    )
    async def test_what_is_no_message_is_refused(self, wire: Wire, body: bytes, code: int) -> None:
        said = await wire.send(body)
        assert (said.status, said.error["code"]) == (400, code)

    async def test_notifications_and_answers_are_taken_and_not_answered(self, wire: Wire) -> None:
        for message in (
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 7, "result": {}},
        ):
            said = await wire.say(message)
            assert (said.status, said.text) == (202, "")

    @pytest.mark.parametrize("method", ["nonsense", "tools/LIST", "completion/complete", "prompts/list"])
    async def test_an_unknown_method_is_an_error_of_the_protocol(self, wire: Wire, method: str) -> None:
        assert (await wire.ask(method)).error["code"] == -32601

    @pytest.mark.parametrize(
        "params",
        [{}, {"name": 5}, {"name": "book_list", "arguments": []}, {"name": "book_list", "arguments": "x"}],
    )
    async def test_bad_params_are_errors_of_the_protocol(self, wire: Wire, params: dict[str, Any]) -> None:
        said = await wire.say({**LIST, "method": "tools/call", "params": params})
        assert said.error["code"] == -32602

    @pytest.mark.parametrize("cursor", ["x", "", "####", "Ym9va19yZW1vdmUK", 5])
    async def test_a_cursor_of_nobody_is_refused(self, wire: Wire, cursor: Any) -> None:
        for method in ("tools/list", "resources/list"):
            said = await wire.say({**LIST, "method": method, "params": {"cursor": cursor}})
            assert said.error["code"] == -32602, (method, said.text)


class TestAttacks:
    async def test_an_argument_of_code_alone_is_unknown_outside(self, wire: Wire) -> None:
        result = await wire.call("book_add", title="x", author=str(wire.person.id))
        assert result["isError"]
        assert result["_meta"]["sorbus/errors"][0]["code"] == "no-such-input"

    @pytest.mark.parametrize("key", [{"not_eq": None}, ["x"], True, "x\x00", "%", 5, "' OR 1=1"])
    async def test_a_key_is_never_a_question(self, wire: Wire, key: Any) -> None:
        await wire.call("book_add", title="There")
        for name in ("book_get", "book_edit"):
            arguments = {"id": key} if name == "book_get" else {"id": key, "title": "y"}
            result = await wire.call(name, **arguments)
            assert result["isError"]
            assert result["_meta"]["sorbus/errors"][0]["code"] == "not-found"

    @pytest.mark.parametrize(
        "condition",
        [
            {"secret": {"eq": SECRET}},
            {"org_id": {"eq": "x"}},
            {"title": {"eq": {"not_eq": "x"}}},
            {"title": "x"},
            [],
            "title = 'x'",
            {"and": [{"not": {"and": [{}]}}]},
            {"pages": {"eq": 10**30}},
        ],
    )
    async def test_a_filter_asks_about_public_fields_only(self, wire: Wire, condition: Any) -> None:
        result = await wire.call("book_list", filter=condition)
        assert result["isError"]
        assert SECRET not in json.dumps(result).replace(json.dumps(condition), "")
        assert result["_meta"]["sorbus/errors"][0]["code"] == "invalid-filter"

    @pytest.mark.parametrize(
        ("condition", "problem"),
        [
            (reduce(lambda inner, _: {"not": inner}, range(12), {"title": {"eq": "x"}}), "levels deep"),
            ({"or": [{"title": {"eq": str(number)}} for number in range(150)]}, "conditions"),
            ({"title": {"in": ["x"] * 1_500}}, "more than 200 alternatives"),
        ],
    )
    async def test_a_filter_is_neither_deep_nor_wide(self, wire: Wire, condition: Any, problem: str) -> None:
        error = (await wire.call("book_list", filter=condition))["_meta"]["sorbus/errors"][0]
        assert error["code"] == "invalid-filter"
        assert problem in error["message"]

    @pytest.mark.parametrize(
        ("given", "place"),
        [
            ({"limit": 0}, "limit"),
            ({"limit": 1001}, "limit"),
            ({"limit": True}, "limit"),
            ({"limit": "5"}, "limit"),
            ({"offset": -1}, "offset"),
            ({"after": "x"}, "after"),
            ({"after": {}}, "after"),
            ({"after": "x", "before": "y"}, "before"),
            ({"count": "yes"}, "count"),
            ({"sort": ["secret"]}, "sort"),
            ({"load": ["secret"]}, "load"),
            ({"load": [["x"]]}, "load"),
        ],
    )
    async def test_what_is_said_about_a_list_is_checked(
        self, wire: Wire, given: dict[str, Any], place: str
    ) -> None:
        result = await wire.call("book_list", **given)
        assert result["isError"], result
        assert result["_meta"]["sorbus/errors"][0]["path"][0] == place

    async def test_other_tenants_are_out_of_reach(self, wire: Wire) -> None:
        made = (await wire.call("book_add", title="Mine"))["structuredContent"]
        await wire.call("book_publish", id=made["id"])
        stranger = Wire(wire.session, wire.url, Caller.new())
        for name in ("book_get", "book_publish"):
            result = await stranger.call(name, id=made["id"])
            assert result["_meta"]["sorbus/errors"][0]["code"] == "not-found"
        said = await stranger.ask("resources/read", uri=f"sorbus://book/{made['id']}")
        assert said.error["code"] == -32002
        assert (await stranger.call("book_list"))["structuredContent"]["items"] == []

    @pytest.mark.parametrize(
        "uri",
        ["sorbus://book/", "sorbus://book/a/b", "sorbus://book/..%2f..", "SORBUS://book/1", "book/1", "\x00"],
    )
    async def test_a_uri_of_nothing_is_not_found(self, wire: Wire, uri: str) -> None:
        assert (await wire.ask("resources/read", uri=uri)).error["code"] == -32002

    async def test_nothing_of_the_server_leaks_when_it_fails(self, wire: Wire) -> None:
        result = await wire.call("book_explode")
        text = json.dumps(result)
        assert result["isError"]
        assert SECRET not in text
        assert "Traceback" not in text
        assert "ZeroDivision" not in text


async def test_a_client_that_goes_away_takes_its_call_back(wire: Wire) -> None:
    library.WAITING.clear()
    library.CANCELLED.clear()
    asking = asyncio.create_task(wire.call("book_wait"))
    await asyncio.wait_for(library.WAITING.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(library.CANCELLED.wait(), 5)
