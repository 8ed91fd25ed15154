"""Behaviours of tenants: actions with a tenant, without one and for all; tenants with tables of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from sorbus import Scope, Sorbus, exists
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.base import Forbidden
from sorbus.errors.inputs import InvalidAction, InvalidCursor, NotFound
from sorbus.errors.tenancy import (
    InvalidTenant,
    TenantExists,
    TenantNameNotAllowed,
    TenantNotConfirmed,
    UnknownTenant,
)
from sorbus.testing.conformance.tenants_world import Carton, Currency, Entry, Firm, Flyer, Ledger, Rack
from sorbus.testing.conformance.world import Behaviour, only


@dataclass(frozen=True, slots=True)
class Place:
    """A firm and a scope in it."""

    firm: Firm
    scope: Scope


async def new_firm(app: Sorbus) -> Place:
    """A firm with nothing in it."""
    firm = await Firm.found(app.scope(), slug=f"firm-{uuid4().hex[:12]}")
    return Place(firm, app.scope(tenant=firm.id))


class FirmBehaviour(Behaviour):
    """What the groups below share."""

    @pytest.fixture
    async def mine(self, app: Sorbus) -> Place:
        """A firm."""
        return await new_firm(app)

    @pytest.fixture
    async def theirs(self, app: Sorbus) -> Place:
        """Another firm."""
        return await new_firm(app)


class TenantModes(FirmBehaviour):
    """Which tenants an action may look at."""

    async def test_an_action_for_all_tenants_reads_across(
        self, app: Sorbus, mine: Place, theirs: Place
    ) -> None:
        own = await Rack.put_up(mine.scope, label="a")
        other = await Rack.put_up(theirs.scope, label="b")
        await Carton.pack(theirs.scope, rack_id=other.id)
        for scope in (mine.scope, app.scope(), app.system_scope()):
            found = await Rack.everywhere(scope).load(Rack.carton_count, Rack.cartons, Rack.is_used).all()
            assert [each.id for each in found] == [own.id, other.id]
            assert [each.carton_count for each in found] == [0, 1]
            assert [len(each.cartons) for each in found] == [0, 1]
            assert await Rack.everywhere(scope).count() == 2
            assert len((await Rack.everywhere(scope).page(limit=1)).items) == 1
            assert [each.id async for each in Rack.everywhere(scope).stream(batch=1)] == [own.id, other.id]
        # The plain read of the same resource stays within its tenant, before and after.
        assert await Rack.query(mine.scope).all() == [own]

    async def test_an_action_for_all_tenants_writes_across(self, mine: Place, theirs: Place) -> None:
        other = await Rack.put_up(theirs.scope, label="b")
        stamped = await Rack.stamp.by_key(other.id, mine.scope, serial="7")
        assert (stamped.firm_id, stamped.serial) == (theirs.firm.id, "7")
        planted = await Rack.plant(mine.scope, firm_id=theirs.firm.id, label="c")
        assert planted.firm_id == theirs.firm.id
        assert await Rack.query(mine.scope).count() == 0
        await other.burn(mine.scope)
        assert await Rack.query(theirs.scope).all() == [planted]

    async def test_an_optional_tenant_counts_where_there_is_one(
        self, app: Sorbus, mine: Place, theirs: Place
    ) -> None:
        own = await Rack.put_up(mine.scope, label="a")
        other = await Rack.put_up(theirs.scope, label=" b ")
        assert await Rack.survey(mine.scope).all() == [own]
        assert await Rack.survey(mine.scope).count() == 1
        assert await Rack.survey(app.scope()).count() == 2
        with pytest.raises(NotFound):
            await Rack.dust.by_key(other.id, mine.scope)
        assert (await Rack.dust.by_key(other.id, app.scope())).label == "b"
        assert await Rack.ask(app.scope()) == "without"
        assert await Rack.ask(mine.scope) == "with"

    async def test_other_actions_of_the_resource_still_need_a_tenant(self, app: Sorbus, mine: Place) -> None:
        own = await Rack.put_up(mine.scope, label="a")
        calls: list[Any] = [
            Rack.query(app.scope()).all(),
            own.relabel(app.scope(), label="x"),
            Rack.put_up(app.scope(), label="x"),
            own.take_down(app.scope()),
        ]
        for call in calls:
            with pytest.raises(TenantRequired):
                await call

    async def test_a_resource_may_have_rows_of_no_tenant(
        self, app: Sorbus, mine: Place, theirs: Place
    ) -> None:
        shared = await Flyer.print_one(app.scope(), text="shared")
        own = await Flyer.print_one(mine.scope, text="own")
        await Flyer.print_one(theirs.scope, text="theirs")
        assert (shared.owner, own.owner) == (None, str(mine.firm.id))
        assert await Flyer.query(mine.scope).all() == [own]
        assert await Flyer.query(app.scope()).count() == 3
        assert await Flyer.get(app.scope(), shared.id) == shared
        with pytest.raises(NotFound):
            await Flyer.get(mine.scope, shared.id)
        with pytest.raises(NotFound):
            await shared.rewrite(mine.scope, text="x")
        assert (await shared.rewrite(app.scope(), text="x")).owner is None
        with pytest.raises(TenantRequired):
            await Flyer.own(app.scope()).all()
        printed = await Flyer.print_for(app.scope(), text="for", owner=str(mine.firm.id))
        assert printed in await Flyer.own(mine.scope).all()
        with pytest.raises(ActionForbidden, match="another tenant"):
            await Flyer.print_for(mine.scope, text="for", owner=str(theirs.firm.id))


class TenantKeys(FirmBehaviour):
    """What a scope's tenant may be."""

    async def test_a_record_stands_for_its_key(self, app: Sorbus, mine: Place) -> None:
        record = app.scope(tenant=mine.firm)
        rack = await Rack.put_up(record, label="a")
        assert rack.firm_id == mine.firm.id
        assert await Rack.query(record).all() == await Rack.query(mine.scope).all() == [rack]
        assert (await rack.relabel(record, label="b")).label == "b"

    async def test_text_stands_for_the_key_that_it_spells(self, app: Sorbus, mine: Place) -> None:
        spelled = app.scope(tenant=str(mine.firm.id))
        rack = await Rack.put_up(spelled, label="a")
        assert rack.firm_id == mine.firm.id
        assert (
            await Rack.query(spelled).load(Rack.cartons).all()
            == await Rack.query(spelled).load(Rack.cartons).all()
        )
        assert await Rack.get(spelled, rack.id) == rack

    async def test_an_object_may_say_its_key(self, app: Sorbus, mine: Place) -> None:
        class Session:
            tenant_key = mine.firm.id

        assert (await Rack.put_up(app.scope(tenant=Session()), label="a")).firm_id == mine.firm.id

    async def test_what_can_be_no_key_is_refused(self, app: Sorbus, mine: Place) -> None:
        rack = await Rack.put_up(mine.scope, label="a")
        wrong = app.scope(tenant="nobody")
        calls: list[Any] = [
            Rack.query(wrong).all(),
            Rack.query(wrong).count(),
            Rack.get(wrong, rack.id),
            Rack.put_up(wrong, label="a"),
            rack.relabel(wrong, label="a"),
            rack.take_down(wrong),
        ]
        for call in calls:
            with pytest.raises(InvalidTenant, match="UUID"):
                await call

    async def test_the_key_can_be_parsed(self, app: Sorbus, mine: Place) -> None:
        made = await Flyer.print_one(app.scope(tenant=mine.firm), text=str(mine.firm.id))
        assert made.owner == str(mine.firm.id)
        assert await Flyer.by_firm(app.scope(tenant=str(mine.firm.id))).all() == [made]

    async def test_identities_are_of_one_tenant_unless_they_say_so(self, mine: Place, theirs: Place) -> None:
        own = await Rack.put_up(mine.scope, label="same", serial="1")
        other = await Rack.put_up(theirs.scope, label="same", serial="2")
        assert own.id != other.id
        again = await Rack.put_up(mine.scope, label="same", serial="3")
        assert (again.id, again.serial) == (own.id, "3")
        with pytest.raises(InvalidAction) as caught:
            await Rack.put_up(mine.scope, label="new", serial="2")
        assert only(caught.value).path[-1] == "serial"
        with pytest.raises(Forbidden):
            await Rack.register(mine.scope, label="new", serial="2")
        assert await Rack.query(theirs.scope).all() == [other]

    async def test_references_stay_within_a_tenant(self, mine: Place, theirs: Place) -> None:
        own = await Rack.put_up(mine.scope, label="a")
        other = await Rack.put_up(theirs.scope, label="b")
        carton = await Carton.pack(mine.scope, rack_id=own.id, spare_id=own.id)
        for call in (
            Carton.pack(mine.scope, rack_id=other.id),
            Carton.pack(mine.scope, rack_id=own.id, spare_id=other.id),
            carton.move(mine.scope, rack_id=other.id),
        ):
            with pytest.raises(InvalidAction) as caught:
                await call
            assert only(caught.value).code == "related-missing"
        (found,) = await Carton.query(mine.scope).load(Carton.rack_label).all()
        assert found.rack_label == "a"
        spare = await Rack.put_up(mine.scope, label="spare")
        carton = await Carton.pack(mine.scope, rack_id=own.id, spare_id=spare.id)
        await spare.take_down(mine.scope)
        assert (await Carton.get(mine.scope, carton.id)).spare_id is None
        await own.take_down(mine.scope)
        assert await Carton.query(mine.scope).count() == 0

    async def test_a_resource_without_tenancy_counts_rows_of_the_tenant(
        self, app: Sorbus, mine: Place, theirs: Place
    ) -> None:
        await Rack.put_up(mine.scope, label="a")
        query = Firm.query().load(Firm.rack_count)
        counts = {each.id: each.rack_count for each in await query.all(mine.scope)}
        assert counts == {mine.firm.id: 1, theirs.firm.id: 0}
        counts = {each.id: each.rack_count for each in await query.all(theirs.scope)}
        assert counts == {mine.firm.id: 0, theirs.firm.id: 0}
        assert {each.rack_count for each in await query.all(app.system_scope())} == {0, 1}

    async def test_what_counts_rows_of_a_tenant_needs_one(self, app: Sorbus, mine: Place) -> None:
        await Rack.put_up(mine.scope, label="a")
        firms = Firm.query().where(Firm.id == mine.firm.id)
        for query in (
            firms.load(Firm.racks),
            firms.load(Firm.rack_count),
            firms.load(Firm.first_label),
            firms.where(Firm.rack_count == 0),
            firms.where(exists(Firm.racks, lambda rack: rack.label == "a")),
            firms.order_by(Firm.rack_count),
            firms.distinct(Firm.first_label),
            firms.union(Firm.query().where(Firm.rack_count == 0)),
        ):
            with pytest.raises(TenantRequired, match=r"Rack\.read"):
                await query.all(app.scope())
            await query.all(mine.scope)
            await query.all(app.system_scope())
        assert await firms.count(app.scope()) == 1
        with pytest.raises(TenantRequired):
            await firms.max(Firm.rack_count, app.scope())
        with pytest.raises(TenantRequired):
            await Firm.relabel.bulk(app.scope(), firms.where(Firm.rack_count == 0), {"slug": "x"})

    async def test_what_can_be_read_without_a_tenant_is_counted_without_one(
        self, app: Sorbus, mine: Place, theirs: Place
    ) -> None:
        await Flyer.print_one(mine.scope, text=mine.firm.slug)
        await Flyer.print_one(theirs.scope, text=mine.firm.slug)
        await Flyer.print_one(app.scope(), text=mine.firm.slug)
        query = Firm.query().where(Firm.id == mine.firm.id).load(Firm.flyers, Firm.flyer_count)
        for scope, count in ((app.scope(), 3), (mine.scope, 1), (theirs.scope, 1)):
            (found,) = await query.all(scope)
            assert (len(found.flyers), found.flyer_count) == (count, count)


