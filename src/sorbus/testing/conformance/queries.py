"""Behaviours of queries: distinct rows, combinations, chosen attributes, values over all rows, identities, loads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest

from sorbus import Scope, agg
from sorbus.errors.access import NotLoaded
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.declaration import NoSuchField, NotNumeric
from sorbus.errors.framework import CannotCombine, NoSuchIdentity
from sorbus.errors.inputs import InvalidInput, NotFound, NotUnique, PageRequired
from sorbus.testing.conformance.reads_world import Genre, Loan, Shelf, Volume
from sorbus.testing.conformance.world import Behaviour, Tenant


async def stock(here: Tenant) -> dict[str, Volume]:
    """Two shelves, and volumes `a` to `f` with nulls and ties; `e` stands nowhere, `f` has everything null."""
    left = await Shelf.build(here.scope, name="left", room="attic", code="L")
    right = await Shelf.build(here.scope, name="right", code="R")
    given: dict[str, dict[str, Any]] = {
        "a": {"shelf_id": left.id, "isbn": "1", "price": Decimal("3.50"), "pages": 100, "weight": 0.5},
        "b": {"shelf_id": left.id, "genre": Genre.ESSAY, "price": Decimal(2), "pages": 50},
        "c": {"shelf_id": right.id, "isbn": "3", "genre": Genre.ESSAY, "pages": 100, "weight": 1.5},
        "d": {
            "shelf_id": right.id,
            "genre": Genre.VERSE,
            "price": Decimal(2),
            "pages": 10,
            "words": ["x", "y"],
        },
        "e": {"isbn": "5", "price": Decimal("3.50"), "pages": 50, "weight": 0.5},
        "f": {"genre": Genre.VERSE},
    }
    return {title: await Volume.bind(here.scope, title=title, **each) for title, each in given.items()}


def joined(found: list[Volume]) -> str:
    """The titles in their order."""
    return "".join(each.title for each in found)


class DistinctRows(Behaviour):
    """One row for each combination of values."""

    async def test_one_row_for_each_value_the_first_in_its_own_sort(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title)
        first = query.distinct(Volume.genre, order_by=Volume.title)
        assert joined(await first.all()) == "abd"
        last = query.distinct(Volume.genre, order_by=Volume.title.desc())
        assert joined(await last.all()) == "cef"
        dear = query.distinct(
            Volume.genre, order_by=[Volume.price.desc(nulls_first=False), Volume.title.desc()]
        )
        assert joined(await dear.all()) == "bde"

    async def test_without_a_sort_of_its_own_that_of_the_query_counts(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title.desc()).distinct(Volume.genre)
        assert joined(await query.all()) == "fec"

    async def test_nulls_are_one_value_and_several_fields_are_told_apart(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title)
        assert joined(await query.distinct(Volume.weight).all()) == "abc"
        assert joined(await query.distinct(Volume.genre, Volume.pages).all()) == "abcdef"
        assert joined(await query.distinct(Volume.shelf_name).all()) == "ace"

    async def test_conditions_come_before_and_limits_after(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title).distinct(Volume.genre)
        assert joined(await query.where(Volume.pages >= 50).all()) == "ab"
        assert joined(await query.limit(2).offset(1).all()) == "bd"
        assert await query.count() == 3
        assert await query.where(Volume.title > "e").count() == 1

    async def test_hidden_and_foreign_rows_are_never_the_first(self, here: Tenant, there: Tenant) -> None:
        volumes = await stock(here)
        await Volume.bind(there.scope, title="0")
        assert (
            joined(await Volume.query(here.scope).distinct(Volume.genre).order_by(Volume.title).all())
            == "abd"
        )
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=1, hidden=True)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=2)
        found = await Loan.query(here.scope).distinct(Loan.volume_id, order_by=Loan.days).all()
        assert [each.days for each in found] == [2]

    async def test_related_rows_are_distinct_for_each_record(self, here: Tenant) -> None:
        await stock(here)
        inner = Volume.query().distinct(Volume.pages, order_by=Volume.title.desc()).order_by(Volume.title)
        found = await Shelf.query(here.scope).order_by(Shelf.name).load_with(Shelf.volumes, inner).all()
        assert [joined(each.volumes) for each in found] == ["ab", "cd"]


class Combinations(Behaviour):
    """Sets of rows."""

    async def test_the_four_combinations(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        essays, thick = query.where(Volume.genre == Genre.ESSAY), query.where(Volume.pages == 100)
        assert joined(await essays.union(thick).order_by(Volume.title).all()) == "abc"
        assert joined(await essays.union_all(thick).order_by(Volume.title).all()) == "abcc"
        assert joined(await essays.intersect(thick).all()) == "c"
        assert joined(await essays.difference(thick).all()) == "b"
        assert joined(await thick.difference(essays).all()) == "a"

    async def test_they_go_from_left_to_right(self, here: Tenant) -> None:
        await stock(here)

        def one(*titles: str) -> Any:
            return Volume.query(here.scope).where(Volume.title.is_in(titles))

        ordered = one("a").union(one("b", "c")).intersect(one("c", "d")).order_by(Volume.title)
        assert joined(await ordered.all()) == "c"
        nested = one("a").union(one("b", "c").intersect(one("c", "d"))).order_by(Volume.title)
        assert joined(await nested.all()) == "ac"
        several = one("a", "b", "c", "d").difference(one("a"), one("c")).order_by(Volume.title)
        assert joined(await several.all()) == "bd"

    async def test_each_part_has_its_own_sort_and_limit_and_the_result_too(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        first = query.order_by(Volume.title).limit(2)
        last = query.order_by(Volume.title.desc()).limit(2).offset(1)
        both = first.union(last).order_by(Volume.title.desc())
        assert joined(await both.all()) == "edba"
        assert joined(await both.limit(2).offset(1).all()) == "db"
        assert joined(await both.where(Volume.pages == 50).all()) == "eb"
        assert await both.count() == 4
        assert await both.limit(1).count() == 4
        assert joined(await both.distinct(Volume.pages).all()) == "eda"

    async def test_loads_and_derived_fields_work_over_the_result(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        both = query.where(Volume.title == "a").union(query.where(Volume.title == "e"))
        found = await both.order_by(Volume.worth.desc()).load(Volume.shelf, Volume.worth, Volume.label).all()
        assert [(each.title, each.worth, each.label) for each in found] == [
            ("a", Decimal(350), "a (100)"),
            ("e", Decimal(175), "e (50)"),
        ]
        assert [each.shelf.name if each.shelf else None for each in found] == ["left", None]

    async def test_a_combination_of_combinations(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        left = query.where(Volume.title <= "c").difference(query.where(Volume.title == "b")).limit(1)
        right = query.where(Volume.title >= "e").order_by(Volume.title.desc())
        assert joined(await left.order_by(Volume.title).union(right).order_by(Volume.title).all()) == "aef"

    async def test_each_part_obeys_its_own_policies_and_inputs(self, here: Tenant) -> None:
        await stock(here)
        essays, tales = Volume.of_genre(here.scope, Genre.ESSAY), Volume.of_genre(here.scope, Genre.TALE)
        assert joined(await essays.all()) == "bc"
        assert joined(await essays.union(tales).order_by(Volume.title).all()) == "abce"
        assert joined(await essays.union_all(essays.limit(1)).order_by(Volume.title).all()) == "bbc"
        assert await tales.difference(essays).count() == 2
        with pytest.raises(ActionForbidden):
            await essays.union(Volume.lent_out(here.scope)).all()
        with pytest.raises(ActionForbidden):
            await Volume.query(here.as_(None)).union(Volume.query()).all()

    async def test_no_part_sees_another_tenant(self, here: Tenant, there: Tenant) -> None:
        await stock(here)
        await stock(there)
        query = Volume.query(here.scope)
        assert await query.union_all(query.where(Volume.title == "a")).count() == 7
        assert await query.union(Volume.query(there.scope)).count() == 6

    async def test_queries_of_other_resources_are_refused(self, here: Tenant) -> None:
        with pytest.raises(CannotCombine, match="Shelf"):
            Volume.query(here.scope).union(Shelf.query(here.scope))

    async def test_related_rows_come_from_a_combination_too(self, here: Tenant) -> None:
        await stock(here)
        inner = (
            Volume.query().where(Volume.pages == 10).union(Volume.query().where(Volume.genre == Genre.ESSAY))
        )
        query = Shelf.query(here.scope).order_by(Shelf.name)
        found = await query.load_with(Shelf.volumes, inner.order_by(Volume.title.desc())).all()
        assert [joined(each.volumes) for each in found] == ["b", "dc"]
        found = await query.load_with(Shelf.volumes, inner.order_by(Volume.title.desc()).limit(1)).all()
        assert [joined(each.volumes) for each in found] == ["b", "d"]


class Selects(Behaviour):
    """Some attributes only."""

    async def test_only_the_chosen_attributes_are_there(self, here: Tenant) -> None:
        await stock(here)
        found = await Volume.query(here.scope).select(Volume.title).order_by(Volume.pages, Volume.title).all()
        assert joined(found) == "fdbeac"
        assert all(each.id is not None for each in found)
        with pytest.raises(NotLoaded, match="pages"):
            _ = found[0].pages
        assert set(found[0].__dict__) == {"id", "title"}

    async def test_what_loads_need_is_read_along(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).select(Volume.price).where(Volume.title == "a")
        found = await query.load(Volume.shelf, Volume.label, Volume.shelf_name).one()
        assert found.shelf is not None
        assert (found.label, found.shelf_name, found.shelf.name) == ("a (100)", "left", "left")
        with pytest.raises(NotLoaded):
            _ = found.weight

    async def test_related_records_may_be_as_narrow(self, here: Tenant) -> None:
        await stock(here)
        inner = Volume.query().select(Volume.title)
        found = await Shelf.query(here.scope).select(Shelf.name).load_with(Shelf.volumes, inner).all()
        assert sorted(joined(each.volumes) for each in found) == ["ab", "cd"]
        with pytest.raises(NotLoaded):
            _ = found[0].volumes[0].pages

    async def test_what_is_no_attribute_is_refused(self, here: Tenant) -> None:
        for wrong in (Volume.worth, Shelf.room):
            with pytest.raises(NoSuchField, match="title"):
                await Volume.query(here.scope).select(cast("Any", wrong)).all()


class Totals(Behaviour):
    """Values over all rows."""

    async def test_the_single_values(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        assert await query.sum(Volume.pages) == 310
        assert await query.sum(Volume.price) == Decimal("11.00")
        assert await query.sum(Volume.weight) == 2.5
        assert await query.min(Volume.price) == Decimal(2)
        assert await query.max(Volume.title) == "f"
        assert await query.max(Volume.genre) is Genre.VERSE
        assert await query.avg(Volume.pages) == pytest.approx(Decimal(310) / 6)
        assert await query.avg(Volume.weight) == pytest.approx(2.5 / 3)
        assert await query.where(Volume.pages > 50).min(Volume.shelf_name) == "left"
        assert await query.sum(Volume.worth) == Decimal(350 + 100 + 20 + 175)

    async def test_values_of_nothing(self, here: Tenant) -> None:
        query = Volume.query(here.scope).where(Volume.title == "z")
        assert (await query.sum(Volume.pages), await query.sum(Volume.price)) == (0, Decimal(0))
        assert await query.min(Volume.pages) is None
        assert await query.max(Volume.lent) is None
        assert await query.avg(Volume.price) is None
        assert await query.first_of(Volume.title) is None
        assert await query.list_of(Volume.title) == []
        assert not await query.exists()

    async def test_the_types_are_those_of_the_fields(self, here: Tenant) -> None:
        volumes = await stock(here)
        query = Volume.query(here.scope)
        assert type(await query.sum(Volume.pages)) is int
        assert type(await query.avg(Volume.pages)) is Decimal
        assert await query.max(Volume.id) == volumes["f"].id
        assert await query.min(Volume.lent) is False
        with pytest.raises(NotNumeric):
            await query.sum(cast("Any", Volume.title))

    async def test_lists_and_firsts_follow_the_sort(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.pages.desc(), Volume.title)
        assert await query.list_of(Volume.title) == ["a", "c", "b", "e", "d", "f"]
        assert await query.list_of(Volume.genre) == [
            Genre.TALE,
            Genre.ESSAY,
            Genre.ESSAY,
            Genre.TALE,
            Genre.VERSE,
            Genre.VERSE,
        ]
        assert await query.list_of(Volume.words) == [[], [], [], [], ["x", "y"], []]
        assert await query.limit(2).list_of(Volume.price) == [Decimal("3.50"), None]
        assert await query.first_of(Volume.title) == "a"
        assert await query.offset(1).first_of(Volume.shelf_name) == "right"

    async def test_limits_count_but_not_for_the_count(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title).limit(2)
        assert await query.sum(Volume.pages) == 150
        assert await query.offset(4).sum(Volume.pages) == 50
        assert await query.count() == 6
        assert await query.exists()
        assert not await query.offset(6).exists()
        assert not await query.limit(0).exists()

    async def test_several_at_once(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope).order_by(Volume.title.desc())
        found = await query.aggregate(
            n=agg.count(),
            thick=agg.count(where=Volume.pages >= 100),
            priced=agg.count(Volume.price),
            prices=agg.count(Volume.price, unique=True),
            any_lent=agg.exists(where=Volume.lent == True),  # noqa: E712
            total=agg.sum(Volume.pages),
            dear=agg.sum(Volume.price, where=Volume.genre == Genre.TALE),
            mean=agg.avg(Volume.weight),
            least=agg.min(Volume.genre),
            last=agg.max(Volume.id, where=Volume.title == "zzz"),
            first=agg.first(Volume.title),
            early=agg.first(Volume.title, order_by=Volume.title),
            essays=agg.list(Volume.title, where=Volume.genre == Genre.ESSAY),
            genres=agg.list(Volume.genre, unique=True),
        )
        assert found == {
            "n": 6,
            "thick": 2,
            "priced": 4,
            "prices": 2,
            "any_lent": False,
            "total": 310,
            "dear": Decimal("7.00"),
            "mean": pytest.approx(2.5 / 3),
            "least": Genre.ESSAY,
            "last": None,
            "first": "f",
            "early": "a",
            "essays": ["c", "b"],
            "genres": [Genre.ESSAY, Genre.TALE, Genre.VERSE],
        }

    async def test_only_what_the_actor_may_read_counts(self, here: Tenant, there: Tenant) -> None:
        volumes = await stock(here)
        await stock(there)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=3)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=4, hidden=True)
        assert await Loan.query(here.scope).sum(Loan.days) == 3
        assert await Volume.query(here.scope).sum(Volume.loan_days) == 3
        assert await Volume.query(here.scope).count() == 6
        assert await Loan.query(here.scope).where(Loan.days > 3).exists() is False
        with pytest.raises(ActionForbidden):
            await Volume.query(here.as_(None)).sum(Volume.pages)

    async def test_over_distinct_rows_and_combinations(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        assert await query.distinct(Volume.pages).sum(Volume.pages) == 160
        both = query.where(Volume.title == "a").union_all(query.where(Volume.title <= "b"))
        assert await both.sum(Volume.pages) == 250
        assert await both.count() == 3
        assert await both.order_by(Volume.title).list_of(Volume.title) == ["a", "a", "b"]


class Identified(Behaviour):
    """One record by what tells it apart."""

    async def test_get_by_finds_by_an_identity(self, here: Tenant) -> None:
        volumes = await stock(here)
        assert await Volume.get_by(here.scope, isbn="3") == volumes["c"]
        assert await Volume.get_by(here.scope, org_id=here.org.id, isbn="3") == volumes["c"]
        assert await Volume.get_by(here.scope, id=str(volumes["a"].id)) == volumes["a"]
        found = await Volume.get_by(here.scope, isbn="1", load=[Volume.shelf, Volume.worth])
        assert found.shelf is not None
        assert found.worth == Decimal(350)

    async def test_get_by_says_what_is_missing_or_wrong(self, here: Tenant, there: Tenant) -> None:
        await stock(there)
        with pytest.raises(NotFound, match="isbn 1"):
            await Volume.get_by(here.scope, isbn="1")
        with pytest.raises(NotFound):
            await Volume.get_by(here.scope, org_id=there.org.id, isbn="1")
        wrong: list[dict[str, Any]] = [
            {"title": "a"},
            {},
            {"isbn": "1", "title": "a"},
            {"org_id": here.org.id},
        ]
        for names in wrong:
            with pytest.raises(NoSuchIdentity, match="isbn"):
                await Volume.get_by(here.scope, **names)

    @pytest.mark.parametrize(
        "value", [None, {"not_eq": ""}, ["1"], Volume.title, Volume.title == "a", "\x00"]
    )
    async def test_a_value_of_an_identity_is_never_a_condition(self, here: Tenant, value: Any) -> None:
        await stock(here)
        with pytest.raises(InvalidInput):
            await Volume.get_by(here.scope, isbn=value)

    async def test_get_loads_along(self, here: Tenant) -> None:
        volumes = await stock(here)
        found = await Volume.get(here.scope, volumes["a"].id, load=[Volume.shelf, Volume.shelf_name])
        assert found.shelf is not None
        assert found.shelf_name == found.shelf.name == "left"

    async def test_one_or_none(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.query(here.scope)
        assert await query.where(Volume.title == "z").one_or_none() is None
        found = await query.where(Volume.title == "a").one_or_none()
        assert found is not None
        assert found.title == "a"
        with pytest.raises(NotUnique):
            await query.one_or_none()
        with pytest.raises(NotFound):
            await query.where(Volume.title == "z").one()
        assert (await query.order_by(Volume.title).limit(1).one()).title == "a"
        assert await query.limit(0).first() is None


class Loads(Behaviour):
    """Loads on records at hand, and by read actions."""

    async def test_records_at_hand_get_more_and_stay_as_they_are(self, here: Tenant) -> None:
        await stock(here)
        shelves = await Shelf.query(here.scope).order_by(Shelf.name).all()
        found = await Shelf.load(shelves, here.scope, Shelf.volumes, Shelf.volume_count)
        assert [(joined(each.volumes), each.volume_count) for each in found] == [("ab", 2), ("cd", 2)]
        with pytest.raises(NotLoaded):
            _ = shelves[0].volumes
        single = await Shelf.load(shelves[0], here.scope, Shelf.volume_count)
        assert single.volume_count == 2
        assert await Shelf.load([], here.scope, Shelf.volumes) == []

    async def test_what_is_there_can_be_reused(self, here: Tenant) -> None:
        volumes = await stock(here)
        shelf = (await Shelf.query(here.scope).where(Shelf.name == "left").load(Shelf.volumes).all())[0]
        await volumes["a"].pulp(here.scope)
        kept = await Shelf.load(shelf, here.scope, Shelf.volumes, reuse=True)
        assert joined(kept.volumes) == "ab"
        fresh = await Shelf.load(shelf, here.scope, Shelf.volumes)
        assert joined(fresh.volumes) == "b"
        further = Shelf.query().load_with(Shelf.volumes, Volume.query().load(Volume.loans))
        deep = await Shelf.load(shelf, here.scope, further, reuse=True)
        assert [each.loans for each in deep.volumes] == [[], []]

    async def test_a_record_without_the_way_says_so(self, here: Tenant) -> None:
        await stock(here)
        volume = await Volume.query(here.scope).where(Volume.title == "a").select(Volume.title).one()
        with pytest.raises(NotLoaded, match="shelf_id"):
            await Volume.load(volume, here.scope, Volume.shelf)

    async def test_loads_obey_policies(self, here: Tenant) -> None:
        volumes = await stock(here)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=3)
        await Loan.lend(here.scope, volume_id=volumes["a"].id, days=4, hidden=True)
        found = await Volume.load(volumes["a"], here.scope, Volume.loans, Volume.loan_days)
        assert ([each.days for each in found.loans], found.loan_days) == ([3], 3)
        seen = await Volume.load(volumes["a"], here.system, Volume.loans, Volume.loan_days)
        assert ([each.days for each in seen.loans], seen.loan_days) == ([3, 4], 7)
        with pytest.raises(ActionForbidden):
            await Volume.load(volumes["a"], here.as_(None), Volume.loan_days)

    async def test_a_read_action_brings_its_policies_and_inputs_to_a_load(self, here: Tenant) -> None:
        await stock(here)
        query = Shelf.query(here.scope).order_by(Shelf.name)
        found = await query.load_with(Shelf.volumes, Volume.of_genre(here.scope, Genre.ESSAY)).all()
        assert [joined(each.volumes) for each in found] == ["b", "c"]
        with pytest.raises(ActionForbidden):
            await query.load_with(Shelf.volumes, Volume.lent_out(here.scope)).all()

    async def test_loads_go_to_any_depth(self, here: Tenant) -> None:
        volumes = await stock(here)
        for days in (2, 1):
            await Loan.lend(here.scope, volume_id=volumes["a"].id, days=days)
        inner = Loan.query().load_with(Loan.volume, Volume.query().load(Volume.shelf))
        deep = Volume.query().load_with(Volume.loans, inner).limit(1)
        found = await Shelf.query(here.scope).where(Shelf.name == "left").load_with(Shelf.volumes, deep).one()
        (volume,) = found.volumes
        assert [each.days for each in volume.loans] == [1, 2]
        again = volume.loans[0].volume
        assert again.shelf is not None
        assert again.shelf.name == "left"

    async def test_the_last_of_two_loads_of_one_relationship_counts(self, here: Tenant) -> None:
        await stock(here)
        query = Shelf.query(here.scope).where(Shelf.name == "left").load(Shelf.volumes)
        found = await query.load_with(Shelf.volumes, Volume.query().limit(1)).one()
        assert joined(found.volumes) == "a"

    async def test_an_action_may_be_read_in_pages_only(self, here: Tenant) -> None:
        await stock(here)
        query = Volume.in_pages(here.scope)
        with pytest.raises(PageRequired, match="at most 3"):
            await query.all()
        with pytest.raises(PageRequired):
            await query.limit(4).all()
        assert joined(await query.limit(3).all()) == "abc"
        first = await query.first()
        assert first is not None
        assert "".join([each.title async for each in query.stream(batch=2)]) == "abcdef"

    async def test_a_key_that_nobody_has(self, here: Tenant) -> None:
        scope: Scope = here.scope
        with pytest.raises(NotFound):
            await Volume.get_by(scope, id=uuid4())


class Queries(DistinctRows, Combinations, Selects, Totals, Identified, Loads):
    """Everything that a query can ask besides conditions, sorts and pages."""
