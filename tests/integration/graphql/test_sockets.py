"""Operations over WebSocket: what the protocol says, who may speak, and how a socket ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from tests.integration.callers import Caller
from tests.integration.graphql.client import Client
from tests.integration.graphql.conftest import Served
from tests.integration.graphql.test_subscriptions import ALL, EDIT, PUBLISH, listening
from tests.integration.graphql.wire import SECONDS, raw, wire

from sorbus.apis.graphql import sockets
from sorbus.errors.http import LocalOnly
from sorbus.http import local_only

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTES = "{ notes { slug } }"


class TestOperations:
    async def test_each_write_is_told_as_over_sse(
        self, session: Any, served: Served, api: Client, ada: Caller
    ) -> None:
        async with wire(session, served.url, headers=ada.headers) as socket, listening(api, ALL) as stream:
            await socket.listen("1", ALL)
            note = await api.write("a", "A")
            told = await socket.next("1")
            assert told == await stream.next()
            assert told["notesChanged"]["id"] == note["id"]

    async def test_several_operations_share_a_socket(
        self, session: Any, served: Served, api: Client, ada: Caller, note: Any
    ) -> None:
        one = "subscription ($id: ID!) { noteChanged(id: $id) { kind record { title } } }"
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.listen("one", one, id=note["id"])

            async def hear() -> Any:
                """The next message; what was committed a moment before may be told as well, and is not meant."""
                while True:
                    said = await socket.hear()
                    if '"CREATED"' not in json.dumps(said):
                        return said

            await socket.subscribe("q", NOTES)
            assert (await hear())["payload"]["data"] == {"notes": [{"slug": "first"}]}
            assert await hear() == {"id": "q", "type": "complete"}
            await socket.subscribe("m", EDIT, id=note["id"], t="B")
            found = [await hear() for _ in range(3)]
            assert sorted(f"{each['id']} {each['type']}" for each in found) == [
                "m complete",
                "m next",
                "one next",
            ]
            # What is complete has its id for something else.
            await socket.subscribe("q", NOTES)
            assert await socket.next("q") == {"notes": [{"slug": "first"}]}

    async def test_what_is_completed_is_told_no_more(
        self, session: Any, served: Served, api: Client, ada: Caller
    ) -> None:
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.listen("1", ALL)
            await socket.say("complete", id="1")
            await socket.say("complete", id="never begun")
            await socket.listen("2", ALL)
            await api.write("a", "A")
            await socket.next("2")
            assert await socket.silent()
            await socket.listen("1", ALL)

    async def test_each_event_is_authorised_when_it_is_delivered(
        self, session: Any, served: Served, api: Client, bob: Caller
    ) -> None:
        async with wire(session, served.url, headers=bob.headers) as socket:
            await socket.listen("1", ALL)
            note = await api.write("a", "A")
            assert await socket.silent()
            await api.data(PUBLISH, id=note["id"])
            told = await socket.next("1")
            assert told["notesChanged"]["record"] == {"title": "A", "commentCount": 0, "wage": None}

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{", "graphql-syntax"),
            ("{ notes { secret } }", "graphql-invalid"),
            ("subscription { notesChanged { kind } a: notesChanged { kind } }", "graphql-invalid"),
            ("{ notes(limit: 1000) { comments(limit: 1000) { id } } }", "query-too-large"),
            ("{" + " a {" * 900 + "}" * 901, "query-too-large"),
            ('subscription { noteChanged(id: "garbage") { kind } }', "invalid-input"),
            ("query { " + "notes { slug } " * 300 + "}", "query-too-large"),
        ],
    )
    async def test_a_bad_operation_ends_alone(
        self, session: Any, served: Served, ada: Caller, query: str, code: str
    ) -> None:
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.subscribe("bad", query)
            assert await socket.code("bad") == code
            await socket.subscribe("bad", NOTES)
            assert await socket.next("bad") == {"notes": []}

    async def test_a_failing_field_is_null_beside_its_error(
        self, session: Any, served: Served, ada: Caller
    ) -> None:
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.subscribe("1", "mutation { explodeNote { errors { code } } }")
            payload = (await socket.hear())["payload"]
            assert payload["data"] == {"explodeNote": None}
            assert payload["errors"][0]["extensions"]["code"] == "internal-error"
            assert (await socket.hear())["type"] == "complete"

    async def test_documents_are_known_by_their_hash(self, session: Any, served: Served, ada: Caller) -> None:
        text = "{ notes { slug } } # over a socket"
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        known = {"persistedQuery": {"version": 1, "sha256Hash": sha256}}
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.say("subscribe", id="1", payload={"extensions": known})
            assert await socket.code("1") == "PERSISTED_QUERY_NOT_FOUND"
            await socket.subscribe("1", text, extensions=known)
            assert await socket.next("1") == {"notes": []}
            await socket.hear()
            await socket.say("subscribe", id="1", payload={"extensions": known})
            assert await socket.next("1") == {"notes": []}
        async with wire(session, served.closed_url, headers=ada.headers) as socket:
            await socket.subscribe("1", text)
            assert await socket.code("1") == "query-not-allowed"

    async def test_a_subscription_goes_on_where_another_one_has_ended(
        self, session: Any, served: Served, api: Client, ada: Caller
    ) -> None:
        query = "subscription { foldersChanged { record { name } } }"
        write = "mutation ($n: String!) { openFolder(input: {name: $n}) { errors { code } } }"
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.listen("1", query)
            await api.data(write, n="first")
            payload = (await socket.hear())["payload"]
            position = payload["extensions"]["eventId"]
        await api.data(write, n="second")
        await api.data(write, n="third")
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.subscribe("1", query, extensions={"lastEventId": position})
            names = [(await socket.next("1"))["foldersChanged"]["record"]["name"] for _ in range(2)]
            assert names == ["second", "third"]


class TestCallers:
    async def test_a_browser_says_who_it_is_in_the_payload(
        self, session: Any, small: Any, ada: Caller
    ) -> None:
        payload = {"headers": {"X-Person": ada.headers["x-person"], "x-other": "left alone"}}
        async with small(init_headers=("x-person",)) as url:
            async with wire(session, url, payload=payload) as socket:
                await socket.subscribe("1", NOTES)
                assert await socket.next("1") == {"notes": []}

    async def test_other_headers_are_left_alone(self, session: Any, served: Served, ada: Caller) -> None:
        async with wire(session, served.url, payload={"headers": ada.headers}) as socket:
            await socket.subscribe("1", ALL)
            assert await socket.code("1") == "tenant-required"

    async def test_a_source_sees_the_handshake_with_the_headers_of_the_payload(
        self, session: Any, small: Any, served: Served
    ) -> None:
        seen: list[Request] = []

        def who(request: Request) -> Any:
            seen.append(request)
            return served.app.scope()

        async with small(who=who) as url:
            headers = {"authorization": "Bearer handshake", "cookie": "a=b"}
            payload = {"headers": {"Authorization": "Bearer payload", "cookie": "a=c"}}
            async with wire(session, url, headers=headers, payload=payload):
                pass
        (request,) = seen
        assert (request.method, request.url.scheme, request.url.path) == ("GET", "http", "/graphql")
        assert request.headers.getlist("authorization") == ["Bearer payload"]
        assert request.cookies == {"a": "b"}

    @pytest.mark.parametrize(
        "headers",
        [
            "x",
            ["authorization"],
            {"authorization": 1},
            {"authorization": "a\r\nb: c"},
            {"authorization": "ü"},
        ],
    )
    async def test_headers_that_are_none_are_refused(
        self, session: Any, served: Served, headers: Any
    ) -> None:
        async with raw(session, served.url) as socket:
            await socket.say("connection_init", payload={"headers": headers})
            assert (await socket.closed())[0] == 4400

    async def test_who_is_refused_is_forbidden(self, session: Any, small: Any, served: Served) -> None:
        def who(_: Request) -> Any:
            raise LocalOnly

        async with small(who=who) as url, raw(session, url) as socket:
            await socket.say("connection_init")
            code, reason = await socket.closed()
            assert (code, bool(reason)) == (4403, True)

    async def test_a_source_that_fails_tells_an_id_alone(self, session: Any, small: Any) -> None:
        def who(_: Request) -> Any:
            raise ZeroDivisionError("secret")

        async with small(who=who) as url, raw(session, url) as socket:
            await socket.say("connection_init")
            code, reason = await socket.closed()
            assert code == 1011
            assert "secret" not in reason

    async def test_a_socket_ends_when_the_caller_is_somebody_else(
        self, session: Any, small: Any, served: Served, ada: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "HEARTBEAT", 0.1)
        who = [ada]
        app = served.app
        async with small(who=lambda _: app.scope(actor=who[0], tenant=who[0].org_id)) as url:
            async with wire(session, url) as socket:
                async with asyncio.timeout(SECONDS):
                    assert json.loads((await socket.socket.receive()).data) == {"type": "ping"}
                await socket.say("pong")
                who[0] = Caller.new(ada.org_id)
                assert (await socket.closed())[0] == 4403


class TestOrigins:
    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example.com",
            "null",
            "http://127.0.0.1:1",
            "http://127.0.0.1.evil.com",
            "file://",
            "x",
            "http://[",
        ],
    )
    async def test_a_page_from_elsewhere_opens_no_socket(
        self, session: Any, served: Served, ada: Caller, origin: str
    ) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with raw(session, served.url, headers={**ada.headers, "origin": origin}):
                pass
        assert caught.value.status == 403
        async with session.get(
            f"{served.url}/graphql",
            headers={
                "origin": origin,
                "connection": "upgrade",
                "upgrade": "websocket",
                "sec-websocket-version": "13",
                "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        ) as reply:
            assert (await reply.json(content_type=None))["code"] == "foreign-socket"

    async def test_pages_of_the_server_and_allowed_ones_do(
        self, session: Any, served: Served, small: Any
    ) -> None:
        async with wire(session, served.url, headers={"origin": served.url.upper().replace("HTTP", "http")}):
            pass
        async with small(origins=["https://App.example.com/"]) as url:
            async with wire(session, url, headers={"origin": "https://app.example.com"}):
                pass

    async def test_a_page_that_rebinds_its_name_is_nobody(
        self, session: Any, small: Any, served: Served
    ) -> None:
        async with small(who=local_only(served.app.scope)) as url:
            async with wire(session, url):
                pass
            theirs = {"host": "evil.example.com:8000", "origin": "http://evil.example.com:8000"}
            async with raw(session, url, headers=theirs) as socket:
                await socket.say("connection_init")
                assert (await socket.closed())[0] == 4403


class TestProtocol:
    async def test_another_sub_protocol_is_not_spoken(self, session: Any, served: Served) -> None:
        for protocols in ((), ("graphql-ws",)):
            async with raw(session, served.url, protocols=protocols) as socket:
                assert (await socket.closed())[0] == 4406

    async def test_operations_come_after_the_acknowledgement(self, session: Any, served: Served) -> None:
        async with raw(session, served.url) as socket:
            await socket.say("ping")
            assert await socket.hear() == {"type": "pong"}
            await socket.subscribe("1", NOTES)
            assert (await socket.closed())[0] == 4401

    async def test_who_never_says_who_it_is_is_cut_off(
        self, session: Any, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "INIT", 0.1)
        async with raw(session, served.url) as socket:
            assert await socket.closed() == (4408, "Connection initialisation timeout")

    async def test_nobody_says_twice_who_they_are(self, session: Any, served: Served) -> None:
        async with wire(session, served.url) as socket:
            await socket.say("connection_init")
            assert (await socket.closed())[0] == 4429

    async def test_an_id_is_one_operations(self, session: Any, served: Served, ada: Caller) -> None:
        async with wire(session, served.url, headers=ada.headers) as socket:
            await socket.subscribe("1", ALL)
            await socket.subscribe("1", ALL)
            assert await socket.closed() == (4409, "Subscriber for 1 already exists")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "1",
            '"ping"',
            "{}",
            '{"type": "next"}',
            '{"type": ["ping"]}',
            '{"type": "subscribe"}',
            '{"type": "subscribe", "id": ""}',
            '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
            '{"type": "subscribe", "id": "1"}',
            '{"type": "subscribe", "id": "1", "payload": {}}',
            '{"type": "subscribe", "id": "1", "payload": []}',
            '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
            '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "extensions": 1}}',
            '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": {"lastEventId": "x"}}}',
            '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": {"lastEventId": 5}}}',
            '[{"type": "ping"}, {"type": "ping"}]',
            '{"type": "complete"}',
            '{"type": "ping", "payload": 1}',
            '{"type": "connection_init", "payload": "token"}',
            "[" * 50_000,
            '{"type": "ping", "payload": {"x": "\\ud800"}}',
            '{"type": "subscribe", "id": "%s"}' % ("x" * 300),
        ],
    )
    async def test_a_message_that_is_none_ends_the_socket(
        self, session: Any, served: Served, text: str
    ) -> None:
        async with wire(session, served.url) as socket:
            await socket.socket.send_str(text)
            code, reason = await socket.closed()
            assert (code, bool(reason)) == (4400, True)

    async def test_a_binary_message_ends_the_socket(self, session: Any, served: Served) -> None:
        async with wire(session, served.url) as socket:
            await socket.socket.send_bytes(b'{"type":"ping"}')
            assert (await socket.closed())[0] == 4400

    async def test_a_message_that_is_too_large_ends_the_socket(self, session: Any, served: Served) -> None:
        async with wire(session, served.url) as socket:
            await socket.say("ping", payload={"x": "y" * 100_000})
            assert (await socket.closed())[0] == 1009

    async def test_other_paths_have_no_sockets(self, session: Any, served: Served) -> None:
        for path in ("/graphql/schema.graphql", "/health", "/nowhere"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(served.url + path)
