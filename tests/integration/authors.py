"""A domain in which every kind of relationship leads to rows that some may not read, of two tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self
from uuid import UUID, uuid4

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    GraphQL,
    JsonApi,
    Many,
    One,
    Policies,
    Query,
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
from sorbus.data_layers.postgres.migrations import push


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

    @action.read(tenancy="all")
    @classmethod
    def everywhere(cls, scope: Scope) -> Query[Self]:
        """Those of all tenants."""
        return cls.query(scope)

    tenancy = Tenancy(org)
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy(letters, authorize_if(open)),
        field_policy("*", authorize_if(True)),
    )
    graphql = GraphQL("get", "list", "connection", everywhere)
    json_api = JsonApi("/authors", "get", "index", everywhere, includes=["books.remarks", newest, letters])


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
    json_api = JsonApi("/books", "index")


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
    json_api = JsonApi("/remarks", "index")


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


@asynccontextmanager
async def printed(url: str) -> AsyncIterator[Sorbus]:
    """An application with rows of two tenants, in a new database."""
    app = Sorbus(domains=[Press], name="press", database_url=url, secret=b"k" * 32)
    async with app:
        async with app.database.pool.connection() as connection:
            await push(connection, app.schema())
        for org in ("rome", "oslo"):
            await seed(app, org)
        yield app


async def seed(app: Sorbus, org: str) -> None:
    """Rows of one tenant."""
    scope = app.system_scope(tenant=org)
    tags = [await Tag.coin(scope, word=f"{org} {word}") for word in ("tall", "small")]
    for name, open_ in (("Ann", True), ("Ben", False), ("Cid", True)):
        author = await Author.enrol(scope, name=f"{name} of {org}", open=open_)
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
