"""Behaviours of loads: related records, calculations, aggregates, values made in Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sorbus import Query, exists
from sorbus.errors.access import NotLoaded
from sorbus.errors.declaration import NoSuchField
from sorbus.errors.framework import NotCompilable
from sorbus.testing.conformance.people import Note, Person
from sorbus.testing.conformance.press import (
    Article,
    ArticleTag,
    Author,
    Comment,
    Level,
    Profile,
    Status,
    Tag,
)
from sorbus.testing.conformance.world import Behaviour, Tenant


async def tagged(here: Tenant, article: Article, *names: str) -> list[Tag]:
    """New tags on an article."""
    tags = [await Tag.coin(here.scope, name=name) for name in names]
    for tag in tags:
        await ArticleTag.attach(here.scope, article_id=article.id, tag_id=tag.id)
    return tags


class Loads(Behaviour):
    """Related records."""

    async def test_what_was_not_loaded_says_so(self, here: Tenant) -> None:
        made = await here.article()
        for read in (lambda: made.comments, lambda: made.author, lambda: made.comment_count):
            with pytest.raises(NotLoaded, match=r"Article\.(comments|author|comment_count)"):
                read()

    async def test_to_one(self, here: Tenant) -> None:
        author, editor = await here.author("Ann"), await here.author("Bob")
        made = await here.article("a", author_id=author.id)
        await here.article("b", author_id=author.id)
        await made.revise(here.scope, title="a", editor_id=editor.id)
        query = Article.query(here.scope).order_by(Article.title).load(Article.author, Article.editor)
        first, second = await query.all()
        assert [first.author, first.editor] == [author, editor]
        assert [second.author, second.editor] == [author, None]

    async def test_has_one(self, here: Tenant) -> None:
        ann, bob = await here.author("Ann"), await here.author("Bob")
        profile = await Profile.add(here.scope, author_id=ann.id, bio="writes")
        found = await Author.query(here.scope).load(Author.profile).all()
        assert [each.profile for each in found] == [profile, None]
        assert found[1] != bob, "a record with something loaded is not the bare one"

    async def test_to_many_in_the_order_of_the_relationship(self, here: Tenant) -> None:
        first, second, none = [await here.article(title) for title in "abc"]
        for article, score in ((first, 1), (second, 7), (first, 5), (first, 3)):
            await here.comment(article, score=score)
        found = await Article.query(here.scope).load(Article.comments).all()
        assert [[each.score for each in article.comments] for article in found] == [[5, 3, 1], [7], []]
        assert found[2].id == none.id

    async def test_to_many_with_a_condition_of_its_own(self, here: Tenant) -> None:
        author = await here.author()
        for title, status in (("a", Status.PUBLISHED), ("b", Status.DRAFT), ("c", Status.PUBLISHED)):
            await here.article(title, author_id=author.id, status=status)
        (found,) = await Author.query(here.scope).load(Author.published).all()
        assert [each.title for each in found.published] == ["c", "a"]

    async def test_many_to_many_both_ways(self, here: Tenant) -> None:
        first, second, bare = [await here.article(title) for title in "abc"]
        red, blue = await tagged(here, first, "red", "blue")
        await ArticleTag.attach(here.scope, article_id=second.id, tag_id=red.id)
        found = await Article.query(here.scope).load(Article.tags).all()
        assert [[each.name for each in article.tags] for article in found] == [["blue", "red"], ["red"], []]
        tags = await Tag.query(here.scope).order_by(Tag.name).load(Tag.articles).all()
        assert [[each.title for each in tag.articles] for tag in tags] == [["a"], ["a", "b"]]
        assert tags[0].id == blue.id
        assert bare.title == "c"

    async def test_a_load_with_a_query_of_its_own(self, here: Tenant) -> None:
        first, second = await here.article("a"), await here.article("b")
        for article, score in ((first, 1), (first, 2), (first, 3), (second, 9)):
            await here.comment(article, score=score)
        wanted: Query[Comment] = Comment.query().where(Comment.score > 1).order_by(Comment.score)
        found = await Article.query(here.scope).load_with(Article.comments, wanted).all()
        assert [[each.score for each in article.comments] for article in found] == [[2, 3], [9]]

    async def test_limit_and_offset_count_for_each_parent(self, here: Tenant) -> None:
        first, second = await here.article("a"), await here.article("b")
        for article in (first, second, first, second, first, first):
            await here.comment(article, score=await Comment.query(here.scope).count())
        query = Article.query(here.scope)

        async def scores(inner: Query[Comment]) -> list[list[int]]:
            found = await query.load_with(Article.comments, inner).all()
            return [[each.score for each in article.comments] for article in found]

        ordered = Comment.query().order_by(Comment.score)
        assert await scores(ordered.limit(2)) == [[0, 2], [1, 3]]
        assert await scores(ordered.offset(1)) == [[2, 4, 5], [3]]
        assert await scores(ordered.limit(1).offset(2)) == [[4], []]
        assert await scores(Comment.query().limit(1)) == [[5], [3]], "the relationship's own order"

    async def test_limit_for_each_parent_over_many_to_many(self, here: Tenant) -> None:
        first, second = await here.article("a"), await here.article("b")
        tags = await tagged(here, first, "x", "y", "z")
        for tag in tags[1:]:
            await ArticleTag.attach(here.scope, article_id=second.id, tag_id=tag.id)
        inner = Tag.query().order_by(Tag.name).limit(2)
        found = await Article.query(here.scope).load_with(Article.tags, inner).all()
        assert [[each.name for each in article.tags] for article in found] == [["x", "y"], ["y", "z"]]

    async def test_loads_nest(self, here: Tenant) -> None:
        author = await here.author()
        profile = await Profile.add(here.scope, author_id=author.id, bio="writes")
        made = await here.article(author_id=author.id)
        await here.comment(made, score=1)
        await here.comment(made, score=2)
        comments = (
            Comment.query()
            .order_by(Comment.score)
            .load_with(
                Comment.article,
                Article.query()
                .load(Article.comment_count)
                .load_with(Article.author, Author.query().load(Author.profile)),
            )
        )
        (found,) = await Article.query(here.scope).load_with(Article.comments, comments).all()
        first, second = found.comments
        assert (first.score, second.score) == (1, 2)
        assert first.article.comment_count == 2
        assert second.article.author.profile == profile

    async def test_a_load_keeps_what_the_actor_may_not_read_to_itself(self, here: Tenant) -> None:
        made = await here.article()
        seen = await here.comment(made)
        await here.comment(made, hidden=True)
        (found,) = await Article.query(here.scope).load(Article.comments, Article.comment_count).all()
        assert found.comments == [seen]
        assert found.comment_count == 1
        (found,) = await Article.query(here.system).load(Article.comments, Article.comment_count).all()
        assert (len(found.comments), found.comment_count) == (2, 2)

    async def test_what_an_actor_counts_is_what_that_actor_may_read(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        for shared in (True, False, False):
            await Note.write(here.as_(bob), owner_id=bob.id, text="x", shared=shared)
        query = Person.query().where(Person.id == bob.id).load(Person.note_count, Person.notes)
        for scope, wanted in ((here.as_(bob), 3), (here.scope, 1), (here.as_(bob), 3), (here.system, 3)):
            found = await query.one(scope)
            assert (found.note_count, len(found.notes)) == (wanted, wanted)

    async def test_a_condition_sees_no_more_than_the_actor_at_any_depth(self, here: Tenant) -> None:
        made = await here.article()
        await here.comment(made, score=2)
        await here.comment(made, score=9, hidden=True)
        query = Article.query(here.scope)
        assert await query.where(exists(Article.comments, lambda each: each.score > 2)).count() == 0
        as_many = exists(Article.comments, lambda each: each.score == Article.comment_count)
        assert await query.where(as_many).count() == 0
        assert await Article.query(here.app.system_scope()).where(as_many).count() == 1

    async def test_a_load_of_nothing_known_is_refused(self, here: Tenant) -> None:
        with pytest.raises(NoSuchField, match="commments") as caught:
            await Article.query(here.scope).load("commments").all()
        assert "comments" in caught.value.hint


class Calculations(Behaviour):
    """Calculations."""

    async def loaded(self, here: Tenant, article: Article, *targets: Any) -> Article:
        """An article with things loaded."""
        query = Article.query(here.scope).where(Article.id == article.id)
        return await query.load(*targets).one()

    async def test_conditional(self, here: Tenant) -> None:
        draft, published = await here.article(), await here.article(status=Status.PUBLISHED)
        assert (await self.loaded(here, draft, Article.kind)).kind == "internal"
        assert (await self.loaded(here, published, Article.kind)).kind == "public"

    async def test_over_other_calculations(self, here: Tenant) -> None:
        made = await here.article("Bugs")
        assert (await self.loaded(here, made, Article.heading)).heading == "internal: Bugs"

    async def test_exact_numbers(self, here: Tenant) -> None:
        made, free = await here.article(price=Decimal("0.10")), await here.article()
        found = await self.loaded(here, made, Article.with_tax, Article.third, Article.price_or_zero)
        assert found.with_tax == Decimal("0.125")
        assert found.third == Decimal("0.03333333333333333333")
        assert found.price_or_zero == Decimal("0.10")
        found = await self.loaded(here, free, Article.with_tax, Article.third, Article.price_or_zero)
        assert [found.with_tax, found.third, found.price_or_zero] == [Decimal(0)] * 3
        assert isinstance(found.price_or_zero, Decimal)

    async def test_times(self, here: Tenant) -> None:
        deadline = datetime(2035, 3, 31, 12, 30, tzinfo=UTC)
        made = await here.article(deadline=deadline)
        found = await self.loaded(here, made, Article.due, Article.time_left)
        assert found.due == made.written_at + timedelta(days=7)
        assert found.time_left == deadline - made.written_at
        open_ended = await self.loaded(here, await here.article(), Article.time_left)
        assert open_ended.time_left == timedelta()

    async def test_over_relationships(self, here: Tenant) -> None:
        author = await here.author("Ann")
        made = await here.article("fine", author_id=author.id)
        targets = (
            Article.author_name, Article.author_profile, Article.is_discussed, Article.own_praise,
        )  # fmt: skip
        found = await self.loaded(here, made, *targets)
        assert [found.author_name, found.author_profile] == ["Ann", None]
        assert (found.is_discussed, found.own_praise) == (False, False)
        await Profile.add(here.scope, author_id=author.id, bio="writes")
        await here.comment(made, "fine", score=4)
        found = await self.loaded(here, made, *targets)
        assert (found.author_name, found.author_profile) == ("Ann", "writes")
        assert (found.is_discussed, found.own_praise) == (True, True)

    async def test_made_in_python_from_what_they_load(self, here: Tenant) -> None:
        made = await here.article("bugs")
        await here.comment(made)
        found = await self.loaded(here, made, Article.summary)
        assert found.summary == "BUGS (1)"

    async def test_what_is_made_in_python_cannot_be_filtered_or_sorted_by(self, here: Tenant) -> None:
        with pytest.raises(NotCompilable, match=r"Article\.summary"):
            await Article.query(here.scope).where(Article.summary == "x").all()
        with pytest.raises(NotCompilable, match=r"Article\.summary"):
            await Article.query(here.scope).order_by(Article.summary).all()

    async def test_over_aggregates(self, here: Tenant) -> None:
        author = await here.author()
        query = Author.query(here.scope).load(Author.is_busy, Author.per_article)
        found = await query.one()
        assert [found.is_busy, found.per_article] == [False, None]
        for tries in (3, 4):
            await here.article(author_id=author.id, tries=tries)
        found = await query.one()
        assert (found.is_busy, found.per_article) == (True, 3)


class Aggregates(Behaviour):
    """Aggregates of every kind."""

    async def test_over_nothing(self, here: Tenant) -> None:
        await here.author()
        found = await Author.query(here.scope).load(*ALL_AGGREGATES).one()
        assert {each.name: getattr(found, each.name) for each in ALL_AGGREGATES} == {
            "article_count": 0,
            "hard_count": 0,
            "published_count": 0,
            "has_published": False,
            "tries": 0,
            "income": 0,
            "reading_time": timedelta(),
            "cheapest": None,
            "dearest": None,
            "mean_tries": None,
            "mean_rating": None,
            "mean_price": None,
            "newest_title": None,
            "comments_in_all": 0,
        }
        assert isinstance(found.income, Decimal)

    async def test_over_rows_with_nulls(self, here: Tenant) -> None:
        author, other = await here.author(), await here.author()
        day = timedelta(days=1)
        first = await here.article("a", author_id=author.id, tries=1, price=Decimal("1.50"), rating=0.5)
        second = await here.article(
            "b", author_id=author.id, tries=2, price=Decimal("2.25"), level=Level.HARD,
            status=Status.PUBLISHED, rating=1.0, deadline=datetime.now(UTC) + day,
        )  # fmt: skip
        third = await here.article("c", author_id=author.id, tries=2, level=Level.HARD)
        await here.article("d", author_id=other.id, tries=100, price=Decimal(100))
        for article in (first, third, third):
            await here.comment(article)
        found = await Author.query(here.scope).where(Author.id == author.id).load(*ALL_AGGREGATES).one()
        assert second.deadline is not None
        assert {each.name: getattr(found, each.name) for each in ALL_AGGREGATES} == {
            "article_count": 3,
            "hard_count": 2,
            "published_count": 1,
            "has_published": True,
            "tries": 5,
            "income": Decimal("3.75"),
            "reading_time": second.deadline - second.written_at,
            "cheapest": Decimal("1.50"),
            "dearest": Decimal("2.25"),
            "mean_tries": Decimal("1.6666666666666667"),
            "mean_rating": 0.75,
            "mean_price": Decimal("1.875"),
            "newest_title": "c",
            "comments_in_all": 3,
        }
        assert (type(found.tries), type(found.mean_rating), type(found.mean_tries)) == (int, float, Decimal)

    async def test_over_many_to_many(self, here: Tenant) -> None:
        made = await here.article()
        await tagged(here, made, "red", "blue")
        await tagged(here, await here.article(), "green")
        query = Article.query(here.scope).where(Article.id == made.id)
        found = await query.load(Article.tag_count, Article.first_tag, Article.best_score).one()
        assert (found.tag_count, found.first_tag, found.best_score) == (2, "blue", None)

    async def test_aggregates_can_be_filtered_and_sorted_by(self, here: Tenant) -> None:
        ann, bob, cyd = [await here.author(name) for name in ("Ann", "Bob", "Cyd")]
        for author, number in ((ann, 1), (bob, 3)):
            for _ in range(number):
                await here.article(author_id=author.id, price=Decimal(number))
        query = Author.query(here.scope)
        assert await query.where(Author.article_count > 1).all() == [bob]
        assert await query.order_by(Author.article_count.desc()).all() == [bob, ann, cyd]
        assert await query.order_by(Author.cheapest).all() == [ann, bob, cyd]
        assert await query.where(Author.is_busy == False).count() == 2  # noqa: E712


ALL_AGGREGATES: tuple[Any, ...] = (
    Author.article_count,
    Author.hard_count,
    Author.published_count,
    Author.has_published,
    Author.tries,
    Author.income,
    Author.reading_time,
    Author.cheapest,
    Author.dearest,
    Author.mean_tries,
    Author.mean_rating,
    Author.mean_price,
    Author.newest_title,
    Author.comments_in_all,
)


class Derived(Loads, Calculations, Aggregates):
    """Everything that comes along with a row."""
