"""The description: valid, the same each time, and true of what the server does."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from tests.integration.json_api.client import Client
from tests.integration.json_api.desk import Desk, Person

from sorbus import Sorbus
from sorbus.apis.json_api import openapi_bytes, routes_of, surface_of

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


@pytest.mark.slow
async def test_the_server_does_as_described(url: str) -> None:
    """A bounded run of schemathesis: no failure of the server, and every answer as the description says."""
    await asyncio.to_thread(run_schemathesis, url, Person.new(admin=True).headers)


def run_schemathesis(url: str, headers: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
        from hypothesis import HealthCheck, Phase, given, settings
        from hypothesis import strategies as st
        from schemathesis.checks import not_a_server_error
        from schemathesis.specs.openapi.checks import (
            content_type_conformance,
            response_schema_conformance,
            status_code_conformance,
        )

        schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=headers)
        schema.config.update(base_url=f"{url}/api")
        operations = [each.ok() for each in schema.get_all_operations()]
        checks = [
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]

        @settings(
            max_examples=150,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def run(data: st.DataObject) -> None:
            operation = data.draw(
                st.sampled_from([each for each in operations if "explode" not in each.path])
            )
            case = data.draw(operation.as_strategy())
            case.call_and_validate(checks=checks, headers=headers)

        run()
