"""What lies behind records comes in the statement that reads them, whoever asks and whichever way leads there."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.integration.authors import ADA, BOB, Author, Reader

from sorbus import Scope, Sorbus
from sorbus.apis.graphql import operations, schema_of, surface_of
from sorbus.apis.graphql.answering import Answerer
from sorbus.apis.graphql.documents import Documents
from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.requests import Asked
from sorbus.types.showing import to_json

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Served:
    """The application with rows in it, asked without a server."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        schema, limits = schema_of(surface_of(app.spec)), Limits()
        self.answerer = Answerer(schema, Documents(schema, limits, introspection=True), limits)

    async def ask(self, scope: Scope, query: str) -> Any:
        """The answer, and whether the database has written it."""
        response = await self.answerer.answer(Asked(query=query), scope, where="a test")
        return json.loads(to_json(response.document)), _written(response.document)

    async def every(self, scope: Scope, query: str, statements: list[str], *, least: int = 1) -> Any:
        """What one statement, one for each level, and records answer, which is the same."""
        statements.clear()
        found, written = await self.ask(scope, query)
        assert written, found
        assert len(statements) == least, statements
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sorbus.apis.graphql.written.can_nest", lambda _: False)
            levels, written = await self.ask(scope, query)
            assert written
            patch.setattr(operations, "written", lambda *_: None)
            records, written = await self.ask(scope, query)
            assert not written
        assert found == levels == records
        assert json.dumps(found) == json.dumps(records)
        return found["data"]


def _written(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_written, value.values()))
    return any(map(_written, value)) if isinstance(value, list) else isinstance(value, msgspec.Raw)


@pytest.fixture
def served(press: Sorbus) -> Served:
    return Served(press)


BOOK = "title number authorId"
SELECTIONS = [
    f"books {{ {BOOK} }}",
    f"newest {{ {BOOK} }}",
    f"two {{ {BOOK} }}",
    f"long {{ {BOOK} }}",
    f"namesakes {{ {BOOK} }}",
    "remarks { text }",
    f"letters {{ {BOOK} }}",
    "books(limit: 9) { tags(limit: 9) { word } }",
    "books(limit: 9) { remarks(limit: 9) { text } tags(limit: 9) { word } authorName } name",
    "books(sort: [{field: TITLE, order: ASC}], offset: 1, limit: 2) { title remarks(limit: 1) { text } }",
    'a: name books(filter: {remarks: {text: {eq: "good"}}}) { __typename author { name allBooks } }',
    "newest { remarks(limit: 9) { text } tags(limit: 9) { word } } two { number } allBooks",
]


@pytest.mark.parametrize("reader", [None, ADA, BOB], ids=["nobody", "ada", "staff"])
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_what_lies_behind_records_comes_in_their_statement(
    served: Served, statements: list[str], reader: Reader | None, selection: str
) -> None:
    scope = served.app.scope(actor=reader, tenant="rome")
    found = await served.every(scope, f"{{ authors {{ {selection} }} }}", statements)
    assert len(found["authors"]) == 3
    assert "oslo" not in json.dumps(found)


async def test_a_page_and_a_single_record_take_one_statement_too(
    served: Served, statements: list[str]
) -> None:
    scope = served.app.scope(actor=ADA, tenant="rome")
    key = (await Author.query(scope).where(Author.name == "Ann of rome").one()).id
    shown = "name books(limit: 9) { title remarks { text } }"
    found = await served.every(scope, f'{{ author(id: "{key}") {{ {shown} }} }}', statements)
    assert len(found["author"]["books"]) == 4
    found = await served.every(
        scope, f"{{ authorsConnection(first: 2) {{ edges {{ node {{ {shown} }} }} }} }}", statements
    )
    assert [len(each["node"]["books"]) for each in found["authorsConnection"]["edges"]] == [4, 4]
    _, hidden = await served.ask(
        served.app.scope(actor=ADA, tenant="oslo"), f'{{ author(id: "{key}") {{ {shown} }} }}'
    )
    assert not hidden


async def test_a_relationship_that_refuses_is_asked_about_first(
    served: Served, statements: list[str]
) -> None:
    query = "{ authors { checked { number } } }"
    for reader, answers in ((BOB, True), (ADA, False)):
        scope = served.app.scope(actor=reader, tenant="rome")
        found, _ = await served.ask(scope, query)
        assert ("errors" not in found) is answers, found
    statements.clear()
    await served.every(served.app.scope(actor=BOB, tenant="rome"), query, statements, least=2)


async def test_a_list_behind_a_record_that_many_lead_to_is_read_once(
    served: Served, statements: list[str]
) -> None:
    scope = served.app.scope(actor=BOB, tenant="rome")
    chain = "{ remarks(limit: 9) { text book { title author { name } } } }"
    await served.every(scope, chain, statements)
    shared = "{ books(limit: 9) { author { name books(limit: 9) { title } } } }"
    await served.every(scope, shared, statements, least=3)


async def test_rows_of_all_tenants_lead_to_what_they_would_lead_to_as_records(
    served: Served, statements: list[str]
) -> None:
    scope = served.app.scope(actor=BOB, tenant="rome")
    shown = "name books(limit: 9) { title remarks { text } } newest { title }"
    query = f"{{ everywhereAuthors(sort: [{{field: NAME}}]) {{ {shown} }} }}"
    found = await served.every(scope, query, statements)
    assert len(found["everywhereAuthors"]) == 6
