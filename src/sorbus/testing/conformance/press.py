"""The conformance domain, second part: authors, articles, comments and tags, with every kind of field."""

# ruff: noqa: ARG002, ARG003 - the signatures are the contract of the actions

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    Json,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Scope,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    coalesce,
    computed,
    concat,
    exists,
    has_many,
    has_one,
    if_,
    many_to_many,
    policy,
    related,
    require,
    timestamp,
)
from sorbus.resource.actions import Arg
from sorbus.testing.conformance.between_world import Clubs
from sorbus.testing.conformance.documents_world import Papers
from sorbus.testing.conformance.expressions_world import Gallery
from sorbus.testing.conformance.grouping_world import Depot
from sorbus.testing.conformance.identities_world import Names
from sorbus.testing.conformance.managing_world import Kitchen
from sorbus.testing.conformance.many_rows_world import Yard
from sorbus.testing.conformance.notices_world import Post
from sorbus.testing.conformance.of_org import OfOrg
from sorbus.testing.conformance.people import People, Visits
from sorbus.testing.conformance.policies_world import POLICY_DOMAINS
from sorbus.testing.conformance.reads_world import Library
from sorbus.testing.conformance.relations_world import Music
from sorbus.testing.conformance.shop import Shop
from sorbus.testing.conformance.states_world import Trade
from sorbus.testing.conformance.tenants_world import Firms
from sorbus.testing.conformance.types_world import Kinds


