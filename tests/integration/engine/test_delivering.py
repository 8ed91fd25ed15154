"""What is delivered is what a read by the same actor gives, for random policies, actors and rows; and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Databases

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    Many,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    actor,
    attribute,
    authorize_if,
    field_policy,
    has_many,
    policy,
    uuid_primary_key,
)
from sorbus.data_layers.base import Bindings
from sorbus.data_layers.postgres.statements import SqlStatement
from sorbus.engine.delivering import Deliverer, Sight, copied
from sorbus.errors.base import Forbidden
from sorbus.expressions.nodes import (
    FALSE,
    TRUE,
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    Node,
    Ref,
)
from sorbus.policies.fields import FieldProgram
from sorbus.policies.fold import PolicyProgram
from sorbus.schema.policies import Access, CheckSpec, Effect, FieldPolicySpec, PolicySpec, RuntimeCheck
from sorbus.types.hidden import HIDDEN

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Kind(StrEnum):
    LOW = "low"
    HIGH = "high"


class Member(Resource):
    """Who belongs to a room."""

    id: Attr[UUID] = uuid_primary_key()
    room_id: Attr[UUID] = attribute()
    user_id: Attr[UUID] = attribute()

    storage = Postgres("delivering_members")
    policies = Policies(policy("any", authorize_if(True)))


class Room(Resource):
    """Something that is delivered; each test brings its own policies."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[int] = attribute()
    owner_id: Attr[UUID | None] = attribute()
    level: Attr[int | None] = attribute()
    open: Attr[bool | None] = attribute()
    name: Attr[str | None] = attribute()
    kind: Attr[Kind | None] = attribute()
    price: Attr[Decimal | None] = attribute()
    at: Attr[datetime | None] = attribute()
    tags: Attr[list[str]] = attribute(default=list)
    members: Many[Member] = has_many()

    storage = Postgres("delivering_rooms")
    tenancy = Tenancy(org_id)
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(field_policy("*", authorize_if(owner_id == actor("id"))))


PEOPLE = [UUID(int=n) for n in (1, 2, 3)]
NOW = datetime.now(UTC)
VALUES: dict[str, list[Any]] = {
    "owner_id": [*PEOPLE, None],
    "level": [-1, 0, 1, 2, None],
    "open": [True, False, None],
    "name": ["", "a", "A", "\u00e4", "b", None],
    "kind": [*Kind, None],
    "price": [Decimal(1), Decimal("2.50"), Decimal("NaN"), None],
    "at": [NOW - timedelta(days=1), NOW + timedelta(days=1), None],
}
ROOMS = 36


@dataclass
class Somebody:
    id: Any
    level: Any
    open: Any
    name: Any
    kind: Any
    price: Any
    at: Any
    levels: Any


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(pg18: Databases) -> AsyncIterator[Sorbus]:
    """Rooms of two organisations with every mixture of values, some of them with members."""
    with pg18.fresh() as url:
        async with application(url) as app:
            await fill(url)
            yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walled(pg18: Databases) -> AsyncIterator[Sorbus]:
    """The same with row-level security."""
    with pg18.fresh() as url:
        async with application(url, row_level_security="sorbus_test_app") as app:
            await fill(url)
            yield app


