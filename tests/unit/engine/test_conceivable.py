"""Whether an actor could run an action at all: what the scope decides alone, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    Policies,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor,
    actor_is_a,
    actor_present,
    attribute,
    authorize_if,
    changing,
    context_equals,
    forbid_if,
    input_value,
    matches,
    policy,
    uuid_primary_key,
)


@dataclass
class Person:
    """Somebody."""

    role: str = "guest"


class Robot:
    """Something."""


class Account(Resource):
    """Whose role policies ask."""

    id: Attr[UUID] = uuid_primary_key()
    role: Attr[str] = attribute()


def forbidden_function(*_: Any) -> bool:
    raise AssertionError("no function of the user's runs for a list of tools")


class Page(Resource):
    """A page."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    title: Attr[str] = attribute(public=True)

    @action.create
    def anybody(self, scope: Scope, title: str) -> None:
        """Allowed for everybody."""

    @action.create
    def nobody(self, scope: Scope, title: str) -> None:
        """No policy applies."""

    @action.update
    def own(self, scope: Scope, title: str) -> None:
        """Depends on the row."""

    @action.create
    def present(self, scope: Scope, title: str) -> None:
        """Needs somebody."""

    @action.create
    def robots(self, scope: Scope, title: str) -> None:
        """Needs a robot."""

    @action.create
    def imported(self, scope: Scope, title: str) -> None:
        """Needs a context."""

    @action.create
    def given(self, scope: Scope, title: str) -> None:
        """Depends on an input."""

    @action.create
    def asked(self, scope: Scope, title: str) -> None:
        """Depends on a function, and on what is written."""

    @action.create
    def guarded(self, scope: Scope, title: str) -> None:
        """An open condition behind one that says no."""

    @action.create
    def role(self, scope: Scope, title: str) -> None:
        """Asks an actor of a class."""

    tenancy = Tenancy(org)
    policies = Policies(
        policy(anybody, authorize_if(True)),
        policy(own, authorize_if(title == "mine")),
        policy(present, authorize_if(actor_present())),
        policy(robots, authorize_if(actor_is_a(Robot))),
        policy(imported, authorize_if(context_equals("origin", "import"))),
        policy(given, authorize_if(input_value("title") == "x")),
        policy(asked, authorize_if(matches("asked", forbidden_function)), authorize_if(changing(title))),
        policy(guarded, forbid_if(~actor_is_a(Robot)), authorize_if(matches("asked", forbidden_function))),
        policy(role, authorize_if(actor(Account.role) == "chief")),
    )


Make = Callable[..., Scope]


@pytest.fixture
async def app() -> Any:
    app = Sorbus(domains=[Domain("pages", resources=[Account, Page])], storage="memory", secret=b"k" * 32)
    async with app:
        yield app


@pytest.mark.parametrize(
    ("name", "nobody", "person", "robot"),
    [
        ("anybody", True, True, True),
        ("nobody", False, False, False),
        ("own", True, True, True),
        ("present", False, True, True),
        ("robots", False, False, True),
        ("imported", False, False, False),
        ("given", True, True, True),
        ("asked", True, True, True),
        ("guarded", False, False, True),
        ("role", False, False, False),
    ],
)
async def test_only_what_the_scope_decides_hides(
    app: Sorbus, name: str, nobody: bool, person: bool, robot: bool
) -> None:
    found = [
        app.engine.conceivable(getattr(Page, name), app.scope(actor=each, tenant="t"))
        for each in (None, Person(), Robot())
    ]
    assert found == [nobody, person, robot]


async def test_a_context_and_a_tenant_count(app: Sorbus) -> None:
    imported = app.scope(tenant="t", context={"origin": "import"})
    assert app.engine.conceivable(Page.imported, imported)
    assert not app.engine.conceivable(Page.anybody, app.scope())
    assert not app.engine.conceivable(Page, app.scope(tenant="t"))
    assert app.engine.conceivable(Page.nobody, app.system_scope(tenant="t"))
