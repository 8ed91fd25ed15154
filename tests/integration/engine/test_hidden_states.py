"""A state that its actor may not see: no refusal of a transition tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from uuid import UUID

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    authorize_unless,
    field_policy,
    policy,
    uuid_primary_key,
)
from sorbus.errors.inputs import WrongState


class Verdict(StrEnum):
    """The states."""

    OPEN = "open"
    SHUT = "shut"
    SEALED = "sealed"


class File(Resource):
    """Whose state is a secret."""

    id: Attr[UUID] = uuid_primary_key()
    verdict: Attr[Verdict] = attribute(default=Verdict.OPEN)

    @action.create
    def open(self, scope: Scope) -> None:
        """Begin."""

    @action.transition(Verdict.OPEN, to=Verdict.SEALED)
    def seal(self, scope: Scope) -> None:
        """Seal it."""

    storage = Postgres("hidden_states_files")
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy(verdict, authorize_unless(True)), field_policy("*", authorize_if(True))
    )


Files = Domain("files", resources=[File])


@pytest.fixture
async def app(opened: Opener) -> AsyncIterator[Sorbus]:
    async with opened([Files]) as app:
        yield app


async def test_a_bulk_run_over_a_query_does_not_tell_it(app: Sorbus) -> None:
    made = await File.open(app.system_scope())
    await made.seal(app.system_scope())
    with pytest.raises(WrongState) as caught:
        await File.seal.bulk(app.scope(), File.query(app.scope()))
    assert caught.value.key == str(made.id)
    assert (caught.value.current, caught.value.possible) == ("in another state", ())
    with pytest.raises(WrongState) as caught:
        await File.seal.bulk(app.system_scope(), File.query(app.system_scope()))
    assert caught.value.current == "sealed"
