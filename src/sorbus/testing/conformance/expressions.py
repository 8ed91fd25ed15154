"""Behaviours of expressions: functions, calculations with arguments, aggregates of every form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sorbus import Expr, agg, exists, fn, parent, related
from sorbus.errors.access import NotLoaded
from sorbus.errors.declaration import ForeignField, NoParentRow, UnusableAlias
from sorbus.errors.framework import NotCompilable
from sorbus.errors.inputs import InvalidAction
from sorbus.testing.conformance.expressions_world import CALLS, Painting, Studio, Tone
from sorbus.testing.conformance.functions import Functions, painted, studio_of
from sorbus.testing.conformance.world import Behaviour, Tenant


class ParentRows(Behaviour):
    """Stepping out of lambdas over the same resource."""

    async def test_the_enclosing_row(self, here: Tenant) -> None:
        model = await painted(here, "a", width=2)
        for title, width in (("b", 3), ("c", 1)):
            await painted(here, title, width=width, model_id=model.id)
        query = Painting.query(here.scope).order_by(Painting.title)
        found = await query.load(Painting.has_wider_copy, Painting.is_model).all()
        assert [each.has_wider_copy for each in found] == [True, False, False]
        assert [each.is_model for each in found] == [True, False, False]
        wider = exists(Painting.copies, lambda copy: copy.width > parent(Painting.width))
        assert await query.where(wider).list_of(Painting.title) == ["a"]
        doubled = agg.count(
            Painting.copies, where=lambda copy: copy.width * 2 > parent(fn.abs(Painting.width))
        )
        assert await query.where(doubled == 1).list_of(Painting.title) == ["a"]

    async def test_two_rows_out(self, here: Tenant) -> None:
        first = await painted(here, "a", width=1)
        second = await painted(here, "b", width=5, model_id=first.id)
        await painted(here, "c", width=1, model_id=second.id)

        def grandchild(copy: type[Painting]) -> Expr[bool]:
            return exists(copy.copies, lambda each: each.width == parent(parent(Painting.width)))

        query = Painting.query(here.scope)
        assert await query.where(exists(Painting.copies, grandchild)).list_of(Painting.title) == ["a"]

    async def test_derived_fields_of_the_enclosing_row_count_what_the_actor_may_see(
        self, here: Tenant
    ) -> None:
        model = await painted(here, "a")
        await painted(here, "b", model_id=model.id, width=1)
        await painted(here, "c", model_id=model.id, width=2, stored=True)
        as_many = exists(Painting.copies, lambda copy: copy.width == parent(agg.count(Painting.copies)))
        query = Painting.query()
        assert await query.where(as_many).list_of(Painting.title, here.scope) == ["a"]
        assert await query.where(as_many).list_of(Painting.title, here.system) == ["a"]
        of_two = exists(
            Painting.copies, lambda copy: (copy.width == 2) & parent(agg.count(Painting.copies) == 2)
        )
        assert await query.where(of_two).count(here.scope) == 0
        assert await query.where(of_two).count(here.system) == 1

    async def test_without_an_enclosing_row(self, here: Tenant) -> None:
        with pytest.raises(NoParentRow):
            await Painting.query(here.scope).where(parent(Painting.width) == 1).all()

    async def test_foreign_fields_are_refused(self, here: Tenant) -> None:
        with pytest.raises(ForeignField, match=r"Studio\.name"):
            await Painting.query(here.scope).where(Studio.name == "x").all()


class Parametrised(Behaviour):
    """Calculations with arguments."""

    async def test_load_filter_and_sort(self, here: Tenant) -> None:
        for title, price in (("a", 100), ("b", 10), ("c", 50)):
            await painted(here, title, price=Decimal(price))
        query = Painting.query(here.scope).order_by(Painting.discounted(percent=20))
        found = await query.load(Painting.discounted(percent=20)).all()
        assert [vars(each)["discounted"] for each in found] == [Decimal(8), Decimal(40), Decimal(80)]
        assert await query.where(Painting.discounted(50) > Decimal(20)).list_of(Painting.title) == ["c", "a"]
        assert await query.where(Painting.discounted == Decimal(9)).list_of(Painting.title) == ["b"]
        assert await query.list_of(Painting.discounted(percent=100)) == [0, 0, 0]

    async def test_the_default_under_its_own_name_and_others_under_aliases(self, here: Tenant) -> None:
        await painted(here, price=Decimal(100))
        half, sale = Painting.discounted(percent=50).as_("half"), Painting.discounted(20).as_("sale")
        found = await Painting.query(here.scope).load(Painting.discounted, half, sale).one()
        assert found.discounted == Decimal(90)
        assert [half.of(found), sale.of(found)] == [Decimal(50), Decimal(80)]
        with pytest.raises(NotLoaded, match="other"):
            Painting.discounted(1).as_("other").of(found)

    async def test_python_may_choose_how_to_ask(self, here: Tenant) -> None:
        await painted(here, price=Decimal(5))
        query = Painting.query(here.scope)
        for strictly, count in ((False, 1), (True, 0)):
            assert await query.where(Painting.costs(Decimal(5), strictly=strictly)).count() == count

    async def test_calculations_of_calculations(self, here: Tenant) -> None:
        await painted(here, price=Decimal(80))
        assert await Painting.query(here.scope).list_of(Painting.halved(times=3)) == [Decimal(10)]

    async def test_arguments_are_cast_and_checked(self, here: Tenant) -> None:
        query, loose = Painting.query(here.scope), Painting.discounted
        anything: Any = loose
        await painted(here, price=Decimal(10))
        assert await query.list_of(anything(percent="50")) == [Decimal(5)]
        with pytest.raises(InvalidAction, match=r"no input `percnt`.*Inputs: percent"):
            await query.where(anything(percnt=5) > 1).all()
        with pytest.raises(InvalidAction, match=r"Painting\.discounted: `percent`"):
            await query.load(anything(percent="much")).all()
        costs: Any = Painting.costs
        for use in (query.load(costs()), query.load(costs), query.load("costs"), query.where(costs())):
            with pytest.raises(InvalidAction, match=r"Painting\.costs needs `least`"):
                await use.all()

    async def test_names_on_the_record_are_not_taken_twice(self, here: Tenant) -> None:
        query = Painting.query(here.scope)
        with pytest.raises(UnusableAlias, match="`title`"):
            await query.load(Painting.discounted(5).as_("title")).all()
        with pytest.raises(UnusableAlias, match="`half`"):
            await query.load(Painting.discounted(5).as_("half"), Painting.discounted(6).as_("half")).all()
        await query.load(Painting.discounted(5).as_("half"), Painting.discounted(5).as_("half")).all()
        for alias in ("a b", "_x", ""):
            with pytest.raises(UnusableAlias):
                Painting.discounted(5).as_(alias)

    async def test_arguments_are_no_part_of_a_plan(self, here: Tenant) -> None:
        await painted(here, price=Decimal(10))
        query = Painting.query(here.scope)

        async def use(percent: int) -> None:
            price = Painting.discounted(percent=percent)
            await query.where(price > Decimal(percent)).order_by(price).load(price.as_("p")).all()

        await use(1)
        compiled = here.app.engine.compiled
        for percent in (2, 3, 4):
            await use(percent)
        assert here.app.engine.compiled == compiled

    async def test_over_related_rows(self, here: Tenant) -> None:
        studio = await studio_of(here)
        await painted(here, "a", studio_id=studio.id, price=Decimal(100))
        dear = exists(Studio.paintings, lambda each: each.discounted(percent=10) > Decimal(80))
        assert await Studio.query(here.scope).where(dear).count() == 1
        name = related(Painting.studio, lambda each: each.name)
        assert await Painting.query(here.scope).list_of(name) == ["North"]


class InPython(Behaviour):
    """Calculations that Python computes."""

    async def test_with_arguments_and_what_they_load(self, here: Tenant) -> None:
        await painted(here, "a", price=Decimal(5))
        loud = Painting.tag(mark="!!").as_("louder")
        found = await Painting.query(here.scope).load(Painting.tag, loud).one()
        assert (found.tag, loud.of(found)) == ("a: 2.5!", "a: 2.5!!")
        with pytest.raises(AttributeError):
            found.half  # type: ignore[attr-defined]  # noqa: B018
        assert not [name for name in vars(found) if " " in name or name == "half"]

    async def test_what_they_need_does_not_hide_what_the_user_loads(self, here: Tenant) -> None:
        await painted(here, "a", price=Decimal(10))
        half = Painting.discounted(percent=10).as_("half")
        found = await Painting.query(here.scope).load(half, Painting.tag).one()
        assert (half.of(found), found.tag) == (Decimal(9), "a: 5!")

    async def test_once_for_all_records(self, here: Tenant) -> None:
        for title, width in (("a", 1), ("b", 5), ("c", 3)):
            await painted(here, title, width=width)
        CALLS.clear()
        query = Painting.query(here.scope).order_by(Painting.title)
        from_ten = Painting.places(first=10).as_("from_ten")
        found = await query.load(Painting.places, from_ten).all()
        assert [each.places for each in found] == [3, 1, 2]
        assert [from_ten.of(each) for each in found] == [12, 10, 11]
        assert CALLS["places"] == 2

    async def test_asynchronously_with_nested_loads(self, here: Tenant) -> None:
        studio = await studio_of(here)
        for title in "ab":
            await painted(here, title, studio_id=studio.id)
        found = await Painting.query(here.scope).load(Painting.shares).all()
        assert {each.shares for each in found} == {"1/2 of North"}
        with pytest.raises(NotLoaded):
            found[0].studio  # noqa: B018

    async def test_needed_relationships_beside_the_users_own(self, here: Tenant) -> None:
        studio = await studio_of(here)
        first = await painted(here, "a", studio_id=studio.id)
        await painted(here, "b", studio_id=studio.id, model_id=first.id, width=5)
        inner = Painting.query().where(Painting.title == "b")
        found = await Studio.query(here.scope).load(Studio.busiest).load_with(Studio.paintings, inner).one()
        assert found.busiest == "a of North"
        assert [each.title for each in found.paintings] == ["b"]
        found = await Studio.query(here.scope).load(Studio.paintings, Studio.busiest).one()
        assert [each.title for each in found.paintings] == ["b", "a"]

    async def test_on_records_at_hand(self, here: Tenant) -> None:
        made = await painted(here, "a", price=Decimal(4))
        half = Painting.discounted(percent=50).as_("half")
        made = await Painting.load(made, here.scope, half, Painting.tag, Painting.shares)
        assert (half.of(made), made.tag, made.shares) == (Decimal(2), "a: 2!", "1/1 of North")

    async def test_an_expression_beside_it_can_be_filtered_and_sorted_by(self, here: Tenant) -> None:
        for title in "ab":
            await painted(here, title)
        query = Painting.query(here.scope)
        assert await query.where(Painting.shout == "A").count() == 1
        found = await query.where(Painting.shout(suffix="?") == "B?").load(Painting.shout(suffix="?")).one()
        assert found.shout == "B?"
        assert await query.order_by(Painting.shout.desc()).list_of(Painting.title) == ["b", "a"]
        with pytest.raises(NotCompilable, match=r"Painting\.tag"):
            await query.where(Painting.tag(mark="x") == "y").all()


class AggregateForms(Behaviour):
    """Aggregates of every form."""

    async def filled(self, here: Tenant) -> Studio:
        """A studio with works: titles, widths, ratings, prices."""
        studio = await studio_of(here)
        rows = (("a", 3, None, 10), ("b", 5, 2.0, 20), ("c", 3, 4.0, 10), ("d", 1, None, 5))
        for title, width, rating, price in rows:
            await painted(
                here, title, studio_id=studio.id, width=width, rating=rating, price=Decimal(price),
                tones=[Tone.WARM] if width == 3 else [],
            )  # fmt: skip
        await painted(here, "e", studio_id=studio.id, width=99, stored=True)
        return studio

    async def test_over_rows(self, here: Tenant) -> None:
        await self.filled(here)
        targets: tuple[Any, ...] = (
            Studio.painting_count, Studio.all_count, Studio.ratings, Studio.prices, Studio.titles, Studio.widest,
            Studio.first_rating, Studio.first_or_null, Studio.best, Studio.income, Studio.cheap_income, Studio.line,
            Studio.copies, Studio.has_dear, Studio.is_busy, Studio.mean_length, Studio.wanted_tones,
        )  # fmt: skip
        found = await Studio.query(here.scope).load(*targets).one()
        assert {each.name: getattr(found, each.name) for each in targets} == {
            "painting_count": 4,
            "all_count": 5,
            "ratings": 2,
            "prices": 3,
            "titles": ["d", "c", "b", "a"],
            "widest": [5, 3],
            "first_rating": 2.0,
            "first_or_null": None,
            "best": 4.0,
            "income": Decimal(45),
            "cheap_income": Decimal("22.5"),
            "line": "b, a, c, d",
            "copies": 0,
            "has_dear": False,
            "is_busy": True,
            "mean_length": Decimal(1),
            "wanted_tones": [[], [Tone.WARM], [], [Tone.WARM]],
        }

    async def test_over_nothing(self, here: Tenant) -> None:
        await studio_of(here)
        found = await Studio.query(here.scope).load(
            Studio.titles, Studio.widest, Studio.best, Studio.income, Studio.cheap_income, Studio.line,
            Studio.wanted_tones, Studio.first_rating, Studio.mean_length,
        ).one()  # fmt: skip
        assert (found.titles, found.widest, found.wanted_tones) == ([], [], [])
        assert (found.best, found.income, found.cheap_income, found.line) == (
            -1.0,
            Decimal(-1),
            Decimal(0),
            "none",
        )
        assert (found.first_rating, found.mean_length) == (None, None)

    async def test_without_a_name_in_filters_sorts_and_values(self, here: Tenant) -> None:
        await self.filled(here)
        await studio_of(here, "South")
        query = Studio.query(here.scope)
        assert await query.where(agg.count(Studio.paintings) > 2).list_of(Studio.name) == ["North"]
        assert await query.order_by(agg.count(Studio.paintings)).list_of(Studio.name) == ["South", "North"]
        wide = agg.count(Studio.paintings, where=lambda each: each.width > 2)
        assert await query.order_by(Studio.name).list_of(wide) == [3, 0]
        firsts = agg.list(
            Studio.paintings, lambda each: each.title, order_by=lambda each: each.title, limit=2
        )
        assert await query.order_by(Studio.name).list_of(firsts) == [["a", "b"], []]
        assert await query.where(fn.has(firsts, "b")).count() == 1
        hidden = agg.count(Studio.paintings, authorize=False)
        assert await query.where(hidden == 5).count() == 1

    async def test_an_open_aggregate_stays_in_its_tenant(self, here: Tenant, there: Tenant) -> None:
        model = await painted(here, "a")
        await painted(here, "b", model_id=model.id, stored=True)
        # A row of another tenant that points to this one.
        await painted(there, "stray", model_id=model.id)
        every = agg.count(Painting.copies, authorize=False)
        query = Painting.query().where(Painting.id == model.id)
        assert await query.list_of(every, here.scope) == [1]
        assert await query.list_of(every, here.system) == [1]
        assert await query.list_of(agg.count(Painting.copies), here.scope) == [0]

    async def test_of_related_aggregates(self, here: Tenant) -> None:
        studio = await studio_of(here)
        first = await painted(here, "a", studio_id=studio.id)
        for title in "bc":
            await painted(here, title, studio_id=studio.id, model_id=first.id)
        await painted(here, "d", studio_id=studio.id, model_id=first.id, stored=True)
        found = await Studio.query(here.scope).load(Studio.copies).one()
        assert found.copies == 2


class Expressions(Functions, ParentRows, Parametrised, InPython, AggregateForms):
    """Everything that expressions can do."""