class Status(StrEnum):
    """The states of an article."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"


class Level(IntEnum):
    """How hard an article is to read; stored as a number."""

    EASY = 1
    HARD = 2


class Profile(OfOrg):
    """What is known about an author."""

    author_id: Attr[UUID] = attribute()
    bio: Attr[str] = attribute()

    author: One[Author] = belongs_to(via=author_id, on_delete="cascade")

    @action.create
    def add(self, scope: Scope, author_id: UUID, bio: str) -> None:
        """Add a profile."""

    storage = Postgres("suite_profiles")
    identities = Identities(author=[author_id])


class Article(OfOrg):
    """A text with every kind of field."""

    author_id: Attr[UUID] = attribute(public=True)
    editor_id: Attr[UUID | None] = attribute(default=None)
    title: Attr[str] = attribute(public=True, max_length=40)
    slug: Attr[str | None] = attribute(default=None)
    body: Attr[str | None] = attribute(default="empty")
    status: Attr[Status] = attribute(default=Status.DRAFT, public=True)
    level: Attr[Level] = attribute(default=Level.EASY)
    price: Attr[Decimal | None] = attribute(default=None)
    rating: Attr[float | None] = attribute(default=None)
    tries: Attr[int] = attribute(default=0, ge=0)
    meta: Attr[dict[str, Json]] = attribute(default=dict)
    labels: Attr[list[str]] = attribute(default=list)
    written_at: Attr[datetime] = timestamp()
    changed_at: Attr[datetime] = timestamp(touch=True)
    deadline: Attr[datetime | None] = attribute(default=None)

    # The suite lets a reference leave its tenant, to see that reads do not follow it there.
    author: One[Author] = belongs_to(via=author_id, match_tenant=False)
    editor: One[Author] = belongs_to(via=editor_id, on_delete="nilify")
    comments: Many[Comment] = has_many(order_by=lambda comment: comment.score.desc())
    tags: Many[Tag] = many_to_many("ArticleTag", order_by=lambda tag: tag.name)

    author_name = calculate(related(author, lambda each: each.name))
    author_profile = calculate(related(author, lambda each: related(each.profile, lambda own: own.bio)))
    kind = calculate(if_(status == Status.PUBLISHED, "public", "internal"))
    heading = calculate(concat(concat(kind, ": "), title))
    price_or_zero = calculate(coalesce(price, Decimal(0)))
    with_tax = calculate(coalesce(price, Decimal(0)) * Decimal("1.25"))
    third = calculate(coalesce(price, Decimal(0)) / Decimal(3))
    due = calculate(written_at + timedelta(days=7))
    time_left = calculate(coalesce(deadline, written_at) - written_at)
    is_discussed = calculate(exists(comments, lambda comment: comment.score > 3))
    own_praise = calculate(exists(comments, lambda comment: comment.body == Article.title))
    comment_count = agg.count(comments)
    best_score = agg.max(comments, lambda comment: comment.score)
    tag_count = agg.count(tags)
    first_tag = agg.first(tags, lambda tag: tag.name, order_by=lambda tag: tag.name)

    @computed(loads=[title, comment_count])
    def summary(self) -> str:
        """Title and number of comments, made in Python."""
        return f"{self.title.upper()} ({self.comment_count})"

    @action.create
    def draft(
        self,
        scope: Scope,
        author_id: UUID,
        title: str,
        slug: str | None = None,
        body: str | None = "empty",
        status: Status = Status.DRAFT,
        level: Level = Level.EASY,
        price: Decimal | None = None,
        rating: float | None = None,
        tries: int = 0,
        meta: dict[str, Json] = {},  # noqa: B006
        labels: list[str] = [],  # noqa: B006
        deadline: datetime | None = None,
        loud: Arg[bool] = False,
    ) -> None:
        """Draft an article."""
        if loud:
            self.title = title.upper()

    @action.create
    def jot(self, scope: Scope, author_id: UUID, title: str) -> None:
        """Draft an article from the least that it needs; its rule forbids empty titles."""
        require(bool(title.strip()), "a title must say something", field="title")

    @action.create
    def smuggle(self, scope: Scope, author_id: UUID, title: str, org: Arg[UUID]) -> None:
        """Try to write for another tenant."""
        self.org_id = org

    @action.update
    def revise(
        self, scope: Scope, title: str, body: str | None = None, editor_id: UUID | None = None
    ) -> None:
        """Change title and body."""

    @action.update
    def tag_with(self, scope: Scope, slug: str | None) -> None:
        """Set or take away the slug."""

    @action.update
    def retry(self, scope: Scope) -> None:
        """Count one more try, in the statement itself."""
        self.tries = Article.tries + 1

    @action.update
    def lose(self, scope: Scope) -> None:
        """Count a try less, which the column does not allow below zero."""
        self.tries = Article.tries - 1

    @action.update
    def adopt(self, scope: Scope, org: Arg[UUID]) -> None:
        """Try to move the row to another tenant."""
        self.org_id = org

    @action.update
    def nothing(self, scope: Scope) -> None:
        """Change nothing."""

    @action.transition(Status.DRAFT, to=Status.REVIEW)
    async def submit(self, scope: Scope) -> None:
        """Ask for a review."""
        scope.get(Visits).add("submit")

    @action.transition(Status.DRAFT, Status.REVIEW, to=Status.PUBLISHED)
    def publish(self, scope: Scope, price: Decimal | None = None) -> None:
        """Publish it."""

    @action.destroy
    def remove(self, scope: Scope) -> None:
        """Remove it with its comments."""

    @action.read
    @classmethod
    def with_status(cls, scope: Scope, status: Status, at_least: int = 0) -> Query[Article]:
        """The articles in a state."""
        return cls.query().where(cls.status == status, cls.tries >= at_least).order_by(cls.title)

    storage = Postgres("suite_articles")
    identities = Identities(slug=[slug])


class Comment(OfOrg):
    """What somebody says about an article."""

    article_id: Attr[UUID] = attribute()
    body: Attr[str] = attribute()
    score: Attr[int] = attribute(default=0)
    hidden: Attr[bool] = attribute(default=False)

    article: One[Article] = belongs_to(via=article_id, on_delete="cascade")

    @action.create
    def say(self, scope: Scope, article_id: UUID, body: str, score: int = 0, hidden: bool = False) -> None:
        """Say something."""

    storage = Postgres("suite_comments")
    policies = Policies(
        policy("create", authorize_if(actor_present())),
        policy("read", authorize_if(hidden == False)),  # noqa: E712
    )


class Tag(OfOrg):
    """A word that articles share."""

    name: Attr[str] = attribute()

    articles: Many[Article] = many_to_many("ArticleTag")

    @action.create
    def coin(self, scope: Scope, name: str) -> None:
        """Coin a tag."""

    storage = Postgres("suite_tags")


class ArticleTag(OfOrg):
    """That an article has a tag."""

    article_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()

    article: One[Article] = belongs_to(via=article_id, on_delete="cascade")
    tag: One[Tag] = belongs_to(via=tag_id, on_delete="cascade")

    @action.create
    def attach(self, scope: Scope, article_id: UUID, tag_id: UUID) -> None:
        """Put a tag on an article."""

    storage = Postgres("suite_article_tags")
    identities = Identities(pair=[article_id, tag_id])


class Author(OfOrg):
    """Somebody who writes."""

    name: Attr[str] = attribute(public=True)

    articles: Many[Article] = has_many()
    published: Many[Article] = has_many(
        via="author_id",
        where=lambda article: article.status == Status.PUBLISHED,
        order_by=lambda article: article.title.desc(),
    )
    profile: One[Profile] = has_one()

    article_count = agg.count(articles)
    hard_count = agg.count(articles, where=lambda article: article.level == Level.HARD)
    published_count = agg.count(published)
    has_published = agg.exists(published)
    tries = agg.sum(articles, lambda article: article.tries)
    income = agg.sum(articles, lambda article: article.price)
    reading_time = agg.sum(
        articles, lambda article: coalesce(article.deadline, article.written_at) - article.written_at
    )
    cheapest = agg.min(articles, lambda article: article.price)
    dearest = agg.max(articles, lambda article: article.price)
    mean_tries = agg.avg(articles, lambda article: article.tries)
    mean_rating = agg.avg(articles, lambda article: article.rating)
    mean_price = agg.avg(articles, lambda article: article.price, where=lambda each: each.price > Decimal(1))
    newest_title = agg.first(
        articles, lambda article: article.title, order_by=lambda article: article.written_at.desc()
    )
    comments_in_all = agg.sum(articles, lambda article: article.comment_count)
    is_busy = calculate(article_count > 1)
    per_article = calculate(tries / article_count)

    @action.create
    def enrol(self, scope: Scope, name: str) -> None:
        """Enrol an author."""

    @action.destroy
    def leave(self, scope: Scope) -> None:
        """Leave; articles do not allow it."""

    storage = Postgres("suite_authors")


Press = Domain("suite_press", resources=[Author, Profile, Article, Comment, Tag, ArticleTag])

DOMAINS = (
    People,
    Press,
    Library,
    Gallery,
    Shop,
    Yard,
    Post,
    Music,
    *POLICY_DOMAINS,
    Kinds,
    Papers,
    Kitchen,
    Trade,
    Firms,
    Clubs,
    Names,
    Depot,
)
"""What an application must be made of to run the suite."""
