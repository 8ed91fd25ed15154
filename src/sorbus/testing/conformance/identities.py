"""Behaviours of identities that tell only some rows apart, and of those to which nulls are the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.errors.inputs import AlreadyTaken, InvalidAction, NotFound
from sorbus.testing.conformance.identities_world import Handle, Seat, Standing
from sorbus.testing.conformance.world import Behaviour, Tenant, only

GONE = datetime(2030, 1, 2, tzinfo=UTC)


class PartialIdentities(Behaviour):
    """Identities with a condition."""

    async def test_an_identity_with_a_condition_tells_the_rows_apart_that_meet_it(self, here: Tenant) -> None:
        first = await Handle.take(here.scope, name="ada")
        with pytest.raises(InvalidAction, match="name is in use") as caught:
            await Handle.take(here.scope, name="ada")
        assert isinstance(only(caught.value), AlreadyTaken)
        assert only(caught.value).path == ("input", "name")
        await Handle.take(here.scope, name="ada", given_up_at=GONE)
        await Handle.take(here.scope, name="ada", given_up_at=GONE)
        await first.edit(here.scope, given_up_at=GONE)
        await Handle.take(here.scope, name="ada")

    async def test_a_row_that_comes_to_meet_the_condition_may_be_in_the_way(self, here: Tenant) -> None:
        await Handle.take(here.scope, name="ada")
        gone = await Handle.take(here.scope, name="ada", given_up_at=GONE)
        with pytest.raises(InvalidAction, match="name is in use"):
            await gone.edit(here.scope, given_up_at=None)
        back = await gone.edit(here.scope, name="bob", given_up_at=None)
        with pytest.raises(InvalidAction, match="name is in use"):
            await back.edit(here.scope, name="ada")
        assert (await back.edit(here.scope, name="bob")).name == "bob", "its own name is free"

    async def test_a_condition_holds_for_a_look_ahead_too(self, here: Tenant) -> None:
        await Handle.take(here.scope, name="a", place=1, standing=Standing.HELD)
        other = await Handle.take(here.scope, name="b", place=1)
        for call in (
            Handle.take(here.scope, name="c", place=1, standing=Standing.HELD),
            other.edit(here.scope, standing=Standing.HELD),
        ):
            with pytest.raises(InvalidAction, match="place is held"):
                await call
        await Handle.take(here.scope, name="it's \\ nothing", place=1, standing=Standing.HELD)
        await Handle.take(here.scope, name="d", standing=Standing.HELD)
        await Handle.take(here.scope, name="e", standing=Standing.HELD)

    async def test_the_row_that_meets_the_condition_is_got_by_its_identity(self, here: Tenant) -> None:
        gone = await Handle.take(here.scope, name="ada", given_up_at=GONE)
        with pytest.raises(NotFound):
            await Handle.get_by(here.scope, name="ada")
        made = await Handle.take(here.scope, name="ada")
        assert (await Handle.get_by(here.scope, name="ada")).id == made.id
        assert gone.id != made.id

    async def test_an_upsert_finds_the_row_that_meets_the_condition(self, here: Tenant) -> None:
        gone = await Handle.take(here.scope, name="ada", given_up_at=GONE)
        made = await Handle.put(here.scope, name="ada", note="one")
        again = await Handle.put(here.scope, name="ada", note="two")
        aside = await Handle.put(here.scope, name="ada", note="three", given_up_at=GONE)
        assert [outcome_of(each) for each in (made, again, aside)] == [
            UpsertOutcome.INSERTED,
            UpsertOutcome.UPDATED,
            UpsertOutcome.INSERTED,
        ]
        assert (again.id, again.note) == (made.id, "two")
        spared = await Handle.put_held(here.scope, name="ada", note="four")
        assert (outcome_of(spared), spared.id, spared.note) == (UpsertOutcome.SKIPPED, made.id, "two")
        assert (await Handle.get(here.scope, gone.id)).note == ""

    async def test_upserts_of_many_rows_each_get_their_own_answer(self, here: Tenant) -> None:
        there = await Handle.take(here.scope, name="ada")
        rows: list[dict[str, Any]] = [
            {"name": "ada", "note": "a"},
            {"name": "ada", "note": "b", "given_up_at": GONE},
            {"name": "ada", "note": "c", "given_up_at": GONE},
            {"name": "bob", "note": "d"},
        ]
        result = await Handle.put.bulk(here.scope, rows, returning=True)
        assert result.records is not None
        assert [each.note for each in result.records] == ["a", "b", "c", "d"]
        assert [each.id == there.id for each in result.records] == [True, False, False, False]


class EqualNulls(Behaviour):
    """Identities to which nulls are the same."""

    async def test_nulls_can_be_the_same(self, here: Tenant, there: Tenant) -> None:
        await Seat.add(here.scope, row="a")
        await Seat.add(here.scope, row="b")
        await Seat.add(here.scope, row="a", number=1)
        await Seat.add(there.scope, row="a")
        with pytest.raises(InvalidAction) as caught:
            await Seat.add(here.scope, row="a")
        assert isinstance(only(caught.value), AlreadyTaken)

    async def test_an_upsert_finds_a_null(self, here: Tenant) -> None:
        made = await Seat.put(here.scope, row="a", guest="Ada")
        again = await Seat.put(here.scope, row="a", guest="Bob")
        assert (again.id, again.guest, outcome_of(again)) == (made.id, "Bob", UpsertOutcome.UPDATED)
        rows = [{"row": "a", "guest": "Cy", "number": None}, {"row": "b", "guest": "Di", "number": None}]
        result = await Seat.put.bulk(here.scope, rows, returning=True)
        assert result.records is not None
        assert [(each.id == made.id, each.guest) for each in result.records] == [(True, "Cy"), (False, "Di")]

    async def test_upserts_without_a_value_are_rows_of_their_own(self, here: Tenant) -> None:
        rows: list[dict[str, Any]] = [
            {"row": "a", "number": 1},
            {"row": "a", "number": 2},
            {"row": "a", "number": 3, "label": "x"},
            {"row": "b", "number": 4, "label": None},
        ]
        result = await Seat.put_label.bulk(here.scope, rows, returning=True)
        assert result.records is not None
        assert [each.number for each in result.records] == [1, 2, 3, 4]


class IdentitiesOfSome(PartialIdentities, EqualNulls):
    """Identities with a condition, and those to which nulls are the same."""
