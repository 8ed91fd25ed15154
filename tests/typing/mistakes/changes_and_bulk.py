"""Mistakes in changes, validations and bulk runs."""

from __future__ import annotations

from uuid import UUID

from tests.typing.ok import Run

from sorbus import Attr, Domain, Resource, Scope, action, attribute, change, uuid_primary_key, validate


class Ticket(Resource):
    """A ticket."""

    id: Attr[UUID] = uuid_primary_key()
    title: Attr[str] = attribute()
    seats: Attr[int] = attribute()

    @action.update(changes=[change.increment(title)])  # error: mypy, pyright (no number)
    def add(self, scope: Scope) -> None:
        """Add."""

    @action.update(changes=[change.set_attribute(seats, "many")])  # error: mypy, pyright (wrong type)
    def fill(self, scope: Scope) -> None:
        """Fill."""

    @action.update(changes=[validate.one_of(seats, ["a"])])  # error: mypy, pyright (a value of another type)
    def check(self, scope: Scope) -> None:
        """Check."""

    @action.update(changes=[validate.match(seats, "a")])  # error: mypy, pyright (no text)
    def match(self, scope: Scope) -> None:
        """Match."""

    @action.create(upsert="titel")  # error: assembly missing-part
    def put(self, scope: Scope, title: str, seats: int) -> None:
        """Put."""


async def runs(scope: Scope) -> None:
    """Options that there are not."""
    await Run.submit.bulk(scope, [], on_eror="continue")  # error: mypy, pyright (a misspelt option)
    await Run.submit.bulk(scope, [], on_error="ignore")  # error: mypy, pyright (no such value)
    await Run.edit.bulk(scope, Run.query(scope), prompt="x")  # error: mypy, pyright (inputs are a mapping)


Mistaken = Domain("mistaken", resources=[Ticket])
