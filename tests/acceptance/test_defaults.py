"""An input with a default may be left out, and is that then: the same in every interface and in what describes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from click.testing import CliRunner
from graphql import GraphQLArgument, build_schema, is_required_argument, is_required_input_field
from mcp import Client

from sorbus import (
    Arg,
    Attr,
    Domain,
    GraphQL,
    InMemory,
    Json,
    JsonApi,
    Mcp,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)
from sorbus.apis.clients import client_model
from sorbus.apis.graphql import graphql_api, sdl
from sorbus.apis.json_api import json_api
from sorbus.apis.mcp import mcp_api
from sorbus.cli.main import main
from sorbus.http import http_app, serving

HEADERS = {"content-type": "application/vnd.api+json"}


class Sheet(Resource):
    """A sheet of paper."""

    id: Attr[UUID] = uuid_primary_key()
    anything: Attr[Json] = attribute(public=True)
    note: Attr[str | None] = attribute(public=True)
    count: Attr[int] = attribute(public=True)
    words: Attr[list[str]] = attribute(public=True)
    price: Attr[Decimal] = attribute(public=True)

    @action.create
    def make(
        self,
        scope: Scope,
        anything: Json = None,
        note: str | None = None,
        count: int = 3,
        words: list[str] = ["a"],  # noqa: B006  # it is changed, on purpose
        price: Decimal = Decimal("1.5"),
        aside: Arg[Json] = None,
    ) -> None:
        """Make a sheet."""
        words.append("b")

    @action.generic
    @classmethod
    async def show(
        cls,
        scope: Scope,
        anything: Json = None,
        note: str | None = None,
        count: int = 3,
        words: list[str] = ["a"],  # noqa: B006  # it is changed, on purpose
        price: Decimal = Decimal("1.5"),
    ) -> Json:
        """Show what was given."""
        words.append("b")
        return [anything, note, count, [*words], str(price)]

    storage = InMemory()
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/sheets", "get", make, show)
    graphql = GraphQL(make, queries=[show])
    mcp = Mcp(make, show)


app = Sorbus(domains=[Domain("paper", resources=[Sheet])], name="paper", secret=b"k" * 32)

SHOWN = [None, None, 3, ["a", "b"], "1.5"]
MADE = {"anything": None, "note": None, "count": 3, "words": ["a", "b"], "price": "1.5"}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with app, serving(http_app(app, interfaces=[json_api, graphql_api, mcp_api])) as found:
        yield found


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_code(url: str) -> None:
    for _ in range(2):
        assert await Sheet.show(app.scope()) == SHOWN
    made = await Sheet.make(app.scope())
    assert (made.anything, made.note, made.count, str(made.price)) == (None, None, 3, "1.5")


async def test_json_api(url: str, http: aiohttp.ClientSession) -> None:
    for body in (None, json.dumps({"data": {"attributes": {}}})):
        headers = HEADERS if body else {}
        async with http.post(f"{url}/api/sheets/show", data=body, headers=headers) as reply:
            assert (reply.status, (await reply.json(content_type=None))["meta"]["result"]) == (200, SHOWN)
    async with http.post(f"{url}/api/sheets", json={"data": {}}, headers=HEADERS) as reply:
        found = await reply.json(content_type=None)
        assert (reply.status, found["data"]["attributes"]) == (201, MADE)
    async with http.get(f"{url}/api/openapi.json") as reply:
        described = await reply.json()
    for path in ("/sheets", "/sheets/show"):
        body = described["paths"][path]["post"]["requestBody"]
        data = body["content"][HEADERS["content-type"]]["schema"]["properties"]["data"]
        assert "required" not in data
        assert "required" not in data["properties"]["attributes"]
    assert described["paths"]["/sheets/show"]["post"]["requestBody"]["required"] is False


async def test_graphql(url: str, http: aiohttp.ClientSession) -> None:
    query = "mutation { makeSheet(input: {}) { result { anything note count words price } } }"
    for sent in (query, query.replace("(input: {})", "")):
        async with http.post(f"{url}/graphql", json={"query": sent}) as reply:
            found = await reply.json()
            assert found == {"data": {"makeSheet": {"result": MADE}}}
    async with http.post(f"{url}/graphql", json={"query": "{ showSheet }"}) as reply:
        assert (await reply.json()) == {"data": {"showSheet": SHOWN}}
    schema = build_schema(sdl(app))
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    arguments: list[GraphQLArgument] = [
        *schema.query_type.fields["showSheet"].args.values(),
        *schema.mutation_type.fields["makeSheet"].args.values(),
    ]
    assert not any(map(is_required_argument, arguments))
    taken: Any = schema.type_map["MakeSheetInput"]
    assert set(taken.fields) == {*MADE, "aside"}
    assert not any(map(is_required_input_field, taken.fields.values()))


async def test_mcp(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        tools = {each.name: each for each in (await client.list_tools()).tools}
        for name in ("sheet_make", "sheet_show"):
            assert "required" not in tools[name].input_schema
            assert tools[name].input_schema["properties"]["anything"]["default"] is None
        shown = await client.call_tool("sheet_show", {})
        assert shown.structured_content == {"result": SHOWN}
        made = await client.call_tool("sheet_make", {})
        assert made.structured_content is not None
        assert MADE.items() <= made.structured_content.items()


async def test_commands() -> None:
    def run(*words: str) -> str:
        label = "tests.acceptance.test_defaults:app"
        done = CliRunner().invoke(main, ["call", "--app", label, *words], env={"NO_COLOR": "1"})
        assert done.exit_code == 0, (done.output, done.stderr, done.exception)
        return done.stdout

    assert json.loads(await asyncio.to_thread(run, "Sheet.show")) == {"result": SHOWN}
    assert "[required]" not in await asyncio.to_thread(run, "Sheet.show", "--help")


def test_typed_clients() -> None:
    (sheet,) = client_model(app).resources.values()
    given = [each for call in sheet.calls for each in call.inputs]
    assert given
    assert not [each.name for each in given if each.required]
