"""A client of somebody else's speaks with the server as it would with any other."""

from __future__ import annotations

from typing import Any

import pytest
from gql import Client, gql
from gql.dsl import DSLMutation, DSLQuery, DSLSchema, dsl_gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from graphql import GraphQLError
from tests.integration.graphql.conftest import Served
from tests.integration.graphql.office import Actor

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def client(served: Served, ada: Actor) -> Client:
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
