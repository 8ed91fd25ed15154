"""A resource without attributes has no key and no rows: every interface serves its generic actions all the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from click.testing import CliRunner, Result
from mcp import Client
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from sorbus import (
    Attr,
    Domain,
    GraphQL,
    InMemory,
    JsonApi,
    Many,
    Mcp,
    Notifications,
    Policies,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    has_many,
    policy,
    publish,
    uuid_primary_key,
)
from sorbus.apis.graphql import graphql_api
from sorbus.apis.json_api import json_api, routes_of, surface_of
from sorbus.apis.mcp import mcp_api
from sorbus.cli.main import main
from sorbus.errors.declaration import DefinitionErrors
from sorbus.errors.framework import NoRowsToRead
from sorbus.http import http_app, serving

LABEL = "tests.acceptance.test_without_rows:app"
HEADERS = {"content-type": "application/vnd.api+json"}


class Desk(Resource):
    """Something with rows beside it."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    storage = InMemory()
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/desks", "index")
    graphql = GraphQL("list")
    mcp = Mcp("list")


class Abacus(Resource):
    """Reckons, and keeps nothing."""

    @action.generic
    @classmethod
    async def add(cls, scope: Scope, first: int, second: int = 1) -> int:
        """Add two numbers."""
        return first + second

    @action.generic
    @classmethod
    async def rest(cls, scope: Scope) -> None:
        """Do nothing."""

    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/abacus", add, rest)
    graphql = GraphQL(rest, queries=[add])
    mcp = Mcp(add, rest)


