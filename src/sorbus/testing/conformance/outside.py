"""Behaviours of filters and sorts that come from outside as plain data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from sorbus import Query
from sorbus.errors.inputs import InvalidFilter
from sorbus.testing.conformance.queries import joined, stock
from sorbus.testing.conformance.reads_world import Genre, Loan, Shelf, Volume
from sorbus.testing.conformance.world import Behaviour, Tenant


def nested(levels: int) -> dict[str, Any]:
    """A condition so deep in denials."""
    return {"not": nested(levels - 1)} if levels else {"title": {"eq": "a"}}


class FilterInputs(Behaviour):
    """Conditions as plain data."""

    @pytest.mark.parametrize(
        ("data", "wanted"),
        [
            ({}, "abcdef"),
            ({"title": {"eq": "a"}}, "a"),
            ({"title": {"not_eq": "a"}}, "bcdef"),
            ({"title": {"in": ["a", "f", "z"]}}, "af"),
            ({"title": {"in": []}}, ""),
            ({"title": {"contains": "a"}}, "a"),
            ({"title": {"starts_with": "b"}, "pages": {"eq": 50}}, "b"),
            ({"title": {"ends_with": ""}}, "abcdef"),
            ({"title": {"contains": "%"}}, ""),
            ({"pages": {"greater_than": 10, "less_than": 100}}, "be"),
            ({"pages": {"less_than_or_equal": 10}}, "df"),
            ({"price": {"greater_than_or_equal": "3.5"}}, "ae"),
            ({"price": {"greater_than_or_equal": 3}}, "ae"),
            ({"price": {"is_nil": True}}, "cf"),
            ({"price": {"is_nil": False}}, "abde"),
            ({"not": {"price": {"eq": 2}}}, "ae"),
            ({"weight": {"eq": 0.5}}, "ae"),
            ({"weight": {"less_than": 1}}, "ae"),
            ({"genre": {"eq": "essay"}}, "bc"),
            ({"genre": {"in": ["tale", Genre.VERSE]}}, "adef"),
            ({"lent": {"eq": False}}, "abcdef"),
            ({"printed": {"greater_than": "2020-01-01"}}, ""),
            ({"printed": {"eq": date(2020, 1, 1)}}, ""),
            ({"read_at": {"less_than": "2020-01-01T00:00:00"}}, ""),
            ({"read_at": {"eq": datetime(2020, 1, 1, tzinfo=UTC)}}, ""),
            ({"words": {"is_nil": False}}, "abcdef"),
            ({"words": {"has": "y"}}, "d"),
            ({"words": {"has": "xy"}}, ""),
            ({"not": {"words": {"has": "x"}}}, "abcef"),
            ({"words": {"intersects": ["z", "x"]}}, "d"),
            ({"words": {"intersects": []}}, ""),
            ({"worth": {"greater_than": 150}}, "ae"),
            ({"shelf_name": {"eq": "left"}}, "ab"),
            ({"loan_days": {"greater_than": 0}}, "a"),
            ({"or": [{"title": {"eq": "a"}}, {"pages": {"eq": 50}}]}, "abe"),
            ({"and": [{"pages": {"eq": 50}}, {"or": [{"title": {"eq": "b"}}]}]}, "b"),
            ({"pages": {"eq": 50}, "not": {"title": {"eq": "b"}}}, "e"),
            ({"shelf": {"name": {"eq": "right"}}}, "cd"),
            ({"shelf": {}}, "abcd"),
            ({"not": {"shelf": {}}}, "ef"),
            ({"shelf": {"volumes": {"title": {"eq": "a"}}}}, "ab"),
            ({"loans": {"days": {"eq": 3}}}, "a"),
            ({"loans": {"days": {"eq": 4}}}, ""),
            ({"loans": {"volume": {"shelf": {"room": {"eq": "attic"}}}}}, "a"),
        ],
    )
    async def test_a_filter_means_what_it_says(self, here: Tenant, data: Any, wanted: str) -> None:
        volumes = await stock(here)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=3)
        await Loan.lend(here.scope, volume_id=volumes["b"].id, days=4, hidden=True)
        query = Volume.query(here.scope).order_by(Volume.title)
        assert joined(await query.filter_input(data).all()) == wanted
        unbound = Volume.query().order_by(Volume.title).filter_input(data)
        assert joined(await unbound.all(here.scope)) == wanted

    async def test_it_adds_to_the_other_conditions(self, here: Tenant, there: Tenant) -> None:
        await stock(here)
        await stock(there)
        query = Volume.query(here.scope).where(Volume.pages >= 50).order_by(Volume.title)
        query = query.filter_input({"or": [{"price": {"is_nil": True}}, {"title": {"eq": "a"}}]})
        assert joined(await query.all()) == "ac"
        assert await query.count() == 2
        assert joined(list(await query.page(limit=1))) == "a"
        inner = Volume.query().filter_input({"pages": {"eq": 50}})
        shelves = await Shelf.query(here.scope).order_by(Shelf.name).load_with(Shelf.volumes, inner).all()
        assert [joined(each.volumes) for each in shelves] == ["b", ""]

    @pytest.mark.parametrize(
        ("data", "path", "said"),
        [
            ({"titel": {"eq": "a"}}, ("titel",), "Did you mean `title`?"),
            ({"note": {"eq": "a"}}, ("note",), "title"),
            ({"org_id": {"eq": "a"}}, ("org_id",), "no public field"),
            ({"label": {"eq": "a"}}, ("label",), "no public field"),
            ({"mark": {"eq": "a"}}, ("mark",), "no public field"),
            ({"shelf": {"code": {"eq": "L"}}}, ("shelf", "code"), "name"),
            ({"loans": {"hidden": {"eq": True}}}, ("loans", "hidden"), "days"),
            ({"title": {"equals": "a"}}, ("title", "equals"), "contains"),
            ({"pages": {"contains": "a"}}, ("pages", "contains"), "less_than"),
            ({"genre": {"less_than": "tale"}}, ("genre", "less_than"), "not_eq"),
            ({"words": {"eq": ["a"]}}, ("words", "eq"), "has, intersects, is_nil"),
            ({"words": {"has": ["a"]}}, ("words", "has"), "str"),
            ({"words": {"has": 5}}, ("words", "has"), "str"),
            ({"words": {"has": None}}, ("words", "has"), "str"),
            ({"words": {"intersects": "a"}}, ("words", "intersects"), "str"),
            ({"words": {"intersects": [None]}}, ("words", "intersects"), "str"),
            ({"words": {"intersects": ["a"] * 201}}, ("words", "intersects"), "up to 200"),
            ({"title": {"has": "a"}}, ("title", "has"), "contains"),
            ({"title": "a"}, ("title",), '{"eq": …}'),
            ({"title": ["a"]}, ("title",), "map of operators"),
            ({"title": {}}, ("title",), "map of operators"),
            ({"title": None}, ("title",), "map of operators"),
            ({"title": {"eq": None}}, ("title", "eq"), "is_nil"),
            ({"title": {"eq": {"not_eq": ""}}}, ("title", "eq"), "no value"),
            ({"title": {"eq": ["a"]}}, ("title", "eq"), "no value"),
            ({"title": {"eq": 5}}, ("title", "eq"), "str"),
            ({"title": {"eq": "\x00"}}, ("title", "eq"), "str"),
            ({"title": {"eq": "\ud800"}}, ("title", "eq"), "str"),
            ({"title": {"contains": "x" * 20_000}}, ("title", "contains"), "str"),
            ({"title": {"in": "a"}}, ("title", "in"), "str"),
            ({"title": {"in": ["a", {"eq": "b"}]}}, ("title", "in"), "str"),
            ({"title": {"in": ["a"] * 300}}, ("title", "in"), "up to 200"),
            ({"pages": {"eq": "5"}}, ("pages", "eq"), "int"),
            ({"pages": {"eq": True}}, ("pages", "eq"), "int"),
            ({"pages": {"eq": 2**63}}, ("pages", "eq"), "int"),
            ({"pages": {"eq": 1.5}}, ("pages", "eq"), "int"),
            ({"weight": {"eq": float("nan")}}, ("weight", "eq"), "float"),
            ({"price": {"eq": "1e999999"}}, ("price", "eq"), "Decimal"),
            ({"price": {"eq": "NaN"}}, ("price", "eq"), "Decimal"),
            ({"genre": {"eq": "novel"}}, ("genre", "eq"), "tale"),
            ({"lent": {"eq": "yes"}}, ("lent", "eq"), "bool"),
            ({"price": {"is_nil": "true"}}, ("price", "is_nil"), "true, false"),
            ({"printed": {"eq": "tomorrow"}}, ("printed", "eq"), "date"),
            ({"read_at": {"eq": "0001-01-01T00:00:00+14:00"}}, ("read_at", "eq"), "datetime"),
            ({"title": {"eq": Volume.note}}, ("title", "eq"), "no value"),
            ({"title": {"eq": object()}}, ("title", "eq"), "no value"),
            ({"and": []}, ("and",), "at least one"),
            ({"or": {"title": {"eq": "a"}}}, ("or",), "list"),
            ({"or": [{"title": {"eq": "a"}}, {}]}, ("or", 1), "at least one member"),
            ({"not": {}}, ("not",), "at least one member"),
            ({"and": [{"title": {"eq": "a"}}, 5]}, ("and", 1), "map"),
            ({3: {"eq": "a"}}, ("3",), "no public field"),
            (nested(20), ("not",) * 9, "levels deep"),
            ({"and": [{"title": {"eq": "a"}}] * 200}, None, "at most 100 conditions"),
            (["title"], (), "map"),
            ("title = 'a'", (), "map"),
            (None, (), "map"),
            (Volume.title == "a", (), "map"),
        ],
    )
    async def test_what_it_may_not_ask_is_refused_with_its_place(
        self, here: Tenant, data: Any, path: tuple[Any, ...] | None, said: str
    ) -> None:
        with pytest.raises(InvalidFilter) as caught:
            Volume.query(here.scope).filter_input(data)
        assert said in str(caught.value)
        if path is not None:
            assert caught.value.path == ("filter", *path)
        with pytest.raises(InvalidFilter):
            await Volume.query().filter_input(data).all(here.scope)

    async def test_many_values_make_one_plan(self, here: Tenant) -> None:
        await stock(here)

        async def ask(title: str, pages: int) -> None:
            data: dict[str, Any] = {
                "title": {"in": [title, "x"]},
                "or": [{"pages": {"eq": pages}}, {"shelf": {}}],
            }
            await Volume.query(here.scope).filter_input(data).sort_input("-pages,shelf.name").all()

        await ask("a", 1)
        before = here.app.engine.compiled
        await ask("b", 2)
        assert here.app.engine.compiled == before


class SortInputs(Behaviour):
    """Sorts as plain data."""

    async def in_order_of(self, here: Tenant, data: Any) -> str:
        """The titles in the order of a sort."""
        return joined(await Volume.query(here.scope).sort_input(data).all())

    @pytest.mark.parametrize(
        ("data", "wanted"),
        [
            ("", "abcdef"),
            ([], "abcdef"),
            ("title", "abcdef"),
            ("-title", "fedcba"),
            ("+title", "abcdef"),
            ("-pages,title", "acbedf"),
            (["-pages", "-title"], "caebdf"),
            ("price, title", "bdaecf"),
            ("++price,title", "cfbdae"),
            ("-price,title", "cfaebd"),
            ("--price,title", "aebdcf"),
            ("genre,-title", "cbeafd"),
            ("-worth,title", "aebdcf"),
            ("shelf.name,-title", "badcfe"),
            ("-shelf.name,title", "efcdab"),
            ("shelf.volume_count,shelf.room,title", "abcdef"),
        ],
    )
    async def test_a_sort_means_what_it_says(self, here: Tenant, data: Any, wanted: str) -> None:
        await stock(here)
        assert await self.in_order_of(here, data) == wanted
        pages = [await Volume.query(here.scope).sort_input(data).page(limit=2)]
        while pages[-1].has_next:
            pages.append(
                await Volume.query(here.scope).sort_input(data).page(limit=2, after=pages[-1].end_cursor)
            )
        assert joined([each for page in pages for each in page]) == wanted

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ("titel", "Did you mean `title`?"),
            ("note", "title"),
            ("place", "no public field"),
            ("label", "no public field"),
            ("words", "no public field"),
            ("shelf", "no public field"),
            ("shelf.code", "name"),
            ("loans.days", "to-one"),
            ("shelf.volumes.title", "to-one"),
            ("---title", "no public field"),
            (",", "no public field"),
            ("title;drop table", "no public field"),
            ("title," * 20 + "title", "at most 8 terms"),
            ("x" * 5000, "characters"),
            (["title", 5], "short text"),
            ({"title": "asc"}, "a text or a list"),
            (None, "a text or a list"),
        ],
    )
    async def test_what_it_may_not_sort_by_is_refused(self, here: Tenant, data: Any, said: str) -> None:
        with pytest.raises(InvalidFilter) as caught:
            Volume.query(here.scope).sort_input(data)
        assert said in str(caught.value)
        assert caught.value.path == ("sort",)
        with pytest.raises(InvalidFilter):
            await Volume.query().sort_input(data).all(here.scope)

    async def test_it_comes_after_the_sort_of_the_code(self, here: Tenant) -> None:
        await stock(here)
        query: Query[Volume] = Volume.query(here.scope).order_by(Volume.pages)
        assert joined(await query.sort_input("-title").all()) == "fdebca"
        assert joined(await query.sort_input("-title").order_by(Volume.title).all()) == "fdebca"

    async def test_rows_that_the_actor_may_not_read_do_not_sort(self, here: Tenant) -> None:
        volumes = await stock(here)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=1)
        await Loan.lend(here.scope, volume_id=volumes["f"].id, days=9, hidden=True)
        assert (await self.in_order_of(here, "-loan_days,title"))[0] == "a"
        assert cast("Decimal", await Volume.query(here.scope).max(Volume.loan_days)) == 1


class Outside(FilterInputs, SortInputs):
    """Everything that comes from outside into a query."""
