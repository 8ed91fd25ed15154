"""A client of somebody else's speaks with the server as it would with any other."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from gql import Client, gql
from gql.dsl import DSLMutation, DSLQuery, DSLSchema, dsl_gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportQueryError
from graphql import GraphQLError
from tests.integration.callers import Caller, caller_from_header
from tests.integration.graphql.conftest import Served

from sorbus import Sorbus
from sorbus.apis.graphql import GraphqlInterface
from sorbus.http import http_app, serving

NPM = Path(__file__).parent / "npm_client"

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def client(served: Served, ada: Caller) -> Client:
    transport = AIOHTTPTransport(url=f"{served.url}/graphql", headers=ada.headers)
    return Client(transport=transport, fetch_schema_from_transport=True)


async def test_it_learns_the_schema_and_checks_documents_against_it(client: Client) -> None:
    async with client as session:
        with pytest.raises(GraphQLError, match="secret"):
            await session.execute(gql("{ notes { secret } }"))
        assert await session.execute(gql("{ notes { title } }")) == {"notes": []}


async def test_it_writes_and_reads_by_the_schema_alone(client: Client) -> None:
    async with client as session:
        assert client.schema is not None
        found = DSLSchema(client.schema)
        fields = {
            "slug": "by-gql",
            "title": "By gql",
            "price": "9.99",
            "figures": [{"circle": {"radius": 2}}],
        }
        write = found.Mutation.createNote(input=fields).select(
            found.CreateNotePayload.result.select(found.Note.id, found.Note.price),
            found.CreateNotePayload.errors.select(found.ActionError.code),
        )
        written = (await session.execute(dsl_gql(DSLMutation(write))))["createNote"]
        assert written["errors"] == []
        assert written["result"]["price"] == "9.99"
        read = found.Query.notesConnection(first=1, sort=[{"field": "SLUG", "order": "ASC"}]).select(
            found.NoteConnection.totalCount,
            found.NoteConnection.nodes.select(found.Note.slug, found.Note.commentCount),
        )
        page = (await session.execute(dsl_gql(DSLQuery(read))))["notesConnection"]
        assert page == {"totalCount": 1, "nodes": [{"slug": "by-gql", "commentCount": 0}]}


async def test_it_takes_errors_for_errors(client: Client) -> None:
    async with client as session:
        with pytest.raises(TransportQueryError) as caught:
            await session.execute(gql("{ notes(limit: 0) { title } }"))
    errors: list[Any] = caught.value.errors or []
    assert errors[0]["extensions"]["code"] == "invalid-page"
    assert errors[0]["path"] == ["notes"]


async def test_it_subscribes_over_websocket(served: Served, ada: Caller, client: Client) -> None:
    transport = AIOHTTPWebsocketsTransport(
        url=f"{served.url.replace('http', 'ws')}/graphql",
        headers=ada.headers,
        ping_interval=0.05,
        pong_timeout=10,
    )
    async with Client(transport=transport) as session:
        told = session.subscribe(gql("subscription { foldersChanged { record { name } } }"))
        first = asyncio.ensure_future(anext(told))
        async with asyncio.timeout(10), client as http:
            # It says nothing of when it listens, so something is written until it tells of it.
            while not first.done():
                await http.execute(gql('mutation { openFolder(input: {name: "x"}) { errors { code } } }'))
                await asyncio.sleep(0.02)
        assert (await first) == {"foldersChanged": {"record": {"name": "x"}}}
        await told.aclose()
        assert await session.execute(gql("{ notes { title } }")) == {"notes": []}
        with pytest.raises(TransportQueryError, match="secret"):
            await session.execute(gql("{ notes { secret } }"))


@pytest.mark.skipif(shutil.which("npm") is None, reason="node is not here")
async def test_graphql_ws_and_urql_from_npm(
    served: Served, desk: Sorbus, ada: Caller, tmp_path: Path
) -> None:
    for name in ("package.json", "package-lock.json", "walk.js"):
        shutil.copy(NPM / name, tmp_path)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    await asyncio.to_thread(run, "npm", "ci", "--no-audit", "--no-fund")
    interface = GraphqlInterface(init_headers=["x-person"])
    asgi = http_app(served.app, interfaces=[interface], scope_from=caller_from_header(served.app))
    files = http_app(desk, interfaces=[GraphqlInterface()])
    async with serving(asgi) as url, serving(files) as files_url:
        command = ("node", "walk.js", f"{url}/graphql", f"{files_url}/graphql", ada.headers["x-person"])
        seen = json.loads(await asyncio.to_thread(run, *command))
    assert seen == {
        "query": {"folders": []},
        "refused": "graphql-invalid",
        "events": ["first", "second"],
        "urql": "CREATED",
        "files": ["a.txt text/plain A", "b.txt text/plain B"],
        "closed": [4499],
    }
