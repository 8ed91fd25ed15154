"""Subscriptions over a real socket: what is told, to whom, and when a stream ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.integration.callers import Caller, caller_from_header
from tests.integration.graphql.client import Client
from tests.integration.graphql.conftest import Served

from sorbus import Sorbus
from sorbus.apis.graphql import GraphqlInterface, Limits, streams
from sorbus.apis.graphql.answering import Answerer
from sorbus.apis.graphql.documents import Documents
from sorbus.apis.graphql.requests import Asked
from sorbus.apis.graphql.schema import schema_of
from sorbus.apis.graphql.sharing import LISTENING, Told
from sorbus.apis.graphql.subscriptions import Subscriber
from sorbus.apis.graphql.surface import surface_of
from sorbus.http import http_app, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECONDS = 10.0


class Stream:
    """The events of one answer."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.reply = reply

    async def event(self) -> tuple[str, Any]:
        """The next event: its name, and its data."""
        name, data = "", ""
        async with asyncio.timeout(SECONDS):
            while line := (await self.reply.content.readline()).decode():
                text = line.rstrip("\n")
                if text.startswith(":"):
                    return ":", None
                if not text and name:
                    return name, json.loads(data) if data else None
                field, _, value = text.partition(":")
                name, data = (value.strip(), data) if field == "event" else (name, value.strip())
        return "end", None

    async def next(self) -> Any:
        """The data of the next event."""
        name, data = await self.event()
        assert name == "next", (name, data)
        return data["data"]

    async def silent(self) -> bool:
        """Whether nothing comes for a moment."""
        try:
            async with asyncio.timeout(0.4):
                await self.reply.content.readline()
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def listening(api: Client, query: str, **variables: Any) -> AsyncIterator[Stream]:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    headers |= api.person.headers if api.person else {}
    body = json.dumps({"query": query, "variables": variables})
    async with api.session.post(f"{api.url}/graphql", data=body, headers=headers) as reply:
        assert reply.status == 200, await reply.text()
        assert reply.headers["content-type"].startswith("text/event-stream")
        yield Stream(reply)


def subscriber_of(app: Sorbus) -> Subscriber:
    """What a transport asks, without one."""
    schema, limits = schema_of(surface_of(app.spec)), Limits()
    return Subscriber(
        app,
        Answerer(
            schema, Documents(schema, limits, introspection=True, allowed=None, persisted=False), limits
        ),
    )


EDIT = "mutation ($id: ID!, $t: String!) { editNote(id: $id, input: {title: $t}) { errors { code } } }"
PUBLISH = "mutation ($id: ID!) { publishNote(id: $id) { errors { code } } }"
ALL = "subscription { notesChanged { kind action id lost record { title commentCount wage } } }"


async def test_each_write_is_told_with_what_is_asked_of_the_record(api: Client) -> None:
    async with listening(api, ALL) as stream:
        note = await api.write("a", "A")
        assert await stream.next() == {
            "notesChanged": {
                "kind": "CREATED",
                "action": "write",
                "id": note["id"],
                "lost": None,
                "record": {"title": "A", "commentCount": 0, "wage": 100},
            }
        }
        await api.data(EDIT, id=note["id"], t="B")
        told = (await stream.next())["notesChanged"]
        assert (told["kind"], told["action"], told["record"]["title"]) == ("UPDATED", "edit", "B")


async def test_one_record_is_followed_until_it_goes(
    api: Client, session: Any, served: Served, ada: Caller
) -> None:
    note, other = await api.write("a", "A"), await api.write("b", "B")
    query = "subscription ($id: ID!) { noteChanged(id: $id) { kind id record { title } __typename } }"
    async with listening(api, query, id=note["id"].upper()) as stream:
        await api.data(EDIT, id=other["id"], t="other")
        await api.data(EDIT, id=note["id"], t="mine")
        told = {"kind": "UPDATED", "id": note["id"], "record": {"title": "mine"}, "__typename": "NoteEvent"}
        found = await stream.next()
        if found["noteChanged"]["kind"] == "CREATED":
            found = await stream.next()  # what was committed a moment before may be told as well
        assert found == {"noteChanged": told}
        admin = Client(session, served.url, Caller(ada.id, ada.org_id, admin=True))
        await admin.data("mutation ($id: ID!) { removeNote(id: $id) { errors { code } } }", id=note["id"])
        gone = {"kind": "GONE", "id": note["id"], "record": None, "__typename": "NoteEvent"}
        assert await stream.next() == {"noteChanged": gone}


