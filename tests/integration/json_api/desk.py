"""A small domain with every kind of field, action and rule, and the scope of its callers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    Expr,
    Identities,
    Json,
    JsonApi,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
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
    fn,
    has_many,
    policy,
    require,
    timestamp,
    uuid_primary_key,
)

SECRET = "the-secret-of-the-note"


class NoteState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


class TaskState(StrEnum):
    OPEN = "open"
    BURIED = "buried-in-secret"


class Member(Resource):
    """Somebody who acts."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    admin: Attr[bool] = attribute(default=False)


class Folder(Resource):
    """A place for notes."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    name: Attr[str] = attribute(public=True, max_length=40)
    notes: Many[Note] = has_many(public=True)

    @action.create
    def open(self, scope: Scope, name: str) -> None:
        """Open a folder."""
        self.org_id = scope.tenant

    storage = Postgres("desk_folders")
    tenancy = Tenancy(org_id)
    policies = Policies(policy(["read", "create"], authorize_if(actor_present())))
    json_api = JsonApi("/folders", "get", "index", open, includes=[notes, "notes.comments", "notes.folder"])


class Comment(Resource):
    """What somebody says about a note; shown with its note only."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    note_id: Attr[UUID] = attribute(public=True)
    text: Attr[str] = attribute(public=True)
    score: Attr[int] = attribute(default=7)

    @action.create
    def say(self, scope: Scope, note_id: UUID, text: str) -> None:
        """Comment on a note."""
        self.org_id = scope.tenant

    storage = Postgres("desk_comments")
    tenancy = Tenancy(org_id)
    policies = Policies(policy(["read", "create"], authorize_if(actor_present())))


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
    rank: Attr[int] = attribute(default=0, public=True)
    price: Attr[Decimal | None] = attribute(default=None, public=True)
    due_at: Attr[datetime | None] = attribute(default=None, public=True)
    tags: Attr[list[str]] = attribute(default=list, public=True)
    extra: Attr[dict[str, Json]] = attribute(default=dict, public=True)
    secret: Attr[str] = attribute(default=SECRET)
    inserted_at: Attr[datetime] = timestamp(public=True)

    folder: One[Folder | None] = belongs_to(via=folder_id, public=True)
    comments: Many[Comment] = has_many(public=True, order_by=lambda comment: comment.id)

    comment_count = agg.count(comments, public=True)
    title_length = calculate(title.length(), public=True)
    secret_length = calculate(secret.length())

    @computed(loads=[title], public=True)
    def shout(self) -> str:
        """The title, loudly."""
        return self.title.upper()

    @calculation(public=True)
    @classmethod
    def excerpt(cls, letters: int, ending: str = "…") -> Expr[str]:
        """The beginning of the title."""
        return fn.substring(cls.title, 0, letters) + ending

    @computed(loads=[title], public=True)
    def marked(self, marks: list[str] = [], moved: bool = False) -> str:  # noqa: B006  # never changed
        """The title behind marks, or before them."""
        return " ".join([self.title, *marks] if moved else [*marks, self.title])

    @action.create
    def write(
        self,
        scope: Scope,
        slug: str,
        title: str,
        body: str | None = None,
        folder_id: UUID | None = None,
        rank: int = 0,
        price: Decimal | None = None,
        due_at: datetime | None = None,
        tags: list[str] = [],  # noqa: B006  # never changed
        extra: dict[str, Json] = {},  # noqa: B006  # never changed
        loud: Arg[bool] = False,
    ) -> None:
        """Write a note."""
        self.org_id = scope.tenant
        self.author_id = scope.actor.id
        if loud:
            self.title = title.upper()

    @action.create
    def import_text(self, scope: Scope, slug: str, text: Arg[str]) -> None:
        """Write a note from a text."""
        self.org_id = scope.tenant
        self.author_id = scope.actor.id
        self.title = text

    @action.update
    def edit(self, scope: Scope, title: str, body: str | None = None) -> None:
        """Change the words."""
        require(title != "forbidden words", "These words are not said here.", field="title")

    @action.update
    def move(self, scope: Scope, folder_id: UUID | None) -> None:
        """Put it into a folder."""

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
    async def explode(cls, scope: Scope) -> None:
        """Fail in a way that nobody foresaw."""
        detail = f"a bug with {SECRET} in it"
        raise ZeroDivisionError(detail)

    storage = Postgres("desk_notes")
    tenancy = Tenancy(org_id)
    identities = Identities(slug=[org_id, slug])
    policies = Policies(
        policy(
            "read", authorize_if(state == NoteState.PUBLISHED), authorize_if(author_id == actor(Member.id))
        ),
        policy(["create", "generic"], authorize_if(actor_present())),
        policy("update", authorize_if(author_id == actor(Member.id))),
        policy("destroy", authorize_if(actor(Member.admin) == True)),  # noqa: E712
    )
    json_api = JsonApi(
        "/notes",
        "get",
        "index",
        write,
        import_text,
        edit,
        move,
        publish,
        remove,
        search,
        top,
        count_words,
        explode,
        includes=[folder, comments],
    )


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

    storage = Postgres("desk_tasks")
    tenancy = Tenancy(org_id)
    identities = Identities(code=[org_id, code])
    policies = Policies(policy("any", authorize_if(actor_present())))
    json_api = JsonApi("/tasks", "get", add, bury)


class Suggestion(Resource):
    """What anybody may put in and nobody may read."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute(public=True)
    text_length = calculate(text.length(), public=True)

    @action.create
    def make(self, scope: Scope, text: str) -> None:
        """Suggest something."""

    storage = Postgres("desk_suggestions")
    policies = Policies(policy("create", authorize_if(True)))
    json_api = JsonApi("/suggestions", make)


Desk = Domain("desk", resources=[Member, Folder, Comment, Note, Task, Suggestion])
