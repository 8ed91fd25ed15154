"""Lists that PostgreSQL has written are those that Python makes of records, whatever the values and the rights."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.values import VALUES, Shelf, Value

from sorbus import Scope, Sorbus
from sorbus.apis.graphql import operations, schema_of, surface_of
from sorbus.apis.graphql.answering import Answerer
from sorbus.apis.graphql.documents import Documents
from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.requests import Asked
from sorbus.types.showing import to_json

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERYTHING = """
id shelfId text number share price sure at day hour raw mood level tags keys extra secret stamp shout __typename
"""


class Served:
    """The application, asked without a server."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        schema, limits = schema_of(surface_of(app.spec)), Limits()
        self.answerer = Answerer(schema, Documents(schema, limits, introspection=True), limits)

    async def ask(self, scope: Scope, query: str) -> Any:
        """The answer, and whether the database has written it."""
        response = await self.answerer.answer(Asked(query=query), scope, where="a test")
        return json.loads(to_json(response.document)), _written(response.document)

    async def every(self, scope: Scope, query: str) -> Any:
        """What one statement, one for each level, and records answer, which is the same."""
        found, written = await self.ask(scope, query)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sorbus.apis.graphql.written.can_nest", lambda _: False)
            levels, each = await self.ask(scope, query)
            patch.setattr(operations, "written", lambda *_: None)
            expected, records = await self.ask(scope, query)
        assert written, found
        assert each
        assert not records
        assert json.dumps(found) == json.dumps(expected)
        assert json.dumps(levels) == json.dumps(expected)
        return found


def _written(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_written, value.values()))
    return any(map(_written, value)) if isinstance(value, list) else isinstance(value, msgspec.Raw)


@pytest.fixture(scope="module")
def served(store: Sorbus) -> Served:
    return Served(store)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(VALUES, min_size=1, max_size=4), present=st.booleans())
async def test_values_are_written_as_python_shows_them(
    served: Served, rows: list[dict[str, Any]], present: bool
) -> None:
    scope = served.app.scope(actor="ann" if present else None)
    shelf = await Shelf.put_up(scope, name='"a"')
    for row in rows:
        await Value.keep(scope, shelf_id=shelf.id, **row)
    chosen = f'filter: {{shelfId: {{eq: "{shelf.id}"}}}}'
    found = await served.every(
        scope, f"{{ values({chosen}) {{ {EVERYTHING} shelf {{ name valueCount }} }} }}"
    )
    assert len(found["data"]["values"]) == len(rows)
    one = f'filter: {{id: {{eq: "{shelf.id}"}}}}'
    nested = f"values(limit: 3) {{ {EVERYTHING} }}"
    found = await served.every(scope, f"{{ shelfs({one}) {{ name {nested} }} }}")
    assert len(found["data"]["shelfs"][0]["values"]) == min(3, len(rows))


@pytest.fixture
def scope(served: Served) -> Scope:
    return served.app.scope(actor="ann")


@pytest.mark.parametrize(
    "selection",
    [
        "name values { number shelf { name values(limit: 1) { number } } }",
        "values(sort: [{field: NUMBER, order: DESC}], offset: 1, limit: 2) { number } name",
        "a: name b: name values(filter: {number: {greaterThan: 100}}) { __typename number }",
        "values { shelf { id } } __typename",
    ],
)
async def test_nested_lists_are_those_of_each_record(served: Served, scope: Scope, selection: str) -> None:
    shelves = [await Shelf.put_up(scope, name=name) for name in "abc"]
    for number in range(7):
        await Value.keep(scope, shelf_id=shelves[number % 2].id, number=number)
    keys = ", ".join(f'"{each.id}"' for each in shelves)
    await served.every(scope, f"{{ shelfs(filter: {{id: {{in: [{keys}]}}}}) {{ {selection} }} }}")


async def test_records_and_what_is_shown_twice_need_python(served: Served, scope: Scope) -> None:
    shelf = await Shelf.put_up(scope, name="a")
    await Value.keep(scope, shelf_id=shelf.id, number=1)
    one = f'filter: {{id: {{eq: "{shelf.id}"}}}}'
    for selection in (
        "values(limit: 1) { number } more: values(limit: 2) { number }",
        "values(limit: 1) { number } again: values(limit: 1) { text }",
    ):
        found, written = await served.ask(scope, f"{{ shelfs({one}) {{ {selection} }} }}")
        assert not written
        assert found["data"]["shelfs"][0]["values"] == [{"number": 1}]
