"""A small domain with every kind of field, action and rule, served by GraphQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    Domain,
    Embedded,
    Expr,
    FieldPolicies,
    GraphQL,
    Identities,
    Json,
    Many,
    Notifications,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    Tagged,
    Tenancy,
    action,
    actor,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    calculation,
    computed,
    field_policy,
    has_many,
    manual,
    policy,
    require,
    timestamp,
    uuid_primary_key,
)
from sorbus import (
    publish as topic,
)

SECRET = "the-secret-of-the-note"


class NoteState(StrEnum):
    """How far a note is."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Person(Resource):
    """Somebody who acts; not served."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    admin: Attr[bool] = attribute(default=False)


class Place(Embedded):
    """Where something is."""

    city: Attr[str] = attribute(public=True, max_length=40)
    street: Attr[str | None] = attribute(default=None, public=True)
    code: Attr[str] = attribute(default=SECRET)

    @action.create
    def put(self, scope: Scope, city: str, street: str | None = None) -> None:
        """Say where."""

    @action.update
    def change(self, scope: Scope, city: str = UNCHANGED, street: str | None = UNCHANGED) -> None:
        """Say where it is now."""


class Circle(Embedded):
    """A circle."""

    radius: Attr[int] = attribute(public=True)

    @action.create
    def draw(self, scope: Scope, radius: int) -> None:
        """Draw it."""


class Label(Embedded):
    """A text on a picture."""

    text: Attr[str] = attribute(public=True)

    @action.create
    def draw(self, scope: Scope, text: str) -> None:
        """Write it."""


type Figure = Annotated[Circle | Label | int, Tagged("kind")]


async def neighbours_of(folders: Sequence[Folder], scope: Scope) -> dict[UUID, list[Folder]]:
    """The other folders of the organisation, whose names come before."""
    everyone = await Folder.query(scope).order_by(Folder.name).all()
    return {each.id: [other for other in everyone if other.name < each.name] for each in folders}


class Folder(Resource):
    """A place for notes."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    name: Attr[str] = attribute(public=True, max_length=40)
    notes: Many[Note] = has_many(public=True)
    neighbours: Many[Folder] = manual(neighbours_of, public=True)
    note_count = agg.count(notes, public=True)

    @action.create
    def open(self, scope: Scope, name: str) -> None:
        """Open a folder."""
        self.org_id = scope.tenant

    storage = Postgres("office_folders")
    tenancy = Tenancy(org_id)
    policies = Policies(policy(["read", "create"], authorize_if(actor_present())))
    notifications = Notifications(topic("folders"), durable=True)
    graphql = GraphQL("get", "list", "connection", open, subscriptions={"foldersChanged": "folders"})


