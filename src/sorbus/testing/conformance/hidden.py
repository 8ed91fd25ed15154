"""Behaviours of field policies: what is hidden, where, and that nothing gives it away."""

from __future__ import annotations

import copy
import pickle
from base64 import urlsafe_b64decode
from dataclasses import replace
from typing import Any

import pytest

from sorbus import HIDDEN, Scope, exists, is_hidden, related
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import InvalidAction, NotFound
from sorbus.expressions.build import Untrusted
from sorbus.testing.conformance.people import Person, Role
from sorbus.testing.conformance.policies_world import Employee, Review, Team
from sorbus.testing.conformance.world import Behaviour, Tenant


async def staffed(here: Tenant, **inputs: Any) -> tuple[Team, Employee, Employee]:
    """A team with `ada` and `bob` in it, who earns more."""
    team = await Team.found(here.system, name="a", **inputs)
    ada = await Employee.hire(
        here.system, team_id=team.id, name="Ada", person_id=here.ada.id, email="ada@x", salary=100, badge="A1"
    )
    bob = await Employee.hire(
        here.system, team_id=team.id, name="Bob", email="bob@x", salary=300, badge="B1", mentor_id=ada.id
    )
    return team, ada, bob


async def admin(here: Tenant) -> Scope:
    """The scope of somebody who sees salaries."""
    return here.as_(await here.person("Root", role=Role.ADMIN))


def payload(cursor: str) -> bytes:
    """What anybody can read in a cursor."""
    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


class Marker(Behaviour):
    """The value that stands for a hidden one."""

    def test_it_is_false_equal_to_nothing_and_the_only_one(self) -> None:
        assert repr(HIDDEN) == "<hidden>"
        assert not HIDDEN
        assert HIDDEN != HIDDEN  # noqa: PLR0124
        assert [each for each in (None, "", 0, "<hidden>") if each == HIDDEN] == []
        assert copy.deepcopy(HIDDEN) is pickle.loads(pickle.dumps(HIDDEN)) is HIDDEN  # noqa: S301
        with pytest.raises(AttributeError, match="may not see"):
            HIDDEN.upper()
        with pytest.raises(TypeError):
            bool(HIDDEN < 3)


