"""Behaviours of policies that look at rows in Python: what is read, counted, combined and written under them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.framework import CannotJudge
from sorbus.errors.inputs import NotFound
from sorbus.testing.conformance.access import mode, papers
from sorbus.testing.conformance.policies_world import Paper
from sorbus.testing.conformance.world import Behaviour, Tenant


class Looking(Behaviour):
    """Policies with `access="runtime"`."""

    async def test_runtime_looks_at_each_row_before_anything_is_answered(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        even, odd, large, huge = await papers(here, 2, 3, 6, 10)
        scope = mode(here, "runtime", bob)
        assert await Paper.query(scope).all() == [even]
        assert await Paper.query(scope).count() == 1
        assert await Paper.get(scope, even.id) == even
        for each in (odd, large, huge):
            with pytest.raises(NotFound):
                await Paper.get(scope, each.id)
        # What the data layer can tell it tells by itself: the owner is no question for Python.
        assert await Paper.query(mode(here, "runtime")).all() == [even, odd, large]
        here.visits.names.clear()
        await Paper.query(scope).all()
        assert sorted(here.visits.names) == ["looked at 2", "looked at 3", "looked at 6"]

    async def test_pages_under_runtime_policies_tell_nothing_of_what_is_left_out(self, here: Tenant) -> None:
        scope = mode(here, "runtime", await here.person("Bob"))
        made = await papers(here, *([3, 2, 5, 4] * 3))
        allowed = [each for each in made if each.level in {2, 4}]
        query = Paper.query(scope)
        page = await query.page(limit=4, count=True)
        assert (list(page), page.has_next, page.count) == (allowed[:4], True, 6)
        rest = await query.page(limit=4, after=page.end_cursor)
        assert (list(rest), rest.has_next, rest.has_previous) == (allowed[4:], False, True)
        back = await query.page(limit=4, before=rest.start_cursor)
        assert (list(back), back.has_previous) == (allowed[:4], False)
        second = await query.offset_page(limit=2, offset=2, count=True)
        assert (list(second), second.has_next, second.count) == (allowed[2:4], True, 6)
        last = await query.offset_page(limit=2, offset=4)
        assert (list(last), last.has_next) == (allowed[4:], False)
        assert await query.limit(3).offset(2).all() == allowed[2:5]
        assert await query.first() == allowed[0]
        assert [each async for each in query.stream(batch=2)] == allowed

    async def test_runtime_looks_at_combinations_of_reads_with_one_policy(self, here: Tenant) -> None:
        scope = mode(here, "runtime", await here.person("Bob"))
        made = await papers(here, 2, 3, 4, 5, 6)
        low, high = Paper.query(scope).where(Paper.level < 5), Paper.query(scope).where(Paper.level > 2)
        two, _, four, _, _ = made
        for query, found in (
            (low.union(high), [two, four]),
            (low.union_all(high), [two, four, four]),
            (low.intersect(high), [four]),
            (low.difference(high), [two]),
            (low.difference(high).union(low.intersect(high)), [two, four]),
            (Paper.either(scope, title="untitled", other="b"), [two, four]),
        ):
            sorted_ = query.order_by(Paper.level)
            assert await sorted_.all() == found
            assert await query.count() == len(found)
            assert await query.exists()
            assert await sorted_.offset(1).limit(5).all() == found[1:]
            page = await sorted_.offset_page(limit=1, count=True)
            assert (list(page), page.count, page.has_next) == (found[:1], len(found), len(found) > 1)

    async def test_runtime_refuses_what_would_leave_rows_out_without_a_word(self, here: Tenant) -> None:
        scope = mode(here, "runtime", await here.person("Bob"))
        await papers(here, 3, 2)
        query = Paper.query(scope)
        ways = (
            (query.distinct(Paper.title), "one of several"),
            (query.order_by(Paper.level.desc()).limit(1).union(query.limit(1)), "a limit or offset"),
            (query.union(query.distinct(Paper.title)), "one of several"),
        )
        for wrong, why in ways:
            for run in (wrong.all, wrong.count, wrong.exists, wrong.offset_page):
                with pytest.raises(CannotJudge, match=why):
                    await run()
        with pytest.raises(CannotJudge, match=r"Paper\.read"):
            await query.limit(1).offset_page(limit=1)
        open_to_all = replace(scope, context={"mode": "root"})
        assert len(await ways[0][0].all(open_to_all)) == 1

    async def test_runtime_judges_a_row_before_it_is_written(self, here: Tenant) -> None:
        scope = mode(here, "runtime", await here.person("Bob"))
        even, odd = await papers(here, 2, 3)
        assert (await even.edit(scope, title="a")).title == "a"
        for refused in (odd.edit(scope, title="a"), odd.burn(scope), odd.edit_slowly(scope, title="a")):
            with pytest.raises((ActionForbidden, NotFound)):
                await refused
        assert "edit_slowly.body" not in here.visits.names
        other = (await here.person("Cy")).id
        assert (await Paper.write(scope, owner_id=other, level=4)).level == 4
        with pytest.raises(ActionForbidden):
            await Paper.write(scope, owner_id=other, level=5)
        with pytest.raises(ActionForbidden):
            await Paper.write_slowly(scope, owner_id=other, level=5)
        assert not any(each.startswith("write_slowly") for each in here.visits.names)
        assert await Paper.query(here.system).count() == 3
        await even.burn(scope)
