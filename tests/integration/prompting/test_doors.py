"""A prompted action is an action like any other: over MCP and JSON:API, as a stage, in the ledger, under a budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.requests import Request
from tests.integration.pipelines.helpers import QUICK, error_of
from tests.integration.prompting.office import TRIAGE, Said, Triage, scripted

from sorbus import (
    Attr,
    Domain,
    GraphQL,
    Identities,
    JsonApi,
    Mcp,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor_present,
    attribute,
    authorize_if,
    identity,
    policy,
    uuid_primary_key,
)
from sorbus.apis.graphql import graphql_api
from sorbus.apis.json_api import json_api
from sorbus.apis.mcp import McpInterface
from sorbus.errors.llm import BudgetExceeded, ModelUnavailable
from sorbus.http import http_app, serving
from sorbus.jobs import Backoff
from sorbus.llm import ModelClient, ModelConfig, ModelRequest, Retries, prompt, prompted
from sorbus.llm.calls import LlmCall
from sorbus.llm.records import CallSink
from sorbus.pipelines import (
    Budget,
    Content,
    Pipeline,
    Run,
    RunState,
    StageContent,
    pipeline_application,
    stage,
)
from sorbus.testing.scripted import ScriptedProvider, calling


class Parcel(Resource):
    """What is under way."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    number: Attr[str] = attribute(public=True, max_length=100)

    @action.create
    def send(self, scope: Scope, number: str) -> None:
        """Send a parcel."""

    @action.read
    @classmethod
    def find(cls, scope: Scope, number: str) -> Query[Parcel]:
        """Parcels with a number."""
        return cls.query().where(cls.number == number)

    @action.generic
    @prompted(tools=[find, send], max_turns=3, max_tokens=100)
    @classmethod
    async def sort(cls, scope: Scope, text: str) -> Triage:
        """Decide what to do with a letter."""
        return prompt()

    storage = Postgres("prompting_parcels")
    tenancy = Tenancy(org)
    identities = Identities(number=identity(number))
    json_api = JsonApi("/parcels", sort)
    graphql = GraphQL("get", sort)
    policies = Policies(policy(["read", "create", "generic"], authorize_if(actor_present())))


class Desk(Resource):
    """Where letters are read."""

    @action.generic
    @prompted(tools=[Parcel.find, Parcel.send], max_turns=3, max_tokens=100)
    @classmethod
    async def triage(cls, scope: Scope, text: str) -> Triage:
        """Decide what to do with a letter."""
        return prompt()

    @action.generic
    @prompted(tools=[Parcel.find])
    @classmethod
    async def read(cls, scope: Scope, content: StageContent) -> Triage:
        """Decide what to do with a mail."""
        return prompt(content.text)

    mcp = Mcp(triage)
    policies = Policies(policy("generic", authorize_if(actor_present())))


reading = Pipeline("reading", stages=[stage(Desk.read, backoff=Backoff(base=0.01, jitter=0.0))])


@dataclass
class Opened:
    app: Sorbus
    model: ScriptedProvider
    script: list[Said | Callable[[ModelRequest], Said]]

    def say(self, *said: Said | Callable[[ModelRequest], Said]) -> None:
        """What the model says from now on; nothing of it is the answer to another test's question."""
        self.model.requests.clear()
        answer = scripted(said)
        self.model._answer = answer

    def scope(self, tenant: str = "acme") -> Scope:
        return self.app.scope(actor="ada", tenant=tenant)


@pytest.fixture
async def opened(pg18_url: str) -> AsyncIterator[Opened]:
    model = ScriptedProvider()

    def models(sink: CallSink) -> ModelClient:
        config = ModelConfig(model="scripted:any", retries=Retries(attempts=1))
        return ModelClient(config, sink=sink, providers={"scripted": model})

    app = pipeline_application(
        domains=[Domain("desk", resources=[Parcel, Desk])],
        pipelines=[reading],
        models=models,
        database_url=pg18_url,
        auto_migrate=True,
        secret=b"k" * 32,
        job_options={**QUICK, "grace": 0.5},
    )
    async with app:
        yield Opened(app, model, [])


async def calls(opened: Opened, tenant: str = "acme") -> list[Any]:
    """The rows of the ledger that a tenant has."""
    return await LlmCall.query(opened.scope(tenant)).order_by(LlmCall.id).all()


def served(opened: Opened, *interfaces: Any) -> Any:
    async def scope_from(request: Request) -> Scope:
        return opened.app.scope(actor=request.headers.get("x-actor"), tenant=request.headers.get("x-org"))

    return serving(http_app(opened.app, interfaces=list(interfaces), scope_from=scope_from))


FIND = calling(("parcel_find", {"number": "17"}))
WHO = {"x-actor": "ada", "x-org": "acme"}