def application(url: str, **more: Any) -> Sorbus:
    return Sorbus(
        domains=[Domain("rooms", resources=[Room, Member])],
        database_url=url,
        secret=b"x",
        auto_migrate=True,
        pool_size=2,
        **more,
    )


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    for number in range(ROOMS):
        values = {name: some[number * 7 // 3 % len(some)] for name, some in VALUES.items()}
        await connection.execute(
            f"INSERT INTO delivering_rooms (id, org_id, tags, {', '.join(values)})"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            UUID(int=number),
            number % 2,
            ["x"],
            *values.values(),
        )
        for each in PEOPLE[: number % 3]:
            await connection.execute(
                "INSERT INTO delivering_members (id, room_id, user_id) VALUES ($1, $2, $3)",
                uuid4(),
                UUID(int=number),
                each,
            )
    await connection.close()


def rules(
    app: Sorbus, policies: tuple[PolicySpec, ...], masks: tuple[FieldPolicySpec, ...] = ()
) -> Deliverer:
    """Let the application have these rules from now on."""
    engine = app.engine
    spec = engine.spec_of(Room)
    engine._programs[Room.__name__, "read"] = PolicyProgram(replace(spec, policies=policies), "read")
    engine._fields[Room.__name__] = FieldProgram(replace(spec, field_policies=masks))
    engine.planner.families.clear()
    return Deliverer(engine)


def reading(node: Node, *, access: Access = Access.FILTER) -> tuple[PolicySpec, ...]:
    check = CheckSpec(effect=Effect.AUTHORIZE_IF, condition=node)
    return (PolicySpec(actions=frozenset({"read"}), checks=(check,), access=access),)


def looked_at(record: Any, scope: Scope) -> bool:
    """What a function says of a row."""
    return record.level is not None and record.level >= (scope.actor.level or 0)


LOOKED_AT = RuntimeCheck("looked at", looked_at)
MINE = Call("eq", (Ref("owner_id"), ActorRef("id")))
MEMBER = Exists("members", Call("eq", (Ref("user_id"), ActorRef("id"))))


def conditions(*, functions: bool) -> st.SearchStrategy[Node]:
    names = st.sampled_from(sorted(VALUES))

    def compared(name: str) -> st.SearchStrategy[Node]:
        operators = (
            ["eq", "ne", "distinct"] if name in {"open", "kind"} else ["eq", "ne", "lt", "ge", "distinct"]
        )
        other = st.one_of(
            st.just(ActorRef("id" if name == "owner_id" else name)), st.sampled_from(VALUES[name]).map(Const)
        )
        sides = other.map(lambda each: (Ref(name), each))
        flipped = sides.flatmap(lambda each: st.sampled_from([each, each[::-1]]))
        return st.builds(Call, st.sampled_from(operators), flipped)

    leaves = [
        # Those that memory decides are most of them.
        *[names.flatmap(compared)] * 4,
        compared("level"),
        st.just(MINE),
        names.map(lambda name: Call("is_null", (Ref(name),))),
        st.just(Ref("open")),
        st.lists(st.sampled_from([-1, 0, 1, 2]), max_size=3).map(
            lambda items: Call("in", (Ref("level"), Const(tuple(items))))
        ),
        st.just(Call("in", (Ref("level"), ActorRef("levels")))),
        st.just(Call("eq", (Call("lower", (Ref("name"),)), ActorRef("name")))),
        st.just(Call("lt", (Ref("at"), Call("now", ())))),
        st.just(MEMBER),
        st.just(Call("gt", (Aggregated(AggregateKind.COUNT, "members"), Const(1)))),
        st.just(ActorRef("open")),
        st.sampled_from([TRUE, FALSE, Const(None)]),
    ]
    if functions:
        leaves.append(st.just(LOOKED_AT))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            st.builds(lambda a, b: Call("and", (a, b)), inner, inner),
            st.builds(lambda a, b: Call("or", (a, b)), inner, inner),
            inner.map(lambda each: Call("not", (each,))),
            inner.map(lambda each: Call("is_true", (each,))),
        ),
        max_leaves=6,
    )


def checks(*, functions: bool) -> st.SearchStrategy[tuple[CheckSpec, ...]]:
    one = st.builds(CheckSpec, effect=st.sampled_from(Effect), condition=conditions(functions=functions))
    return st.lists(one, min_size=1, max_size=3).map(tuple)


policies_of_reads = st.one_of(
    st.lists(st.builds(PolicySpec, actions=st.just(frozenset({"read"})), checks=checks(functions=False)),
             min_size=1, max_size=2),
    st.lists(st.builds(PolicySpec, actions=st.just(frozenset({"read"})), checks=checks(functions=True),
                       access=st.just(Access.RUNTIME)), min_size=1, max_size=1),
).map(tuple)  # fmt: skip
masks_of_fields = st.lists(
    st.builds(
        FieldPolicySpec,
        fields=st.lists(
            st.sampled_from(["level", "name", "kind", "tags", "members", "owner_id"]), min_size=1, max_size=3
        ).map(frozenset),
        checks=checks(functions=False),
    ),
    max_size=2,
).map(tuple)
somebody = st.builds(
    Somebody,
    # Also what a driver takes for a key and Python does not, and values of none of the types.
    id=st.one_of(*[st.sampled_from([*PEOPLE, None])] * 6, st.sampled_from([str(PEOPLE[0]), "nobody", 1])),
    level=st.one_of(*[st.sampled_from([0, 1, 2, None])] * 6, st.sampled_from([True, "1", 2.0])),
    open=st.sampled_from([True, False, None]),
    name=st.sampled_from(["", "a", "A", "b", None]),
    kind=st.sampled_from([*Kind, "low", None]),
    price=st.sampled_from([Decimal(1), Decimal("2.5"), 1, None]),
    at=st.sampled_from([NOW, None]),
    levels=st.sampled_from([(), (1, 2), (0, None), None]),
)
KEYS = [UUID(int=number) for number in range(0, ROOMS, 2)] + [UUID(int=1), UUID(int=3), UUID(int=99)]


