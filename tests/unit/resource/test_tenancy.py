"""What the sections about tenants refuse, and what becomes of them."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    Identities,
    ManageTenants,
    One,
    Resource,
    SchemaTenancy,
    Scope,
    Sorbus,
    Tenancy,
    action,
    attribute,
    belongs_to,
    identity,
    uuid_primary_key,
)
from sorbus.errors.declaration import DefinitionErrors
from sorbus.schema.tenancy import TenancyMode


def mistakes(*resources: type[Resource]) -> str:
    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("test", resources=list(resources))])
    return str(caught.value)


def test_an_attribute_that_may_be_null_needs_an_optional_tenant() -> None:
    class Loose(Resource):
        id: Attr[UUID] = uuid_primary_key()
        org_id: Attr[UUID | None] = attribute(default=None)
        tenancy = Tenancy(org_id)

    assert "optional=True" in mistakes(Loose)


def test_a_key_is_a_scalar() -> None:
    class Many(Resource):
        id: Attr[UUID] = uuid_primary_key()
        orgs: Attr[list[str]] = attribute()
        tenancy = Tenancy(orgs)

    assert "a tenant's key is a scalar" in mistakes(Many)


def test_an_action_says_one_of_three() -> None:
    class Wrong(Resource):
        id: Attr[UUID] = uuid_primary_key()
        org_id: Attr[UUID] = attribute()

        @action.update(tenancy=cast("Any", "al"))
        def edit(self, scope: Scope) -> None:
            """Edit."""

        tenancy = Tenancy(org_id)

    assert "Allowed: all, enforce, optional. Did you mean `all`?" in mistakes(Wrong)


def test_only_tenants_in_an_attribute_can_be_optional() -> None:
    class Shared(Resource):
        id: Attr[UUID] = uuid_primary_key()

        @action.update(tenancy="all")
        def edit(self, scope: Scope) -> None:
            """Edit."""

    class Apart(Resource):
        id: Attr[UUID] = uuid_primary_key()

        @action.destroy(tenancy="optional")
        def drop(self, scope: Scope) -> None:
            """Drop."""

        tenancy = SchemaTenancy()

    found = mistakes(Shared, Apart)
    assert "`Shared` has no tenancy" in found
    assert "have a table of their own" in found


def test_shared_rows_cannot_refer_to_tenants_tables() -> None:
    class Own(Resource):
        id: Attr[UUID] = uuid_primary_key()
        tenancy = SchemaTenancy()

    class Shared(Resource):
        id: Attr[UUID] = uuid_primary_key()
        own_id: Attr[UUID] = attribute()
        own: One[Own] = belongs_to(via=own_id)

    assert "foreign_key=False" in mistakes(Own, Shared)


def test_the_rows_that_are_tenants_have_names_and_no_tenant() -> None:
    class Org(Resource):
        id: Attr[UUID] = uuid_primary_key()
        slug: Attr[str | None] = attribute(default=None)
        tenants = ManageTenants(cast("Any", slug))
        tenancy = SchemaTenancy()

    found = mistakes(Org)
    assert "never null" in found
    assert "belong to tenants" in found

    class Alone(Resource):
        id: Attr[UUID] = uuid_primary_key()
        slug: Attr[str] = attribute()
        tenants = ManageTenants(slug)

    assert "no resource says `tenancy = SchemaTenancy()`" in mistakes(Alone)


def test_the_tenant_joins_the_keys_of_identities() -> None:
    class Page(Resource):
        id: Attr[UUID] = uuid_primary_key()
        org_id: Attr[UUID] = attribute()
        slug: Attr[str] = attribute()
        serial: Attr[str] = attribute()

        @action.update
        def edit(self, scope: Scope) -> None:
            """Edit."""

        @action.update(tenancy="all")
        def audit(self, scope: Scope) -> None:
            """Audit."""

        tenancy = Tenancy(org_id)
        identities = Identities(
            slug=[slug], by_hand=[slug, org_id], serial=identity(serial, all_tenants=True), org=[org_id]
        )

    spec = Sorbus(domains=[Domain("test", resources=[Page])]).spec.resources["Page"]
    assert {name: each.keys for name, each in spec.identities.items()} == {
        "slug": ("org_id", "slug"),
        "by_hand": ("slug", "org_id"),
        "serial": ("serial",),
        "org": ("org_id",),
    }
    assert [each.names for each in spec.identities.values()] == [
        ("slug",),
        ("slug",),
        ("serial",),
        ("org_id",),
    ]
    assert spec.actions["edit"].tenancy is TenancyMode.ENFORCE
    assert spec.actions["audit"].tenancy is TenancyMode.ALL
