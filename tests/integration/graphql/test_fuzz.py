"""Whatever the schema lets somebody ask is answered, and the answer has the shape that the schema says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, GraphQLUnionType, build_schema, execute_sync, parse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema
from hypothesis_graphql import nodes as made
from tests.integration.graphql.client import Client
from tests.integration.graphql.office import Office
from tests.integration.graphql.test_reading import say

from sorbus import Sorbus
from sorbus.apis.graphql import Limits, schema_of, sdl, surface_of
from sorbus.apis.graphql.answering import Answerer
from sorbus.apis.graphql.documents import Documents
from sorbus.apis.graphql.requests import Asked
from sorbus.types.showing import to_json

pytestmark = pytest.mark.asyncio(loop_scope="session")

SDL = sdl(Sorbus(domains=[Office], name="office"))
TEXTS = st.text(max_size=12).map(made.String)
NUMBERS = st.one_of(st.integers(-(2**40), 2**40).map(made.Int), st.just(made.String("12")))
SCALARS: dict[str, Any] = {
    "BigInt": NUMBERS,
    "Decimal": st.one_of(NUMBERS, st.just(made.String("1.5")), TEXTS),
    "JSON": st.one_of(TEXTS, NUMBERS, st.just(made.Null)),
    "UUID": TEXTS,
    "DateTime": st.one_of(TEXTS, st.just(made.String("2026-01-31T12:00:00Z"))),
}
DOCUMENTS = from_schema(SDL, custom_scalars=SCALARS)


def resolved(source: Any, info: Any, **_: Any) -> Any:
    """The value of a field in an answer, which stands under the field's name there."""
    return source[info.path.key]


def kind(value: Any, _: Any, union: Any) -> str:
    """The type of a document in an answer."""
    types: tuple[GraphQLObjectType, ...] = union.types
    if "__typename" in value:
        return str(value["__typename"])
    return next((each.name for each in types if value.keys() & each.fields.keys()), types[0].name)


def complaints(schema: GraphQLSchema, text: str, data: Any) -> list[str]:
    """What is wrong with the shape of an answer: nulls where none may be, values outside of their types."""
    found = execute_sync(schema, parse(text), root_value=data, field_resolver=resolved, type_resolver=kind)
    return [str(each) for each in found.errors or ()]


async def test_every_answer_has_the_shape_of_the_schema(api: Client, app: Sorbus) -> None:
    for number in range(3):
        note = await api.write(f"n-{number}", f"Note {number}", place={"city": "Oslo"}, figures=[{"int": 1}])
        await say(api, note["id"], "well said", rank=number)
    assert api.person is not None
    scope = app.scope(actor=api.person, tenant=api.person.org_id)
    server, client = schema_of(surface_of(app.spec)), build_schema(SDL)
    limits = Limits()
    answerer = Answerer(server, Documents(server, limits, introspection=True), limits)
    codes: dict[str, int] = {}
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(DOCUMENTS)
    def ask(text: str) -> None:
        asked = Asked(query=text)
        response = asyncio.run_coroutine_threadsafe(answerer.answer(asked, scope, where="fuzz"), loop).result(
            timeout=30
        )
        to_json(response.document)
        for error in response.document.get("errors", ()):
            code = error["extensions"]["code"]
            codes[code] = codes.get(code, 0) + 1
            assert code != "internal-error" or error.get("path") == ["explodeNote"], (text, error)
        if "errors" not in response.document:
            codes["ok"] = codes.get("ok", 0) + 1
            assert complaints(client, text, response.document["data"]) == [], text

    await asyncio.to_thread(ask)
    assert codes.get("ok", 0) > 10, codes


async def test_a_wrong_shape_would_be_seen() -> None:
    schema = build_schema(SDL)
    assert isinstance(schema.type_map["NoteFigures"], GraphQLUnionType)
    right = {"notes": [{"state": "DRAFT", "figures": [{"radius": 3}]}]}
    text = "{ notes { state figures { ... on Circle { radius } } } }"
    assert complaints(schema, text, right) == []
    for wrong in ({"state": "draft"}, {"state": None}, {"figures": None}, {"figures": [None]}):
        assert complaints(schema, text, {"notes": [right["notes"][0] | wrong]})