def shown(record: Any) -> dict[str, Any]:
    return {
        name: "hidden" if value is HIDDEN else repr(value) for name, value in sorted(record.__dict__.items())
    }


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    policies=policies_of_reads,
    masks=masks_of_fields,
    people=st.lists(st.tuples(somebody, st.sampled_from([0, 1])), min_size=1, max_size=5),
)
async def test_what_is_delivered_is_what_a_read_gives(
    app: Sorbus,
    policies: tuple[PolicySpec, ...],
    masks: tuple[FieldPolicySpec, ...],
    people: list[tuple[Somebody, int]],
) -> None:
    deliverer = rules(app, policies, masks)
    scopes = [app.scope(actor=person, tenant=org) for person, org in people]
    sights = await deliverer.look(app.engine.spec_of(Room), scopes, KEYS)
    for scope, sight in zip(scopes, sights, strict=True):
        try:
            rows = await Room.query(scope).where(Room.id.is_in(KEYS)).all()
        except Forbidden:
            rows = []
        except Exception as error:  # whatever a read says is what its sight says
            assert type(sight.error) is type(error)
            continue
        assert sight.error is None
        found = {each.id: shown(each) for each in rows}
        assert [found.get(key) for key in KEYS] == [
            None if each is None else shown(each) for each in sight.records
        ]


# what it costs


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Bindings]:
    """What the statements that run are given."""
    found: list[Bindings] = []
    original = SqlStatement.fetch

    async def fetch(self: Any, session: Any, bindings: Bindings) -> Any:
        found.append(bindings)
        return await original(self, session, bindings)

    monkeypatch.setattr(SqlStatement, "fetch", fetch)
    return found


def person(number: int, **more: Any) -> Somebody:
    values = dict.fromkeys(["open", "name", "kind", "price", "at", "levels"])
    return Somebody(**{"id": UUID(int=number), "level": 0, **values, **more})


async def look(app: Sorbus, deliverer: Deliverer, people: list[Any], tenant: int = 0) -> list[Sight]:
    scopes = [app.scope(actor=each, tenant=tenant) for each in people]
    return await deliverer.look(app.engine.spec_of(Room), scopes, KEYS)


def keys_of(sight: Sight) -> set[UUID]:
    return {each.id for each in sight.records if each is not None}


@pytest.mark.parametrize("count", [1, 30, 300])
async def test_one_statement_for_all_whose_policies_the_row_decides(
    app: Sorbus, statements: list[Bindings], count: int
) -> None:
    deliverer = rules(app, reading(MINE))
    people = [person(1 + number) for number in range(count)]
    scopes = [app.scope(actor=each, tenant=number % 2) for number, each in enumerate(people)]
    spec = app.engine.spec_of(Room)
    await asyncio.gather(*(deliverer.look(spec, [each], KEYS) for each in scopes))
    assert len(statements) == 1
    (bound,) = statements
    assert vars(bound.actor) == {}


async def test_who_asks_the_database_shares_a_statement_with_others(
    app: Sorbus, statements: list[Bindings]
) -> None:
    deliverer = rules(app, reading(MEMBER))
    people = [person(number) for number in range(1, 31)]
    sights = await look(app, deliverer, people)
    assert len(statements) == 1
    compiled = app.engine.compiled
    assert (keys_of(sights[0]) > keys_of(sights[1])) is True
    assert keys_of(sights[2]) == set()
    # The statement is there for any number of others that ask the same.
    await look(app, deliverer, [person(number) for number in range(40, 65)])
    assert app.engine.compiled == compiled


