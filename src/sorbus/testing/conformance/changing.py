"""Behaviours of changes, validations, conditions, locks, upserts with conditions and soft destroys."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any, cast

import pytest

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.errors.access import NotLoaded
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.framework import RequireOutsideAction
from sorbus.errors.inputs import (
    InvalidAction,
    NoLongerApplies,
    NotFound,
    Rejected,
    StaleRecord,
    UpsertSkipped,
)
from sorbus.resource.require import require
from sorbus.testing.conformance.shop import Crate, Guarded, Item, Place, Shelf
from sorbus.testing.conformance.world import Behaviour, Tenant, only


async def item(here: Tenant, code: str = "a1", **inputs: Any) -> Item:
    """A new item."""
    return await Item.add(here.scope, code=code, **inputs)


class RulesInStatements(Behaviour):
    """`require` with an expression: the statement decides, for the row as it is."""

    async def test_a_rule_that_holds_lets_the_write_through(self, here: Tenant) -> None:
        made = await item(here, stock=3)
        assert (await made.sell(here.scope, count=2)).stock == 1

    async def test_a_rule_that_does_not_hold_is_a_typed_error(self, here: Tenant) -> None:
        made = await item(here, stock=1)
        with pytest.raises(Rejected, match="not so many") as caught:
            await made.sell(here.scope, count=2)
        assert caught.value.path == ("input", "count")
        assert (await Item.get(here.scope, made.id)).stock == 1

    async def test_a_stale_record_does_not_decide(self, here: Tenant) -> None:
        stale = await item(here, stock=1)
        await stale.sell(here.scope)
        with pytest.raises(Rejected):
            await stale.sell(here.scope)

    async def test_of_twenty_that_take_from_ten_ten_get_one(self, here: Tenant) -> None:
        made = await item(here, stock=10)
        outcomes = await asyncio.gather(*(made.sell(here.scope) for _ in range(20)), return_exceptions=True)
        assert sum(isinstance(each, Rejected) for each in outcomes) == 10, outcomes
        assert (await Item.get(here.scope, made.id)).stock == 0

    async def test_a_rule_of_a_destroy_is_checked_too(self, here: Tenant) -> None:
        made = await item(here, stock=1)
        with pytest.raises(Rejected, match="some left"):
            await made.drop(here.scope)
        sold = await made.sell(here.scope)
        assert (await sold.drop(here.scope)).id == made.id
        with pytest.raises(NotFound):
            await Item.get(here.scope, made.id)

    async def test_by_key_no_row_is_read_for_a_body_that_needs_none(self, here: Tenant) -> None:
        made = await item(here, stock=2)
        assert (await Item.sell.by_key(made.id, here.scope)).stock == 1

    async def test_by_key_the_row_is_read_for_a_body_that_looks_at_it(self, here: Tenant) -> None:
        made = await item(here, name="quiet")
        assert (await Item.shout.by_key(made.id, here.scope)).name == "QUIET"

    def test_an_expression_outside_an_action_is_an_error(self) -> None:
        with pytest.raises(RequireOutsideAction):
            require(Item.stock > 0, "sold out")

    async def test_a_rule_about_what_is_given_needs_no_statement(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction) as caught:
            await item(here, price=Decimal(-1))
        assert only(caught.value).path == ("input", "price")


class Listed(Behaviour):
    """Changes and validations of an action and of a section."""

    async def test_changes_run_in_order_under_their_conditions(self, here: Tenant) -> None:
        made = await item(here, stock=1)
        stocked = await made.restock(here.scope)
        assert (stocked.stock, stocked.note) == (6, "restocked")
        out = await stocked.put_out(here.scope)
        assert (await out.restock(here.scope)).stock == 6

    async def test_a_condition_is_decided_by_the_statement_when_no_row_was_read(self, here: Tenant) -> None:
        made = await item(here, stock=1)
        assert (await Item.restock.by_key(made.id, here.scope)).stock == 6
        await Item.put_out.by_key(made.id, here.scope)
        assert (await Item.restock.by_key(made.id, here.scope)).stock == 6

    async def test_a_validation_sees_what_the_changes_before_it_made(self, here: Tenant) -> None:
        made = await item(here, stock=96)
        with pytest.raises(Rejected, match="full"):
            await made.restock(here.scope)
        assert (await Item.get(here.scope, made.id)).note is None

    async def test_all_broken_rules_are_reported_at_once(self, here: Tenant) -> None:
        made = await item(here)
        with pytest.raises(InvalidAction) as caught:
            await made.check(here.scope, code="9X", name="nämes of üü", place=Place.FLOOR, code_again="other")
        found = {each.path[-1]: str(each) for each in caught.value.errors if each.path}
        assert set(found) == {"name", "code", "place", "code_again"}
        assert found["code_again"] == "the codes differ"

    async def test_at_least_one_of_several_must_be_there(self, here: Tenant) -> None:
        made = await item(here)
        with pytest.raises(InvalidAction, match="at least 1 of"):
            await made.check(here.scope, code="b2", name="bee")
        assert (await made.check(here.scope, code="b2", name="bee", note="x")).code == "b2"
        assert (
            await made.check(here.scope, code="b2", name="bee", cost=Decimal(1), code_again="b2")
        ).cost == 1

    async def test_what_must_stay_may_be_given_unchanged(self, here: Tenant) -> None:
        made = await item(here, code="a1")
        assert (await made.relabel(here.scope, code="a1", name="new")).name == "new"
        with pytest.raises(Rejected, match="cannot be changed"):
            await made.relabel(here.scope, code="b2", name="newer")

    async def test_a_change_may_depend_on_what_changes(self, here: Tenant) -> None:
        made = await item(here)
        assert (await made.move(here.scope, place=Place.FRONT)).note is None
        assert (await Item.move.by_key(made.id, here.scope, place=Place.BACK)).note == "moved"

    async def test_only_where_a_condition_holds(self, here: Tenant) -> None:
        made = await item(here)
        assert (await made.revive(here.scope, note="alive")).note == "alive"
        await made.retire(here.scope)
        with pytest.raises(NoLongerApplies):
            await made.revive(here.scope, note="again")

    async def test_a_section_holds_for_its_kinds_of_actions(self, here: Tenant) -> None:
        made = await Guarded.make(here.scope, title="  One ")
        assert (made.title, made.slug, made.edits) == ("One", "made", 0)
        assert (await Guarded.make(here.scope, title="x", slug="own")).slug == "own"
        changed = await made.retitle(here.scope, title=" Two ")
        assert (changed.title, changed.slug, changed.edits) == ("Two", "made", 1)
        with pytest.raises(InvalidAction, match="must be given"):
            await made.retitle(here.scope, title="   ")
        assert (await made.unmake(here.scope)).id == made.id

    async def test_a_validation_of_a_section_is_for_the_actions_it_names(self, here: Tenant) -> None:
        made = await item(here)
        with pytest.raises(InvalidAction, match="nobody buys that"):
            await made.rename(here.scope, name="cursed")
        with pytest.raises(InvalidAction, match="nobody buys that"):
            await item(here, "c3", name="cursed")
        assert (await made.edit(here.scope, name="cursed")).name == "cursed"

    async def test_a_private_argument_can_be_given_in_code(self, here: Tenant) -> None:
        assert (await Item.import_(here.scope, code="i1")).note == "from hand"
        assert (await Item.import_(here.scope, code="i2", source="file")).note == "from file"


class OptimisticLocks(Behaviour):
    """Versions that are read and written."""

    async def test_a_write_over_what_was_read_raises_the_version(self, here: Tenant) -> None:
        made = await item(here)
        changed = await made.edit(here.scope, name="new")
        assert (changed.name, changed.version) == ("new", 2)

    async def test_a_stale_record_is_refused(self, here: Tenant) -> None:
        stale = await item(here)
        await stale.edit(here.scope, name="first")
        with pytest.raises(StaleRecord) as caught:
            await stale.edit(here.scope, name="second")
        assert caught.value.version == 1
        assert (await Item.get(here.scope, stale.id)).name == "first"

    async def test_by_key_the_version_is_the_one_there_is(self, here: Tenant) -> None:
        made = await item(here)
        assert (await Item.edit.by_key(made.id, here.scope, name="a")).version == 2
        assert (await Item.edit.by_key(made.id, here.scope, name="b")).version == 3

    async def test_of_ten_that_edit_the_same_version_one_wins(self, here: Tenant) -> None:
        made = await item(here)
        outcomes = await asyncio.gather(
            *(made.edit(here.scope, name=f"n{number}") for number in range(10)), return_exceptions=True
        )
        assert sum(isinstance(each, Item) for each in outcomes) == 1
        assert sum(isinstance(each, StaleRecord) for each in outcomes) == 9


class Upserts(Behaviour):
    """Both branches, conditions, and what is answered."""

    async def test_the_answer_says_what_was_done(self, here: Tenant) -> None:
        made = await Item.put(here.scope, code="u1", name="one", stock=3)
        assert outcome_of(made) is UpsertOutcome.INSERTED
        again = await Item.put(here.scope, code="u1", name="two")
        assert outcome_of(again) is UpsertOutcome.UPDATED
        assert (again.id, again.name, again.stock) == (made.id, "two", 0)
        assert outcome_of(await Item.get(here.scope, made.id)) is None

    async def test_a_record_of_an_upsert_equals_the_one_that_is_read(self, here: Tenant) -> None:
        made = await Item.put(here.scope, code="u1", name="one")
        assert await Item.get(here.scope, made.id) == made

    async def test_a_condition_decides_over_the_row_there_and_the_new_one(self, here: Tenant) -> None:
        first = await Item.put_newer(here.scope, code="u1", name="one", version=5)
        with pytest.raises(UpsertSkipped):
            await Item.put_newer(here.scope, code="u1", name="old", version=5)
        newer = await Item.put_newer(here.scope, code="u1", name="new", version=6)
        assert (newer.id, newer.name, newer.version) == (first.id, "new", 5), "only the named fields change"

    async def test_a_spared_row_can_be_the_answer(self, here: Tenant) -> None:
        first = await Item.keep_newest(here.scope, code="u1", name="one", version=5)
        spared = await Item.keep_newest(here.scope, code="u1", name="old", version=4)
        assert outcome_of(spared) is UpsertOutcome.SKIPPED
        assert (spared.id, spared.name, spared.version) == (first.id, "one", 5)

    async def test_validations_hold_for_upserts(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction, match="nobody buys that"):
            await Item.put(here.scope, code="u1", name="cursed")


class SoftDestroys(Behaviour):
    """Destroys that keep the row."""

    async def test_the_row_stays_and_says_when_it_went(self, here: Tenant) -> None:
        made = await item(here)
        gone = await made.retire(here.scope)
        assert gone.gone_at is not None
        found = await Item.get(here.scope, made.id)
        assert found.gone_at == gone.gone_at
        assert found.changed_at > made.changed_at

    async def test_policies_of_destroys_hold(self, here: Tenant) -> None:
        made = await item(here, name="sealed")
        with pytest.raises(ActionForbidden):
            await made.retire(here.scope)


class Ends(Behaviour):
    """Hooks that learn how an action ended."""

    async def test_the_hook_runs_after_success_and_failure(self, here: Tenant) -> None:
        made = await Crate.pack(here.scope, label="a")
        here.visits.names.clear()
        assert (await made.weigh(here.scope, weight=2)).weight == 2
        with pytest.raises(InvalidAction):
            await made.weigh(here.scope, weight=cast("Any", "heavy"))
        assert here.visits.names == ["ended with record", "ended with error"]

    async def test_the_hook_can_turn_failure_into_success(self, here: Tenant) -> None:
        made = await Crate.pack(here.scope, label="a")
        here.visits.add("rescue")
        rescued = await made.weigh(here.scope, weight=-1)
        assert rescued.label == "rescued"

    async def test_a_field_that_no_row_has_is_still_an_error(self, here: Tenant) -> None:
        made = await here.article()
        with pytest.raises(NotLoaded):
            _ = made.comment_count

    async def test_state_guards_are_not_loosened_by_shelves(self, here: Tenant) -> None:
        made = await item(here)
        assert (await made.put_out(here.scope)).shelf is Shelf.SHOP


class Changing(RulesInStatements, Listed, OptimisticLocks, Upserts, SoftDestroys, Ends):
    """Everything that changes and validations do."""
