"""Schemas of tenants together with what else a resource may have: durable notifications, types of extensions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest
from tests.conftest import Databases
from tests.integration.notifications.sending import told
from tests.integration.tenancy.conftest import ROLE

from sorbus import (
    Attr,
    CiStr,
    Domain,
    Hnsw,
    Identities,
    Notifications,
    Policies,
    Postgres,
    Resource,
    SchemaTenancy,
    Scope,
    Sorbus,
    Vector,
    action,
    attribute,
    authorize_if,
    cosine_distance,
    policy,
    publish,
    uuid_primary_key,
)
from sorbus.engine.notifications import Notification
from sorbus.errors.inputs import InvalidAction

OPEN = Policies(policy("any", authorize_if(True)))


class Member(Resource):
    """Somebody whom a tenant knows."""

    id: Attr[UUID] = uuid_primary_key()
    email: Attr[CiStr] = attribute(public=True)

    @action.create
    def join(self, scope: Scope, email: CiStr) -> None:
        """Join."""

    @action.create(upsert="email")
    def greet(self, scope: Scope, email: CiStr) -> None:
        """Join, or come again."""

    @action.update
    def write_as(self, scope: Scope, email: CiStr) -> None:
        """Change the address."""

    storage = Postgres("members")
    tenancy = SchemaTenancy()
    identities = Identities(email=[email])
    policies = OPEN
    notifications = Notifications(
        publish("members", payload=[email], previous=True), publish("member:{email}"), durable=True
    )


class Face(Resource):
    """What somebody looks like."""

    id: Attr[UUID] = uuid_primary_key()
    shape: Attr[Vector] = attribute(dimensions=3, index=Hnsw(distance="cosine"))

    @action.create
    def see(self, scope: Scope, shape: Vector) -> None:
        """See one."""

    storage = Postgres("faces")
    tenancy = SchemaTenancy()
    policies = OPEN


Club = Domain("club", resources=[Member])
Gallery = Domain("gallery", resources=[Face])


@pytest.fixture(params=["memory", "pg18", "pg15", "pg18 walled"])
def place(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What an application is given to work in memory or on a database, with a wall or without."""
    server, _, walled = str(request.param).partition(" ")
    if server == "memory":
        yield {"storage": "memory"}
        return
    databases: Databases = request.getfixturevalue(server)
    with databases.fresh() as url:
        yield {
            "database_url": url,
            "auto_migrate": True,
            "pool_size": 3,
            "row_level_security": ROLE if walled else None,
        }


@pytest.fixture
async def app(place: dict[str, Any]) -> AsyncIterator[Sorbus]:
    """Open, with two tenants."""
    async with Sorbus(domains=[Club], secret=b"k", **place) as opened:
        for name in ("acme", "bolt"):
            await opened.tenants.create(name)
        yield opened


async def kept(app: Sorbus, tenant: str, count: int) -> list[Notification]:
    """What a tenant's outbox begins with."""
    async with app.subscribe("members", app.system_scope(tenant=tenant), after=0) as events:
        return await told(events, count)


async def test_case_does_not_count_in_tenants_tables(app: Sorbus) -> None:
    acme, bolt = app.scope(tenant="acme"), app.scope(tenant="bolt")
    made = await Member.join(acme, email=CiStr("Ann@x.org"))
    await Member.join(bolt, email=CiStr("ANN@x.org"))
    with pytest.raises(InvalidAction):
        await Member.join(acme, email=CiStr("ann@X.org"))
    assert (await Member.greet(acme, email=CiStr("ANN@X.ORG"))).id == made.id
    await Member.join.bulk(acme, [{"email": CiStr(f"{number}@x.org")} for number in range(20)])
    found = await Member.query(acme).where(Member.email.is_in([CiStr("3@X.ORG"), CiStr("aNN@x.org")])).all()
    assert len(found) == 2
    assert await Member.query(bolt).count() == 1


async def test_durable_notifications_are_apart_for_tenants(app: Sorbus) -> None:
    acme, bolt = app.scope(tenant="acme"), app.scope(tenant="bolt")
    async with app.subscribe("member:Ann@x.org", app.system_scope(tenant="acme")) as named:
        ann = await Member.join(acme, email=CiStr("Ann@x.org"))
        bob = await Member.join(bolt, email=CiStr("bob@x.org"))
        await ann.write_as(acme, email=CiStr("anna@x.org"))
        assert [each.action for each in await told(named, 2)] == ["join", "write_as"]
    joined, changed = await kept(app, "acme", 2)
    assert (joined.key, joined.tenant, changed.previous) == (ann.id, "acme", {"email": "Ann@x.org"})
    assert [each.key for each in await kept(app, "bolt", 1)] == [bob.id]


async def test_records_are_delivered_from_their_tenants_table(app: Sorbus) -> None:
    acme, bolt = (app.system_scope(tenant=name) for name in ("acme", "bolt"))
    async with (
        app.subscribe("members", acme, records=True) as ours,
        app.subscribe("members", bolt, records=True) as theirs,
    ):
        await Member.join(app.scope(tenant="acme"), email=CiStr("ann@x.org"))
        await Member.join(app.scope(tenant="bolt"), email=CiStr("bob@x.org"))
        (here,), (there,) = await told(ours, 1), await told(theirs, 1)
    assert (here.record.email, there.record.email) == ("ann@x.org", "bob@x.org")


async def test_what_was_published_moves_with_a_renamed_tenant(app: Sorbus) -> None:
    ann = await Member.join(app.scope(tenant="acme"), email=CiStr("ann@x.org"))
    await app.tenants.rename("acme", "apex")
    assert [each.key for each in await kept(app, "apex", 1)] == [ann.id]
    await app.tenants.create("acme")
    eve = await Member.join(app.scope(tenant="acme"), email=CiStr("eve@x.org"))
    assert [each.key for each in await kept(app, "acme", 1)] == [eve.id], "the namesake hears its own only"


async def test_what_was_published_goes_with_a_dropped_tenant(app: Sorbus) -> None:
    await Member.join(app.scope(tenant="acme"), email=CiStr("ann@x.org"))
    bob = await Member.join(app.scope(tenant="bolt"), email=CiStr("bob@x.org"))
    await app.tenants.drop("acme", confirm="acme")
    await app.tenants.create("acme")
    eve = await Member.join(app.scope(tenant="acme"), email=CiStr("eve@x.org"))
    assert [each.key for each in await kept(app, "acme", 1)] == [eve.id]
    assert [each.key for each in await kept(app, "bolt", 1)] == [bob.id]


async def test_vectors_stand_in_tenants_tables_with_their_index(place: dict[str, Any]) -> None:
    if "@127.0.0.1:5432" in place.get("database_url", ""):
        pytest.skip("the server has no pgvector")
    async with Sorbus(domains=[Gallery], secret=b"k", **place) as app:
        for name in ("acme", "bolt"):
            await app.tenants.create(name)
        acme, bolt = app.scope(tenant="acme"), app.scope(tenant="bolt")
        east = await Face.see(acme, shape=Vector([1, 0, 0]))
        north = await Face.see(acme, shape=Vector([0, 1, 0]))
        await Face.see(bolt, shape=Vector([0, 0, 1]))
        nearest = Face.query(acme).order_by(cosine_distance(Face.shape, Vector([1, 2, 0])))
        assert [each.id for each in await nearest.all()] == [north.id, east.id]
        await app.tenants.rename("acme", "apex")
        assert (await Face.get(app.scope(tenant="apex"), east.id)).shape == Vector([1, 0, 0])
