"""Field policies and calculations: each has a policy of its own, and what it is made of has no say in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import (
    Attr,
    Domain,
    Expr,
    FieldPolicies,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    actor_present,
    attribute,
    authorize_if,
    calculation,
    computed,
    field_policy,
    is_hidden,
    policy,
    uuid_primary_key,
)


class Member(Resource):
    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    salary: Attr[int] = attribute(public=True)
    debts: Attr[int] = attribute(public=True)

    @calculation(public=True)
    @classmethod
    def yearly(cls, months: int = 12) -> Expr[int]:
        """Hidden, made of what may be seen."""
        return cls.salary * months

    @calculation(public=True)
    @classmethod
    def owing(cls, least: int = 1) -> Expr[bool]:
        """Seen, made of what is hidden."""
        return cls.debts >= least

    @computed(loads=[debts, yearly(months=2).as_("two")])
    def note(self, mark: str = "!") -> str:
        """Seen, made in Python of what is hidden."""
        return f"{self.debts}/{vars(self)['two']}{mark}"

    @action.create
    def enter(self, scope: Scope, name: str, salary: int, debts: int) -> None: ...

    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy([debts, yearly], authorize_if(actor_present())),
        field_policy("*", authorize_if(True)),
    )


Members = Domain("members", resources=[Member])


@pytest.fixture
async def app(opened: Opener) -> AsyncIterator[Sorbus]:
    async with opened([Members]) as app:
        await Member.enter(app.system_scope(), name="Ada", salary=10, debts=3)
        yield app


async def test_a_hidden_calculation_is_hidden_under_every_name(app: Sorbus) -> None:
    scope, twice = app.scope(), Member.yearly(months=2).as_("twice")
    found = await Member.query(scope).load(Member.yearly, twice).one()
    assert is_hidden(found.yearly)
    assert is_hidden(twice.of(found))
    known = await Member.query(app.scope(actor=found)).load(Member.yearly, twice).one()
    assert (known.yearly, twice.of(known)) == (120, 20)


async def test_what_a_calculation_is_made_of_has_no_say_in_it(app: Sorbus) -> None:
    much, loud = Member.owing(least=9).as_("much"), Member.note(mark="?").as_("loud")
    found = await Member.query(app.scope()).load(Member.owing, much, Member.note, loud).one()
    assert (found.owing, much.of(found)) == (True, False)
    assert (found.note, loud.of(found)) == ("3/20!", "3/20?")
    assert is_hidden(found.debts)
    assert not [name for name in vars(found) if name == "two" or name.startswith("needed")]


async def test_what_comes_from_outside_sees_null_where_the_calculation_is_hidden(app: Sorbus) -> None:
    async def count(scope: Scope, data: Any) -> int:
        return await Member.query(scope).filter_input(data).count()

    somebody = await Member.query(app.system_scope()).one()
    hidden, seen = {"yearly": {"greater_than": 1}}, {"owing": {"eq": True}}
    assert [await count(app.scope(), hidden), await count(app.scope(actor=somebody), hidden)] == [0, 1]
    assert [await count(app.scope(), seen), await count(app.scope(actor=somebody), seen)] == [1, 1]
    assert await count(app.scope(), {"debts": {"greater_than": 1}}) == 0
    # A condition of the developer's own is trusted.
    assert await Member.query(app.scope()).where(Member.yearly(months=1) == 10).count() == 1