async def test_each_event_is_authorised_when_it_is_delivered(api: Client, bobs_api: Client) -> None:
    async with listening(bobs_api, ALL) as stream:
        note = await api.write("a", "A")
        await api.data(EDIT, id=note["id"], t="still a draft")
        assert await stream.silent()
        await api.data(PUBLISH, id=note["id"])
        told = (await stream.next())["notesChanged"]
        # Bob may read it now; what a field policy hides stays hidden.
        assert told["record"] == {"title": "still a draft", "commentCount": 0, "wage": None}


async def test_a_plain_selection_is_authorised_too(api: Client, bobs_api: Client) -> None:
    query = "subscription { notesChanged { record { title wage } } }"
    async with listening(bobs_api, query) as stream:
        note = await api.write("a", "A")
        assert await stream.silent()
        await api.data(PUBLISH, id=note["id"])
        assert (await stream.next())["notesChanged"] == {"record": {"title": "A", "wage": None}}


@pytest.mark.parametrize("asked", ["kind id", "record { title }", "record { commentCount }"])
async def test_a_topic_with_a_hidden_value_tells_nobody_who_guesses_it(
    api: Client, bobs_api: Client, asked: str
) -> None:
    """Whoever is told of an event of `wage:100` knows the wage."""
    query = f"subscription {{ wageEarned(wage: 100) {{ {asked} }} }}"
    note = await api.write("a", "A")
    await api.data(PUBLISH, id=note["id"])
    async with listening(bobs_api, query) as bobs, listening(api, query) as adas:
        await api.data(EDIT, id=note["id"], t="B")
        assert (await adas.next())["wageEarned"]
        assert await bobs.silent()


async def test_nothing_comes_of_another_tenant(api: Client, session: Any, served: Served) -> None:
    stranger = Client(session, served.url, Caller.new())
    query = "subscription ($id: ID!) { noteChanged(id: $id) { kind id } }"
    note = await api.write("a", "A")
    async with listening(stranger, ALL) as everything, listening(stranger, query, id=note["id"]) as one:
        await api.data(PUBLISH, id=note["id"])
        assert await everything.silent()
        assert await one.silent()


async def test_who_has_no_tenant_is_refused(session: Any, served: Served) -> None:
    async with listening(Client(session, served.url, None), ALL) as stream:
        name, data = await stream.event()
        assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "tenant-required")
        assert await stream.event() == ("complete", None)


async def test_a_value_that_is_none_is_refused(api: Client) -> None:
    async with listening(api, 'subscription { noteChanged(id: "garbage") { kind } }') as stream:
        _, data = await stream.event()
        assert data["errors"][0]["extensions"]["code"] == "invalid-input"


async def test_other_operations_are_answered_once(api: Client, note: dict[str, Any]) -> None:
    async with listening(api, "{ notes { slug } }") as stream:
        assert await stream.next() == {"notes": [{"slug": "first"}]}
        assert await stream.event() == ("complete", None)


async def test_a_bad_document_is_told_in_the_stream(api: Client) -> None:
    for query in (
        "{",
        "subscription { nothing }",
        "subscription { notesChanged { kind } a: notesChanged { kind } }",
    ):
        async with listening(api, query) as stream:
            _, data = await stream.event()
            assert data["errors"][0]["extensions"]["code"] in {"graphql-syntax", "graphql-invalid"}
            assert await stream.event() == ("complete", None)


