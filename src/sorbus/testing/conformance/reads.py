"""Behaviours of reads: filters, sorts, counts and pages."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest

from sorbus import Expr, Query, coalesce, concat, exists, if_, related
from sorbus.errors.declaration import ExpressionTruth, WrongValueType
from sorbus.errors.inputs import (
    InvalidAction,
    InvalidCursor,
    InvalidInput,
    InvalidPage,
    NotFound,
    NotUnique,
)
from sorbus.expressions.build import Sort
from sorbus.testing.conformance.press import Article, Author, Comment, Level, Status
from sorbus.testing.conformance.world import Behaviour, Tenant


async def titles(here: Tenant, *conditions: Expr[bool]) -> list[str]:
    """The titles of the articles that meet the conditions, sorted."""
    found = await Article.query(here.scope).where(*conditions).all()
    return sorted(each.title for each in found)


async def three(here: Tenant) -> None:
    """Articles `a`, `b` and `c` with different values; `c` has nulls where nulls may be."""
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    await here.article("a", slug="one", price=Decimal("1.10"), rating=0.5, tries=1, deadline=noon)
    await here.article(
        "b",
        slug="two",
        price=Decimal("2.20"),
        rating=1.5,
        tries=2,
        level=Level.HARD,
        status=Status.PUBLISHED,
        deadline=noon + timedelta(days=1),
    )
    await here.article("c", tries=3, body=None)


class Gets(Behaviour):
    """One record."""

    async def test_get_finds_by_key(self, here: Tenant) -> None:
        made = await here.article()
        assert await Article.get(here.scope, made.id) == made
        assert await Article.get(here.scope, str(made.id)) == made

    async def test_get_of_nothing_is_not_found(self, here: Tenant) -> None:
        with pytest.raises(NotFound, match="Article"):
            await Article.get(here.scope, uuid4())
        with pytest.raises(InvalidInput):
            await Article.get(here.scope, "no uuid")

    async def test_one_wants_exactly_one(self, here: Tenant) -> None:
        await three(here)
        query = Article.query(here.scope)
        assert (await query.where(Article.title == "b").one()).title == "b"
        with pytest.raises(NotFound):
            await query.where(Article.title == "z").one()
        with pytest.raises(NotUnique):
            await query.one()

    async def test_first_takes_the_first_of_the_sort(self, here: Tenant) -> None:
        await three(here)
        found = await Article.query(here.scope).order_by(Article.title.desc()).first()
        assert found is not None
        assert found.title == "c"
        assert await Article.query(here.scope).where(Article.title == "z").first() is None


class Filters(Behaviour):
    """Conditions."""

    @pytest.mark.parametrize(
        ("condition", "wanted"),
        [
            (Article.title == "a", "a"),
            (Article.title != "a", "bc"),
            (Article.tries < 2, "a"),
            (Article.tries <= 2, "ab"),
            (Article.tries > 2, "c"),
            (Article.tries >= 2, "bc"),
            (Article.tries + 1 == 3, "b"),
            (Article.tries * 2 - 1 == 5, "c"),
            (Article.tries / 2 == 1, "bc"),
            (Article.tries % 2 == 1, "ac"),
            (-Article.tries < -2, "c"),
            (Article.status == Status.PUBLISHED, "b"),
            (Article.status != Status.PUBLISHED, "ac"),
            (Article.level == Level.HARD, "b"),
            (Article.title.is_in(["a", "c", "z"]), "ac"),
            (Article.title.is_in([]), ""),
            (Article.status.is_in([Status.PUBLISHED, Status.REVIEW]), "b"),
            (Article.level.is_in([Level.EASY]), "ac"),
            (~Article.title.is_in(["a"]), "bc"),
            ((Article.tries > 1) & (Article.tries < 3), "b"),
            ((Article.tries < 2) | (Article.tries > 2), "ac"),
            (~((Article.tries < 2) | (Article.tries > 2)), "b"),
            (Article.title + "!" == "b!", "b"),
            (concat(Article.title, "x") == "cx", "c"),
            (Article.title.length() == 1, "abc"),
            (if_(Article.tries > 2, "big", "small") == "big", "c"),
        ],
    )
    async def test_operators(self, here: Tenant, condition: Expr[bool], wanted: str) -> None:
        await three(here)
        assert await titles(here, condition) == list(wanted)

    @pytest.mark.parametrize(
        ("condition", "wanted"),
        [
            (Article.slug == None, "c"),  # noqa: E711
            (Article.slug != None, "ab"),  # noqa: E711
            (Article.slug.is_null(), "c"),
            (~Article.slug.is_null(), "ab"),
            (Article.slug == "one", "a"),
            (Article.slug != "one", "b"),
            (~(Article.slug == "one"), "b"),
            (Article.slug.is_in(["one", "two"]), "ab"),
            (~Article.slug.is_in(["one"]), "b"),
            ((Article.slug == "one") | (Article.tries == 3), "ac"),
            ((Article.slug != "one") & (Article.tries == 3), ""),
            (coalesce(Article.slug, "none") == "none", "c"),
            (if_(Article.slug == "one", 1, 2) == 2, "bc"),
            (Article.slug.contains("o"), "ab"),
            (Article.slug.starts_with("t"), "b"),
            (Article.slug.ends_with("ne"), "a"),
            (Article.price == Decimal("2.2"), "b"),
            (coalesce(Article.price, Decimal(0)) > Decimal("1.5"), "b"),
            (coalesce(Article.rating, 0.0) < 1.0, "ac"),
            (Article.deadline == datetime(2030, 1, 1, 12, tzinfo=UTC), "a"),
            (coalesce(Article.deadline, Article.written_at) > datetime(2030, 1, 1, 13, tzinfo=UTC), "b"),
        ],
    )
    async def test_nulls(self, here: Tenant, condition: Expr[bool], wanted: str) -> None:
        await three(here)
        assert await titles(here, condition) == list(wanted)

    async def test_text_is_taken_to_the_letter(self, here: Tenant) -> None:
        await here.article("100%")
        await here.article("1000")
        await here.article("a_b\\c'd\"")
        assert await titles(here, Article.title.contains("0%")) == ["100%"]
        assert await titles(here, Article.title.contains("_b\\c'd\"")) == ["a_b\\c'd\""]
        assert await titles(here, Article.title.starts_with("10_")) == []
        assert await titles(here, Article.title.ends_with("")) == ["100%", "1000", "a_b\\c'd\""]

    async def test_a_division_by_zero_is_null_and_fails_no_query(self, here: Tenant) -> None:
        await here.article("zero", tries=0)
        await here.article("two", tries=2)
        assert await titles(here, Article.tries / Article.tries == 1) == ["two"]
        assert await titles(here, (Article.tries % Article.tries).is_null()) == ["zero"]

    async def test_conditions_over_relationships(self, here: Tenant) -> None:
        ann, bob = await here.author("Ann"), await here.author("Bob")
        first = await here.article("a", author_id=ann.id)
        await here.article("b", author_id=bob.id)
        await here.comment(first, "fine", score=5)
        await here.comment(first, "a", score=1)
        assert await titles(here, related(Article.author, lambda author: author.name) == "Ann") == ["a"]
        assert await titles(here, related(Article.editor, lambda author: author.name) == "Ann") == []
        assert await titles(here, exists(Article.comments)) == ["a"]
        assert await titles(here, ~exists(Article.comments)) == ["b"]
        assert await titles(here, exists(Article.comments, lambda each: each.score > 3)) == ["a"]
        assert await titles(here, exists(Article.comments, lambda each: each.body == Article.title)) == ["a"]
        both = exists(Article.comments, lambda each: (each.score > 3) & (each.body == Article.title))
        assert await titles(here, both) == []

    async def test_conditions_nest_over_several_relationships(self, here: Tenant) -> None:
        ann, bob = await here.author("Ann"), await here.author("Bob")
        first = await here.article("a", author_id=ann.id)
        await here.article("b", author_id=bob.id)
        await here.comment(first, score=5)
        condition = exists(
            Author.articles, lambda article: exists(article.comments, lambda each: each.score > 3)
        )
        assert await Author.query(here.scope).where(condition).all() == [ann]

    async def test_derived_fields_can_be_filtered_and_sorted_by(self, here: Tenant) -> None:
        await three(here)
        busy = (await Article.query(here.scope).where(Article.title == "a").all())[0]
        await here.comment(busy)
        assert await titles(here, Article.comment_count == 1) == ["a"]
        assert await titles(here, Article.kind == "public") == ["b"]
        assert await titles(here, Article.heading.starts_with("internal: ")) == ["a", "c"]
        found = await Article.query(here.scope).order_by(Article.with_tax.desc(), Article.title).all()
        assert [each.title for each in found] == ["b", "a", "c"]

    async def test_a_read_action_filters_by_its_inputs(self, here: Tenant) -> None:
        await three(here)
        found = await Article.with_status(here.scope, status=Status.DRAFT).all()
        assert [each.title for each in found] == ["a", "c"]
        found = await Article.with_status(here.scope, status=Status.DRAFT, at_least=2).limit(1).all()
        assert [each.title for each in found] == ["c"]
        assert await Article.with_status(here.scope, Status.DRAFT).where(Article.title == "a").count() == 1
        with pytest.raises(InvalidAction):
            Article.with_status(here.scope, status=cast("Any", "gone"))

    async def test_a_value_of_another_type_is_refused_before_anything_runs(self, here: Tenant) -> None:
        condition: Expr[bool] = Article.tries == cast("Any", "many")
        with pytest.raises(WrongValueType):
            await Article.query(here.scope).where(condition).all()

    async def test_a_condition_has_no_truth_value(self) -> None:
        with pytest.raises(ExpressionTruth):
            _ = Article.tries > 1 and Article.tries < 3


class Sorts(Behaviour):
    """Orders."""

    async def ordered(self, here: Tenant, *terms: Sort | Expr[Any]) -> str:
        """The titles in the order of a sort."""
        found = await Article.query(here.scope).order_by(*terms).all()
        return "".join(each.title for each in found)

    async def test_terms_come_one_after_the_other(self, here: Tenant) -> None:
        for title, tries in (("a", 2), ("b", 1), ("c", 2), ("d", 1)):
            await here.article(title, tries=tries)
        assert await self.ordered(here, Article.tries, Article.title) == "bdac"
        assert await self.ordered(here, Article.tries.desc(), Article.title.desc()) == "cadb"

    async def test_ties_are_broken_by_the_key(self, here: Tenant) -> None:
        for title in "dacb":
            await here.article(title, tries=1)
        assert await self.ordered(here, Article.tries) == "dacb"
        assert await self.ordered(here, Article.tries.desc()) == "dacb"

    async def test_nulls_come_last_ascending_and_first_descending_unless_told(self, here: Tenant) -> None:
        for title, price in (("a", None), ("b", Decimal(2)), ("c", None), ("d", Decimal(1))):
            await here.article(title, price=price)
        assert await self.ordered(here, Article.price) == "dbac"
        assert await self.ordered(here, Article.price.desc()) == "acbd"
        assert await self.ordered(here, Article.price.asc(nulls_first=True)) == "acdb"
        assert await self.ordered(here, Article.price.desc(nulls_first=False)) == "bdac"

    async def test_every_type_that_has_an_order_can_be_sorted_by(self, here: Tenant) -> None:
        await three(here)
        for field in (Article.slug, Article.price, Article.rating, Article.deadline, Article.tries):
            assert await self.ordered(here, field) == "abc", field
        assert await self.ordered(here, Article.status, Article.title.desc()) == "cab"
        assert await self.ordered(here, Article.level.desc(), Article.title) == "bac"

    async def test_limit_and_offset_cut_the_sorted_rows(self, here: Tenant) -> None:
        await three(here)
        query = Article.query(here.scope).order_by(Article.title.desc())
        assert [each.title for each in await query.limit(2).all()] == ["c", "b"]
        assert [each.title for each in await query.offset(1).all()] == ["b", "a"]
        assert [each.title for each in await query.limit(1).offset(1).all()] == ["b"]
        assert await query.limit(0).all() == []
        assert await query.offset(9).all() == []
        assert await query.limit(1).count() == 3


async def walk(query: Query[Article], *, limit: int) -> str:
    """The titles of all pages, there and back again, checked against each other."""
    pages = [await query.page(limit=limit)]
    assert not pages[0].has_previous
    while pages[-1].has_next:
        pages.append(await query.page(limit=limit, after=pages[-1].end_cursor))
        assert pages[-1].has_previous
    back = pages[-1]
    for earlier in reversed(pages[:-1]):
        back = await query.page(limit=limit, before=back.start_cursor)
        assert back.items == earlier.items
        assert back.has_next
        assert back.has_previous is (earlier is not pages[0])
    assert all(len(page) == limit for page in pages[:-1])
    return "".join(each.title for page in pages for each in page.items)


class Pages(Behaviour):
    """Keyset and offset pages."""

    @pytest.mark.parametrize("limit", [1, 2, 3, 6])
    @pytest.mark.parametrize(
        ("terms", "wanted"),
        [
            ((), "abcdef"),
            ((Article.title.desc(),), "fedcba"),
            ((Article.price,), "dfbeac"),
            ((Article.price.desc(),), "acbedf"),
            ((Article.price.asc(nulls_first=True),), "acdfbe"),
            ((Article.price.desc(nulls_first=False),), "bedfac"),
            ((Article.tries.desc(), Article.price, Article.title.desc()), "fcadeb"),
            ((Article.deadline, Article.rating.desc()), "abcdef"),
        ],
    )
    async def test_keyset_pages_meet_every_row_once_in_both_directions(
        self, here: Tenant, terms: tuple[Sort, ...], wanted: str, limit: int
    ) -> None:
        prices = {"a": None, "b": Decimal(2), "c": None, "d": Decimal(1), "e": Decimal(2), "f": Decimal(1)}
        for number, (title, price) in enumerate(prices.items()):
            await here.article(title, price=price, tries=2 if title in "acf" else 1, rating=float(-number))
        assert await walk(Article.query(here.scope).order_by(*terms), limit=limit) == wanted

    async def test_a_page_stays_in_place_while_rows_come_and_go(self, here: Tenant) -> None:
        made = [await here.article(title) for title in "bdfh"]
        query = Article.query(here.scope).order_by(Article.title)
        page = await query.page(limit=2)
        await made[1].remove(here.scope)
        await here.article("a")
        await here.article("e")
        rest = await query.page(limit=9, after=page.end_cursor)
        assert [each.title for each in rest] == ["e", "f", "h"]

    async def test_a_page_counts_all_rows_when_asked(self, here: Tenant) -> None:
        await three(here)
        query = Article.query(here.scope).where(Article.tries > 1)
        assert (await query.page(limit=1, count=True)).count == 2
        assert (await query.page(limit=1)).count is None
        assert (await query.offset_page(limit=1, count=True)).count == 2

    async def test_an_empty_page(self, here: Tenant) -> None:
        page = await Article.query(here.scope).page()
        assert (page.items, page.has_next, page.has_previous) == ((), False, False)
        assert (page.start_cursor, page.end_cursor) == (None, None)

    async def test_a_filter_holds_on_every_page(self, here: Tenant) -> None:
        for title in "abcdef":
            await here.article(title, tries=1 if title in "bdf" else 0)
        query = Article.query(here.scope).where((Article.tries == 1) | (Article.title == "a"))
        assert await walk(query.order_by(Article.title), limit=2) == "abdf"

    async def test_a_broken_cursor_is_refused(self, here: Tenant) -> None:
        await three(here)
        query = Article.query(here.scope).order_by(Article.title)
        cursor = (await query.page(limit=1)).end_cursor
        assert cursor is not None
        other = "A" if cursor[8] != "A" else "B"
        changed = cursor[:8] + other + cursor[9:]
        for spoilt in ("", "no cursor", "ünïcode", cursor[:-4], cursor + "AAAA", changed, "A" * 100_000):
            with pytest.raises(InvalidCursor):
                await query.page(limit=1, after=spoilt)
            with pytest.raises(InvalidCursor):
                await query.page(limit=1, before=spoilt)

    async def test_a_forged_cursor_is_refused(self, here: Tenant) -> None:
        await three(here)
        query = Article.query(here.scope).order_by(Article.title)
        cursor = (await query.page(limit=1)).end_cursor
        assert cursor is not None
        raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        assert b'"a"' not in raw
        # Who knows a value could turn it into another one, if the signature let him.
        raw[16 + 2] ^= ord("a") ^ ord("0")
        forged = urlsafe_b64encode(raw).decode().rstrip("=")
        with pytest.raises(InvalidCursor):
            await query.page(limit=1, after=forged)

    async def test_a_cursor_of_another_sort_or_resource_is_refused(self, here: Tenant) -> None:
        await three(here)
        cursor = (await Article.query(here.scope).order_by(Article.title).page(limit=1)).end_cursor
        for query in (
            Article.query(here.scope).order_by(Article.title.desc()),
            Article.query(here.scope).order_by(Article.slug),
            Article.query(here.scope),
            Author.query(here.scope).order_by(Author.name),
        ):
            with pytest.raises(InvalidCursor):
                await query.page(limit=1, after=cursor)

    @pytest.mark.parametrize(
        "options",
        [{"limit": 0}, {"limit": -1}, {"limit": 1001}, {"after": "x", "before": "y"}],
    )
    async def test_an_impossible_page_is_refused(self, here: Tenant, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidPage):
            await Article.query(here.scope).page(**options)

    async def test_a_keyset_page_follows_what_has_an_order_only(self, here: Tenant) -> None:
        with pytest.raises(InvalidPage, match="offset_page"):
            await Article.query(here.scope).order_by(Article.labels).page()

    async def test_offset_pages(self, here: Tenant) -> None:
        for title in "abcde":
            await here.article(title)
        query = Article.query(here.scope).order_by(Article.title.desc())
        first = await query.offset_page(limit=2)
        assert [each.title for each in first] == ["e", "d"]
        assert (first.has_previous, first.has_next, first.offset) == (False, True, 0)
        last = await query.offset_page(limit=2, offset=4)
        assert [each.title for each in last] == ["a"]
        assert (last.has_previous, last.has_next) == (True, False)
        with pytest.raises(InvalidPage):
            await query.offset_page(offset=-1)

    async def test_a_stream_meets_every_row(self, here: Tenant) -> None:
        for number in range(7):
            await here.article(f"{number}")
        found = [each.title async for each in Article.query(here.scope).stream(batch=3)]
        assert found == [f"{number}" for number in range(7)]


class Counts(Behaviour):
    """Counts."""

    async def test_count_takes_the_filter_but_neither_limit_nor_sort(self, here: Tenant) -> None:
        await three(here)
        query = Article.query(here.scope)
        assert await query.count() == 3
        assert await query.where(Article.tries > 1).limit(1).order_by(Article.title).count() == 2
        assert await query.where(Article.title == "z").count() == 0

    async def test_count_sees_what_the_actor_may_read(self, here: Tenant) -> None:
        made = await here.article()
        await here.comment(made)
        await here.comment(made, hidden=True)
        assert await Comment.query(here.scope).count() == 1
        assert await Comment.query(here.system).count() == 2


class Reads(Gets, Filters, Sorts, Pages, Counts):
    """Everything that reads rows of one resource."""
