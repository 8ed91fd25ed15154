"""The people and places that every behaviour starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from sorbus import Scope, Sorbus
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import InvalidAction
from sorbus.testing.conformance.people import Org, Person, Role, Visits
from sorbus.testing.conformance.press import Article, Author, Comment


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organisation with somebody who acts in it.

    Attributes:
        system: a scope inside the tenant that no policy is asked for.
        scope: the scope of `ada`, an editor.
        visits: what bodies and hooks have noted, across tenants.
    """

    app: Sorbus
    org: Org
    system: Scope
    ada: Person
    scope: Scope
    visits: Visits

    def as_(self, person: Any) -> Scope:
        """The scope of somebody, or of nobody, in this tenant."""
        return self.app.scope(actor=person, tenant=self.org.id)

    async def person(self, name: str, *, role: Role = Role.READER, banned: bool = False) -> Person:
        """One more person in this tenant."""
        return await Person.join(self.system, name=name, role=role, banned=banned)

    async def author(self, name: str = "Grace") -> Author:
        """A new author."""
        return await Author.enrol(self.scope, name=name)

    async def article(self, title: str = "Bugs", **inputs: Any) -> Article:
        """A new article, of a new author unless one is given."""
        if "author_id" not in inputs:
            inputs["author_id"] = (await self.author()).id
        return await Article.draft(self.scope, title=title, **inputs)

    async def comment(self, article: Article, body: str = "Good", **inputs: Any) -> Comment:
        """A new comment on an article."""
        return await Comment.say(self.scope, article_id=article.id, body=body, **inputs)


async def new_tenant(app: Sorbus, visits: Visits) -> Tenant:
    """A tenant with nothing in it but `ada`."""
    slug = uuid4().hex
    org = await Org.found(app.system_scope(), name=f"Org {slug[:4]}", slug=slug)
    system = app.system_scope(tenant=org.id)
    ada = await Person.join(system, name="Ada", role=Role.EDITOR)
    return Tenant(app, org, system, ada, app.scope(actor=ada, tenant=org.id), visits)


class Behaviour:
    """What all groups of behaviours share: the fixtures. A layer's test class overrides `app`."""

    @pytest.fixture
    def app(self) -> Sorbus:
        """An open application made of `DOMAINS` over an empty data layer."""
        raise NotImplementedError(
            "Override `app` with a fixture that opens `Sorbus(domains=DOMAINS, …)` on your data layer."
        )

    @pytest.fixture
    def visits(self, app: Sorbus) -> Visits:
        """What bodies and hooks note."""
        found = Visits()
        app.provide(Visits, found)
        return found

    @pytest.fixture
    async def here(self, app: Sorbus, visits: Visits) -> Tenant:
        """A tenant."""
        return await new_tenant(app, visits)

    @pytest.fixture
    async def there(self, app: Sorbus, visits: Visits) -> Tenant:
        """Another tenant in the same database."""
        return await new_tenant(app, visits)


def only(error: BaseException) -> SorbusError:
    """The one error inside a refused action.

    Raises:
        AssertionError: there are more, or none.
    """
    assert isinstance(error, InvalidAction)
    assert len(error.errors) == 1, error.errors
    return error.errors[0]
