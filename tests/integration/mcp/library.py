"""A small domain whose actions are tools: every kind of them, and rules about who may call which."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    FieldPolicies,
    Identities,
    Json,
    JsonApi,
    Mcp,
    Policies,
    Postgres,
    PrivateArg,
    Query,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor,
    actor_present,
    attribute,
    authorize_if,
    calculate,
    field_policy,
    input_value,
    policy,
    timestamp,
    uuid_primary_key,
)

SECRET = "the-secret-of-the-book"

WAITING = asyncio.Event()
CANCELLED = asyncio.Event()


class BookState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


class Member(Resource):
    """Somebody who acts."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[str] = attribute()
    admin: Attr[bool] = attribute(default=False)

    @action.create
    def join(self, scope: Scope, org_id: str, admin: bool = False) -> None:
        """Join."""

    storage = Postgres("library_members")


class Book(Resource):
    """A book of the library."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[str] = attribute()
    author_id: Attr[UUID | None] = attribute(default=None)
    title: Attr[str] = attribute(public=True, max_length=80, description="What stands on its back.")
    pages: Attr[int] = attribute(default=0, public=True, ge=0)
    price: Attr[Decimal | None] = attribute(default=None, public=True)
    state: Attr[BookState] = attribute(default=BookState.DRAFT, public=True)
    tags: Attr[list[str]] = attribute(default=list, public=True)
    extra: Attr[dict[str, Json]] = attribute(default=dict, public=True)
    remark: Attr[str | None] = attribute(default=None, public=True)
    secret: Attr[str] = attribute(default=SECRET)
    inserted_at: Attr[datetime] = timestamp(public=True)

    title_length = calculate(title.length(), public=True)

    @action.create
    def add(
        self,
        scope: Scope,
        title: str,
        pages: int = 0,
        price: Decimal | None = None,
        tags: list[str] = [],  # noqa: B006  # never changed
        extra: dict[str, Json] = {},  # noqa: B006  # never changed
        remark: str | None = None,
        loud: Arg[bool] = False,
        author: PrivateArg[UUID | None] = None,
    ) -> None:
        """Add a book.

        It is a draft until it is published.
        """
        self.org_id = scope.tenant
        self.author_id = author or getattr(scope.actor, "id", None)
        if loud:
            self.title = title.upper()

    @action.update
    def edit(self, scope: Scope, title: str) -> None:
        """Change the title."""

    @action.transition(BookState.DRAFT, to=BookState.PUBLISHED)
    def publish(self, scope: Scope) -> None:
        """Let everybody read it."""

    @action.destroy
    def remove(self, scope: Scope) -> None:
        """Throw it away."""

    @action.read
    @classmethod
    def search(cls, scope: Scope, text: str, state: BookState | None = None) -> Query[Book]:
        """Books whose title contains a text."""
        found = cls.query().where(cls.title.contains(text))
        return found.where(cls.state == state) if state else found

    @action.read
    @classmethod
    def longest(cls, scope: Scope) -> Query[Book]:
        """The two longest books."""
        return cls.query().order_by(cls.pages.desc()).limit(2)

    @action.generic
    @classmethod
    async def count_words(cls, scope: Scope, text: str, times: int = 1) -> dict[str, int]:
        """Count words."""
        print("This must not get into the conversation.")
        return {"words": len(text.split()) * times}

    @action.generic
    @classmethod
    async def audit(cls, scope: Scope, kind: str) -> str:
        """Look after the books; allowed for one kind only."""
        return kind

    @action.generic
    @classmethod
    async def explode(cls, scope: Scope) -> None:
        """Fail in a way that nobody foresaw."""
        detail = f"a bug with {SECRET} in it"
        raise ZeroDivisionError(detail)

    @action.generic
    @classmethod
    async def wait(cls, scope: Scope) -> None:
        """Take long."""
        try:
            WAITING.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            CANCELLED.set()
            raise

    storage = Postgres("library_books")
    tenancy = Tenancy(org_id)
    identities = Identities(title=[title])
    policies = Policies(
        policy(
            "read", authorize_if(state == BookState.PUBLISHED), authorize_if(author_id == actor(Member.id))
        ),
        policy([add, count_words, explode, wait], authorize_if(actor_present())),
        policy("update", authorize_if(author_id == actor(Member.id))),
        policy(audit, authorize_if(input_value("kind") == "light")),
        policy("destroy", authorize_if(actor(Member.admin) == True)),  # noqa: E712
    )
    field_policies = FieldPolicies(
        field_policy("*", authorize_if(True)),
        field_policy(remark, authorize_if(actor(Member.admin) == True)),  # noqa: E712
    )
    mcp = Mcp(
        "get",
        "list",
        add,
        edit,
        publish,
        remove,
        search,
        longest,
        count_words,
        audit,
        explode,
        wait,
        title=title,
    )


class Diary(Resource):
    """What nobody may read or write here."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute(public=True)

    @action.create
    def note(self, scope: Scope, text: str) -> None:
        """Write."""

    @action.create
    def smuggle(self, scope: Scope, text: str) -> None:
        """An action that no section lists."""

    storage = Postgres("library_diaries")
    policies = Policies(policy("any", authorize_if(False)))
    mcp = Mcp("get", "list", note, name="journal")
    json_api = JsonApi("/diaries", note)


Library = Domain("library", resources=[Member, Book, Diary])


def make() -> Sorbus:
    """The application; commands load it by this name."""
    return Sorbus(domains=[Library], name="library")