async def test_equal_actors_are_one(app: Sorbus) -> None:
    deliverer = rules(app, reading(MINE))
    one, other, third = await look(app, deliverer, [person(1), person(1, level=7), person(2)])
    assert one is other
    assert one is not third


async def test_what_one_asks_keeps_nobody_else_from_being_told(
    app: Sorbus, statements: list[Bindings]
) -> None:
    deliverer = rules(app, reading(MEMBER))
    people = [person(1, id="no key at all"), *(person(number) for number in range(1, 20))]
    for taken in (21, 2):  # the second time it is known who must be asked about alone
        statements.clear()
        bad, *good = await look(app, deliverer, people)
        assert bad.error is not None
        assert bad.records == ()
        assert keys_of(good[0])
        assert [each.error for each in good] == [None] * 19
        assert len(statements) == taken


async def test_nothing_of_another_tenant(app: Sorbus) -> None:
    deliverer = rules(app, reading(TRUE))
    here, there = await deliverer.look(
        app.engine.spec_of(Room), [app.scope(actor=person(1), tenant=org) for org in (0, 1)], KEYS
    )
    assert {key.int % 2 for key in keys_of(here)} == {0}
    assert keys_of(there) == {UUID(int=1), UUID(int=3)}


async def test_behind_a_wall_each_tenant_has_a_statement(walled: Sorbus, statements: list[Bindings]) -> None:
    deliverer = rules(walled, reading(TRUE))
    people = [walled.scope(actor=person(number), tenant=number % 2) for number in range(6)]
    sights = await deliverer.look(walled.engine.spec_of(Room), people, KEYS)
    assert [each.tenant for each in statements] == [0, 1]
    assert [{key.int % 2 for key in keys_of(each)} for each in sights] == [{0}, {1}] * 3


async def test_it_is_not_in_the_transaction_of_who_asks(app: Sorbus) -> None:
    deliverer = rules(app, reading(TRUE))
    spec, scope = app.engine.spec_of(Room), app.scope(actor=person(1), tenant=0)
    with pytest.raises(ZeroDivisionError):  # the block is the transaction
        async with app.transaction() as opened:
            session = await opened.session(app.engine.layer_of(spec))
            await session.execute("UPDATE delivering_rooms SET name = 'uncommitted'")
            (sight,) = await deliverer.look(spec, [scope], KEYS)
            assert "uncommitted" not in {each.name for each in sight.records if each is not None}
            raise ZeroDivisionError


async def test_who_gives_up_leaves_the_others(app: Sorbus) -> None:
    deliverer = rules(app, reading(TRUE))
    gives_up = asyncio.create_task(look(app, deliverer, [person(1)]))
    stays = asyncio.create_task(look(app, deliverer, [person(1)]))
    await asyncio.sleep(0)
    gives_up.cancel()
    (sight,) = await stays
    assert keys_of(sight)
    with pytest.raises(asyncio.CancelledError):
        await gives_up


async def test_a_look_begins_after_it_was_asked_for(app: Sorbus) -> None:
    """Who asks while a statement is on its way may not be given what it saw."""
    deliverer = rules(app, reading(TRUE))

    async def ask() -> set[str]:
        (sight,) = await look(app, deliverer, [person(1)])
        assert sight.error is None
        return {each.name for each in sight.records if each is not None}

    async with app.database.pool.connection() as connection:
        running: list[asyncio.Task[set[str]]] = []
        for number in range(5):
            running.append(asyncio.create_task(ask()))
            await connection.execute("UPDATE delivering_rooms SET name = $1", f"name {number}")
            assert await ask() == {f"name {number}"}
        await asyncio.gather(*running)


async def test_a_copy_is_nobody_elses(app: Sorbus) -> None:
    deliverer = rules(app, reading(TRUE))
    (sight,) = await look(app, deliverer, [person(1)])
    found = next(each for each in sight.records if each is not None)
    mine = copied(found)
    assert shown(mine) == shown(found)
    mine.tags.append("mine")
    mine.__dict__["name"] = "mine"
    assert found.tags == ["x"]
    assert found.name != "mine"
