"""What counts as breaking, and for whom: real declarations changed, and their descriptions compared."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.integration.json_api.every_type import application

from sorbus.apis.contracts import Change, Severity, compare_openapi, told
from sorbus.apis.json_api import openapi_bytes, routes_of, surface_of

Document = dict[str, Any]


def described() -> Document:
    app = application()
    surface = surface_of(app.spec)
    data = openapi_bytes(surface, routes_of(surface), title="every", prefix="/api")
    found: Document = msgspec.json.decode(data)
    return found


DESCRIBED = described()
BREAKING, RISKY, FINE = Severity.BREAKING, Severity.RISKY, Severity.COMPATIBLE


def request(document: Document, path: str = "/things", method: str = "post") -> Document:
    content = document["paths"][path][method]["requestBody"]["content"]
    found: Document = content["application/vnd.api+json"]["schema"]
    return found


def inputs(document: Document, path: str = "/things", method: str = "post") -> Document:
    found: Document = request(document, path, method)["properties"]["data"]["properties"]["attributes"]
    return found


def shown(document: Document, name: str = "Thing") -> Document:
    found: Document = document["components"]["schemas"][name]["properties"]["attributes"]["properties"]
    return found


def parameter(document: Document, name: str, path: str = "/things") -> Document:
    parameters = document["paths"][path]["get"]["parameters"]
    # Each test changes one route; those behind references are taken out of what the routes share.
    for place, each in enumerate(parameters):
        if "$ref" in each:
            shared = document["components"]["parameters"][each["$ref"].rpartition("/")[2]]
            parameters[place] = copy.deepcopy(shared)
    return next(each for each in parameters if each["name"] == name)


def change(edit: Callable[[Document], Any]) -> list[Change]:
    document = copy.deepcopy(DESCRIBED)
    edit(document)
    return compare_openapi(DESCRIBED, document)


def without(names: list[Any], name: Any) -> None:
    names.remove(name)


CASES: list[tuple[str, Callable[[Document], Any], Severity, str, str, str]] = [
    (
        "operation gone",
        lambda d: d["paths"]["/things"].pop("post"),
        BREAKING,
        "POST /things",
        "",
        "is removed",
    ),
    ("path gone", lambda d: d["paths"].pop("/papers"), BREAKING, "GET /papers", "", "is removed"),
    (
        "another name",
        lambda d: d["paths"]["/things"]["get"].update(operationId="x"),
        BREAKING,
        "GET /things",
        "",
        "is called x and was called Thing.index",
    ),
    (
        "another place",
        lambda d: d.update(servers=[{"url": "/v2"}]),
        BREAKING,
        "all operations",
        "",
        "are at /v2 and were at /api",
    ),
    ("new operation", lambda d: d["paths"].update({"/new": {"get": {}}}), FINE, "GET /new", "", "is new"),
    (
        "input gone",
        lambda d: inputs(d)["properties"].pop("day"),
        BREAKING,
        "POST /things",
        "data.attributes.day",
        "is removed",
    ),
    (
        "input new",
        lambda d: inputs(d)["properties"].update(x={"type": "string"}),
        FINE,
        "POST /things",
        "data.attributes.x",
        "is new",
    ),
    (
        "input new, needed",
        lambda d: (inputs(d)["properties"].update(x={"type": "string"}), inputs(d)["required"].append("x")),
        BREAKING,
        "POST /things",
        "data.attributes.x",
        "is new and required",
    ),
    (
        "input needed",
        lambda d: inputs(d)["required"].append("day"),
        BREAKING,
        "POST /things",
        "data.attributes.day",
        "is required now",
    ),
    (
        "input of another type",
        lambda d: inputs(d)["properties"].update(count={"type": "string"}),
        BREAKING,
        "POST /things",
        "data.attributes.count",
        "is string and was integer",
    ),
    (
        "input not null",
        lambda d: inputs(d)["properties"].update(free={"type": "number"}),
        BREAKING,
        "POST /things",
        "data.attributes.free",
        "takes no `null` any more",
    ),
    (
        "input shorter",
        lambda d: inputs(d)["properties"]["text"].update(maxLength=30),
        BREAKING,
        "POST /things",
        "data.attributes.text",
        "has the limit `maxLength` 30 now, and had 40",
    ),
    ("input longer", lambda d: inputs(d)["properties"]["text"].update(maxLength=50), FINE, "", "", ""),
    (
        "input bounded",
        lambda d: inputs(d)["properties"]["big"].update(minimum=0),
        BREAKING,
        "POST /things",
        "data.attributes.big",
        "has the limit `minimum` 0 now, and had none",
    ),
    (
        "input with a form",
        lambda d: inputs(d)["properties"]["text"].update(pattern="^a"),
        BREAKING,
        "POST /things",
        "data.attributes.text",
        "must have the pattern `^a` now",
    ),
    (
        "value gone",
        lambda d: without(d["components"]["schemas"]["Mood"]["enum"], "so bad"),
        BREAKING,
        "POST /things",
        "data.attributes.moods[]",
        "has no value 'so bad' any more",
    ),
    (
        "value new, for readers",
        lambda d: d["components"]["schemas"]["Mood"]["enum"].append("x"),
        RISKY,
        "GET /things",
        "data[].attributes.moods[]",
        "has a new value 'x'",
    ),
    (
        "field gone",
        lambda d: shown(d).pop("flag"),
        BREAKING,
        "GET /things",
        "data[].attributes.flag",
        "is removed",
    ),
    (
        "field new",
        lambda d: shown(d).update(x={"type": "string"}),
        FINE,
        "GET /things",
        "data[].attributes.x",
        "is new",
    ),
    (
        "field null",
        lambda d: shown(d).update(flag={"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        BREAKING,
        "GET /things",
        "data[].attributes.flag",
        "may be `null` now",
    ),
    (
        "field of another type",
        lambda d: shown(d).update(flag={"type": "string"}),
        BREAKING,
        "GET /things/{id}",
        "data.attributes.flag",
        "is string and was boolean",
    ),
    ("field never null", lambda d: shown(d).update(free={"type": "number"}), FINE, "", "", ""),
    (
        "link gone",
        lambda d: d["components"]["schemas"]["Thing"]["properties"].pop("links"),
        BREAKING,
        "GET /things",
        "data[].links",
        "is removed",
    ),
    (
        "sort gone",
        lambda d: without(parameter(d, "sort")["schema"]["items"]["enum"], "text"),
        BREAKING,
        "GET /things",
        "sort[]",
        "has no value 'text' any more",
    ),
    (
        "include new",
        lambda d: parameter(d, "include")["schema"]["items"]["enum"].append("x"),
        FINE,
        "GET /things",
        "include[]",
        "has a new value 'x'",
    ),
    (
        "filter gone",
        lambda d: without(d["paths"]["/things"]["get"]["parameters"], parameter(d, "filter[text][contains]")),
        BREAKING,
        "GET /things",
        "filter[text][contains]",
        "is removed",
    ),
    (
        "parameter needed",
        lambda d: parameter(d, "sort").update(required=True),
        BREAKING,
        "GET /things",
        "sort",
        "is required now",
    ),
    (
        "parameter new",
        lambda d: d["paths"]["/things"]["get"]["parameters"].append({"name": "q", "in": "query"}),
        FINE,
        "GET /things",
        "q",
        "is new",
    ),
    (
        "parameter new, needed",
        lambda d: d["paths"]["/things"]["get"]["parameters"].append(
            {"name": "q", "in": "query", "required": True}
        ),
        BREAKING,
        "GET /things",
        "q",
        "is new and required",
    ),
    (
        "smaller pages",
        lambda d: parameter(d, "page[limit]")["schema"].update(maximum=10),
        BREAKING,
        "GET /things",
        "page[limit]",
        "has the limit `maximum` 10 now, and had 1000",
    ),
    (
        "no body",
        lambda d: d["paths"]["/things/{id}/adopt"]["post"].pop("requestBody"),
        BREAKING,
        "POST /things/{id}/adopt",
        "",
        "takes no body any more",
    ),
    (
        "body needed",
        lambda d: d["paths"]["/things/{id}"]["patch"]["requestBody"].update(required=True),
        BREAKING,
        "PATCH /things/{id}",
        "",
        "needs a body now",
    ),
    (
        "no form",
        lambda d: d["paths"]["/things/weigh"]["post"]["requestBody"]["content"].pop("multipart/form-data"),
        BREAKING,
        "POST /things/weigh",
        "",
        "takes no multipart/form-data any more",
    ),
    (
        "other status",
        lambda d: d["paths"]["/things"]["post"]["responses"].pop("201"),
        BREAKING,
        "POST /things",
        "",
        "answers no more with 201",
    ),
    (
        "new refusal",
        lambda d: d["paths"]["/things"]["get"]["responses"].update({"429": {}}),
        FINE,
        "GET /things",
        "",
        "may answer with 429",
    ),
    (
        "member of a union gone",
        lambda d: inputs(d)["properties"]["fate"]["anyOf"][0]["oneOf"].pop(),
        BREAKING,
        "POST /things",
        "",
        "",
    ),
    (
        "embedded field needed",
        lambda d: _embedded(d)["required"].append("power"),
        BREAKING,
        "",
        "",
        "is required now",
    ),
]


def _embedded(document: Document) -> Document:
    found: Document = inputs(document, "/things/{id}", "patch")["properties"]["engine"]["anyOf"][0]
    found.setdefault("required", [])
    return found


@pytest.mark.parametrize(
    ("edit", "severity", "where", "place", "what"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_changes_are_told_apart(
    edit: Callable[[Document], Any], severity: Severity, where: str, place: str, what: str
) -> None:
    found = change(edit)
    if not where and not what:
        assert [each for each in found if each.severity is not FINE] == []
        return
    fitting = [
        each
        for each in found
        if (not where or each.where == where)
        and (not place or each.place == place)
        and (not what or each.what == what)
    ]
    assert fitting, "\n".join(map(str, found)) or "no change was found"
    assert fitting[0].severity is severity
    if severity is not FINE:
        assert fitting[0].whom, "it says who notices"
    if severity is FINE:
        assert not [each for each in found if each.severity is BREAKING], "\n".join(map(str, found))


def test_the_same_is_no_change() -> None:
    assert compare_openapi(DESCRIBED, copy.deepcopy(DESCRIBED)) == []
    assert described() == DESCRIBED


def test_descriptions_in_words_are_no_change() -> None:
    def reword(node: Any) -> None:
        if isinstance(node, dict):
            for name, each in node.items():
                if name in {"description", "summary"} and isinstance(each, str):
                    node[name] = each + "!"
                else:
                    reword(each)
        elif isinstance(node, list):
            for each in node:
                reword(each)

    assert change(reword) == []


def test_the_same_change_in_many_answers_is_one_line() -> None:
    found = change(lambda document: shown(document).pop("flag"))
    assert len(found) > 5
    assert told(found) == [f"{found[0]}; the same in {len(found) - 1} more places"]
    assert "`data[].attributes.flag` is removed (for clients that read the answers of GET /things)" in str(
        found[0]
    )