async def test_over_mcp(opened: Opened) -> None:
    opened.say(FIND, TRIAGE)
    await Parcel.send(opened.scope(), number="17")
    async with (
        served(opened, McpInterface()) as url,
        httpx2.AsyncClient(headers=WHO) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        (tool,) = [each for each in (await client.list_tools()).tools if each.name == "desk_triage"]
        answered = await client.call_tool("desk_triage", {"text": "Where is 17?"})
        wrong = await client.call_tool("desk_triage", {"txt": "Where is 17?"})
        opened.say("no JSON")
        failed = await client.call_tool("desk_triage", {"text": "x"})
    assert tool.description == "Decide what to do with a letter."
    assert answered.structured_content == {"result": {"queue": "orders", "note": "n"}}
    assert json.loads(wrong.content[0].text)["errors"][0]["code"] == "no-such-input"
    assert json.loads(failed.content[0].text)["errors"][0]["code"] == "internal-error"
    assert "no JSON" not in failed.content[0].text


async def test_over_json_api_with_its_rows_in_the_ledger(opened: Opened) -> None:
    opened.say(FIND, TRIAGE)
    async with served(opened, json_api) as url, aiohttp.ClientSession(headers=WHO) as session:
        body = {"data": {"attributes": {"text": "Where is 17?"}}}
        send = {"json": body, "headers": {"content-type": "application/vnd.api+json"}}
        async with session.post(f"{url}/api/parcels/sort", **send) as response:
            assert response.status == 200, await response.text()
            answered = json.loads(await response.text())
    assert answered["meta"]["result"] == {"queue": "orders", "note": "n"}
    rows = await calls(opened)
    assert [(each.run_id, each.stage, each.status.value, each.tokens_in) for each in rows] == [
        (None, "Parcel.sort", "ok", 10)
    ] * 2
    assert json.loads(rows[0].response)["calls"][0]["name"] == "parcel_find"
    assert rows[1].request["messages"][-1]["role"] == "tool"
    assert await calls(opened, "globex") == []


async def test_over_graphql(opened: Opened) -> None:
    opened.say(FIND, TRIAGE, "no JSON")
    query = 'mutation { sortParcel(input: {text: "17?"}) { result { queue note } errors { code } } }'
    answers = []
    async with served(opened, graphql_api) as url, aiohttp.ClientSession(headers=WHO) as session:
        for _ in range(2):
            async with session.post(f"{url}/graphql", json={"query": query}) as response:
                answers.append(await response.json(content_type=None))
    assert answers[0] == {"data": {"sortParcel": {"result": {"queue": "ORDERS", "note": "n"}, "errors": []}}}
    assert "internal-error" in json.dumps(answers[1])
    assert "no JSON" not in json.dumps(answers[1])


async def test_a_tenants_budget_holds_for_it(opened: Opened) -> None:
    await Budget.set(opened.scope(), limit_tokens=20)
    opened.say(TRIAGE)
    with pytest.raises(BudgetExceeded):
        await Desk.triage(opened.scope(), text="x")
    assert await Desk.triage(opened.scope("globex"), text="x") == Triage("orders", "n")
    assert len(opened.model.requests) == 1
    assert [len(await calls(opened, each)) for each in ("acme", "globex")] == [0, 1]


async def test_a_budget_that_ends_between_two_turns(opened: Opened) -> None:
    opened.say(FIND, FIND, TRIAGE)
    await Desk.triage(opened.scope("globex"), text="x")
    first = opened.model.requests[0]
    size = sum(len(json.dumps(each.schema)) for each in first.tools)
    # Room for what the first question may take, and not for a second one.
    await Budget.set(opened.scope(), limit_tokens=4 * size)
    opened.say(*[FIND] * 3, TRIAGE)
    spent = 0
    with pytest.raises(BudgetExceeded):
        for _ in range(1000):
            await Desk.triage(opened.scope(), text="x" * size)
            spent += 1
    (budget,) = await Budget.query(opened.scope()).load(Budget.spent_tokens, Budget.reserved_tokens).all()
    assert budget.reserved_tokens == 0
    assert budget.spent_tokens == 15 * len(await calls(opened))


async def over(opened: Opened, run: Run) -> Run:
    async with asyncio.timeout(30):
        while True:
            found = await Run.query(opened.scope()).where(Run.id == run.id).load(Run.result).one()
            if found.state not in {RunState.PENDING, RunState.RUNNING}:
                return found
            await asyncio.sleep(0.03)


async def test_a_stage_that_is_tried_again_pays_only_for_what_is_missing(opened: Opened) -> None:
    def broken(request: ModelRequest) -> str:
        raise ModelUnavailable(request.name, reason="gone")

    opened.say(FIND, broken, TRIAGE)
    scope = opened.scope()
    await Parcel.send(scope, number="17")
    content = await Content.ingest(scope, source_type="text", external_id="1", text="Where is 17?")
    run = await over(opened, await Run.start(scope, content_id=content.id, pipeline="reading"))
    assert (run.state, error_of(run) if run.error else None) == (RunState.COMPLETED, None)
    assert run.result.data == {"read": {"queue": "orders", "note": "n"}}
    rows = await calls(opened)
    assert [(each.run_id, each.stage, each.status.value) for each in rows] == [
        (run.id, "read", "ok"), (run.id, "read", "failed"), (run.id, "read", "ok"),
    ]  # fmt: skip
    # The first turn was found in the ledger, and its tool called again.
    asked = [len(each.messages) for each in opened.model.requests]
    assert asked == [2, 4, 4]
    assert opened.model.requests[1] == opened.model.requests[2]


async def test_in_a_transaction_a_refused_tool_is_undone_alone(opened: Opened) -> None:
    twice = calling(*[("parcel_send", {"number": each}) for each in ("1", "1", "2")])
    scope = opened.scope()
    opened.say(twice, TRIAGE)
    async with opened.app.transaction():
        await Desk.triage(scope, text="x")
    results = [each.content for each in opened.model.requests[-1].messages if each.role == "tool"]
    assert ["errors" in each for each in results] == [False, True, False]
    assert sorted(each.number for each in await Parcel.query(scope).all()) == ["1", "2"]
