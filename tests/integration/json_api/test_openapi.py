"""The description: valid, the same each time, and true of what the server does."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2 as httpx
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from tests.conftest import Databases
from tests.integration.json_api.client import Client
from tests.integration.json_api.desk import Desk
from tests.integration.json_api.every_type import application
from tests.integration.json_api.fuzzing import fuzz

from sorbus import Scope, Sorbus
from sorbus.apis.json_api import json_api, openapi_bytes, routes_of, surface_of
from sorbus.data_layers.postgres.migrations import push
from sorbus.http import api_keys, http_app, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def described() -> dict[str, Any]:
    return describe()[0]


def describe() -> tuple[dict[str, Any], bytes]:
    app = Sorbus(domains=[Desk], name="desk")
    surface = surface_of(app.spec)
    data = openapi_bytes(surface, routes_of(surface), title="desk", prefix="/api")
    return msgspec.json.decode(data), data


async def test_it_is_valid(described: dict[str, Any]) -> None:
    validate(described, cls=OpenAPIV31SpecValidator)


async def test_equal_declarations_give_equal_bytes() -> None:
    assert describe()[1] == describe()[1]


async def test_the_server_sends_it(api: Client, described: dict[str, Any]) -> None:
    answer = await api.ask("GET", "/api/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == described


async def test_every_route_is_described(described: dict[str, Any]) -> None:
    served = [f"{method} {path}" for path, operations in described["paths"].items() for method in operations]
    assert sorted(served) == [
        "delete /notes/{id}",
        "get /folders",
        "get /folders/{id}",
        "get /notes",
        "get /notes/search",
        "get /notes/top",
        "get /notes/{id}",
        "get /tasks/{id}",
        "patch /notes/{id}",
        "post /folders",
        "post /notes",
        "post /notes/count-words",
        "post /notes/explode",
        "post /notes/import-text",
        "post /notes/{id}/move",
        "post /notes/{id}/publish",
        "post /suggestions",
        "post /tasks",
        "post /tasks/{id}/bury",
    ]


async def test_descriptions_come_from_docstrings(described: dict[str, Any]) -> None:
    operation = described["paths"]["/notes/{id}/publish"]["post"]
    assert operation["summary"] == "Let everybody read it."
    assert operation["description"] == "Moves `state` from draft to published."
    assert "requestBody" not in operation
    title = described["components"]["schemas"]["Note"]["properties"]["attributes"]["properties"]["title"]
    assert title == {"type": "string", "maxLength": 200, "description": "The headline."}


async def test_inputs_are_described_with_their_limits(described: dict[str, Any]) -> None:
    body = described["paths"]["/notes"]["post"]["requestBody"]
    data = body["content"]["application/vnd.api+json"]["schema"]["properties"]["data"]
    assert body["required"] is True
    assert data["properties"]["attributes"]["required"] == ["slug", "title"]
    assert data["properties"]["attributes"]["properties"]["slug"]["pattern"] == "^[a-z0-9-]+$"
    assert data["properties"]["attributes"]["additionalProperties"] is False


async def test_filters_are_described_with_their_limits(described: dict[str, Any], api: Client) -> None:
    parameters = {each["name"]: each for each in described["components"]["parameters"].values()}
    assert parameters["filter[tags][has]"]["schema"] == {"type": "string"}
    for name in ("filter[tags][intersects]", "filter[slug][in]"):
        assert parameters[name]["schema"] == {"type": "array", "items": {"type": "string"}, "maxItems": 200}
        assert (parameters[name]["style"], parameters[name]["explode"]) == ("form", False)
    condition = described["components"]["schemas"]["NoteFilter"]["properties"]
    assert list(condition["tags"]["properties"]) == ["is_nil", "has", "intersects"]
    assert condition["tags"]["properties"]["intersects"]["maxItems"] == 200
    # What the description allows is taken, and no more.
    for count, status in ((condition["or"]["maxItems"], 200), (condition["or"]["maxItems"] + 1, 400)):
        whole = {"or": [{"tags": {"has": "a"}}] * count}
        assert (await api.get("/notes", filter=msgspec.json.encode(whole).decode())).status == status
    for count, status in ((200, 200), (201, 400)):
        asked = {("tags", "intersects"): ",".join("a" * count)}
        assert (await api.get("/notes", filter=asked)).status == status
    terms = parameters["sort"]["schema"]["maxItems"]
    for count, status in ((terms, 200), (terms + 1, 400)):
        assert (await api.get("/notes", sort=",".join(["rank"] * count))).status == status


async def test_every_status_of_a_refusal_is_described(described: dict[str, Any]) -> None:
    assert described["components"]["responses"].keys() == {
        "Error", *(f"Error{each}" for each in (400, 401, 403, 404, 406, 408, 409, 413, 414, 415, 422, 429, 503)),
    }  # fmt: skip
    for path, operations in described["paths"].items():
        for method, each in operations.items():
            refused = {int(status) for status in each["responses"] if status[0] in "45"}
            assert refused >= {400, 401, 403, 404, 406, 414, 503}, path
            # A GET has no body; whatever else has one may have a wrong, a large or a slow one.
            assert ({408, 409, 413, 415, 422, 429} <= refused) == (method != "get"), path
            assert "default" in each["responses"]


@pytest.mark.parametrize(
    ("source", "scheme", "security"),
    [
        (None, None, None),
        (api_keys(lambda _: None), {"type": "http", "scheme": "bearer"}, [{"key": []}]),
        (
            api_keys(lambda _: None, header="x-api-key", otherwise=lambda _: Scope()),
            {"type": "apiKey", "in": "header", "name": "x-api-key"},
            [{}, {"key": []}],
        ),
    ],
)
async def test_it_says_that_keys_are_asked_for(source: Any, scheme: Any, security: Any) -> None:
    desk = Sorbus(domains=[Desk], name="desk", database_url="postgresql:///nowhere")
    asgi = http_app(desk, interfaces=[json_api], scope_from=source)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=asgi), base_url="http://test") as client:
        document = (await client.get("/api/openapi.json")).json()
    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["components"].get("securitySchemes") == (scheme and {"key": scheme})
    assert document.get("security") == security


@pytest.mark.slow
async def test_the_server_does_as_described(pg18: Databases) -> None:
    """A bounded run of schemathesis over every type and route; `make fuzz` sends 10 000 requests."""
    with pg18.fresh() as database_url:
        app = application(database_url)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            async with serving(http_app(app, interfaces=[json_api], body_limit=1_000_000)) as url:
                outcome = await asyncio.to_thread(fuzz, url, cases=260, seed=3, seconds=30)
    assert not outcome.failures, str(outcome)
    assert not outcome.statuses[500]
    assert len(outcome.operations) > 20, str(outcome)
    assert outcome.statuses[200] + outcome.statuses[201] > outcome.sent / 10, str(outcome)


async def test_a_condition_is_described_as_it_is_read(api: Client, described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert schemas["NoteFilter"]["properties"]["comments"] == {"$ref": "#/components/schemas/CommentFilter"}
    assert set(schemas["NoteFilter"]["properties"]["rank"]["properties"]) >= {
        "eq",
        "in",
        "is_nil",
        "less_than",
    }
    for private in ("secret", "org_id", "author_id", "score"):
        assert private not in schemas["NoteFilter"]["properties"]
        assert private not in schemas["CommentFilter"]["properties"]
    answer = await api.get("/notes", filter='{"rank": {"greater_than": 3}, "folder": {"name": {"eq": "x"}}}')
    assert (answer.status, answer.data) == (200, [])
