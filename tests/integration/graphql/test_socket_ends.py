"""Operations over WebSocket: how much room there is, and how a socket and its mutations end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.integration.callers import Caller
from tests.integration.graphql.client import Client
from tests.integration.graphql.conftest import Served
from tests.integration.graphql.desk import GATES, Gate
from tests.integration.graphql.office import Note
from tests.integration.graphql.test_subscriptions import ALL, listening
from tests.integration.graphql.wire import SECONDS, Wire, listeners, raw, wire

from sorbus import Sorbus
from sorbus.apis.graphql import GraphqlInterface, Limits, sockets, subscriptions
from sorbus.http import http_app, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTES = "{ notes { slug } }"


class TestRoom:
    async def test_a_flood_of_subscriptions_is_turned_away_one_by_one(
        self, session: Any, served: Served, ada: Caller
    ) -> None:
        async with wire(session, served.url, headers=ada.headers) as socket:

            async def flood() -> None:
                for number in range(3_000):
                    await socket.subscribe(str(number), ALL)

            flooding = asyncio.create_task(flood())
            codes = {await socket.code(str(number)) for number in range(20, 3_000)}
            await flooding
            assert codes == {"too-many-operations"}
            await socket.say("complete", id="0")
            await socket.listen("again", ALL)

    async def test_one_caller_keeps_so_many_open_of_either_kind(
        self, session: Any, small: Any, ada: Caller, bob: Caller
    ) -> None:
        async with small(limits=Limits(streams_each=3)) as url:
            client = Client(session, url, ada)
            async with listening(client, ALL), wire(session, url, headers=ada.headers) as socket:
                await socket.listen("1", ALL)
                await socket.subscribe("2", ALL)
                error = (await socket.hear())["payload"][0]
                assert (error["extensions"]["code"], error["extensions"]["retryAfter"]) == (
                    "too-many-own-streams",
                    5,
                )
                answer = await client.ask(ALL, headers={"accept": "text/event-stream"})
                assert (answer.status, answer.code) == (429, "too-many-own-streams")
                assert answer.headers["retry-after"] == "5"
                async with raw(session, url, headers=ada.headers) as another:
                    await another.say("connection_init")
                    assert (await another.closed())[0] == 1013
                # Somebody else has room of their own, and so has plain HTTP.
                async with wire(session, url, headers=bob.headers) as other:
                    await other.listen("1", ALL)
                assert await client.data(NOTES) == {"notes": []}
                await socket.say("complete", id="1")
                await socket.listen("3", ALL)

    async def test_who_has_no_name_is_counted_by_the_address(self, session: Any, small: Any) -> None:
        async with small(limits=Limits(streams_each=2)) as url:
            async with wire(session, url), wire(session, url):
                # It counts for its address until it says who it is.
                async with raw(session, url) as third, raw(session, url):
                    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                        await session.ws_connect(f"{url}/graphql")
                    assert caught.value.status == 429
                    await third.say("connection_init")
                    assert (await third.closed())[0] == 1013

    async def test_what_was_counted_is_given_back(self, session: Any, small: Any, ada: Caller) -> None:
        async with small(limits=Limits(streams_each=3)) as url:
            for _ in range(10):
                async with wire(session, url, headers=ada.headers) as socket:
                    await socket.subscribe("1", ALL)
                    await socket.say("complete", id="1")
                    await socket.listen("2", ALL)
            for _ in range(10):
                async with wire(session, url, headers=ada.headers) as socket:
                    await socket.subscribe("1", ALL)
                    transport = socket.socket._response.connection.transport  # type: ignore[union-attr]
                    transport.abort()
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        async with wire(session, url, headers=ada.headers) as socket:
                            await socket.listen("1", ALL)
                            await socket.listen("2", ALL)
                        break
                    except AssertionError:
                        await asyncio.sleep(0.05)


class TestEnds:
    async def test_a_socket_that_goes_leaves_nothing_behind(
        self, session: Any, small: Any, served: Served, ada: Caller
    ) -> None:
        before = listeners(served.app)
        async with small() as url:
            for _ in range(5):
                async with wire(session, url, headers=ada.headers) as socket:
                    for number in range(10):
                        await socket.subscribe(str(number), ALL)
                    await socket.listen("last", ALL)
                    assert listeners(served.app) > before
                async with asyncio.timeout(SECONDS):
                    while listeners(served.app) != before:
                        await asyncio.sleep(0.01)

    async def test_a_socket_ends_with_the_server(self, session: Any, small: Any, ada: Caller) -> None:
        async with asyncio.timeout(SECONDS):
            async with small() as url:
                opened = await session.ws_connect(
                    f"{url}/graphql", protocols=("graphql-transport-ws",), headers=ada.headers
                )
                socket = Wire(opened)
                await socket.say("connection_init")
                await socket.hear()
                await socket.listen("1", ALL)
            assert await socket.closed() == (1001, "The server stops.")

    async def test_a_socket_ends_when_its_time_is_over(self, session: Any, small: Any, ada: Caller) -> None:
        async with small(limits=Limits(stream_seconds=0.2)) as url:
            async with wire(session, url, headers=ada.headers) as socket:
                assert (await socket.closed())[0] == 1001

    async def test_a_client_that_is_silent_is_taken_for_dead(
        self, session: Any, served: Served, ada: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "HEARTBEAT", 0.05)
        async with wire(session, served.url, headers=ada.headers) as socket:
            assert await socket.closed() == (1001, "The client is silent.")

    async def test_a_client_that_reads_nothing_is_cut_off(
        self, session: Any, small: Any, served: Served, ada: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "STALL", 0.3)
        monkeypatch.setattr(sockets, "_PARTING", 0.2)
        before = listeners(served.app)
        async with small() as url, wire(session, url, headers=ada.headers) as socket:
            await socket.listen("1", ALL)
            transport = socket.socket._response.connection.transport  # type: ignore[union-attr]
            transport.pause_reading()
            big = json.dumps({"type": "ping", "payload": {"x": "y" * 900_000}})

            async def flood() -> None:
                while True:
                    await socket.socket.send_str(big)

            flooding = asyncio.create_task(flood())
            async with asyncio.timeout(SECONDS):
                while listeners(served.app) != before:
                    await asyncio.sleep(0.02)
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            transport.abort()

    async def test_a_client_that_reads_slowly_is_told_what_it_lost(
        self, session: Any, served: Served, ada: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriptions, "BACKLOG", 8)
        scope = served.app.scope(actor=ada, tenant=ada.org_id)
        query = "subscription { notesChanged { lost record { title body } } }"
        async with wire(session, served.url, headers=ada.headers) as socket:
            note = await Note.write(scope, slug="a", title="A", body="x" * 300_000)
            await socket.listen("1", query)
            transport = socket.socket._response.connection.transport  # type: ignore[union-attr]
            transport.pause_reading()
            for number in range(200):
                await note.edit(scope, title=str(number))
            transport.resume_reading()
            lost = 0
            while not lost:
                lost = (await socket.next("1"))["notesChanged"]["lost"] or 0
            assert lost >= 8


class TestMutations:
    LINGER = (
        "mutation ($l: String!) { lingerParcel(input: {label: $l}) { result { label } errors { code } } }"
    )

    @asynccontextmanager
    async def server(self, desk: Sorbus, **settings: Any) -> AsyncIterator[str]:
        async with serving(http_app(desk, interfaces=[GraphqlInterface()]), **settings) as url:
            yield url

    async def begun(self, session: Any, url: str, label: str) -> Gate:
        """A mutation that has begun, and whose client has gone."""
        gate = GATES[label] = Gate()
        async with wire(session, url) as socket:
            await socket.subscribe("1", self.LINGER, l=label)
            async with asyncio.timeout(SECONDS):
                await gate.reached.wait()
        return gate

    async def written(self, session: Any, url: str, label: str) -> bool:
        query = "query ($l: String!) { parcels(filter: {label: {eq: $l}}) { id } }"
        return bool((await Client(session, url, None).data(query, l=label))["parcels"])

    async def test_one_that_has_begun_is_finished_though_the_client_goes(
        self, session: Any, desk: Sorbus
    ) -> None:
        async with self.server(desk) as url:
            gate = await self.begun(session, url, "finished")
            assert not await self.written(session, url, "finished")
            gate.opened.set()
            async with asyncio.timeout(SECONDS):
                while not await self.written(session, url, "finished"):
                    await asyncio.sleep(0.02)

    async def test_one_that_is_completed_is_finished_unheard(self, session: Any, desk: Sorbus) -> None:
        gate = GATES["unheard"] = Gate()
        async with self.server(desk) as url, wire(session, url) as socket:
            await socket.subscribe("1", self.LINGER, l="unheard")
            await gate.reached.wait()
            await socket.say("complete", id="1")
            await socket.say("ping")
            assert await socket.hear() == {"type": "pong"}
            gate.opened.set()
            async with asyncio.timeout(SECONDS):
                while not await self.written(session, url, "unheard"):
                    await asyncio.sleep(0.02)
            assert await socket.silent()

    async def test_the_server_waits_for_it(self, session: Any, desk: Sorbus) -> None:
        async with self.server(desk) as url:
            gate = await self.begun(session, url, "awaited")
            asyncio.get_running_loop().call_later(0.2, gate.opened.set)
        async with self.server(desk) as url:
            assert await self.written(session, url, "awaited")

    async def test_the_server_cuts_it_off_when_its_grace_is_over(self, session: Any, desk: Sorbus) -> None:
        async with asyncio.timeout(SECONDS):
            async with self.server(desk, grace=0.2) as url:
                await self.begun(session, url, "cut-off")
        GATES["cut-off"].opened.set()
        async with self.server(desk) as url:
            assert not await self.written(session, url, "cut-off")