class TenantTables(FirmBehaviour):
    """Tenants with tables of their own."""

    async def test_each_tenant_has_rows_of_its_own(self, app: Sorbus) -> None:
        one, two = f"one-{uuid4().hex[:8]}", f"two-{uuid4().hex[:8]}"
        await app.tenants.create(one)
        await app.tenants.create(two)
        first, second = app.scope(tenant=one), app.scope(tenant=two)
        ledger = await Ledger.begin(first, name="main")
        await Entry.book(first, ledger_id=ledger.id, amount=5)
        await Entry.book(first, ledger_id=ledger.id, amount=2)
        assert await Ledger.query(second).all() == []
        assert await Ledger.query(second).count() == 0
        with pytest.raises(NotFound):
            await Ledger.get(second, ledger.id)
        with pytest.raises(NotFound):
            await ledger.relabel(second, name="x")
        with pytest.raises(NotFound):
            await Ledger.close.by_key(ledger.id, second)
        with pytest.raises(InvalidAction) as caught:
            await Entry.book(second, ledger_id=ledger.id, amount=1)
        assert only(caught.value).code == "related-missing"
        other = await Ledger.begin(second, name="main")
        assert other.id != ledger.id
        assert (await Ledger.begin(first, name="main")).id == ledger.id
        (found,) = await Ledger.query(first).load(Ledger.total, Ledger.entries).all()
        assert (found.total, [each.amount for each in found.entries]) == (7, [2, 5])
        page = await Ledger.query(first).page(limit=1)
        with pytest.raises(InvalidCursor):
            await Ledger.query(second).page(limit=1, after=page.end_cursor)
        await ledger.close(first)
        assert await Entry.query(first).count() == 0
        assert await Ledger.query(second).all() == [other]

    async def test_shared_rows_and_tenants_rows_are_related(
        self, app: Sorbus, mine: Place, theirs: Place
    ) -> None:
        euro = await Currency.add(app.scope(), code="EUR")
        here, there = app.scope(tenant=mine.firm), app.scope(tenant=theirs.firm)
        ledger = await Ledger.begin(here, name="main", currency_id=euro.id)
        (found,) = await Ledger.query(here).load(Ledger.currency, Ledger.currency_code).all()
        assert (found.currency, found.currency_code) == (euro, "EUR")
        query = Currency.query().load(Currency.ledger_count, Currency.ledgers)
        assert [each.ledgers for each in await query.all(here)] == [[ledger]]
        assert [each.ledger_count for each in await query.all(there)] == [0]
        with pytest.raises(TenantRequired):
            await query.all(app.scope())
        with pytest.raises(InvalidAction) as caught:
            await euro.remove(app.scope())
        assert only(caught.value).code == "related-missing"
        with pytest.raises(InvalidAction):
            await Ledger.begin(here, name="other", currency_id=uuid4())
        await ledger.close(here)
        await euro.remove(app.scope())

    async def test_a_scope_needs_a_tenant_that_there_is(self, app: Sorbus) -> None:
        for scope in (app.scope(), app.system_scope()):
            with pytest.raises(TenantRequired):
                await Ledger.query(scope).all()
            with pytest.raises(TenantRequired):
                await Ledger.begin(scope, name="x")
        for scope in (app.scope(tenant="nobody"), app.system_scope(tenant="nobody")):
            with pytest.raises(UnknownTenant, match="nobody"):
                await Ledger.query(scope).count()
            with pytest.raises(UnknownTenant, match="nobody"):
                await Ledger.begin(scope, name="x")
        for wrong in (
            "public",
            "pg_catalog",
            "information_schema",
            "sorbus_x",
            'a"b',
            "A",
            "",
            "-a",
            "x" * 49,
        ):
            with pytest.raises(TenantNameNotAllowed):
                await Ledger.query(app.scope(tenant=wrong)).all()
            with pytest.raises(TenantNameNotAllowed):
                await app.tenants.create(wrong)
        with pytest.raises(InvalidTenant):
            await Ledger.query(app.scope(tenant=1.5)).all()

    async def test_tenants_come_are_renamed_and_go(self, app: Sorbus) -> None:
        name, new = f"t{uuid4().hex[:8]}", f"n{uuid4().hex[:8]}"
        await app.tenants.create(name)
        ledger = await Ledger.begin(app.scope(tenant=name), name="main")
        with pytest.raises(TenantExists):
            await app.tenants.create(name)
        await app.tenants.rename(name, new)
        assert new in await app.tenants.list()
        assert await Ledger.query(app.scope(tenant=new)).all() == [ledger]
        with pytest.raises(UnknownTenant):
            await Ledger.query(app.scope(tenant=name)).all()
        # The old name is free again, and gets nothing of what it was once the name of.
        await app.tenants.create(name)
        assert await Ledger.query(app.scope(tenant=name)).all() == []
        with pytest.raises(TenantExists):
            await app.tenants.rename(name, new)
        with pytest.raises(UnknownTenant):
            await app.tenants.rename("nobody", "somebody")
        with pytest.raises(TenantNotConfirmed):
            await app.tenants.drop(new, confirm=name)
        await app.tenants.drop(new, confirm=new)
        assert new not in await app.tenants.list()
        with pytest.raises(UnknownTenant):
            await Ledger.query(app.scope(tenant=new)).all()
        with pytest.raises(UnknownTenant):
            await app.tenants.drop(new, confirm=new)

    async def test_what_a_transaction_made_goes_with_it(self, app: Sorbus) -> None:
        name = f"t{uuid4().hex[:8]}"

        async def fail() -> None:
            async with app.transaction():
                await app.tenants.create(name)
                await Ledger.begin(app.scope(tenant=name), name="main")
                assert name in await app.tenants.list()
                raise LookupError(name)

        with pytest.raises(LookupError):
            await fail()
        assert name not in await app.tenants.list()
        with pytest.raises(UnknownTenant):
            await Ledger.query(app.scope(tenant=name)).all()

    async def test_the_rows_of_a_resource_may_be_the_tenants(self, app: Sorbus) -> None:
        slug, new = f"f{uuid4().hex[:8]}", f"g{uuid4().hex[:8]}"
        firm = await Firm.found(app.scope(), slug=slug)
        assert slug in await app.tenants.list()
        ledger = await Ledger.begin(app.scope(tenant=firm), name="main")
        assert await Ledger.query(app.scope(tenant=slug)).all() == [ledger]
        renamed = await Firm.relabel.by_key(firm.id, app.scope(), slug=new)
        assert await Ledger.query(app.scope(tenant=renamed)).all() == [ledger]
        with pytest.raises(UnknownTenant):
            await Ledger.query(app.scope(tenant=firm)).all()
        # A record that is out of date renames and drops the right one all the same.
        back = await firm.relabel(app.scope(), slug=slug)
        assert await Ledger.query(app.scope(tenant=back)).all() == [ledger]
        await renamed.dissolve(app.scope())
        assert {slug, new} & {*await app.tenants.list()} == set()

    async def test_a_row_whose_name_cannot_be_is_not_written(self, app: Sorbus, mine: Place) -> None:
        before = await Firm.query(app.scope()).count()
        for slug in ("Not Allowed", "public", mine.firm.slug):
            with pytest.raises(InvalidAction) as caught:
                await Firm.found(app.scope(), slug=slug)
            assert only(caught.value).path == ("tenant",)
            with pytest.raises(InvalidAction):
                await (await new_firm(app)).firm.relabel(app.scope(), slug=slug)
        assert await Firm.query(app.scope()).count() == before + 3
        assert await Ledger.query(app.scope(tenant=mine.firm)).all() == []


class Tenants(TenantModes, TenantKeys, TenantTables):
    """Everything about tenants beyond that nothing crosses from one to another."""
