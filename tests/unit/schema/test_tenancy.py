"""From a scope's tenant to a value of a resource, and to the name of a schema."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest

from sorbus.errors.authorization import TenantRequired
from sorbus.errors.tenancy import InvalidTenant, TenantNameNotAllowed
from sorbus.resource.assembly import assemble
from sorbus.schema.tenancy import TenantCast
from sorbus.schema.tenant_names import LONGEST, TenantNames, checked_name
from sorbus.scope import EveryTenant, tenant_key
from sorbus.testing.conformance.press import DOMAINS
from sorbus.types.base import field_type

KEY = UUID("0193a0c4-0000-7000-8000-000000000001")


class Region(StrEnum):
    NORTH = "north"


class Site:
    tenant_key = KEY


class TestTenantKey:
    def test_of_a_plain_value_is_itself(self) -> None:
        assert [tenant_key(each) for each in (KEY, "acme", 7, None)] == [KEY, "acme", 7, None]

    def test_of_an_object_is_what_it_says(self) -> None:
        assert tenant_key(Site()) == KEY

    def test_of_every_tenant_is_that_of_its_own(self) -> None:
        assert tenant_key(EveryTenant(Site())) == KEY
        assert tenant_key(EveryTenant()) is None


class TestTenantCast:
    def test_casts_to_the_attributes_type(self) -> None:
        cast = TenantCast("Run", field_type(UUID))
        assert [cast(KEY), cast(str(KEY)), cast(Site()), cast(EveryTenant(KEY))] == [KEY] * 4
        assert cast(None) is cast(EveryTenant()) is None
        assert TenantCast("Run", field_type(Region))("north") is Region.NORTH
        assert TenantCast("Run", field_type(int))("12") == 12

    def test_parses_the_key_first(self) -> None:
        assert TenantCast("Run", field_type(str), str)(Site()) == str(KEY)
        assert TenantCast("Run", field_type(UUID), lambda key: key.removeprefix("org_"))(f"org_{KEY}") == KEY

    def test_refuses_what_can_be_none(self) -> None:
        for kind, tenant in ((UUID, "acme"), (int, "acme"), (str, KEY), (Region, "south"), (UUID, object())):
            with pytest.raises(InvalidTenant, match="Run"):
                TenantCast("Run", field_type(kind))(tenant)
        parsers: list[Callable[[Any], Any]] = [attrgetter("missing"), {"a": "b"}.__getitem__, int]
        for parse in parsers:
            with pytest.raises(InvalidTenant):
                TenantCast("Run", field_type(str), parse)("acme")


class TestNames:
    @pytest.mark.parametrize("name", ["acme", "0", "a_b-c", "x" * LONGEST, str(KEY)])
    def test_that_are_allowed(self, name: str) -> None:
        assert checked_name(name) == name

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "-a",
            "_a",
            "A",
            "ä",
            "a b",
            'a"',
            "a.b",
            "a\0",
            "a\n",
            "public",
            "pg_x",
            "sorbus",
            "x" * (LONGEST + 1),
        ],
    )
    def test_that_are_not(self, name: str) -> None:
        with pytest.raises(TenantNameNotAllowed):
            checked_name(name)

    def test_come_from_whatever_a_scope_has(self) -> None:
        names = TenantNames(assemble("test", DOMAINS))

        def name_of(tenant: object) -> str:
            return names.name_of(tenant, resource="Ledger", action="select")

        assert [name_of(each) for each in ("acme", 7, KEY, Site(), EveryTenant("acme"))] == [
            "acme",
            "7",
            str(KEY),
            str(KEY),
            "acme",
        ]
        for nothing in (None, EveryTenant()):
            with pytest.raises(TenantRequired, match=r"Ledger\.select"):
                name_of(nothing)
        for wrong in (1.5, True, object(), ("a",)):
            with pytest.raises(InvalidTenant):
                name_of(wrong)