class Seeing(Behaviour):
    """What records show."""

    async def test_what_an_actor_may_not_see_is_hidden_row_by_row(self, here: Tenant) -> None:
        await staffed(here)
        own, other = await Employee.query(here.scope).order_by(Employee.name).all()
        assert (own.name, own.email) == ("Ada", "ada@x")
        assert is_hidden(own.salary)
        assert is_hidden(own.badge)
        assert is_hidden(other.email)
        assert is_hidden(other.salary)
        assert is_hidden((await Employee.get(here.scope, other.id)).email)
        boss = await admin(here)
        own, other = await Employee.query(boss).order_by(Employee.name).all()
        assert (own.salary, other.salary, other.email) == (100, 300, "bob@x")
        assert is_hidden(own.badge)
        audit = replace(here.scope, context={"audit": True})
        assert (await Employee.get(audit, other.id)).badge == "B1"
        assert (await Employee.get(here.system, other.id)).salary == 300

    async def test_policies_of_fields_follow_relationships(self, here: Tenant) -> None:
        await staffed(here, lead_id=here.ada.id)
        own, other = await Employee.query(here.scope).order_by(Employee.name).all()
        assert (own.badge, other.badge) == ("A1", "B1")

    async def test_a_condition_of_a_group_narrows_field_policies(self, here: Tenant) -> None:
        await staffed(here)
        blind = replace(here.scope, context={"blind": True})
        assert [each.name for each in await Employee.query(here.scope).order_by(Employee.id).all()] == [
            "Ada",
            "Bob",
        ]
        own, other = await Employee.query(blind).order_by(Employee.id).all()
        assert own.name == "Ada"
        assert is_hidden(other.name)

    async def test_calculations_have_policies_of_their_own(self, here: Tenant) -> None:
        await staffed(here)
        fields = (Employee.double, Employee.raised, Employee.grade, Employee.card)
        own, other = await Employee.query(here.scope).order_by(Employee.name).load(*fields).all()
        assert is_hidden(own.double)
        # What a calculation is made of is its own affair: whoever may see it sees it.
        assert (own.raised, other.raised) == (101, 301)
        assert (own.grade, other.grade) == ("low", "high")
        assert own.card == "ada@x/100"
        assert is_hidden(other.card)
        assert is_hidden(other.email)
        assert is_hidden(other.salary)
        (found,) = await Employee.query(await admin(here)).where(Employee.name == "Bob").load(*fields).all()
        assert (found.double, found.card) == (600, "bob@x/300")

    async def test_aggregates_take_what_the_actor_may_see(self, here: Tenant) -> None:
        team, _, bob = await staffed(here)
        await Review.give(here.system, employee_id=bob.id, team_id=team.id, author_id=here.ada.id, score=4)
        fields = (Team.top_salary, Team.pay, Team.size)
        (found,) = await Team.query(here.scope).load(*fields).all()
        assert (found.top_salary, found.pay, found.size) == (None, 0, 2)
        (found,) = await Team.query(await admin(here)).load(*fields).all()
        assert (found.top_salary, found.pay, found.size) == (300, 400, 2)
        (one,) = await Employee.query(here.scope).where(Employee.name == "Bob").load(Employee.best).all()
        assert one.best == 4

    async def test_related_rows_are_masked_as_well(self, here: Tenant) -> None:
        await staffed(here)
        (team,) = await Team.query(here.scope).load(Team.staff).all()
        assert [is_hidden(each.salary) for each in team.staff] == [True, True]
        assert team.staff[0].email == "ada@x"

    async def test_a_relationship_over_a_hidden_key_is_hidden(self, here: Tenant) -> None:
        await staffed(here)
        _, bob = await Employee.query(here.scope).order_by(Employee.name).load(Employee.mentor).all()
        assert is_hidden(bob.mentor_id)
        assert is_hidden(bob.mentor)
        _, bob = await Employee.query(await admin(here)).order_by(Employee.name).load(Employee.mentor).all()
        assert bob.mentor is not None
        assert bob.mentor.name == "Ada"

    async def test_a_relationship_can_be_hidden_by_itself(self, here: Tenant) -> None:
        team, ada, _ = await staffed(here)
        await Review.give(here.system, employee_id=ada.id, team_id=team.id, author_id=here.ada.id)
        (found,) = await Employee.query(here.scope).where(Employee.name == "Ada").load(Employee.reviews).all()
        assert len(found.reviews) == 1
        banned = here.as_(await here.person("Bad", banned=True))
        (found,) = await Employee.query(banned).where(Employee.name == "Ada").load(Employee.reviews).all()
        assert is_hidden(found.reviews)

    async def test_rows_are_not_reached_by_a_key_that_is_hidden_on_them(self, here: Tenant) -> None:
        team, ada, _ = await staffed(here)
        other = await here.person("Cy")
        for author in (here.ada.id, other.id):
            await Review.give(here.system, employee_id=ada.id, team_id=team.id, author_id=author)
        assert [is_hidden(each.employee_id) for each in await Review.query(here.scope).all()] == [False, True]
        (found,) = await Employee.query(here.scope).where(Employee.name == "Ada").load(Employee.reviews).all()
        assert [each.author_id for each in found.reviews] == [here.ada.id]


class Writing(Behaviour):
    """What writes answer with, and what bodies see."""

    async def test_results_are_masked_and_hooks_see_everything(self, here: Tenant) -> None:
        team = await Team.found(here.system, name="a", lead_id=here.ada.id)
        made = await Employee.hire(here.scope, team_id=team.id, name="Bob", salary=7, email="b", badge="B1")
        assert is_hidden(made.salary)
        assert is_hidden(made.email)
        assert made.badge == "B1", "the lead sees badges, which a related row decides"
        assert is_hidden(made.mentor)
        assert here.visits.names == ["hired for 7"]
        changed = await made.rename(here.scope, name="Bo")
        assert (changed.name, changed.badge) == ("Bo", "B1")
        assert is_hidden(changed.salary)
        gone = await changed.leave(here.scope)
        assert gone.name == "Bo"
        assert is_hidden(gone.salary)
        assert is_hidden(gone.badge), "nobody can tell any more"

    async def test_a_body_sees_what_its_caller_may_not(self, here: Tenant) -> None:
        _, _, bob = await staffed(here)
        masked = await Employee.get(here.scope, bob.id)
        assert is_hidden((await masked.earn(here.scope, more=5)).salary)
        assert (await Employee.get(here.system, bob.id)).salary == 305

    async def test_inside_a_transaction_results_are_masked_too(self, here: Tenant) -> None:
        _, _, bob = await staffed(here)
        async with here.app.transaction():
            assert is_hidden((await bob.rename(here.scope, name="Bo")).salary)
            assert is_hidden((await Employee.get(here.scope, bob.id)).salary)


