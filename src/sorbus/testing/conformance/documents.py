"""What a data layer must do with embedded documents: their actions run, and what they make is stored as one value."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from sorbus import CiStr
from sorbus.errors.access import ImmutableRecord, NoSuchMember
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import InvalidAction
from sorbus.testing.conformance.documents_world import Address, Country, Customer, Mail, Note, Phone
from sorbus.testing.conformance.people import Role
from sorbus.testing.conformance.world import Behaviour, Tenant, only


async def joined(here: Tenant, **inputs: Any) -> Customer:
    """A new customer."""
    return await Customer.join(here.scope, name="Ada", **inputs)


async def again(here: Tenant, customer: Customer) -> Customer:
    """The customer as it is stored."""
    return await Customer.get(here.scope, customer.id)


async def changed_to(here: Tenant, customer: Customer, **inputs: Any) -> Customer:
    """The customer with documents as they come from outside."""
    return await customer.change(here.scope, **inputs)


def noted(here: Tenant) -> list[str]:
    """What the bodies have noted since the last time."""
    found = list(here.visits.names)
    here.visits.names.clear()
    return found


class Documents(Behaviour):
    """Embedded resources inside a record."""

    async def test_a_document_is_made_by_its_create(self, here: Tenant) -> None:
        customer = await joined(here, home={"city": " Oslo ", "country": {"code": "no"}})
        assert noted(here) == ["settle  Oslo "]
        for record in (customer, await again(here, customer)):
            home = record.home
            assert home is not None
            assert (home.city, home.zip, home.door, home.moves) == ("Oslo", None, "0000", 0)
            assert isinstance(home.id, UUID)
            assert home.country is not None
            assert home.country.code == CiStr("NO")
            assert "0000" not in repr(record)

    async def test_a_document_is_changed_by_its_update(self, here: Tenant) -> None:
        customer = await joined(here, home=Address(city="Oslo", zip="1"))
        changed = await changed_to(here, customer, home={"city": "Bergen"})
        assert noted(here) == ["settle Oslo", "move to Bergen"]
        before, home = customer.home, (await again(here, changed)).home
        assert before is not None
        assert home is not None
        assert (home.id, home.city, home.zip, home.moves) == (before.id, "Bergen", "1", 1)
        assert home.changed_at > before.changed_at
        assert changed.home == home

    async def test_a_document_is_removed_by_its_destroy(self, here: Tenant) -> None:
        customer = await joined(here, home=Address(city="Oslo"))
        changed = await customer.change(here.scope, home=None)
        assert noted(here) == ["settle Oslo", "leave Oslo"]
        assert (await again(here, changed)).home is None

    async def test_what_is_not_given_is_left_alone(self, here: Tenant) -> None:
        customer = await joined(here, home=Address(city="Oslo"))
        renamed = await customer.rename(here.scope, name="Bob")
        assert renamed.home == customer.home
        same = await renamed.change(here.scope, home=renamed.home)
        assert same.home == customer.home
        assert noted(here) == ["settle Oslo"]

    async def test_by_key_too_an_update_sees_the_document(self, here: Tenant) -> None:
        customer = await joined(here, home=Address(city="Oslo", zip="1"))
        changed = await Customer.change.by_key(
            customer.id, here.scope, home=Address.part(zip="2", quietly=True)
        )
        assert changed.home is not None
        assert (changed.home.city, changed.home.zip, changed.home.moves) == ("Oslo", "2", 0)

    async def test_documents_with_a_key_are_matched_by_it(self, here: Tenant) -> None:
        customer = await joined(here, others=[{"city": "A"}, {"city": "B"}, {"city": "C"}])
        first, second, _ = customer.others
        noted(here)
        given = [{"id": str(second.id), "city": "B2"}, {"city": "D"}, {"id": first.id}]
        changed = await changed_to(here, customer, others=given)
        # All are cast and allowed before the first body runs; what goes, goes first.
        assert noted(here) == ["leave C", "move to B2", "settle D", "move to A"]
        assert [each.city for each in (await again(here, changed)).others] == ["B2", "D", "A"]
        assert [each.id for each in changed.others][::2] == [second.id, first.id]

    async def test_documents_without_a_key_are_destroyed_and_made_anew(self, here: Tenant) -> None:
        customer = await joined(here, notes=[{"text": "a"}, {"text": "b"}])
        noted(here)
        changed = await changed_to(here, customer, notes=[{"text": "b"}])
        assert noted(here) == ["tear a", "tear b", "write b"]
        changed = await changed.change(here.scope, notes=[*changed.notes, Note(text="c")])
        assert noted(here) == ["write c"]
        assert [each.text for each in (await again(here, changed)).notes] == ["b", "c"]

    async def test_a_key_that_nothing_has_is_refused(self, here: Tenant) -> None:
        customer = await joined(here, others=[{"city": "A"}])
        key = customer.others[0].id
        for given, at in (
            ([{"id": uuid4(), "city": "B"}], 0),
            ([{"id": key}, {"id": key}], 1),
            ([{"id": "x", "city": "B"}], 0),
        ):
            with pytest.raises(InvalidAction) as caught:
                await changed_to(here, customer, others=given)
            assert only(caught.value).path == ("input", "others", at, "id")

    @pytest.mark.parametrize(
        ("inputs", "path", "code"),
        [
            ({"home": {}}, ("home", "city"), "required"),
            ({"home": {"city": "x" * 11}}, ("home", "city"), "invalid-input"),
            ({"home": {"city": "x", "country": {"code": "n"}}}, ("home", "country", "code"), "invalid-input"),
            ({"home": {"city": "x", "door": "1"}}, ("home", "door"), "no-such-input"),
            ({"home": {"city": "nowhere"}}, ("home", "city"), "rejected"),
            ({"home": 5}, ("home",), "invalid-input"),
            ({"others": [{"city": "a"}, {"city": 5}]}, ("others", 1, "city"), "invalid-input"),
            ({"others": [{"city": "a"}] * 4}, ("others",), "invalid-input"),
            ({"contact": {"kind": "phone", "number": "1"}}, ("contact", "number"), "invalid-input"),
            ({"contact": {"kind": "fax"}}, ("contact",), "invalid-input"),
            ({"phones": {"work": {"number": "1"}}}, ("phones", "work", "number"), "invalid-input"),
            (
                {"phones": {"work": {"number": "123", "verified": True}}},
                ("phones", "work", "verified"),
                "no-such-input",
            ),
        ],
    )
    async def test_an_error_tells_its_way_into_the_document(
        self, here: Tenant, inputs: Any, path: tuple[str | int, ...], code: str
    ) -> None:
        with pytest.raises(InvalidAction) as caught:
            await joined(here, **inputs)
        error = only(caught.value)
        assert (error.path, error.code) == (("input", *path), code)

    async def test_a_rule_of_the_destroy_keeps_the_document(self, here: Tenant) -> None:
        customer = await joined(here, others=[{"city": "prison"}])
        with pytest.raises(InvalidAction) as caught:
            await customer.change(here.scope, others=[])
        assert only(caught.value).path == ("input", "others", "city")

    async def test_policies_of_a_document_are_asked_before_any_body(self, here: Tenant) -> None:
        with pytest.raises(ActionForbidden):
            await joined(here, others=[{"city": "Oslo"}, {"city": "palace"}])
        assert noted(here) == []
        customer = await joined(here, home=Address(city="vault"))
        with pytest.raises(ActionForbidden):
            await customer.change(here.scope, home=Address.part(city="Oslo"))
        reader = await here.person("Bob", role=Role.READER)
        noted(here)
        with pytest.raises(ActionForbidden):
            await customer.change(here.as_(reader), home=None)
        assert noted(here) == []
        assert (await again(here, customer)).home is not None
        # Whom no policy is asked for, none of a document's is asked for either.
        assert (await customer.change(here.system, home=Address.part(city="Oslo"))).home is not None

    async def test_a_body_of_the_owner_sets_documents(self, here: Tenant) -> None:
        customer = await joined(here, home=Address(city="Oslo", zip="1"))
        noted(here)
        changed = await customer.relocate(here.scope, city="Bergen")
        assert noted(here) == ["move to Bergen"]
        assert changed.home is not None
        assert (changed.name, changed.home.city, changed.home.zip) == ("Ada of Bergen", "Bergen", "1")
        with pytest.raises(InvalidAction) as caught:
            await customer.relocate(here.scope, city="x" * 11)
        assert only(caught.value).path == ("input", "home", "city")

    async def test_a_union_of_documents_keeps_which_one_it_is(self, here: Tenant) -> None:
        customer = await joined(
            here, contact={"kind": "mail", "box": "A@x"}, phones={"work": Phone(number="123")}
        )
        stored = await again(here, customer)
        assert isinstance(stored.contact, Mail)
        assert stored.contact.box == CiStr("a@X")
        assert stored.phones["work"].verified is False
        changed = await stored.change(here.scope, contact=Phone(number="456"))
        assert isinstance((await again(here, changed)).contact, Phone)

    async def test_a_document_on_a_record_cannot_be_changed(self, here: Tenant) -> None:
        customer = await joined(here, home=Address(city="Oslo"))
        assert customer.home is not None
        with pytest.raises(ImmutableRecord):
            customer.home.city = "Bergen"
        with pytest.raises(NoSuchMember):
            Address(town="Oslo")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        assert Country(code=CiStr("no")) == Country(code=CiStr("NO"))