app = Sorbus(domains=[Domain("reckoning", resources=[Abacus, Desk])], name="reckoning", secret=b"k" * 32)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with app, serving(http_app(app, interfaces=[json_api, graphql_api, mcp_api])) as found:
        yield found


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def answer(http: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> tuple[int, Any]:
    sent = None if body is None else json.dumps(body)
    async with http.request(method, url, data=sent, headers=HEADERS if body is not None else {}) as reply:
        return reply.status, await reply.json(content_type=None)


async def test_json_api_serves_its_actions(url: str, http: aiohttp.ClientSession) -> None:
    def attributes(**values: Any) -> Any:
        return {"data": {"attributes": values}}

    add = f"{url}/api/abacus/add"
    status, found = await answer(http, "POST", add, attributes(first=2, second=3))
    assert (status, found["meta"]) == (200, {"result": 5})
    status, found = await answer(http, "POST", f"{url}/api/abacus/rest?&")
    assert (status, found["meta"]) == (200, {"result": None})
    status, found = await answer(http, "POST", add, attributes(first="two"))
    assert (status, found["errors"][0]["source"]) == (422, {"pointer": "/data/attributes/first"})
    status, found = await answer(http, "POST", f"{add}?filter[id]=1", attributes(first=2))
    assert (status, found["errors"][0]["code"]) == (400, "unknown-parameter")
    for path in ("/api/abacus", "/api/abacus/1"):
        assert (await answer(http, "GET", url + path))[0] == 404
    status, found = await answer(http, "GET", f"{url}/api/desks?fields[abacus]=first")
    assert (status, found["errors"][0]["code"]) == (400, "invalid-fields")


async def test_openapi_describes_them(url: str, http: aiohttp.ClientSession) -> None:
    _, described = await answer(http, "GET", f"{url}/api/openapi.json")
    validate(described, cls=OpenAPIV31SpecValidator)
    assert {"/abacus/add", "/abacus/rest"} < described["paths"].keys()
    add = described["paths"]["/abacus/add"]["post"]
    assert add["parameters"] == []
    assert {"name": "abacus", "description": "Reckons, and keeps nothing."} in described["tags"]
    # There is no such resource object.
    assert "Abacus" not in described["components"]["schemas"]


async def test_graphql_serves_them_without_a_type(url: str, http: aiohttp.ClientSession) -> None:
    body = {"query": '{ addAbacus(first: 2) __type(name: "Abacus") { name } desks { name } }'}
    async with http.post(f"{url}/graphql", json=body) as reply:
        assert await reply.json() == {"data": {"addAbacus": 3, "__type": None, "desks": []}}
    body = {"query": "mutation { restAbacus { result errors { code } } }"}
    async with http.post(f"{url}/graphql", json=body) as reply:
        assert await reply.json() == {"data": {"restAbacus": {"result": True, "errors": []}}}


async def test_mcp_has_tools_for_them(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        tools = {each.name for each in (await client.list_tools()).tools}
        assert tools == {"abacus_add", "abacus_rest", "desk_list"}
        added = await client.call_tool("abacus_add", {"first": 2, "second": 40})
        assert added.structured_content == {"result": 42}


def run(*words: str) -> Result:
    done = CliRunner().invoke(main, [*words], env={"SORBUS_APP": "", "NO_COLOR": "1"})
    assert done.exit_code == 0, (done.output, done.stderr, done.exception)
    return done


async def test_commands_know_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    called = await asyncio.to_thread(run, "call", "--app", LABEL, "Abacus.add", "--first", "5")
    assert json.loads(called.stdout) == {"result": 6}
    assert "Abacus.rest" in (await asyncio.to_thread(run, "call", "--app", LABEL)).stdout
    shown = await asyncio.to_thread(run, "inspect", "--app", LABEL, "Abacus")
    assert "no rows of its own" in shown.stdout
    await asyncio.to_thread(run, "contracts", "accept", "--app", LABEL)
    assert "addAbacus" in (tmp_path / "contracts" / "schema.graphql").read_text()
    await asyncio.to_thread(run, "contracts", "check", "--app", LABEL)


READS: dict[str, Callable[[Scope], Any]] = {
    "all": lambda scope: Abacus.query(scope).all(),
    "first": lambda scope: Abacus.query(scope).first(),
    "one": lambda scope: Abacus.query().one(scope),
    "one_or_none": lambda scope: Abacus.query(scope).one_or_none(),
    "count": lambda scope: Abacus.query(scope).count(),
    "exists": lambda scope: Abacus.query(scope).exists(),
    "page": lambda scope: Abacus.query(scope).page(limit=1),
    "offset_page": lambda scope: Abacus.query(scope).offset_page(limit=1),
    "stream": lambda scope: anext(Abacus.query(scope).stream().__aiter__()),
    "union": lambda scope: Abacus.query(scope).union(Abacus.query()).all(),
    "lock": lambda scope: Abacus.query(scope).lock("update").all(),
    "get": lambda scope: Abacus.get(scope, 1),
    "get_by": lambda scope: Abacus.get_by(scope, id=1),
    "can": lambda scope: app.can(Abacus, scope),
}


@pytest.mark.parametrize("scope", ["actor", "system"])
@pytest.mark.parametrize("read", READS)
async def test_every_read_says_that_there_is_nothing_to_read(read: str, scope: str) -> None:
    async with app:
        with pytest.raises(NoRowsToRead) as caught:
            await READS[read](app.scope() if scope == "actor" else app.system_scope())
    assert caught.value.path == ("Abacus",)
    assert caught.value.message == (
        "`Abacus` has no attributes and so no rows that could be read. It has these actions: add, rest."
    )


@pytest.mark.filterwarnings("ignore::sorbus.errors.warnings.NothingAllowed")
class TestMistakes:
    """What is about rows is refused where there are none."""

    def test_in_the_declaration(self) -> None:
        class Empty(Resource):
            desks: Many[Desk] = has_many()

            @action.read
            @classmethod
            def all_of_them(cls, scope: Scope) -> Query[Empty]:
                """All."""
                return cls.query()

            @action.destroy
            def remove(self, scope: Scope) -> None:
                """Remove it."""

        codes = {each.path: each.code for each in refused(Empty)}
        assert codes["Empty", "all_of_them"] == codes["Empty", "remove"] == "missing-part"
        assert codes["Empty", "desks"] == "missing-part"

    def test_in_sections(self) -> None:
        class Empty(Resource):
            mcp = Mcp("get", "list")

        assert [each.code for each in refused(Empty)] == ["not-in-mcp", "not-in-mcp"]

        class Hollow(Resource):
            notifications = Notifications(publish("hollow"))
            graphql = GraphQL("get", subscriptions={"hollowChanged": "hollow"})

        assert [each.code for each in refused(Hollow)] == ["not-in-graphql", "not-in-graphql"]

        class Bare(Resource):
            json_api = JsonApi("/bare", "get", "index")

        with pytest.raises(DefinitionErrors) as caught:
            routes_of(surface_of(Sorbus(domains=[Domain("d", resources=[Bare])]).spec))
        assert [each.code for each in caught.value.errors] == ["not-exposable", "not-exposable"]
        assert "no attributes" in str(caught.value)


def refused(*resources: type[Resource]) -> Any:
    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("d", resources=list(resources))])
    return caught.value.errors