def filters() -> dict[str, Any]:
    """Conditions from outside that would find out what is hidden, if they could."""
    return {
        "equal": Employee.salary == 300,
        "more": Employee.salary > 200,
        "less": Employee.salary < 1000,
        "not": ~(Employee.salary == 300),
        "in": Employee.salary.is_in([100, 300]),
        "not null": ~Employee.salary.is_null(),
        "calculation": Employee.double > 0,
        "arithmetic": Employee.salary + 1 > 0,
        "text": Employee.badge.contains("B"),
        "any": (Employee.salary > 0) | (Employee.badge.starts_with("B")),
        "path": related(Employee.mentor, lambda each: each.name) == "Ada",
        "exists": exists(Employee.mentor, lambda each: each.name == "Ada"),
        "exists not": ~exists(Employee.mentor, lambda each: each.name == "Ada"),
        "hidden of a related row": exists(
            Employee.team, lambda each: exists(each.staff, lambda one: one.salary > 0)
        ),
        "aggregate": related(Employee.team, lambda each: each.top_salary) > 0,
    }


class Oracles(Behaviour):
    """Nothing that somebody outside writes gives a hidden value away."""

    @pytest.mark.parametrize("name", sorted(filters()))
    async def test_a_filter_from_outside_does_not(self, here: Tenant, name: str) -> None:
        await staffed(here)
        condition = filters()[name]
        query = Employee.query(here.scope).where(Untrusted(condition))
        assert await query.all() == []
        assert await query.count() == 0
        boss = replace(await admin(here), context={"audit": True})
        trusted = await Employee.query(boss).where(condition).all()
        assert await Employee.query(boss).where(Untrusted(condition)).all() == trusted
        assert name.endswith(" not") or trusted or name == "not"

    async def test_null_stands_for_what_is_hidden(self, here: Tenant) -> None:
        await staffed(here)
        query = Employee.query(here.scope)
        assert await query.where(Untrusted(Employee.salary.is_null())).count() == 2
        assert await query.where(Untrusted(Employee.email == "ada@x")).count() == 1
        assert await query.where(Untrusted(Employee.email == "bob@x")).count() == 0
        # What the program itself asks is its own affair.
        assert await query.where(Employee.salary > 200).count() == 1

    async def test_a_sort_from_outside_does_not(self, here: Tenant) -> None:
        team, ada, bob = await staffed(here)
        low = await Employee.hire(here.system, team_id=team.id, name="Cy", salary=1)
        salary: Any = Untrusted(Employee.salary)
        for term in (salary.asc(), salary.desc()):
            found = await Employee.query(here.scope).order_by(term).all()
            assert [each.id for each in found] == [ada.id, bob.id, low.id], "the key alone decides"
        boss = await admin(here)
        found = await Employee.query(boss).order_by(salary.asc()).all()
        assert [each.id for each in found] == [low.id, ada.id, bob.id]

    async def test_a_cursor_does_not(self, here: Tenant) -> None:
        _, ada, bob = await staffed(here)
        salary: Any = Untrusted(Employee.salary)
        for term in (salary.asc(), salary.desc(), Employee.salary.asc()):
            query = Employee.query(here.scope).order_by(term)
            page = await query.page(limit=1)
            assert page.end_cursor is not None
            assert b"100" not in payload(page.end_cursor)
            assert [each.id for each in page] == [ada.id]
            rest = await query.page(limit=1, after=page.end_cursor)
            assert [each.id for each in rest] == [bob.id]
            assert not rest.has_next
            back = await query.page(limit=1, before=rest.start_cursor)
            assert [each.id for each in back] == [ada.id]

    async def test_single_values_and_totals_do_not(self, here: Tenant) -> None:
        await staffed(here)
        query = Employee.query(here.scope).order_by(Employee.name)
        assert await query.list_of(Employee.salary) == [None, None]
        assert await query.list_of(Employee.email) == ["ada@x", None]
        assert await query.max(Employee.salary) is None
        assert await query.sum(Employee.salary) == 0
        assert await query.list_of(Employee.double) == [None, None]
        boss = Employee.query(await admin(here)).order_by(Employee.name)
        assert await boss.list_of(Employee.salary) == [100, 300]
        assert await boss.sum(Employee.salary) == 400

    async def test_pages_over_fields_that_some_rows_hide_are_complete(self, here: Tenant) -> None:
        team, ada, bob = await staffed(here)
        more = [
            await Employee.hire(here.system, team_id=team.id, name=name, email=f"{name}@x", person_id=person)
            for name, person in (("cy", here.ada.id), ("di", None), ("eve", here.ada.id))
        ]
        everybody = {each.id for each in (ada, bob, *more)}
        for term in (Employee.email.asc(), Employee.email.desc(), Employee.email.asc(nulls_first=True)):
            query = Employee.query(here.scope).order_by(term)
            seen = [each async for each in query.stream(batch=2)]
            assert len(seen) == len(everybody)
            assert {each.id for each in seen} == everybody

    async def test_a_taken_value_tells_no_more_than_the_identity_itself(self, here: Tenant) -> None:
        team, ada, _ = await staffed(here)
        with pytest.raises(InvalidAction) as caught:
            await ada.write_from(here.scope, email="bob@x")
        assert "email" in str(caught.value)
        assert "300" not in str(caught.value)
        # Who moves says nothing about badges: that one is taken must not be told apart from other reasons.
        second = await Team.found(here.system, name="b")
        await Employee.hire(here.system, team_id=second.id, name="Eve", badge="A1")
        with pytest.raises(InvalidAction) as caught:
            await ada.move(here.scope, team_id=second.id)
        assert "badge" not in str(caught.value)
        assert "team_id" in str(caught.value)
        del team

    async def test_to_whom_an_action_is_refused_a_taken_value_is_not_told(self, here: Tenant) -> None:
        await staffed(here)
        nobody = here.as_(None)
        told: list[str] = []
        for email in ("bob@x", "nobody@x"):
            with pytest.raises(ActionForbidden) as caught:
                await Employee.hire(nobody, team_id=here.org.id, name="x", email=email)
            told.append(str(caught.value))
        assert told[0] == told[1]

    async def test_a_hidden_row_is_not_there(self, here: Tenant) -> None:
        team, _, _ = await staffed(here)
        gone = await Employee.hire(here.system, team_id=team.id, name="Gone", gone=True)
        with pytest.raises(NotFound):
            await Employee.get(here.scope, gone.id)


class Leaks(Behaviour):
    """What an actor reads of itself and of others stays apart."""

    async def test_plans_of_one_actor_are_not_used_for_another(self, here: Tenant) -> None:
        await staffed(here)
        boss = await admin(here)
        for _ in range(2):
            assert {each.salary for each in await Employee.query(boss).all()} == {100, 300}
            assert all(is_hidden(each.salary) for each in await Employee.query(here.scope).all())
            anybody = here.as_(await Person.join(here.system, name="Any"))
            assert all(is_hidden(each.email) for each in await Employee.query(anybody).all())

    async def test_a_hidden_value_is_no_input(self, here: Tenant) -> None:
        _, _, bob = await staffed(here)
        masked = await Employee.get(here.scope, bob.id)
        with pytest.raises(SorbusError):
            await masked.write_from(here.scope, email=masked.email)


class Hiding(Marker, Seeing, Writing, Oracles, Leaks):
    """Everything about hidden fields."""
