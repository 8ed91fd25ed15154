"""Types in JSON:API: described, taken, shown, filtered by; of documents the public attributes only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import aiohttp
import asyncpg
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from tests.conftest import Databases

from sorbus import (
    UNCHANGED,
    Attr,
    CiStr,
    Domain,
    Embedded,
    JsonApi,
    Limits,
    Policies,
    Postgres,
    Range,
    Resource,
    Scope,
    Sorbus,
    Tagged,
    action,
    attribute,
    authorize_if,
    integer_primary_key,
    policy,
    uuid_primary_key,
)
from sorbus.apis.json_api import json_api, openapi_bytes, routes_of, surface_of
from sorbus.data_layers.postgres.migrations import push
from sorbus.http import http_app, serving
from sorbus.schema.manifest import manifest

type Name = Annotated[str, Limits(max_length=12)]


class Engine(Embedded):
    """What drives it."""

    id: Attr[UUID] = uuid_primary_key()
    power: Attr[int] = attribute(public=True, ge=0)
    serial: Attr[str] = attribute(default="secret-serial")


@dataclass(frozen=True)
class Sold:
    to: str


@dataclass(frozen=True)
class Rented:
    days: int


class Car(Resource):
    """A car."""

    id: Attr[int] = integer_primary_key()
    plate: Attr[CiStr] = attribute(public=True, max_length=8)
    name: Attr[Name] = attribute(public=True, min_length=1, filterable=False)
    years: Attr[Range[int]] = attribute(public=True)
    engine: Attr[Engine | None] = attribute(default=None, public=True)
    fate: Attr[Annotated[Sold | Rented, Tagged("how", sold=Sold, rented=Rented)] | None] = attribute(
        default=None, public=True
    )
    blob: Attr[bytes] = attribute(default=b"\xff", public=True, select_by_default=False)
    weight: Attr[int] = attribute(default=1, public=True, sortable=False)

    @action.create
    def build(
        self,
        scope: Scope,
        plate: CiStr,
        name: Name,
        years: Range[int],
        engine: Engine | None = None,
        fate: Annotated[Sold | Rented, Tagged("how", sold=Sold, rented=Rented)] | None = None,
    ) -> None:
        """Build a car."""

    @action.update
    def tune(self, scope: Scope, engine: Engine | None = UNCHANGED) -> None:
        """Change its engine."""

    storage = Postgres("cars")
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/cars", "get", "index", build, tune)


Garage = Domain("garage", resources=[Car])


@pytest.fixture
async def ask(pg18_url: str) -> AsyncIterator[Any]:
    app = Sorbus(domains=[Garage], database_url=pg18_url, secret=b"g" * 32)
    async with app:
        connection = await app.database.pool.connect(application_name="push")
        await push(connection, app.schema())
        await connection.close()

        async def nobody(request: Any) -> Scope:
            return app.scope()

        async with serving(http_app(app, interfaces=[json_api], scope_from=nobody)) as url:
            async with aiohttp.ClientSession() as session:

                async def call(method: str, path: str, attributes: Any = None) -> tuple[int, Any]:
                    headers = {"content-type": "application/vnd.api+json"}
                    body = (
                        None
                        if attributes is None
                        else msgspec.json.encode({"data": {"attributes": attributes}})
                    )
                    async with session.request(method, f"{url}{path}", data=body, headers=headers) as answer:
                        return answer.status, msgspec.json.decode(await answer.read())

                yield call


CAR = {
    "plate": "AB-1",
    "name": "Bolt",
    "years": {"lower": 2020, "upper": 2022, "bounds": "[]"},
    "engine": {"power": 9},
}


async def test_values_go_in_and_out(ask: Any) -> None:
    status, made = await ask("POST", "/api/cars", {**CAR, "fate": {"how": "rented", "days": 3}})
    assert status == 201, made
    shown = made["data"]["attributes"]
    assert shown["years"] == {"lower": 2020, "upper": 2023, "bounds": "[)"}
    assert shown["engine"].keys() == {"id", "power"}
    assert shown["fate"] == {"how": "rented", "days": 3}
    assert "blob" not in shown
    key = made["data"]["id"]
    status, changed = await ask("PATCH", f"/api/cars/{key}", {"engine": {"power": 12}})
    engine = {"id": shown["engine"]["id"], "power": 12}
    assert (status, changed["data"]["attributes"]["engine"]) == (200, engine)
    status, one = await ask("GET", f"/api/cars/{key}?fields[cars]=blob,plate")
    assert (status, one["data"]["attributes"]) == (200, {"plate": "AB-1", "blob": "/w=="})


async def test_filters_and_sorts_know_the_types(ask: Any) -> None:
    for plate in ("ab-1", "CD-2"):
        await ask("POST", "/api/cars", {**CAR, "plate": plate})
    status, found = await ask("GET", "/api/cars?filter[plate]=AB-1")
    assert (status, [each["attributes"]["plate"] for each in found["data"]]) == (200, ["ab-1"])
    status, found = await ask("GET", "/api/cars?sort=-plate&page[limit]=1")
    assert [each["attributes"]["plate"] for each in found["data"]] == ["CD-2"]
    for refused in ("filter[name]=x", "sort=weight", "filter[years]=x"):
        status, answer = await ask("GET", f"/api/cars?{refused}")
        assert status == 400, answer


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"engine": {"power": -1}}, "/data/attributes/engine/power"),
        ({"engine": {"power": 1, "serial": "x"}}, "/data/attributes/engine/serial"),
        ({"fate": {"how": "rented", "days": "x"}}, "/data/attributes/fate/days"),
        ({"name": "much too long a name"}, "/data/attributes/name"),
        ({"years": {"lower": 3, "upper": 1}}, "/data/attributes/years"),
    ],
)
async def test_an_error_points_into_the_document(ask: Any, attributes: Any, pointer: str) -> None:
    status, answer = await ask("POST", "/api/cars", {**CAR, **attributes})
    assert status == 422
    assert [each["source"]["pointer"] for each in answer["errors"]] == [pointer]
    assert "secret-serial" not in str(answer)


def test_the_description_is_valid_and_shows_what_is_public() -> None:
    app = Sorbus(domains=[Garage], name="garage")
    surface = surface_of(app.spec)
    described = msgspec.json.decode(openapi_bytes(surface, routes_of(surface), title="g", prefix="/api"))
    validate(described, cls=OpenAPIV31SpecValidator)
    text = msgspec.json.encode(described).decode()
    assert '"power"' in text
    assert "serial" not in text
    name = described["components"]["schemas"]["Car"]["properties"]["attributes"]["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 12)


def test_the_manifest_tells_the_options() -> None:
    (car,) = manifest(Sorbus(domains=[Garage]).spec)["resources"]
    fields = {each["name"]: each for each in car["fields"]}
    assert fields["id"]["generated"]
    assert not fields["blob"]["select_by_default"]
    assert not fields["name"]["filterable"]
    assert fields["years"]["schema"]["properties"]["bounds"]["default"] == "[)"


async def test_what_is_pushed_is_what_is_declared(databases: Databases) -> None:
    schema = Sorbus(domains=[Garage]).schema()
    assert schema.extensions == ("citext",)
    with databases.fresh() as url:
        connection = await asyncpg.connect(url)
        try:
            assert await push(connection, schema)
            assert await push(connection, schema) == ()
        finally:
            await connection.close()
