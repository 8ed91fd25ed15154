"""Policies as they are declared: what they become, and the mistakes that are found at assembly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    JsonApi,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    bypass,
    check,
    context_equals,
    field_policy,
    forbid_if,
    group,
    has_many,
    if_,
    matches,
    policy,
    relating_to_actor,
    uuid_primary_key,
)
from sorbus.errors.declaration import DeclarationError, DefinitionErrors, WrongSection
from sorbus.errors.warnings import NothingAllowed
from sorbus.expressions.describe import describe
from sorbus.schema.policies import Access
from sorbus.schema.resource import ResourceSpec


class Base(Resource):
    """What every case declares its sections on."""

    id: Attr[UUID] = uuid_primary_key()
    owner_id: Attr[UUID] = attribute()
    size: Attr[int] = attribute(default=0)
    owner: One[Owner] = belongs_to(via=owner_id, foreign_key=False)

    @action.create
    def make(self, scope: Scope, owner_id: UUID) -> None:
        """Make it."""

    @action.generic
    @classmethod
    async def ask(cls, scope: Scope) -> str:
        """Ask."""
        return ""


class Owner(Resource):
    """Somebody."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(default="")


class Notes(Resource):
    """What has an action of its own."""

    id: Attr[UUID] = uuid_primary_key()

    @action.create
    def write(self, scope: Scope) -> None:
        """Write."""


def yes(record: Any, scope: Scope) -> bool:
    return True


def spec_of(*policies: Any, **sections: Any) -> ResourceSpec:
    """The spec of a resource with some sections, in a domain with some policies."""
    kind: Any = type("Thing", (Base,), {**sections, "__module__": __name__, "__doc__": "A thing."})
    return Sorbus(domains=[Domain("d", resources=[kind, Owner], policies=policies)]).spec.resources["Thing"]


def mistake(**sections: Any) -> DeclarationError:
    with pytest.raises(DefinitionErrors) as caught:
        spec_of(**sections)
    (error,) = caught.value.errors
    return error


def test_groups_put_their_conditions_in_front() -> None:
    inner = group(context_equals("b", 2), policy("read", authorize_if(True), when=context_equals("c", 3)))
    spec = spec_of(
        policies=Policies(bypass("read", authorize_if(True)), group(context_equals("a", 1), inner))
    )
    assert spec.policies is not None
    first, second = spec.policies
    assert (first.bypass, describe(first.when)) == (True, "True")
    assert describe(second.when) == "(context.a == 1 & context.b == 2 & context.c == 3)"


def test_policies_of_the_domain_come_first_and_suffice() -> None:
    spec = spec_of(
        policy("any", authorize_if(actor_present()), description="all"),
        policy(Notes.write, forbid_if(True)),
        policies=Policies(policy("read", authorize_if(True), access="strict")),
    )
    assert spec.policies is not None
    assert [each.domain for each in spec.policies] == [True, True, False]
    assert spec.policies[1].actions == frozenset()
    assert spec.policies[2].access is Access.STRICT
    assert spec_of(policy("any", authorize_if(True))).policies is not None
    assert spec_of().policies is None


def test_a_star_is_every_field_but_the_key() -> None:
    spec = spec_of(field_policies=FieldPolicies(field_policy("*", authorize_if(True))))
    assert spec.field_policies is not None
    assert spec.field_policies[0].fields == {"owner_id", "size"}


def test_every_field_is_covered() -> None:
    error = mistake(field_policies=FieldPolicies(field_policy(Base.size, authorize_if(True))))
    assert isinstance(error, WrongSection)
    assert "these have none: owner_id" in error.message
    assert 'field_policy("*"' in error.hint


@pytest.mark.parametrize(
    ("member", "says"),
    [(Base.id, "is the key"), (Owner.name, "`Owner.name` is a field of another resource")],
)
def test_field_policies_name_fields_of_the_resource(member: Any, says: str) -> None:
    policies = FieldPolicies(field_policy(member, authorize_if(True)), field_policy("*", authorize_if(True)))
    assert says in mistake(field_policies=policies).message


def test_a_check_over_rows_in_python_needs_runtime_access() -> None:
    odd = check("odd", yes)
    assert "no `access=" in mistake(policies=Policies(policy("read", authorize_if(odd)))).message
    error = mistake(policies=Policies(policy("read", authorize_if(True), when=odd, access="runtime")))
    assert "before a row is read" in error.message
    fields = FieldPolicies(field_policy("*", authorize_if(odd)))
    assert "`check('odd', …)` looks at single rows" in mistake(field_policies=fields).message
    inside = if_(odd, then=True, otherwise=False)
    error = mistake(policies=Policies(policy("read", authorize_if(inside), access="runtime")))
    assert "`&`, `|` and `~`" in error.message
    error = mistake(policies=Policies(policy("generic", authorize_if(odd), access="runtime")))
    assert "a generic action has no row" in error.message


def test_a_function_of_the_call_answers_at_once() -> None:
    async def slow(actor: Any, scope: Scope, inputs: Mapping[str, Any]) -> bool:
        return True

    with pytest.raises(WrongSection, match="async"):
        matches("slow", slow)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_relating_needs_a_key_in_the_row() -> None:
    class Parent(Resource):
        """A parent."""

        id: Attr[UUID] = uuid_primary_key()
        children: Many[Child] = has_many()
        count = agg.count(children)

        policies = Policies(policy("read", authorize_if(relating_to_actor(children))))

    class Child(Resource):
        """A child."""

        id: Attr[UUID] = uuid_primary_key()
        parent_id: Attr[UUID] = attribute()

    with pytest.raises(DefinitionErrors, match="needs a belongs_to"):
        Sorbus(domains=[Domain("d", resources=[Parent, Child])])


def test_a_served_resource_without_policies_is_a_warning() -> None:
    with pytest.warns(NothingAllowed, match=r"Thing is served \(json_api\) but has no policies"):
        spec_of(json_api=JsonApi("/things", "index"))
    spec_of(policy("read", authorize_if(True)), json_api=JsonApi("/things", "index"))
