"""Calculations with arguments: `fields[notes]=excerpt&field_inputs[notes][excerpt][letters]=4`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from tests.integration.json_api.client import Client
from tests.integration.json_api.desk import Desk

from sorbus import (
    Attr,
    Domain,
    Expr,
    FieldPolicies,
    JsonApi,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    calculation,
    field_policy,
    policy,
    uuid_primary_key,
)
from sorbus.apis.json_api import json_api, routes_of, surface_of
from sorbus.apis.json_api.openapi import openapi
from sorbus.http import http_app, serving
from sorbus.resource.sections import InMemory

pytestmark = pytest.mark.asyncio(loop_scope="session")


def excerpt(length: object, **more: object) -> dict[str, Any]:
    inputs = {("notes", "excerpt", name): value for name, value in {"letters": length, **more}.items()}
    return {"fields": {"notes": "slug,excerpt"}, "field_inputs": inputs}


async def shown(api: Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await api.get(path, **parameters)
    assert answer.status == 200, answer.text
    return [each["attributes"] for each in answer.data]


async def test_the_data_layer_computes_them(api: Client) -> None:
    note = await api.write("first", "The first note")
    await api.write("other", "Note")
    assert await shown(api, "/notes", sort="slug", **excerpt(5)) == [
        {"slug": "first", "excerpt": "The f…"},
        {"slug": "other", "excerpt": "Note…"},
    ]
    # Other arguments, also those that have a default: nothing of the first answer is kept.
    assert (await shown(api, "/notes", sort="slug", **excerpt(1, ending="")))[0]["excerpt"] == "T"
    assert (await api.get(f"/notes/{note['id']}", **excerpt(3))).data["attributes"]["excerpt"] == "The…"


async def test_python_computes_them_with_defaults_for_what_is_not_given(api: Client) -> None:
    await api.write("first", "Note")
    fields = {"notes": "marked"}
    assert await shown(api, "/notes", fields=fields) == [{"marked": "Note"}]
    path = "/notes?fields[notes]=marked&field_inputs[notes][marked][marks]=a&field_inputs[notes][marked][marks]=b"
    assert await shown(api, path) == [{"marked": "a b Note"}]
    assert await shown(api, f"{path}&field_inputs[notes][marked][moved]=true") == [{"marked": "Note a b"}]


async def test_they_come_with_included_records_and_with_what_was_written(api: Client) -> None:
    folder = (await api.send("POST", "/folders", {"type": "folders", "attributes": {"name": "f"}})).data
    await api.write("first", "A note", folder_id=folder["id"])
    answer = await api.get("/folders", include="notes", **excerpt(1))
    assert answer.status == 200, answer.text
    assert [each["attributes"]["excerpt"] for each in answer.json["included"]] == ["A…"]
    more = {"page_included": {("notes", "limit"): 1}, "filter_included": {("notes", "slug"): "first"}}
    paged = await api.get("/folders", include="notes", **more, **excerpt(2))
    assert [each["attributes"]["excerpt"] for each in paged.json["included"]] == ["A …"]
    query = "fields[notes]=excerpt&field_inputs[notes][excerpt][letters]=2"
    attributes = {"slug": "second", "title": "Second"}
    made = await api.send("POST", f"/notes?{query}", {"type": "notes", "attributes": attributes})
    assert (made.status, made.data["attributes"]) == (201, {"excerpt": "Se…"})


@pytest.mark.parametrize(
    ("query", "code", "parameter", "said"),
    [
        ("fields[notes]=excerpt", "required", "field_inputs[notes][excerpt][letters]", "needs `letters`"),
        ("fields[notes]=excerpt&field_inputs[notes][excerpt][letters]=many", "invalid-input",
         "field_inputs[notes][excerpt][letters]", "takes int"),
        ("fields[notes]=excerpt&field_inputs[notes][excerpt][letters]=1&field_inputs[notes][excerpt][leters]=1",
         "no-such-input", "field_inputs[notes][excerpt][leters]", "letters"),
        ("fields[notes]=marked&field_inputs[notes][marked][moved]=perhaps", "invalid-input",
         "field_inputs[notes][marked][moved]", "bool"),
        ("field_inputs[notes][excerpt][letters]=1", "invalid-parameter", "field_inputs[notes][excerpt][letters]",
         "names no calculation"),
        ("fields[notes]=slug&field_inputs[notes][slug][x]=1", "invalid-parameter",
         "field_inputs[notes][slug][x]", "names no calculation"),
        ("fields[notes]=title&field_inputs[members][x][y]=1", "invalid-parameter",
         "field_inputs[members][x][y]", "names no calculation"),
        ("fields[notes]=excerpt&field_inputs[notes][excerpt]=1", "unknown-parameter",
         "field_inputs[notes][excerpt]", "field_inputs"),
        ("fields[notes]=excerpt&field_inputs=1", "unknown-parameter", "field_inputs", "field_inputs"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused_with_its_parameter(
    api: Client, note: dict[str, Any], query: str, code: str, parameter: str, said: str
) -> None:
    for method, path in (("GET", "/notes"), ("GET", f"/notes/{note['id']}")):
        answer = await api.ask(method, f"/api{path}?{query}")
        assert answer.status == 400, answer.text
        assert (answer.error["code"], answer.error["source"]) == (code, {"parameter": parameter})
        assert said in answer.error["detail"] + answer.error.get("meta", {}).get("hint", "")


async def test_a_write_with_wrong_arguments_is_refused_before_it_runs(api: Client) -> None:
    attributes = {"slug": "never", "title": "Never"}
    document = {"type": "notes", "attributes": attributes}
    answer = await api.send("POST", "/notes?fields[notes]=excerpt", document)
    assert (answer.status, answer.error["code"]) == (400, "required")
    assert (await api.get("/notes")).data == []


async def test_nobody_can_filter_or_sort_by_what_needs_arguments(api: Client) -> None:
    for query in ("filter[excerpt]=x", "sort=excerpt"):
        answer = await api.ask("GET", f"/api/notes?{query}")
        assert (answer.status, answer.error["code"]) == (400, "invalid-filter")


async def test_they_are_described() -> None:
    surface = surface_of(Sorbus(domains=[Desk], name="desk").spec)
    made = openapi(surface, routes_of(surface), title="desk", prefix="/api")
    validate(made, cls=OpenAPIV31SpecValidator)
    parameters = {each["name"]: each for each in made["components"]["parameters"].values()}
    letters = parameters["field_inputs[notes][excerpt][letters]"]
    assert (letters["schema"], letters["required"]) == ({"type": "integer"}, False)
    assert "It must be given." in letters["description"]
    marks = parameters["field_inputs[notes][marked][marks]"]
    assert marks["schema"] == {"type": "array", "items": {"type": "string"}}
    assert "excerpt" in parameters["fields[notes]"]["schema"]["items"]["enum"]
    references = [each["$ref"] for each in made["paths"]["/folders"]["get"]["parameters"]]
    assert "#/components/parameters/Folder.field_inputs.notes.excerpt.letters" in references


class Parcel(Resource):
    """Spelled in another style."""

    id: Attr[UUID] = uuid_primary_key()
    weight: Attr[int] = attribute(public=True)

    @calculation(public=True)
    @classmethod
    def times_weight(cls, how_often: int) -> Expr[int]:
        """So many times the weight."""
        return cls.weight * how_often

    @action.create
    def pack(self, scope: Scope, weight: int) -> None:
        """Pack it."""

    storage = InMemory()
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy("*", authorize_if(True)), field_policy([times_weight], authorize_if(weight > 1))
    )
    json_api = JsonApi("/parcels", "index", pack, names="camel")


async def test_arguments_are_spelled_as_everything_else(session: Any) -> None:
    app = Sorbus(domains=[Domain("post", resources=[Parcel])], name="post", secret=b"k" * 32)
    async with app, serving(http_app(app, interfaces=[json_api])) as url:
        await Parcel.pack(app.scope(), weight=2)
        api = Client(session, url, None)
        await Parcel.pack(app.scope(), weight=1)
        query = "/parcels?sort=-weight&fields[parcels]=timesWeight&field_inputs[parcels][timesWeight]"
        assert await shown(api, f"{query}[howOften]=3") == [{"timesWeight": 6}, {"timesWeight": None}]
        for argument in ("how_often", "often"):
            answer = await api.get(f"{query}[{argument}]=3")
            places = {each["code"]: each["source"]["parameter"] for each in answer.json["errors"]}
            assert places == {
                "no-such-input": f"field_inputs[parcels][timesWeight][{argument}]",
                "required": "field_inputs[parcels][timesWeight][howOften]",
            }


async def test_what_no_statement_can_take_is_refused(api: Client) -> None:
    await api.write("first", "Note")
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("letters", {"length": 10**30}),
        ("letters", {"length": -(2**63) - 1}),
        ("letters", {"length": 2**63}),
        ("ending", {"length": 1, "ending": "\x00"}),
    ]
    for name, given in wrong:
        answer = await api.get("/notes", **excerpt(**given))
        assert (answer.status, answer.error["code"]) == (400, "invalid-input")
        assert answer.error["source"] == {"parameter": f"field_inputs[notes][excerpt][{name}]"}
    assert (await shown(api, "/notes", **excerpt(2**63 - 1)))[0]["excerpt"] == "Note…"
    assert (await shown(api, "/notes", **excerpt(-1, ending="%00'")))[0]["excerpt"] == "%00'"