async def test_a_subscription_needs_a_stream(api: Client) -> None:
    answer = await api.ask(ALL)
    assert (answer.status, answer.code) == (400, "malformed-graphql-request")


async def test_what_is_asked_of_an_event_is_bounded(api: Client) -> None:
    query = (
        "subscription { notesChanged { record { comments(limit: 1000) {"
        " note { comments(limit: 1000) { id } } } } } }"
    )
    async with listening(api, query) as stream:
        await api.write("a", "A")
        _, data = await stream.event()
        assert data["errors"][0]["extensions"]["code"] == "query-too-large"


class TestResuming:
    QUERY = "subscription { foldersChanged { record { name } } }"
    OPEN = "mutation ($n: String!) { openFolder(input: {name: $n}) { errors { code } } }"

    @asynccontextmanager
    async def listening(self, api: Client, after: str = "") -> AsyncIterator[Any]:
        assert api.person is not None
        headers = {**api.person.headers, "accept": "text/event-stream", "content-type": "application/json"}
        if after:
            headers["last-event-id"] = after
        body = json.dumps({"query": self.QUERY})
        async with api.session.post(f"{api.url}/graphql", data=body, headers=headers) as reply:

            async def told() -> tuple[str, str]:
                async with asyncio.timeout(SECONDS):
                    lines = [(await reply.content.readline()).decode().strip() for _ in range(4)]
                assert (lines[0], lines[3]) == ("event: next", "")
                data = json.loads(lines[2].removeprefix("data: "))["data"]
                return lines[1].removeprefix("id: "), data["foldersChanged"]["record"]["name"]

            yield told

    async def test_a_stream_goes_on_where_another_one_has_ended(self, api: Client) -> None:
        async with self.listening(api) as told:
            await api.data(self.OPEN, n="first")
            position, name = await told()
            assert name == "first"
        await api.data(self.OPEN, n="second")
        await api.data(self.OPEN, n="third")
        async with self.listening(api, position) as told:
            assert [(await told())[1] for _ in range(2)] == ["second", "third"]

    async def test_a_position_of_nothing_is_told(self, api: Client, session: Any, served: Served) -> None:
        headers = {"accept": "text/event-stream", "last-event-id": "5"}
        answer = await api.ask(ALL, headers=headers)
        assert "not-resumable" in answer.text
        for garbage in ("x", "-1", "9" * 30, "\u0662"):
            async with asyncio.timeout(SECONDS):
                answer = await api.ask(
                    "{ notes { id } }",
                    headers={**headers, "last-event-id": garbage.encode().decode("latin-1")},
                )
            assert '"notes":[]' in answer.text


class TestSharing:
    @asynccontextmanager
    async def server(self, served: Served) -> AsyncIterator[str]:
        """Where everybody of an organisation who is no admin sees the same."""
        interface = GraphqlInterface(share=lambda scope: None if scope.actor.admin else "member")
        asgi = http_app(served.app, interfaces=[interface], scope_from=caller_from_header(served.app))
        async with serving(asgi) as url:
            yield url

    async def test_an_event_is_read_once_for_all_who_may_see_the_same(
        self, session: Any, served: Served, ada: Caller, bob: Caller, app: Sorbus
    ) -> None:
        author, reads = Client(session, served.url, ada), 0
        note = await author.write("a", "A")
        run = app.engine.reader.run

        async def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal reads
            reads += 1
            return await run(*args, **kwargs)

        async with self.server(served) as url, AsyncExitStack() as stack:
            one = [
                await stack.enter_async_context(listening(Client(session, url, Caller.new(bob.org_id)), ALL))
                for _ in range(5)
            ]
            admin = Caller.new(bob.org_id, admin=True)
            other = await stack.enter_async_context(listening(Client(session, url, admin), ALL))
            stranger = await stack.enter_async_context(listening(Client(session, url, Caller.new()), ALL))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(app.engine.reader, "run", counted)
                await author.data(PUBLISH, id=note["id"])
                told = [(await each.next())["notesChanged"]["record"] for each in (*one, other)]
            assert told == [{"title": "A", "commentCount": 0, "wage": None}] * 6
            # Two for the five, two for the admin; what the mutation itself reads is no more than one.
            assert reads <= 5
            assert await stranger.silent()

    async def test_the_last_reader_closes_what_was_shared(
        self, served: Served, ada: Caller, app: Sorbus
    ) -> None:
        subscriber, scope = subscriber_of(app), app.scope(actor=ada, tenant=ada.org_id)

        def answers() -> AsyncGenerator[Told]:
            return subscriber.answers(Asked(query=ALL), scope, after=None, where="here")

        one, other = answers(), answers()
        assert [await anext(one), await anext(other)] == [LISTENING, LISTENING]
        assert len(subscriber.fans) == 1
        await one.aclose()
        (fan,) = subscriber.fans.values()
        assert not fan.task.done()
        await other.aclose()
        assert fan.task.done()
        assert subscriber.fans == {}