class Comment(Resource):
    """What somebody says about a note; reached through its note only."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    note_id: Attr[UUID] = attribute(public=True)
    text: Attr[str] = attribute(public=True)
    score: Attr[int] = attribute(default=7)
    rank: Attr[int | None] = attribute(default=None, public=True, ge=0, le=1000)
    note: One[Note] = belongs_to(via=note_id, public=True)

    @action.create
    def say(self, scope: Scope, note_id: UUID, text: str, rank: int | None = None) -> None:
        """Comment on a note."""
        self.org_id = scope.tenant

    storage = Postgres("office_comments")
    tenancy = Tenancy(org_id)
    policies = Policies(policy(["read", "create"], authorize_if(actor_present())))
    graphql = GraphQL(say)


class Hidden(Resource):
    """What GraphQL knows nothing of."""

    id: Attr[UUID] = uuid_primary_key()
    note_id: Attr[UUID] = attribute(public=True)
    text: Attr[str] = attribute(public=True)

    storage = Postgres("office_hidden")
    policies = Policies(policy("any", authorize_if(True)))


class Note(Resource):
    """A note that somebody writes."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    author_id: Attr[UUID] = attribute()
    folder_id: Attr[UUID | None] = attribute(default=None, public=True)
    slug: Attr[str] = attribute(public=True, pattern="^[a-z0-9-]+$", max_length=60)
    title: Attr[str] = attribute(public=True, max_length=200, description="The headline.")
    body: Attr[str | None] = attribute(default=None, public=True)
    state: Attr[NoteState] = attribute(default=NoteState.DRAFT, public=True)
    level: Attr[Literal["low", "very-high"]] = attribute(default="low", public=True)
    rank: Attr[int] = attribute(default=0, public=True)
    price: Attr[Decimal | None] = attribute(default=None, public=True)
    due_at: Attr[datetime | None] = attribute(default=None, public=True)
    tags: Attr[list[str]] = attribute(default=list, public=True)
    extra: Attr[dict[str, Json]] = attribute(default=dict, public=True)
    place: Attr[Place | None] = attribute(default=None, public=True)
    figures: Attr[list[Figure]] = attribute(default=list, public=True)
    wage: Attr[int] = attribute(default=100, public=True)
    secret: Attr[str] = attribute(default=SECRET)
    inserted_at: Attr[datetime] = timestamp(public=True)

    folder: One[Folder | None] = belongs_to(via=folder_id, public=True)
    comments: Many[Comment] = has_many(public=True, order_by=lambda comment: comment.id)
    hidden: Many[Hidden] = has_many(public=True)

    comment_count = agg.count(comments, public=True)
    title_length = calculate(title.length(), public=True)
    secret_length = calculate(secret.length())

    @calculation(public=True)
    @classmethod
    def above(cls, least: int, twice: bool = False) -> Expr[bool]:
        """Whether the rank is above a number."""
        return cls.rank > (least * 2 if twice else least)

    @computed(loads=[title], public=True)
    def shout(self) -> str:
        """The title, loudly."""
        return self.title.upper()

    @action.create
    def write(
        self,
        scope: Scope,
        slug: str,
        title: str,
        body: str | None = None,
        folder_id: UUID | None = None,
        level: Literal["low", "very-high"] = "low",
        rank: int = 0,
        price: Decimal | None = None,
        due_at: datetime | None = None,
        tags: list[str] = [],  # noqa: B006  # never changed
        extra: dict[str, Json] = {},  # noqa: B006  # never changed
        place: Place | None = None,
        figures: list[Figure] = [],  # noqa: B006  # never changed
        loud: Arg[bool] = False,
    ) -> None:
        """Write a note."""
        self.org_id = scope.tenant
        self.author_id = scope.actor.id
        if loud:
            self.title = title.upper()

    @action.create(upsert="slug")
    def put(self, scope: Scope, slug: str, title: str) -> None:
        """Write a note, or change the one with the slug."""
        self.org_id = scope.tenant
        self.author_id = scope.actor.id

    @action.update
    def edit(self, scope: Scope, title: str, body: str | None = UNCHANGED) -> None:
        """Change the words."""
        require(title != "forbidden words", "These words are not said here.", field="title")

    @action.transition(NoteState.DRAFT, to=NoteState.PUBLISHED)
    def publish(self, scope: Scope) -> None:
        """Let everybody read it."""

    @action.destroy
    def remove(self, scope: Scope) -> None:
        """Throw it away."""

    @action.read
    @classmethod
    def search(cls, scope: Scope, text: str, states: list[NoteState] | None = None) -> Query[Note]:
        """Notes whose title contains a text."""
        found = cls.query().where(cls.title.contains(text))
        return found.where(cls.state.is_in(states)) if states else found

    @action.read
    @classmethod
    def top(cls, scope: Scope) -> Query[Note]:
        """The two notes with the highest rank."""
        return cls.query().order_by(cls.rank.desc()).limit(2)

    @action.generic
    @classmethod
    async def count_words(cls, scope: Scope, text: str, times: int = 1) -> dict[str, int]:
        """Count words."""
        return {"words": len(text.split()) * times}

    @action.generic
    @classmethod
    async def explode(cls, scope: Scope, quietly: bool = False) -> None:
        """Fail in a way that nobody foresaw."""
        detail = f"a bug with {SECRET} in it"
        if not quietly:
            raise ZeroDivisionError(detail)

    storage = Postgres("office_notes")
    tenancy = Tenancy(org_id)
    identities = Identities(slug=[slug])
    policies = Policies(
        policy(
            "read", authorize_if(state == NoteState.PUBLISHED), authorize_if(author_id == actor(Person.id))
        ),
        policy(["create", "generic"], authorize_if(actor_present())),
        policy("update", authorize_if(author_id == actor(Person.id))),
        policy("destroy", authorize_if(actor(Person.admin) == True)),  # noqa: E712
    )
    field_policies = FieldPolicies(
        field_policy("*", authorize_if(True)),
        field_policy([wage], authorize_if(author_id == actor(Person.id))),
    )
    notifications = Notifications(topic("note:{id}"), topic("notes"), topic("wage:{wage}"))
    graphql = GraphQL(
        "get",
        "list",
        "connection",
        write,
        put,
        edit,
        publish,
        remove,
        search,
        top,
        explode,
        queries=[count_words],
        by=["slug"],
        subscriptions={"noteChanged": "note:{id}", "notesChanged": "notes", "wageEarned": "wage:{wage}"},
        names={write: "createNote"},
    )


class TaskState(StrEnum):
    OPEN = "open"
    BURIED = "buried-in-secret"


class Task(Resource):
    """Something to do, whose state nobody outside may know."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    code: Attr[str] = attribute(default=SECRET, max_length=30)
    name: Attr[str] = attribute(public=True)
    state: Attr[TaskState] = attribute(default=TaskState.OPEN)

    @action.create
    def add(self, scope: Scope, name: str, code_text: Arg[str | None] = None) -> None:
        """Add a task."""
        self.org_id = scope.tenant
        if code_text is not None:
            self.code = code_text

    @action.transition(TaskState.OPEN, to=TaskState.BURIED)
    def bury(self, scope: Scope) -> None:
        """Forget about it."""

    storage = Postgres("office_tasks")
    tenancy = Tenancy(org_id)
    identities = Identities(code=[code])
    policies = Policies(policy("any", authorize_if(actor_present())))
    graphql = GraphQL("get", add, bury)


class Suggestion(Resource):
    """What anybody may put in and nobody may read."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute(public=True)
    text_length = calculate(text.length(), public=True)

    @action.create
    def make(self, scope: Scope, text: str) -> None:
        """Suggest something."""

    storage = Postgres("office_suggestions")
    policies = Policies(policy("create", authorize_if(True)))
    graphql = GraphQL("list", make)


Office = Domain("office", resources=[Person, Folder, Comment, Hidden, Note, Task, Suggestion])
