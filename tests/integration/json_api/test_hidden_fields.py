"""What field policies hide is null over JSON:API, and nothing that a client asks finds it out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from tests.integration.callers import Caller, caller_from_header
from tests.integration.json_api.client import Client

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    Identities,
    JsonApi,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    field_policy,
    forbid_if,
    has_many,
    matches,
    policy,
    uuid_primary_key,
)
from sorbus.apis.json_api import json_api
from sorbus.http import http_app, serving

# So long that no key can hold one by chance.
SECRETS = ("7700770", "8800880", "x-ray")
BOSS = uuid4()


def is_boss(actor: Any, scope: Scope, inputs: Any) -> bool:
    return actor is not None and actor.id == BOSS


class Unit(Resource):
    """A unit."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    staff: Many[Worker] = has_many(public=True)
    top_salary = agg.max(staff, lambda worker: worker.salary, public=True)
    badges = agg.list(staff, lambda worker: worker.badge, public=True)

    @action.create
    def found(self, scope: Scope, name: str) -> None:
        """Found a unit."""

    policies = Policies(policy("any", authorize_if(actor_present())))
    json_api = JsonApi("/units", "get", "index", found, includes=[staff])


class Worker(Resource):
    """A worker."""

    id: Attr[UUID] = uuid_primary_key()
    unit_id: Attr[UUID] = attribute(public=True)
    name: Attr[str] = attribute(public=True)
    salary: Attr[int] = attribute(default=0, public=True)
    badge: Attr[str | None] = attribute(default=None, public=True)

    unit: One[Unit] = belongs_to(via=unit_id, public=True)

    yearly = calculate(salary * 12, public=True)

    @action.create
    def hire(self, scope: Scope, unit_id: UUID, name: str, salary: int, badge: str | None = None) -> None:
        """Hire somebody."""

    @action.update
    def rename(self, scope: Scope, name: str) -> None:
        """Change the name."""

    identities = Identities(badge=[badge])
    policies = Policies(
        policy("any", authorize_if(actor_present())),
        policy(
            "update", forbid_if(~matches("the boss alone", is_boss)), authorize_if(True), description="x-ray"
        ),
        policy(["create", "read"], authorize_if(True)),
    )
    field_policies = FieldPolicies(
        field_policy([salary, badge, yearly], authorize_if(matches("the boss", is_boss))),
        field_policy("*", authorize_if(True)),
    )
    json_api = JsonApi("/workers", "get", "index", hire, rename, includes=[unit])


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    """The clients of the boss and of somebody else, over two workers."""
    domain = Domain("units", resources=[Unit, Worker])
    async with Sorbus(domains=[domain], storage="memory", secret=b"k" * 32, home=tmp_path) as app:
        system = app.system_scope()
        unit = await Unit.found(system, name="Core")
        await Worker.hire(system, unit_id=unit.id, name="Ada", salary=7700770, badge="x-ray")
        await Worker.hire(system, unit_id=unit.id, name="Bob", salary=8800880)
        asgi = http_app(app, interfaces=[json_api], scope_from=caller_from_header(app))
        async with serving(asgi) as url, aiohttp.ClientSession() as session:
            somebody = Caller.new()
            boss = Caller(id=BOSS, org_id=somebody.org_id)
            yield Client(session, url, boss), Client(session, url, somebody)


async def test_hidden_values_are_null(clients: tuple[Client, Client]) -> None:
    boss, other = clients
    seen = (await boss.get("/workers", sort="name")).data
    assert [each["attributes"]["salary"] for each in seen] == [7700770, 8800880]
    answer = await other.get("/workers", sort="name", fields={"workers": "name,salary,badge,yearly"})
    assert [each["attributes"] for each in answer.data] == [
        {"name": name, "salary": None, "badge": None, "yearly": None} for name in ("Ada", "Bob")
    ]
    included = await other.get("/units", include="staff")
    assert not any(secret in included.text for secret in SECRETS)
    made = await other.ask(
        "POST",
        "/api/workers",
        json={
            "data": {
                "type": "workers",
                "attributes": {"name": "Cy", "salary": 5, "unit_id": included.data[0]["id"]},
            }
        },
        headers={"content-type": "application/vnd.api+json"},
    )
    assert made.status == 201, made.text
    assert made.data["attributes"]["salary"] is None


async def test_no_aggregate_adds_them_up(clients: tuple[Client, Client]) -> None:
    boss, other = clients
    shown = {"fields": {"units": "top_salary,badges"}}
    assert (await boss.get("/units", **shown)).data[0]["attributes"]["top_salary"] == 8800880
    answer = await other.get("/units", **shown)
    assert answer.data[0]["attributes"]["top_salary"] is None
    assert not any(secret in answer.text for secret in SECRETS)
    for asked in (
        "units?filter[top_salary][greater_than]=1",
        "workers?filter[unit][top_salary][less_than]=9000000",
    ):
        assert len((await boss.ask("GET", f"/api/{asked}")).data) > 0
        assert (await other.ask("GET", f"/api/{asked}")).data == []


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": {("salary", "eq"): "7700770"}},
        {"filter": {("salary", "greater_than"): "1"}},
        {"filter": {("badge", "starts_with"): "x"}},
        {"filter": {("yearly", "greater_than"): "1"}},
    ],
)
async def test_no_filter_finds_them(clients: tuple[Client, Client], asked: dict[str, Any]) -> None:
    boss, other = clients
    assert len((await boss.get("/workers", **asked)).data) >= 1
    assert (await other.get("/workers", **asked)).data == []


async def test_no_sort_finds_them(clients: tuple[Client, Client]) -> None:
    boss, other = clients
    names = [
        [each["attributes"]["name"] for each in (await client.get("/workers", sort=sort)).data]
        for client in (boss, other)
        for sort in ("salary", "-salary")
    ]
    assert names == [["Ada", "Bob"], ["Bob", "Ada"], ["Ada", "Bob"], ["Ada", "Bob"]]


async def test_a_refusal_shows_no_policy(clients: tuple[Client, Client]) -> None:
    _, other = clients
    key = (await other.get("/workers")).data[0]["id"]
    refused = await other.ask(
        "PATCH",
        f"/api/workers/{key}",
        json={"data": {"type": "workers", "id": key, "attributes": {"name": "x"}}},
        headers={"content-type": "application/vnd.api+json"},
    )
    assert refused.status == 403, refused.text
    assert refused.error["detail"] == "The actor may not Worker.rename."
    assert not any(word in refused.text for word in ("boss", "alone", "x-ray", "forbid_if", "breakdown"))
