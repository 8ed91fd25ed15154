"""Behaviours of creates whose calls are written in groups: nobody must notice but by the clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import AlreadyTaken, InvalidAction
from sorbus.testing.conformance.grouping_world import Hold, Trunk
from sorbus.testing.conformance.world import Behaviour, Tenant, only


async def codes(here: Tenant) -> list[str]:
    """What was posted."""
    return [each.code for each in await Trunk.query(here.system).order_by(Trunk.code).all()]


async def post(here: Tenant, *names: str, **inputs: Any) -> list[Any]:
    """Post some at the same moment; what each call came to."""
    return await asyncio.gather(
        *(Trunk.post(here.scope, code=name, **inputs) for name in names), return_exceptions=True
    )


class Grouping(Behaviour):
    """Many calls at the same moment."""

    async def test_calls_at_the_same_moment_are_written_together(self, here: Tenant) -> None:
        made = await post(here, "a", "b", "c", weight=3)
        assert [(each.code, each.weight, each.by_id) for each in made] == [
            (name, 3, here.ada.id) for name in "abc"
        ]
        assert await Trunk.query(here.scope).order_by(Trunk.code).all() == made
        assert [each for each in here.visits.names if "," in each] == ["a,b,c"]
        assert {f"posted {name}" for name in "abc"} <= set(here.visits.names)

    async def test_a_call_alone_is_a_group_of_one(self, here: Tenant) -> None:
        made = await Trunk.post(here.scope, code="a")
        assert (made.code, made.weight, here.visits.names) == ("a", 1, ["a", "posted a"])

    async def test_hundreds_of_calls_are_all_written_once(self, here: Tenant) -> None:
        names = [f"n{number:03}" for number in range(300)]
        made = await post(here, *names)
        assert [each.code for each in made] == names
        assert await codes(here) == names

    async def test_a_batch_of_a_bulk_run_is_one_list_of_the_hook(self, here: Tenant) -> None:
        await Trunk.post.bulk(here.scope, [{"code": name} for name in "abcd"], batch=2)
        assert here.visits.names[:2] == ["a,b", "posted a"] or here.visits.names[:2] == ["a,b", "c,d"]
        assert await codes(here) == list("abcd")

    async def test_a_taken_name_is_the_error_of_its_call_alone(self, here: Tenant) -> None:
        await Trunk.post(here.scope, code="c")
        outcomes = await post(here, "a", "b", "c", "d", "e")
        error = outcomes.pop(2)
        assert isinstance(only(error), AlreadyTaken)
        assert only(error).path[-1] == "code"
        assert [each.code for each in outcomes] == ["a", "b", "d", "e"]
        assert await codes(here) == list("abcde")

    async def test_of_two_with_one_name_in_a_group_one_is_made(self, here: Tenant) -> None:
        outcomes = await post(here, "a", "same", "same", "same", "z")
        assert sum(isinstance(each, Trunk) for each in outcomes) == 3
        assert await codes(here) == ["a", "same", "z"]

    async def test_a_wrong_input_stops_its_call_before_the_group(self, here: Tenant) -> None:
        outcomes = await asyncio.gather(
            *(Trunk.post(here.scope, code=name, weight=weight) for name, weight in (("a", 1), ("b", -1))),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], InvalidAction)
        assert await codes(here) == ["a"]

    async def test_a_hook_that_fails_for_one_undoes_that_one_only(self, here: Tenant) -> None:
        outcomes = await post(here, "a", "b", "cursed", "d", "cursed too", "f")
        assert [type(each) for each in outcomes] == [Trunk, Trunk, LookupError, Trunk, LookupError, Trunk]
        assert await codes(here) == ["a", "b", "d", "f"]
        assert not any("posted cursed" in each for each in here.visits.names)

    async def test_tenants_and_actors_in_one_group_stay_apart(self, here: Tenant, there: Tenant) -> None:
        bob = await there.person("Bob")
        places = [(here, here.scope), (there, there.as_(bob)), (here, here.scope), (there, there.scope)]
        made = await asyncio.gather(
            *(Trunk.post(scope, code=f"{number}") for number, (_, scope) in enumerate(places))
        )
        assert [each.org_id for each in made] == [tenant.org.id for tenant, _ in places]
        assert [each.by_id for each in made] == [here.ada.id, bob.id, here.ada.id, there.ada.id]
        assert (await codes(here), await codes(there)) == (["0", "2"], ["1", "3"])
        assert here.visits.names[0] == "0,1,2,3"

    async def test_who_may_not_is_refused_without_the_others(self, here: Tenant) -> None:
        banned = here.as_(await here.person("Mallory", banned=True))
        outcomes = await asyncio.gather(
            Trunk.post(here.scope, code="a"),
            Trunk.post(banned, code="b"),
            Trunk.post(here.scope, code="c"),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], ActionForbidden)
        assert await codes(here) == ["a", "c"]

    async def test_what_the_policies_must_look_at_is_written_alone(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        outcomes = await asyncio.gather(
            Trunk.post_own(here.scope, code="a", by_id=here.ada.id),
            Trunk.post_own(here.scope, code="b", by_id=bob.id),
            Trunk.post_own(here.as_(bob), code="c", by_id=bob.id),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [Trunk, ActionForbidden, Trunk]
        assert await codes(here) == ["a", "c"]

    async def test_upserts_are_what_they_are_alone(self, here: Tenant) -> None:
        await Trunk.post(here.scope, code="a", weight=2)
        made = await asyncio.gather(
            Trunk.post_again(here.scope, code="a", weight=5),
            Trunk.post_again(here.scope, code="b", weight=5),
        )
        assert [outcome_of(each) for each in made] == [UpsertOutcome.UPDATED, UpsertOutcome.INSERTED]
        assert await codes(here) == ["a", "b"]

    async def test_a_hook_that_fails_for_one_upsert_undoes_that_one_only(self, here: Tenant) -> None:
        await Trunk.post(here.scope, code="a", weight=2)
        names = ["a", "b", "cursed", "d"]
        made = await asyncio.gather(
            *(Trunk.post_again(here.scope, code=name, weight=5) for name in names), return_exceptions=True
        )
        assert [type(each) for each in made] == [Trunk, Trunk, LookupError, Trunk]
        assert outcome_of(made[0]) is UpsertOutcome.UPDATED
        assert await codes(here) == ["a", "b", "d"]

    async def test_inside_a_transaction_a_call_belongs_to_it(self, here: Tenant) -> None:
        async def broken() -> None:
            async with here.app.transaction():
                await Trunk.post(here.scope, code="a")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await broken()
        assert await codes(here) == []
        async with here.app.transaction():
            await Trunk.post(here.scope, code="b")
            await Trunk.post(here.scope, code="c")
        assert await codes(here) == ["b", "c"]

    async def test_who_gives_up_before_its_group_is_written_takes_its_call_back(self, here: Tenant) -> None:
        hold = Hold()
        here.app.provide(Hold, hold)
        first = asyncio.create_task(Trunk.post(here.scope, code="held"))
        await hold.came.wait()
        calls = [asyncio.create_task(Trunk.post(here.scope, code=name)) for name in "abc"]
        await asyncio.sleep(0)
        calls[1].cancel()
        hold.opened.set()
        outcomes = await asyncio.gather(first, *calls, return_exceptions=True)
        assert [type(each) for each in outcomes] == [Trunk, Trunk, asyncio.CancelledError, Trunk]
        assert await codes(here) == ["a", "c", "held"]
        assert "posted b" not in here.visits.names

    async def test_what_is_being_written_is_told_although_its_caller_has_gone(self, here: Tenant) -> None:
        hold = Hold()
        here.app.provide(Hold, hold)
        calls = [asyncio.create_task(Trunk.post(here.scope, code=name)) for name in ("a", "held", "c")]
        await hold.came.wait()
        calls[1].cancel()
        hold.opened.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in outcomes] == [Trunk, asyncio.CancelledError, Trunk]
        assert await codes(here) == ["a", "c", "held"]
        async with asyncio.timeout(5):
            await hold.told.wait()
