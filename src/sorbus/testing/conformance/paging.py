"""Behaviours of pages: by cursor over any sort and in both directions, on each record, and streams."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from decimal import Decimal
from typing import Any, cast

import pytest

from sorbus import Expr, Query, coalesce, related
from sorbus.errors.access import NotLoaded
from sorbus.errors.inputs import InvalidCursor, InvalidPage
from sorbus.expressions.build import Sort
from sorbus.testing.conformance.queries import joined, stock
from sorbus.testing.conformance.reads_world import Genre, Loan, Shelf, Volume
from sorbus.testing.conformance.world import Behaviour, Tenant


async def walk(query: Query[Volume], *, limit: int) -> str:
    """The titles of all pages, forward and backward, checked against the whole list and each other."""
    whole = await query.all()
    pages = [await query.page(limit=limit)]
    while pages[-1].has_next:
        pages.append(await query.page(limit=limit, after=pages[-1].end_cursor))
        assert pages[-1].has_previous
    assert not pages[0].has_previous
    assert [each for page in pages for each in page] == whole
    back = [await query.page(limit=limit, before=pages[-1].end_cursor)]
    assert back[-1].has_next
    while back[-1].has_previous:
        back.append(await query.page(limit=limit, before=back[-1].start_cursor))
        assert back[-1].has_next
    assert [each for page in reversed(back) for each in page] == whole[:-1]
    return joined(whole)


SORTS: dict[str, tuple[Sort | Expr[Any], ...]] = {
    "a nullable number": (Volume.price,),
    "the same, nulls first": (Volume.price.asc(nulls_first=True), Volume.title.desc()),
    "the same, descending": (Volume.price.desc(),),
    "nulls last, descending": (Volume.price.desc(nulls_first=False), Volume.pages),
    "a float": (Volume.weight.desc(), Volume.title.desc()),
    "an enumeration": (Volume.genre, Volume.title.desc()),
    "an enumeration that an expression has": (coalesce(Volume.genre, Volume.genre).desc(), Volume.title),
    "a truth value": (Volume.lent, Volume.pages.desc()),
    "a calculation": (Volume.worth.desc(), Volume.title),
    "a quotient that may be null": (Volume.per_page,),
    "a field behind a relationship": (Volume.shelf_name.desc(), Volume.pages),
    "the same, written on the spot": (related(Volume.shelf, lambda each: each.room), Volume.title.desc()),
    "an aggregate": (Volume.loan_days.desc(), Volume.title),
    "an aggregate that may be null": (Volume.longest.asc(nulls_first=True),),
    "an expression with values": ((Volume.pages % 3).desc(), (Volume.pages * 2 + 1), Volume.title.desc()),
    "a text made of texts": (Volume.title + "x",),
    "the key": (Volume.id.desc(),),
}


class AnySort(Behaviour):
    """Keyset pages over whatever has an order."""

    @pytest.mark.parametrize("name", SORTS)
    async def test_pages_joined_are_the_whole_list_in_both_directions(self, here: Tenant, name: str) -> None:
        volumes = await stock(here)
        for title, days in (("a", 3), ("a", 4), ("c", 7), ("d", 3)):
            await Loan.lend(here.scope, volume_id=volumes[title].id, days=days)
        query = Volume.query(here.scope).order_by(*SORTS[name])
        for limit in (1, 2, 4):
            assert sorted(await walk(query, limit=limit)) == list("abcdef")

    @pytest.mark.parametrize("count", [-1, 2**63])
    async def test_a_number_of_rows_that_there_cannot_be_is_refused(self, here: Tenant, count: int) -> None:
        with pytest.raises(InvalidPage):
            Volume.query(here.scope).limit(count)
        with pytest.raises(InvalidPage):
            Volume.query(here.scope).offset(count)

    async def test_the_values_of_a_sort_come_from_the_statement(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.worth, Volume.title).select(Volume.pages)
        first = await query.page(limit=3)
        rest = await query.page(limit=3, after=first.end_cursor)
        assert [each.pages for each in (*first, *rest)] == [100, 0, 10, 50, 50, 100]
        with pytest.raises(NotLoaded):
            _ = first[0].worth

    async def test_each_row_has_a_cursor(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title.desc())
        page = await query.page(limit=4)
        assert page.cursor(0) == page.start_cursor
        assert joined(list(await query.page(after=page.cursor(1)))) == "dcba"
        assert joined(list(await query.page(before=page.cursor(1)))) == "f"

    async def test_pages_know_what_lies_around_them_while_rows_go(self, here: Tenant) -> None:
        volumes = await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title)
        page = await query.page(limit=2)
        later = await query.page(limit=2, after=page.end_cursor)
        for title in "ab":
            await volumes[title].pulp(here.scope)
        again = await query.page(limit=2, after=page.end_cursor)
        assert joined(list(again)) == "cd"
        assert (again.has_previous, again.has_next) == (False, True)
        for title in "ef":
            await volumes[title].pulp(here.scope)
        back = await query.page(limit=2, before=cast("str", later.end_cursor))
        assert (joined(list(back)), back.has_previous, back.has_next) == ("c", False, True)
        beyond = await query.page(limit=2, after=later.end_cursor)
        assert (beyond.items, beyond.has_previous, beyond.has_next) == ((), True, False)
        before = await query.page(limit=2, before=page.start_cursor)
        assert (before.items, before.has_previous, before.has_next) == ((), False, True)

    async def test_an_empty_page_beyond_an_empty_list_has_no_neighbours(self, here: Tenant) -> None:
        made = await Volume.bind(here.scope, title="a")
        query = Volume.query(here.scope)
        page = await query.page(count=True)
        assert page.count == 1
        await made.pulp(here.scope)
        beyond = await query.page(after=page.end_cursor, count=True)
        assert (beyond.items, beyond.has_previous, beyond.has_next, beyond.count) == ((), False, False, 0)

    async def test_rows_that_come_and_change_are_met_once(self, here: Tenant) -> None:
        volumes = await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title)
        page = await query.page(limit=3)
        await Volume.bind(here.scope, title="aa")
        await Volume.bind(here.scope, title="dd")
        await volumes["e"].rename(here.scope, title="0")
        rest = await query.page(limit=9, after=page.end_cursor)
        assert [each.title for each in rest] == ["d", "dd", "f"]

    async def test_distinct_rows_are_paged(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).distinct(Volume.pages, order_by=Volume.title.desc())
        assert await walk(query.order_by(Volume.price.desc(), Volume.title), limit=1) == "cfed"

    async def test_combinations_are_paged_unless_a_row_may_come_twice(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        left, right = query.where(Volume.pages >= 50), query.where(Volume.genre == Genre.ESSAY)
        assert await walk(left.union(right).order_by(Volume.price, Volume.title), limit=2) == "baec"
        assert await walk(left.difference(right).order_by(Volume.title.desc()), limit=1) == "ea"
        twice = left.union_all(right).order_by(Volume.title)
        with pytest.raises(InvalidPage, match="union_all"):
            await twice.page()
        assert joined(list(await twice.offset_page(limit=3, offset=1))) == "bbc"
        assert await walk(twice.distinct(Volume.title), limit=2) == "abce"
        assert await walk(left.union_all(right).union(right).order_by(Volume.title), limit=2) == "abce"

    async def test_a_limited_query_is_paged_within_its_limit(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title.desc()).limit(4).offset(1)
        assert await walk(query, limit=3) == "edcb"
        page = await query.page(limit=1, count=True)
        assert page.count == 4
        position = await query.offset_page(limit=2, offset=3, count=True)
        assert (joined(list(position)), position.has_next, position.count) == ("b", False, 4)

    async def test_loads_come_with_the_page(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title).load(Volume.shelf, Volume.label)
        page = await query.page(limit=2)
        back = await query.page(limit=2, before=(await query.page(limit=3)).end_cursor)
        for found in (page, back):
            assert [(each.shelf and each.shelf.name, each.label) for each in found] == [
                ("left", "a (100)"),
                ("left", "b (50)"),
            ]

    async def test_an_action_says_how_its_rows_come_in_pages(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.in_pages(here.scope)
        page = await query.page()
        assert (joined(list(page)), page.limit, page.count) == ("ab", 2, None)
        assert joined(list(await query.page(limit=3, after=page.end_cursor))) == "cde"
        for options in ({"limit": 4}, {"limit": 0}, {"count": True}):
            with pytest.raises(InvalidPage):
                await query.page(**cast("Any", options))
            with pytest.raises(InvalidPage):
                await query.offset_page(**cast("Any", options))
        assert (await Volume.counted(here.scope).page(limit=1)).count == 6
        assert (await Volume.counted(here.scope).page(limit=1, count=False)).count is None
        assert (await Volume.counted(here.scope).offset_page(offset=9)).count == 6


class Cursors(Behaviour):
    """What somebody can do with a cursor that is not his, not from here, or not one."""

    async def is_refused(self, query: Query[Any], cursor: Any) -> None:
        """A cursor is refused in both directions."""
        with pytest.raises(InvalidCursor):
            await query.page(limit=1, after=cursor)
        with pytest.raises(InvalidCursor):
            await query.page(limit=1, before=cursor)

    async def test_a_cursor_tells_nothing(self, here: Tenant) -> None:
        await Volume.bind(here.scope, title="a", note="a secret that nobody sees")
        page = await Volume.query(here.scope).order_by(Volume.note).page()
        cursor = cast("str", page.end_cursor)
        assert b"secret" not in urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))

    async def test_a_cursor_of_another_query_is_refused(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title)
        cursor = (await query.page(limit=1)).end_cursor
        plain = Volume.query(here.scope)
        for other in (
            plain,
            plain.order_by(Volume.note),
            plain.order_by(Volume.isbn),
            plain.order_by(Volume.title.desc()),
            plain.order_by(Volume.title.asc(nulls_first=True)),
            plain.order_by(Volume.title, Volume.pages),
            plain.order_by(Volume.title + ""),
            query.where(Volume.pages > 1),
            query.distinct(Volume.title),
            query.union(query).order_by(Volume.title),
            query.limit(3),
            Volume.counted(here.scope),
            Volume.of_genre(here.scope, Genre.TALE),
            Shelf.query(here.scope).order_by(Shelf.name),
            Loan.query(here.scope),
        ):
            await self.is_refused(other, cursor)

    async def test_a_cursor_of_the_same_query_with_other_values_is_good(self, here: Tenant) -> None:
        await stock(here)

        def over(pages: int) -> Query[Volume]:
            return Volume.query(here.scope).where(Volume.pages >= pages).order_by(Volume.title)

        cursor = (await over(50).page(limit=1)).end_cursor
        assert joined(list(await over(10).page(after=cursor))) == "bcde"

    async def test_but_not_with_other_values_in_the_sort(self, here: Tenant) -> None:
        await stock(here)

        def by(number: int) -> Query[Volume]:
            return Volume.query(here.scope).order_by(Volume.pages % number)

        cursor = (await by(3).page(limit=1)).end_cursor
        await self.is_refused(by(7), cursor)
        assert len(await by(3).page(after=cursor)) == 5

    async def test_a_cursor_of_another_tenant_is_refused(self, here: Tenant, there: Tenant) -> None:
        await stock(here)
        await stock(there)
        query = Volume.query().order_by(Volume.title)
        cursor = (await query.page(limit=1, scope=here.scope)).end_cursor
        await self.is_refused(query.with_scope(there.scope), cursor)
        await self.is_refused(query.with_scope(here.app.system_scope()), cursor)
        assert len(await query.page(after=cursor, scope=here.scope)) == 5
        assert len(await query.page(after=cursor, scope=here.as_(await here.person("Eve")))) == 5

    async def test_a_cursor_of_a_page_on_a_record_fits_there_only(self, here: Tenant) -> None:
        await stock(here)
        inner = Volume.query().order_by(Volume.title)
        shelf = (await Shelf.query(here.scope).load_page(Shelf.volumes, inner, limit=1).all())[0]
        cursor = Shelf.volumes.page_of(shelf).end_cursor
        await self.is_refused(Volume.query(here.scope).order_by(Volume.title), cursor)
        loose = (await Volume.query(here.scope).order_by(Volume.title).page(limit=1)).end_cursor
        with pytest.raises(InvalidCursor):
            await Shelf.query(here.scope).load_page(Shelf.volumes, inner, after=loose).all()

    async def test_what_is_no_cursor_is_refused(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title, Volume.price)
        cursor = cast("str", (await query.page(limit=1)).end_cursor)
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        for position in (0, 7, 15, 16, len(raw) - 1):
            flipped = bytearray(raw)
            flipped[position] ^= 4
            await self.is_refused(query, urlsafe_b64encode(flipped).decode().rstrip("="))
            await self.is_refused(query, urlsafe_b64encode(raw[:position]).decode().rstrip("="))
        for what in (
            "",
            "\x00",
            cursor + "\x00",
            cursor + "=",
            "ü",
            "A" * 10**6,
            "null",
            7,
            {"eq": 1},
            ["x"],
        ):
            await self.is_refused(query, what)


class NestedPages(Behaviour):
    """A page of related rows on each record."""

    async def shelves_with(self, here: Tenant, **options: Any) -> list[Shelf]:
        """Both shelves with a page of their volumes."""
        inner = options.pop("inner", None)
        query = Shelf.query(here.scope).order_by(Shelf.name)
        return await query.load_page(Shelf.volumes, inner, **options).all()

    async def test_each_record_has_a_page_of_its_own(self, here: Tenant) -> None:
        await stock(here)
        await Shelf.build(here.scope, name="zero")
        shelves = await self.shelves_with(here, limit=1, count=True)
        pages = [Shelf.volumes.page_of(each) for each in shelves]
        assert [(joined(list(each)), each.has_next, each.has_previous, each.count) for each in pages] == [
            ("a", True, False, 2),
            ("c", True, False, 2),
            ("", False, False, 0),
        ]
        assert [each.title for each in shelves[0].volumes] == ["a"]
        assert pages[2].start_cursor is None

    async def test_cursors_lead_on_and_back_on_each_record(self, here: Tenant) -> None:
        await stock(here)
        await Volume.bind(here.scope, title="b2", shelf_id=(await self.shelves_with(here))[0].id)
        (left, right) = [Shelf.volumes.page_of(each) for each in await self.shelves_with(here, limit=1)]
        after = await self.shelves_with(here, limit=1, after=left.end_cursor)
        found = [Shelf.volumes.page_of(each) for each in after]
        assert [(joined(list(each)), each.has_previous, each.has_next) for each in found] == [
            ("b", True, True),
            ("c", False, True),
        ]
        beyond = await self.shelves_with(here, limit=5, after=right.end_cursor, count=True)
        found = [Shelf.volumes.page_of(each) for each in beyond]
        assert [(joined(list(each)), each.has_previous, each.has_next, each.count) for each in found] == [
            ("", True, False, 3),
            ("d", True, False, 2),
        ]
        before = await self.shelves_with(here, limit=1, before=right.end_cursor)
        found = [Shelf.volumes.page_of(each) for each in before]
        assert [(joined(list(each)), each.has_previous, each.has_next) for each in found] == [
            ("b2", True, False),
            ("", False, True),
        ]

    async def test_pages_over_any_sort_with_further_loads(self, here: Tenant) -> None:
        volumes = await stock(here)
        await Loan.lend(here.scope, volume_id=volumes["b"].id, days=3)
        inner = (
            Volume.query().order_by(Volume.loan_days.desc(), Volume.worth).load(Volume.loans, Volume.label)
        )
        shelves = await self.shelves_with(here, inner=inner, limit=1)
        (left, right) = [Shelf.volumes.page_of(each) for each in shelves]
        assert [(joined(list(each)), [len(one.loans) for one in each]) for each in (left, right)] == [
            ("b", [1]),
            ("c", [0]),
        ]
        assert left[0].label == "b (50)"
        shelves = await self.shelves_with(here, inner=inner, limit=9, after=left.end_cursor)
        assert joined(list(Shelf.volumes.page_of(shelves[0]))) == "a"

    async def test_pages_by_position(self, here: Tenant) -> None:
        await stock(here)
        shelves = await self.shelves_with(here, limit=1, offset=1, count=True)
        found = [Shelf.volumes.page_of(each) for each in shelves]
        assert [(joined(list(each)), each.has_previous, each.has_next, each.count) for each in found] == [
            ("b", True, False, 2),
            ("d", True, False, 2),
        ]
        assert found[0].start_cursor is None
        shelves = await self.shelves_with(here, limit=1, offset=9, count=True)
        assert [Shelf.volumes.page_of(each).count for each in shelves] == [2, 2]

    async def test_conditions_policies_and_tenants_hold_on_them(self, here: Tenant, there: Tenant) -> None:
        volumes = await stock(here)
        await stock(there)
        for days in (1, 2, 3):
            await Loan.lend(here.scope, volume_id=volumes["a"].id, days=days, hidden=days == 2)
        query = Volume.query(here.scope).where(Volume.title == "a")
        found = await query.load_page(Volume.loans, Loan.query().where(Loan.days > 1), count=True).one()
        page = Volume.loans.page_of(found)
        assert ([each.days for each in page], page.count) == ([3], 1)

    async def test_what_cannot_be_a_page_is_refused(self, here: Tenant) -> None:
        await stock(here)
        for options in (
            {"limit": 0},
            {"limit": 1001},
            {"offset": -1},
            {"after": "x", "before": "y"},
            {"after": "x", "offset": 1},
            {"inner": Volume.query().limit(1)},
            {"inner": Volume.query().order_by(Volume.words)},
            {"inner": Volume.in_pages(here.scope), "limit": 4},
        ):
            with pytest.raises(InvalidPage):
                await self.shelves_with(here, **options)
        with pytest.raises(InvalidCursor):
            await self.shelves_with(here, after="x")
        with pytest.raises(InvalidPage, match="to many"):
            await Volume.query(here.scope).load_page(Volume.shelf).all()
        shelf = (await Shelf.query(here.scope).load(Shelf.volumes).all())[0]
        with pytest.raises(NotLoaded):
            Shelf.volumes.page_of(shelf)


class Streams(Behaviour):
    """Every row in batches."""

    async def stream_of(self, query: Query[Volume], **options: Any) -> str:
        """The titles of a stream."""
        return "".join([each.title async for each in query.stream(**options)])

    @pytest.mark.parametrize("batch", [1, 2, 5, 100])
    async def test_a_stream_meets_every_row_once_in_order(self, here: Tenant, batch: int) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.worth.desc(), Volume.title)
        assert await self.stream_of(query, batch=batch) == joined(await query.all())
        assert await self.stream_of(query.limit(4), batch=batch) == joined(await query.limit(4).all())
        cut = query.limit(3).offset(2)
        assert await self.stream_of(cut, batch=batch) == joined(await cut.all())
        assert await self.stream_of(query.offset(5), batch=batch) == joined(await query.offset(5).all())
        assert await self.stream_of(query.limit(0), batch=batch) == ""

    async def test_what_has_no_keyset_needs_a_fallback(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        twice = (
            query.where(Volume.pages == 50).union_all(query.where(Volume.pages > 10)).order_by(Volume.title)
        )
        lists = query.order_by(Volume.words.desc(), Volume.title)
        for each in (twice, lists):
            with pytest.raises(InvalidPage, match="fallback"):
                await self.stream_of(each)
            for batch in (1, 2, 9):
                for cut in (each, each.limit(3), each.limit(3).offset(1)):
                    whole = joined(await cut.all())
                    assert await self.stream_of(cut, batch=batch, fallback="offset") == whole
            assert await self.stream_of(each, fallback="full") == joined(await each.all())

    async def test_a_stream_stays_in_place_while_rows_go(self, here: Tenant) -> None:
        volumes = await stock(here)
        seen: list[str] = []
        async for each in Volume.query(here.scope).order_by(Volume.title).stream(batch=2):
            seen.append(each.title)
            await volumes[each.title].pulp(here.scope)
        assert "".join(seen) == "abcdef"

    async def test_a_batch_of_nothing_is_refused(self, here: Tenant) -> None:
        with pytest.raises(InvalidPage):
            await self.stream_of(Volume.query(here.scope), batch=0)

    async def test_prices_are_exact_on_the_way(self, here: Tenant) -> None:
        for number in range(5):
            await Volume.bind(
                here.scope, title=str(number), price=Decimal("0.1") + Decimal(number) / Decimal(10**20)
            )
        query = Volume.query(here.scope).order_by(Volume.price.desc())
        assert await self.stream_of(query, batch=1) == "43210"


class Paging(AnySort, Cursors, NestedPages, Streams):
    """Everything about pages that goes beyond stored fields."""
