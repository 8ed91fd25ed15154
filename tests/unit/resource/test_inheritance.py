"""What a base declares for several resources belongs to each of them, not to all at once."""

from __future__ import annotations

from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    InMemory,
    Policies,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    calculate,
    policy,
    uuid_primary_key,
)
from sorbus.errors.declaration import ForeignField


class Titled(Resource):
    """What has a title."""

    id: Attr[UUID] = uuid_primary_key()
    title: Attr[str] = attribute(public=True)
    shout = calculate(title + "!")

    @action.create
    def make(self, scope: Scope, title: str) -> None:
        """Make one."""

    @action.read
    @classmethod
    def called(cls, scope: Scope, title: str) -> Query[Titled]:
        """Those of a title."""
        return cls.query().where(Titled.title == title)

    storage = InMemory()
    policies = Policies(policy("any", authorize_if(True)))


class Book(Titled):
    """A book."""


class Film(Titled):
    """A film."""


Library = Domain("library", resources=[Book, Film])


@pytest.fixture
def app() -> Sorbus:
    return Sorbus(domains=[Library])


async def test_a_field_of_a_base_is_a_field_of_each_resource(app: Sorbus) -> None:
    async with app:
        scope = app.scope()
        await Book.make(scope, title="Emma")
        await Film.make(scope, title="Emma")
        for resource in (Book, Film):
            assert await resource.query(scope).where(resource.title == "Emma").count() == 1
            assert await resource.query(scope).where(Titled.title == "Emma").count() == 1
            (found,) = await resource.called(scope, title="Emma").load(resource.shout).all()
            assert found.shout == "Emma!"


async def test_a_field_of_another_resource_is_refused(app: Sorbus) -> None:
    async with app:
        with pytest.raises(ForeignField) as caught:
            await Book.query(app.scope()).where(Film.title == "Emma").all()
        assert str(caught.value).startswith("`Film.title` is not a field of `Book`")
        with pytest.raises(ForeignField):
            await Film.query(app.scope()).order_by(Book.shout).all()
