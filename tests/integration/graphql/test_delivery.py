"""Many subscribers: each is told what it may see at that moment, by few statements, and none waits for another."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from tests.integration.callers import Caller
from tests.integration.graphql.client import Client
from tests.integration.graphql.conftest import Served
from tests.integration.graphql.test_subscriptions import ALL, EDIT, PUBLISH, SECONDS, Stream, listening

from sorbus import Sorbus
from sorbus.apis.graphql import subscriptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = "subscription { notesChanged { kind action id lost record { title wage } } }"
OPEN = "mutation ($n: String!) { openFolder(input: {name: $n}) { errors { code } } }"


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    """For any number of streams."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@asynccontextmanager
async def listening_all(
    session: aiohttp.ClientSession, url: str, people: list[Caller], query: str
) -> AsyncIterator[list[Stream]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(listening(Client(session, url, each), query)) for each in people
        ]


async def test_the_statements_do_not_grow_with_the_subscribers(
    crowd: aiohttp.ClientSession, served: Served, ada: Caller, statements: list[str]
) -> None:
    author, counts = Client(crowd, served.url, ada), []
    for number in (2, 60):
        people = [ada, *(Caller.new(ada.org_id) for _ in range(number - 1))]
        note = await author.write(f"n-{number}", "A")
        async with listening_all(crowd, served.url, people, PLAIN) as streams:
            statements.clear()
            await author.data(PUBLISH, id=note["id"])
            told = [(await each.next())["notesChanged"]["record"] for each in streams]
            counts.append(len(statements))
        assert told == [{"title": "A", "wage": 100}, *[{"title": "A", "wage": None}] * (number - 1)]
    assert max(counts) <= 3  # what the mutation takes, and one


async def test_who_loses_the_right_is_told_that_it_is_gone_and_no_more(
    api: Client, bobs_api: Client, app: Sorbus
) -> None:
    note = await api.write("a", "A")
    async with listening(api, PLAIN) as adas, listening(bobs_api, PLAIN) as bobs:
        await api.data(PUBLISH, id=note["id"])
        for stream, wage in ((adas, 100), (bobs, None)):
            while (told := (await stream.next())["notesChanged"])["action"] != "publish":
                pass  # that it was written may be told, too
            assert told["record"] == {"title": "A", "wage": wage}
        async with app.database.pool.connection() as connection:
            await connection.execute("UPDATE office_notes SET state = 'draft' WHERE id = $1", note["id"])
        for title in ("secret", "more secret"):
            await api.data(EDIT, id=note["id"], t=title)
            assert (await adas.next())["notesChanged"]["record"] == {"title": title, "wage": 100}
        gone = {"kind": "GONE", "action": None, "id": note["id"], "lost": None, "record": None}
        assert (await bobs.next())["notesChanged"] == gone
        assert await bobs.silent()


@pytest.mark.parametrize("query", [PLAIN, ALL], ids=["attributes", "more than attributes"])
async def test_nobody_is_told_what_is_for_another(
    crowd: aiohttp.ClientSession, served: Served, query: str
) -> None:
    """Authors of two organisations at once; half of their notes are for themselves alone."""
    people = [Caller.new() for _ in range(2)]
    people += [Caller.new(each.org_id) for each in people for _ in range(6)]
    async with listening_all(crowd, served.url, people, query) as streams:

        async def write(place: int, person: Caller) -> None:
            author = Client(crowd, served.url, person)
            for number in range(4):
                note = await author.write(f"n-{place}-{number}", f"{place} {number}")
                if number % 2:
                    await author.data(PUBLISH, id=note["id"])

        await asyncio.gather(*(write(place, each) for place, each in enumerate(people)))
        for place, (person, stream) in enumerate(zip(people, streams, strict=True)):
            found: dict[str, int | None] = {}
            wanted = {
                f"{other} {number}": 100 if other == place else None
                for other, each in enumerate(people)
                for number in range(4)
                if each.org_id == person.org_id and (number % 2 or other == place)
            }
            while found.keys() != wanted.keys():
                record = (await stream.next())["notesChanged"]["record"]
                found[record["title"]] = record["wage"]
            assert found == wanted


async def test_a_reader_that_stands_still_holds_up_nobody(
    crowd: aiohttp.ClientSession, served: Served, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "BACKLOG", 20)
    api = Client(crowd, served.url, ada)
    note = await api.write("a", "A")
    query = "subscription ($id: ID!) { noteChanged(id: $id) { kind lost record { title body } } }"
    body = json.dumps({"query": query, "variables": {"id": note["id"]}}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in ada.headers.items())
    where = urlsplit(served.url)
    with socket.socket() as still:
        # Small, so that it does not take the system long to be full.
        still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        still.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(still, (where.hostname, where.port))
        request = (
            "POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
            f"{head}content-length: {len(body)}\r\n\r\n"
        )
        await loop.sock_sendall(still, request.encode() + body)
        text = await loop.sock_recv(still, 64)
        assert text.startswith(b"HTTP/1.1 200")
        edit = (
            "mutation ($id: ID!, $t: String!, $b: String) {"
            " editNote(id: $id, input: {title: $t, body: $b}) { errors { code } } }"
        )
        async with listening(api, query, id=note["id"]) as quick:
            for number in range(100):
                await api.data(edit, id=note["id"], t=f"title {number}", b="x" * 90_000)
                while (await quick.next())["noteChanged"]["record"]["title"] != f"title {number}":
                    pass
        text = b""
        async with asyncio.timeout(SECONDS):
            while b'"LAGGED"' not in text:
                text = text[-20:] + await loop.sock_recv(still, 1 << 20)


async def test_who_comes_back_again_and_again_misses_nothing(
    crowd: aiohttp.ClientSession, served: Served, ada: Caller
) -> None:
    api = Client(crowd, served.url, ada)
    headers = {**ada.headers, "accept": "text/event-stream", "content-type": "application/json"}
    body = json.dumps({"query": "subscription { foldersChanged { kind lost record { name } } }"})
    names, found, position = [f"f-{number:02}" for number in range(40)], list[str](), ""

    async def write() -> None:
        for each in names:
            await api.data(OPEN, n=each)

    writing: asyncio.Task[None] | None = None
    async with asyncio.timeout(30):
        while len(found) < len(names):
            more = {"last-event-id": position} if position else {}
            async with crowd.post(f"{served.url}/graphql", data=body, headers=headers | more) as reply:
                writing = writing or asyncio.create_task(write())
                for _ in range(min(3, len(names) - len(found))):
                    lines = [(await reply.content.readline()).decode().strip() for _ in range(4)]
                    position = lines[1].removeprefix("id: ")
                    told = json.loads(lines[2].removeprefix("data: "))["data"]["foldersChanged"]
                    found.append(told["record"]["name"])
    assert writing is not None
    await writing
    assert found == names