async def test_many_streams_leave_room_for_other_requests(served: Served, ada: Caller) -> None:
    headers = {**ada.headers, "accept": "text/event-stream", "content-type": "application/json"}
    body = json.dumps({"query": ALL})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        async with asyncio.timeout(SECONDS):
            opened = await asyncio.gather(
                *(session.post(f"{served.url}/graphql", data=body, headers=headers) for _ in range(150))
            )
            assert await Client(session, served.url, ada).data("{ notes { id } }") == {"notes": []}
        for each in opened:
            each.close()


class TestEnds:
    @pytest.fixture
    def small(self, served: Served) -> Any:
        """A server of its own, with room for two streams that live for a second."""

        @asynccontextmanager
        async def server(**limits: Any) -> AsyncIterator[str]:
            interface = GraphqlInterface(limits=Limits(**limits))
            asgi = http_app(served.app, interfaces=[interface], scope_from=caller_from_header(served.app))
            async with serving(asgi) as url:
                yield url

        return server

    async def test_there_is_room_for_so_many(self, small: Any, session: Any, ada: Caller) -> None:
        async with small(streams=1) as url:
            client = Client(session, url, ada)
            async with listening(client, ALL):
                headers = {"accept": "text/event-stream"}
                async with asyncio.timeout(SECONDS):
                    answer = await client.ask(ALL, headers=headers)
                assert (answer.status, answer.code) == (429, "too-many-streams")
            async with asyncio.timeout(SECONDS):
                while True:
                    await asyncio.sleep(0.05)
                    if (
                        await client.ask("{ notes { id } }", headers={"accept": "text/event-stream"})
                    ).status == 200:
                        break

    async def test_a_stream_ends_when_its_time_is_over(self, small: Any, session: Any, ada: Caller) -> None:
        async with small(stream_seconds=0.3) as url, listening(Client(session, url, ada), ALL) as stream:
            assert await stream.event() == ("complete", None)

    async def test_a_stream_ends_with_the_server(self, small: Any, session: Any, ada: Caller) -> None:
        async with asyncio.timeout(SECONDS):
            async with small() as url:
                opened = await session.post(
                    f"{url}/graphql",
                    data=json.dumps({"query": ALL}),
                    headers={
                        **ada.headers,
                        "accept": "text/event-stream",
                        "content-type": "application/json",
                    },
                )
            assert (await opened.content.read()).endswith(b"event: complete\ndata:\n\n")

    async def test_a_stream_ends_when_the_caller_is_somebody_else(
        self, session: Any, served: Served, ada: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streams, "HEARTBEAT", 0.2)
        who = [ada]
        app = served.app
        asgi = http_app(
            app,
            interfaces=[GraphqlInterface()],
            scope_from=lambda _: app.scope(actor=who[0], tenant=who[0].org_id),
        )
        async with serving(asgi) as url, listening(Client(session, url, ada), ALL) as stream:
            assert await stream.event() == (":", None)
            who[0] = Caller.new(ada.org_id)
            while (await stream.event())[0] == ":":
                pass
            assert await stream.event() == ("end", None)
