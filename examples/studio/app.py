"""The declaration: two resources, their actions, their rules, and where they are shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    JsonApi,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    actor,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    has_many,
    policy,
    require,
    timestamp,
    uuid_primary_key,
)


class State(StrEnum):
    """Where an article stands."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Author(Resource):
    """Somebody who writes."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True, min_length=1, max_length=100)

    articles: Many[Article] = has_many()
    published = agg.count(articles, where=lambda article: article.state == State.PUBLISHED, public=True)

    @action.create
    def join(self, scope: Scope, name: str) -> None:
        """Become an author."""

    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/authors", "get", "index", join)


class Article(Resource):
    """A text on its way to its readers."""

    id: Attr[UUID] = uuid_primary_key()
    author_id: Attr[UUID] = attribute()
    title: Attr[str] = attribute(public=True, min_length=1, max_length=200)
    body: Attr[str] = attribute(public=True)
    state: Attr[State] = attribute(default=State.DRAFT, public=True)
    inserted_at: Attr[datetime] = timestamp(public=True)

    author: One[Author] = belongs_to(via=author_id, public=True)

    @action.create
    def write(self, scope: Scope, author_id: UUID, title: str, body: str) -> None:
        """Begin a draft."""

    @action.transition(State.DRAFT, to=State.PUBLISHED)
    def publish(self, scope: Scope) -> None:
        """Show it to everybody."""
        require(len(self.body) >= 10, "An article needs a text.", field="body")

    policies = Policies(
        policy("read", authorize_if((state == State.PUBLISHED) | (author_id == actor(Author.id)))),
        policy([write, publish], authorize_if(author_id == actor(Author.id))),
    )
    json_api = JsonApi("/articles", "get", "index", write, publish)


Studio = Domain("studio", resources=[Author, Article])
app = Sorbus(domains=[Studio], name="studio")
