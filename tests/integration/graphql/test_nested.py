"""What lies behind records comes in the statement that reads them, whoever asks and whichever way leads there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import pytest_asyncio
from tests.conftest import Databases

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    GraphQL,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    field_policy,
    forbid_if,
    has_many,
    has_one,
    many_to_many,
    policy,
    related,
    through,
    uuid_primary_key,
)
from sorbus.apis.graphql import operations, schema_of, surface_of
from sorbus.apis.graphql.answering import Answerer
from sorbus.apis.graphql.documents import Documents
from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.requests import Asked
from sorbus.data_layers.postgres.migrations import push
from sorbus.data_layers.postgres.statements import SqlStatement
from sorbus.types.showing import to_json

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Person(Resource):
    """Somebody who asks."""

    id: Attr[UUID] = uuid_primary_key()
    staff: Attr[bool] = attribute(default=False)


@dataclass(frozen=True)
class Reader:
    """Who asks."""

    id: UUID
    staff: bool = False


class Author(Resource):
    """Writes books."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    name: Attr[str] = attribute(public=True)
    open: Attr[bool] = attribute(public=True, default=True)

    books: Many[Book] = has_many(public=True, order_by=lambda book: book.number.desc())
    newest: One[Book | None] = has_one(public=True, order_by=lambda book: book.number.desc())
    two: Many[Book] = has_many(public=True, order_by=lambda book: book.title, limit=2)
    long: Many[Book] = has_many(public=True, where=lambda book: book.number > 2)
    namesakes: Many[Book] = has_many(public=True, where=lambda book: book.title == Author.name)
    remarks: Many[Remark] = through(books, lambda book: book.remarks, public=True)
    letters: Many[Book] = has_many(public=True)
    checked: Many[Book] = has_many(public=True, authorize_read_with="error")
    all_books = agg.count(books, public=True)

    @action.create
    def enrol(self, scope: Scope, name: str, open: bool = True) -> None:
        """Enrol."""

    tenancy = Tenancy(org)
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy(letters, authorize_if(open)),
        field_policy("*", authorize_if(True)),
    )
    graphql = GraphQL("get", "list", "connection")


class Book(Resource):
    """Some are for staff only, or for their owner."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    author_id: Attr[UUID | None] = attribute(public=True)
    owner_id: Attr[UUID | None] = attribute(default=None)
    title: Attr[str] = attribute(public=True)
    number: Attr[int] = attribute(public=True)
    secret: Attr[bool] = attribute(default=False)

    author: One[Author | None] = belongs_to(via=author_id, public=True)
    remarks: Many[Remark] = has_many(public=True)
    tags: Many[Tag] = many_to_many("BookTag", public=True, order_by=lambda tag: BookTag.weight.desc())
    author_name = calculate(related(author, lambda one: one.name), public=True)

    @action.create
    def print(
        self,
        scope: Scope,
        author_id: UUID | None,
        title: str,
        number: int,
        secret: bool = False,
        owner_id: UUID | None = None,
    ) -> None:
        """Print it."""

    tenancy = Tenancy(org)
    policies = Policies(
        policy(
            "read",
            authorize_if(~secret),
            authorize_if(actor(Person.staff)),
            authorize_if(owner_id == actor(Person.id)),
        ),
        policy("create", authorize_if(True)),
    )
    field_policies = FieldPolicies(
        field_policy(author_id, authorize_if(actor_present())),
        field_policy("*", authorize_if(True)),
    )
    graphql = GraphQL("get", "list")


class Remark(Resource):
    """About a book."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    book_id: Attr[UUID] = attribute()
    text: Attr[str] = attribute(public=True)
    book: One[Book] = belongs_to(via=book_id, public=True)

    @action.create
    def say(self, scope: Scope, book_id: UUID, text: str) -> None:
        """Say something."""

    tenancy = Tenancy(org)
    policies = Policies(
        policy("read", forbid_if(text == "hidden"), authorize_if(actor_present())),
        policy("create", authorize_if(True)),
    )
    graphql = GraphQL("list")


class Tag(Resource):
    """A word that belongs to no tenant."""

    id: Attr[UUID] = uuid_primary_key()
    word: Attr[str] = attribute(public=True)

    @action.create
    def coin(self, scope: Scope, word: str) -> None:
        """Coin it."""

    policies = Policies(policy("any", authorize_if(True)))
    graphql = GraphQL("list")


class BookTag(Resource):
    """That a book has a tag."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    book_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()
    weight: Attr[int] = attribute()

    @action.create
    def tie(self, scope: Scope, book_id: UUID, tag_id: UUID, weight: int) -> None:
        """Tie it."""

    tenancy = Tenancy(org)
    policies = Policies(policy("any", authorize_if(True)))


Press = Domain("press", resources=[Person, Author, Book, Remark, Tag, BookTag])
ADA, BOB = Reader(uuid4()), Reader(uuid4(), staff=True)


class Served:
    """The application with rows in it, asked without a server."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        schema, limits = schema_of(surface_of(app.spec)), Limits()
        self.answerer = Answerer(schema, Documents(schema, limits, introspection=True), limits)
        self.authors: list[Author] = []

    async def seed(self, org: str) -> None:
        """Rows of one tenant."""
        scope = self.app.system_scope(tenant=org)
        tags = [await Tag.coin(scope, word=f"{org} {word}") for word in ("tall", "small")]
        for name, open_ in (("Ann", True), ("Ben", False), ("Cid", True)):
            author = await Author.enrol(scope, name=f"{name} of {org}", open=open_)
            self.authors.append(author)
            for number in range(0 if name == "Cid" else 5):
                title = author.name if number == 3 else f"Book {9 - number}"
                book = await Book.print(
                    scope,
                    author_id=author.id,
                    title=title,
                    number=number,
                    secret=number % 2 == 1,
                    owner_id=ADA.id if number == 1 else None,
                )
                for place, tag in enumerate(tags[: number + 1]):
                    await BookTag.tie(scope, book_id=book.id, tag_id=tag.id, weight=place * number)
                for text in ("good", "hidden", "bad")[: number + 1]:
                    await Remark.say(scope, book_id=book.id, text=f'"{text}"' if text == "bad" else text)
        await Book.print(scope, author_id=None, title="Nobody's", number=0)

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


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def databases(request: pytest.FixtureRequest) -> Databases:
    found: Databases = request.getfixturevalue(request.param)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(databases: Databases) -> AsyncIterator[Served]:
    with databases.fresh() as url:
        app = Sorbus(domains=[Press], name="press", database_url=url, secret=b"k" * 32)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            found = Served(app)
            for org in ("rome", "oslo"):
                await found.seed(org)
            yield found


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that run."""
    found: list[str] = []
    original = SqlStatement.fetch

    async def fetch(self: SqlStatement, session: Any, bindings: Any) -> Any:
        found.append(self.sql)
        return await original(self, session, bindings)

    monkeypatch.setattr(SqlStatement, "fetch", fetch)
    return found


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
    scope, key = served.app.scope(actor=ADA, tenant="rome"), served.authors[0].id
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
