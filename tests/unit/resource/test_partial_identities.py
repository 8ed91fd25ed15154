"""Identities with a condition: what may stand in it, and where only whole identities serve."""

from __future__ import annotations

from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    Expr,
    Identities,
    One,
    Policies,
    Resource,
    actor_present,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    fn,
    fragment,
    identity,
    lazy,
    now,
    policy,
    uuid_primary_key,
)
from sorbus.data_layers.postgres.ddl import schema_of
from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.resource.assembly import assemble
from sorbus.schema.manifest import manifest

ANYBODY = Policies(policy("any", authorize_if(True)))


class Parent(Resource):
    """A row with a name."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute()
    gone: Attr[bool] = attribute(default=False)

    identities = Identities(name=identity(name, where=~gone))
    policies = ANYBODY


def child(where: Expr[bool] | None) -> type[Resource]:
    """A resource with an identity under a condition over its own attributes or others."""

    class Child(Resource):
        """A row that belongs to another."""

        id: Attr[UUID] = uuid_primary_key()
        name: Attr[str] = attribute()
        size: Attr[float] = attribute(default=0.0)
        parent_id: Attr[UUID | None] = attribute(default=None)
        parent: One[Parent] = belongs_to(via=parent_id)
        loud = calculate(fn.upper(name))

        identities = Identities(name=identity(name, where=where if where is not None else size > 0.5))
        policies = ANYBODY

    return Child


def mistakes(*resources: type[Resource]) -> list[DeclarationError]:
    """What is wrong with the declarations."""
    with pytest.raises(DefinitionErrors) as caught:
        assemble("test", [Domain("things", resources=[Parent, *resources])])
    return list(caught.value.errors)


@pytest.mark.parametrize(
    "where",
    [
        None,
        actor_present(),
        now().is_null(),
        lazy(lambda: True) == True,  # noqa: E712
        fragment("true", type=bool),
    ],
    ids=["float", "actor", "now", "lazy", "fragment"],
)
def test_a_condition_that_no_index_keeps_is_refused(where: Expr[bool] | None) -> None:
    (error,) = mistakes(child(where))
    assert error.code == "wrong-section"
    assert "is none that an index can keep" in error.message
    assert error.path == ("Child", "identities")


def test_a_field_of_another_resource_is_refused() -> None:
    (error,) = mistakes(child(Parent.gone))
    assert error.code == "foreign-field"
    assert error.path == ("Child", "identities")


def test_a_calculation_is_refused() -> None:
    class Named(Resource):
        """A row with a calculation."""

        id: Attr[UUID] = uuid_primary_key()
        name: Attr[str] = attribute()
        loud = calculate(fn.upper(name))

        identities = Identities(name=identity(name, where=loud == "A"))
        policies = ANYBODY

    (error,) = mistakes(Named)
    assert "is none that an index can keep" in error.message


def test_no_reference_leads_to_an_identity_of_some_rows() -> None:
    class Pointing(Resource):
        """A row that refers by name."""

        id: Attr[UUID] = uuid_primary_key()
        parent_name: Attr[str | None] = attribute(default=None)
        parent: One[Parent] = belongs_to(via=parent_name, destination="name")

        policies = ANYBODY

    (error,) = mistakes(Pointing)
    assert "which does not tell rows apart" in error.message


def test_the_index_and_the_manifest_tell_the_condition() -> None:
    application = assemble("test", [Domain("things", resources=[Parent])])
    (unique,) = schema_of(application).table("parent").uniques
    assert (unique.columns, unique.where, unique.nulls_distinct) == (("name",), '(NOT "gone")', True)
    (shown,) = manifest(application)["resources"][0]["identities"]
    assert shown == {"name": "name", "keys": ["name"], "where": "~(gone)", "nulls_distinct": True}
