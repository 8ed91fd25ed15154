"""Behaviours of state machines: guards in the statement, several targets, wildcards, nothing round them."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from sorbus.errors.inputs import WrongState
from sorbus.errors.states import NoStateChosen, NoSuchState, StateRefused
from sorbus.testing.conformance.states_world import Phase, Purchase
from sorbus.testing.conformance.world import Behaviour, Tenant

_NUMBERS = count(1)


class States(Behaviour):
    """Everything about state machines."""

    @staticmethod
    async def order(here: Tenant, *steps: str) -> Purchase:
        """An order after some transitions."""
        made = await Purchase.open(here.scope, number=next(_NUMBERS))
        for step in steps:
            made = await (made.pay(here.scope) if step == "pay" else made.look(here.scope, choice=step))
        return made

    @staticmethod
    def names(error: WrongState, record: Purchase) -> None:
        """The error says which record it is about, its state, and what starts from there."""
        assert f"the record {record.id} is {record.phase.value}" in error.message
        assert (error.key, error.current) == (str(record.id), record.phase.value)
        assert error.possible == ("send_back", "cancel")

    async def test_a_record_begins_in_an_initial_state(self, here: Tenant) -> None:
        assert (await self.order(here)).phase is Phase.CART
        quoted = await Purchase.open(here.scope, number=next(_NUMBERS), phase=Phase.QUOTE)
        assert quoted.phase is Phase.QUOTE
        with pytest.raises(StateRefused, match="cart, quote only"):
            await Purchase.open(here.scope, number=next(_NUMBERS), phase=Phase.SHIPPED)
        with pytest.raises(StateRefused):
            await Purchase.open(here.scope, number=next(_NUMBERS), note="paid")

    async def test_a_wrong_state_tells_what_is_possible(self, here: Tenant) -> None:
        made = await self.order(here, "pay", "ship")
        with pytest.raises(WrongState) as caught:
            await made.pay(here.scope)
        assert caught.value.current == "shipped"
        assert caught.value.possible == ("send_back", "cancel")
        assert "Possible from shipped: cancel, send_back" in str(caught.value)
        assert (await Purchase.get(here.scope, made.id)).phase is Phase.SHIPPED

    async def test_the_statement_decides_and_not_the_record(self, here: Tenant) -> None:
        stale = await self.order(here)
        await stale.pay(here.scope)
        with pytest.raises(WrongState):
            await stale.pay(here.scope)

    async def test_of_many_that_try_one_succeeds(self, here: Tenant) -> None:
        made = await self.order(here)
        found = await asyncio.gather(
            *(Purchase.pay.by_key(made.id, here.scope) for _ in range(8)), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in found) == ["Purchase", *["WrongState"] * 7]

    async def test_the_body_chooses_among_several(self, here: Tenant) -> None:
        assert (await self.order(here, "pay", "check")).phase is Phase.CHECKED
        assert (await self.order(here, "pay", "check", "ship")).phase is Phase.SHIPPED
        made = await self.order(here, "pay")
        with pytest.raises(StateRefused, match="cart, checked, shipped only"):
            await made.look(here.scope, choice="return")
        with pytest.raises(NoStateChosen, match="cart, checked, shipped"):
            await made.look(here.scope, choice="nothing")
        assert (await Purchase.get(here.scope, made.id)).phase is Phase.PAID

    async def test_a_wildcard_is_every_state_but_the_final_ones(self, here: Tenant) -> None:
        for steps in ((), ("pay",), ("pay", "check"), ("pay", "ship")):
            made = await self.order(here, *steps)
            assert (await made.cancel(here.scope)).phase is Phase.CANCELLED
            with pytest.raises(WrongState):
                await made.cancel(here.scope)

    async def test_transitions_of_the_section_are_guarded_too(self, here: Tenant) -> None:
        made = await self.order(here, "pay")
        with pytest.raises(WrongState):
            await made.send_back(here.scope)
        shipped = await made.look(here.scope, choice="ship")
        assert (await shipped.send_back(here.scope)).phase is Phase.RETURNED

    async def test_no_other_action_changes_the_state(self, here: Tenant) -> None:
        made = await self.order(here)
        assert (await made.annotate(here.scope, note="fragile")).phase is Phase.CART
        with pytest.raises(StateRefused, match="must leave it alone"):
            await made.annotate(here.scope, note="ship it")
        with pytest.raises(StateRefused):
            await made.annotate_late(here.scope, note="x")
        assert (await Purchase.get(here.scope, made.id)).note == "fragile"

    async def test_an_upsert_is_guarded_by_the_state_of_the_row_there(self, here: Tenant) -> None:
        made = await Purchase.restart(here.scope, number=next(_NUMBERS))
        assert made.phase is Phase.CART
        await made.pay(here.scope)
        again = await Purchase.restart(here.scope, number=made.number)
        assert (again.id, again.phase) == (made.id, Phase.CART)
        paid = await again.pay(here.scope)
        await paid.look(here.scope, choice="ship")
        with pytest.raises(WrongState) as caught:
            await Purchase.restart(here.scope, number=made.number)
        assert caught.value.current == "shipped"

    async def test_the_machine_answers_questions(self, here: Tenant) -> None:
        made = await self.order(here)
        machine = Purchase.machine
        assert machine.possible_next_states(made) == [Phase.CART, Phase.PAID, Phase.CANCELLED]
        assert machine.possible_actions(made) == ["pay", "cancel", "restart"]
        assert machine.can_transition(made, Phase.PAID)
        assert machine.can_transition(made, Purchase.pay)
        assert not machine.can_transition(made, Phase.SHIPPED)
        assert not machine.can_transition(made, Purchase.send_back)
        with pytest.raises(NoSuchState):
            machine.can_transition(made, Purchase.annotate)
        gone = await made.cancel(here.scope)
        assert machine.possible_next_states(gone) == []

    async def test_the_machine_gives_conditions(self, here: Tenant) -> None:
        made, paid = await self.order(here), await self.order(here, "pay")
        query = Purchase.query(here.scope).where(Purchase.machine.allows(Purchase.look))
        found = [each.id for each in await query.all()]
        assert paid.id in found
        assert made.id not in found

    async def test_bulk_respects_the_guards(self, here: Tenant) -> None:
        carts = [await self.order(here) for _ in range(3)]
        shipped = await self.order(here, "pay", "ship")
        with pytest.raises(WrongState) as caught:
            await Purchase.pay.bulk(here.scope, [*carts, shipped])
        assert caught.value.path == ("rows", 3, "state")
        self.names(caught.value, shipped)
        keys = [each.id for each in carts]
        query = Purchase.query().where(Purchase.id.is_in([*keys, shipped.id]))
        with pytest.raises(WrongState) as caught:
            await Purchase.pay.bulk(here.scope, query)
        self.names(caught.value, shipped)
        assert {each.phase for each in await query.all(here.scope)} == {Phase.CART, Phase.SHIPPED}
        assert (
            await Purchase.pay.bulk(here.scope, query.where(Purchase.machine.allows(Purchase.pay)))
        ).count == 3
        with pytest.raises(NoStateChosen):
            await Purchase.look.bulk(here.scope, keys, {"choice": "nothing"})
        with pytest.raises(StateRefused):
            await Purchase.look.bulk(here.scope, keys, {"choice": "return"})
        assert (await Purchase.look.bulk(here.scope, keys, {"choice": "ship"})).count == 3

    async def test_bulk_creates_begin_in_initial_states_and_upserts_are_guarded(self, here: Tenant) -> None:
        rows = [{"number": next(_NUMBERS), "phase": Phase.QUOTE} for _ in range(3)]
        assert (await Purchase.open.bulk(here.scope, rows)).count == 3
        with pytest.raises(StateRefused):
            await Purchase.open.bulk(here.scope, [{"number": next(_NUMBERS), "phase": Phase.SHIPPED}])
        shipped = await self.order(here, "pay", "ship")
        with pytest.raises(WrongState):
            await Purchase.restart.bulk(here.scope, [{"number": next(_NUMBERS)}, {"number": shipped.number}])
        assert (await Purchase.get(here.scope, shipped.id)).phase is Phase.SHIPPED

    async def test_an_action_without_a_body_cannot_begin_elsewhere(self, here: Tenant) -> None:
        with pytest.raises(StateRefused):
            await Purchase.register(here.scope, number=next(_NUMBERS), phase=Phase.PAID)
        with pytest.raises(StateRefused):
            await Purchase.register.bulk(here.scope, [{"number": next(_NUMBERS), "phase": Phase.PAID}])
