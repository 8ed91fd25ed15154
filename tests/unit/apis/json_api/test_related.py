"""Relationships with routes of their own, and names: which declarations are refused, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Arg,
    Attr,
    Domain,
    JsonApi,
    Many,
    One,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    belongs_to,
    has_many,
    linkage,
    manage_relationship,
    manual,
    many_to_many,
    uuid_primary_key,
)
from sorbus.apis.json_api import routes_of, surface_of
from sorbus.apis.json_api.names import Names, spelled
from sorbus.errors.declaration import DefinitionErrors

# The resources here are about routes alone.
pytestmark = pytest.mark.filterwarnings("ignore::sorbus.errors.warnings.NothingAllowed")


async def nobody(records: Sequence[Any], scope: Scope) -> Mapping[UUID, list[Any]]:
    return {}


class Tag(Resource):
    """A tag."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)


class Tagging(Resource):
    """That an article has a tag."""

    id: Attr[UUID] = uuid_primary_key()
    article_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()
    article: One[Article] = belongs_to(via=article_id)
    tag: One[Tag] = belongs_to(via=tag_id)

    @action.create
    def tie(self, scope: Scope) -> None:
        """Tie it."""


class Article(Resource):
    """An article, whose section each test makes."""

    id: Attr[UUID] = uuid_primary_key()
    title: Attr[str] = attribute(default="", public=True)
    lead_id: Attr[UUID | None] = attribute(default=None, public=True)
    lead: One[Tag | None] = belongs_to(via=lead_id, public=True)
    taggings: Many[Tagging] = has_many()
    tags: Many[Tag] = many_to_many("Tagging", public=True)
    friends: Many[Tag] = manual(nobody, public=True)

    @action.create
    def write(self, scope: Scope, title: str) -> None:
        """Write."""

    @action.update(changes=[manage_relationship(tags, preset="append")])
    def add_tags(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
        """Add."""

    @action.update(changes=[manage_relationship(tags, from_input="words", preset="append")])
    def add_words(self, scope: Scope, words: Arg[list[UUID]]) -> None:
        """Add by another name."""

    @action.update(changes=[manage_relationship(tags, preset="append", value_is_key="name")])
    def add_named(self, scope: Scope, tags: Arg[list[str]]) -> None:
        """Add by the names of tags, which are no keys."""

    @action.update(changes=[manage_relationship(tags, preset="append")])
    def add_with(self, scope: Scope, title: str, tags: Arg[list[UUID]]) -> None:
        """Add, and more."""

    @action.update
    def lead_with(self, scope: Scope, lead_id: UUID | None) -> None:
        """Choose the first tag."""


SPEC = Sorbus(domains=[Domain("d", resources=[Tag, Tagging, Article])]).spec


def articles(*, related: list[Any]) -> list[str]:
    section = JsonApi("/articles", "get", related=related)
    article = replace(SPEC.resources["Article"], sections={"json_api": section})
    surface = surface_of(replace(SPEC, resources={**SPEC.resources, "Article": article}))
    return [f"{each.method} {each.path}" for each in routes_of(surface) if each.relationship is not None]


def mistake(*related: Any) -> str:
    with pytest.raises(DefinitionErrors) as caught:
        articles(related=list(related))
    (error,) = caught.value.errors
    assert error.code == "not-exposable"
    return error.message


def test_a_relationship_has_two_routes_and_those_that_change_it() -> None:
    assert articles(related=[Article.lead, linkage(Article.tags, add=Article.add_words)]) == [
        "GET /articles/{id}/lead",
        "GET /articles/{id}/relationships/lead",
        "GET /articles/{id}/tags",
        "GET /articles/{id}/relationships/tags",
        "POST /articles/{id}/relationships/tags",
    ]


@pytest.mark.parametrize(
    ("related", "said"),
    [
        (Article.taggings, "no public relationship"),
        ("nothing", "no public relationship"),
        (Article.friends, "a function of its own reads"),
        (linkage(Article.tags, add=Article.add_named), "no input that `tags` follows"),
        (linkage(Article.tags, add=Article.lead_with), "no input that `tags` follows"),
        (linkage(Article.tags, add=Article.add_with), "needs `title` besides"),
        (linkage(Article.tags, add=Article.write), "no update of `Article`"),
        (linkage(Article.lead, add=Article.lead_with), "can only be replaced"),
    ],
)
def test_what_cannot_be_served_is_said(related: Any, said: str) -> None:
    assert said in mistake(related)


def test_names_are_spelled_in_three_ways() -> None:
    assert [spelled("due_at_once", style) for style in ("snake", "camel", "dash")] == [
        "due_at_once",
        "dueAtOnce",
        "due-at-once",
    ]
    assert [spelled("id", style) for style in ("snake", "camel", "dash")] == ["id"] * 3
    names = Names(["due_at", "title"], "dash")
    assert (names.wire("due_at"), names.own("due-at"), names.own("due_at")) == ("due-at", "due_at", None)
    assert names.told("`due_at` is no date, `other_word` is.") == "`due-at` is no date, `other_word` is."


def test_names_that_would_be_spelled_alike_are_refused() -> None:
    class Clash(Resource):
        """Two names that are one in camel case."""

        id: Attr[UUID] = uuid_primary_key()
        due_at: Attr[str] = attribute(default="", public=True)
        dueAt: Attr[str] = attribute(default="", public=True)

        json_api = JsonApi("/clashes", "get", names="camel")

    with pytest.raises(DefinitionErrors, match="is spelled like"):
        surface_of(Sorbus(domains=[Domain("d", resources=[Clash])]).spec)
