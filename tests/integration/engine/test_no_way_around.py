"""What is hidden makes no difference: for other hidden values, all answers to whoever may not see them are the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from tests.integration.engine.conftest import Opener

from sorbus import (
    HIDDEN,
    UNCHANGED,
    Attr,
    Domain,
    FieldPolicies,
    Identities,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    field_policy,
    forbid_if,
    has_many,
    many_to_many,
    policy,
    through,
    uuid_primary_key,
)
from sorbus.errors.inputs import WrongState
from sorbus.extensions.state_machine import StateMachine, transition


class Worker(Resource):
    """Closed ones hide their pay and their boss."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    closed: Attr[bool] = attribute(public=True)
    pay: Attr[int | None] = attribute(default=None, public=True)
    boss_id: Attr[UUID | None] = attribute(default=None, public=True)

    boss: One[Worker | None] = belongs_to(via=boss_id, public=True)
    staff: Many[Worker] = has_many(via="boss_id", public=True)
    seats: Many[Seat] = has_many(public=True)
    rooms: Many[Room] = many_to_many("Seat", public=True, carries_join=True)
    boss_rooms: Many[Room] = through(boss, lambda boss: boss.rooms, public=True)
    mates: Many[Worker] = through(rooms, lambda room: room.workers, public=True)

    double = calculate(pay * 2, public=True)

    @action.create
    def hire(self, scope: Scope, name: str, closed: bool) -> None: ...

    @action.update
    def set_hidden(
        self, scope: Scope, pay: int | None = UNCHANGED, boss_id: UUID | None = UNCHANGED
    ) -> None: ...

    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy([pay, boss_id, double], forbid_if(closed), authorize_if(True)),
        field_policy("*", authorize_if(True)),
    )


class Room(Resource):
    """Where workers sit."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    workers: Many[Worker] = many_to_many("Seat", public=True)
    first: Many[Worker] = many_to_many("Seat", public=True, order_by=lambda each: each.name, limit=1)
    best = agg.max(workers, lambda each: each.pay, public=True)

    @action.create
    def build(self, scope: Scope, name: str) -> None: ...

    policies = Policies(policy("any", authorize_if(True)))


class Seat(Resource):
    """Veiled ones hide in which room they are, and all of them what they cost."""

    id: Attr[UUID] = uuid_primary_key()
    worker_id: Attr[UUID] = attribute()
    room_id: Attr[UUID] = attribute()
    veiled: Attr[bool] = attribute(public=True)
    price: Attr[int] = attribute(default=0, public=True)

    worker: One[Worker] = belongs_to(via=worker_id, public=True)
    room: One[Room] = belongs_to(via=room_id, public=True)

    @action.create
    def place(self, scope: Scope, worker_id: UUID, room_id: UUID, veiled: bool) -> None: ...

    @action.update
    def set_hidden(self, scope: Scope, room_id: UUID = UNCHANGED, price: int = UNCHANGED) -> None: ...

    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy(room_id, forbid_if(veiled), authorize_if(True)),
        field_policy(price, forbid_if(True)),
        field_policy("*", authorize_if(True)),
    )


class Phase(StrEnum):
    """Where a case stands."""

    NEW = "new"
    DONE = "done"
    SECRET = "secret"


class Case(Resource):
    """Where it stands is hidden."""

    id: Attr[UUID] = uuid_primary_key()
    number: Attr[int] = attribute(public=True)
    phase: Attr[Phase] = attribute(default=Phase.NEW)

    @action.create
    def open_up(self, scope: Scope, number: int, phase: Phase = Phase.NEW) -> None: ...

    @action.create(upsert="number")
    def settle(self, scope: Scope, number: int) -> None: ...

    identities = Identities(number=[number])
    machine = StateMachine(
        phase,
        transition(settle, Phase.NEW, to=Phase.DONE),
        initial=[*Phase],
        final=[Phase.DONE, Phase.SECRET],
    )
    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy(phase, forbid_if(True)), field_policy("*", authorize_if(True))
    )


Office = Domain("office", resources=[Worker, Room, Seat, Case])


class World:
    """Six workers, three rooms and nine seats, half of them with something to hide."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        self.workers: list[Worker] = []
        self.rooms: list[Room] = []
        self.seats: list[Seat] = []

    async def build(self) -> World:
        system = self.app.system_scope()
        self.workers = [
            await Worker.hire(system, name=f"w{number}", closed=number % 2 == 0) for number in range(6)
        ]
        self.rooms = [await Room.build(system, name=f"r{number}") for number in range(3)]
        for number in range(9):
            seat = await Seat.place(
                system,
                worker_id=self.workers[number % 6].id,
                room_id=self.rooms[number % 3].id,
                veiled=number % 2 == 0,
            )
            self.seats.append(seat)
        for number in (1, 3, 5):
            await self.workers[number].set_hidden(
                system, pay=number, boss_id=self.workers[(number + 1) % 6].id
            )
        return self

    async def hide(self, secrets: Sequence[int]) -> None:
        """Give the hidden values others; nobody who may not see them should notice."""
        system = self.app.system_scope()
        for worker, number in zip(self.workers[::2], secrets, strict=False):
            boss = self.workers[number % 6].id if number % 7 else None
            await worker.set_hidden(system, pay=number if number % 5 else None, boss_id=boss)
        for seat, number in zip(self.seats[::2], secrets[3:], strict=False):
            await seat.set_hidden(system, room_id=self.rooms[number % 3].id)
        for seat, number in zip(self.seats, secrets, strict=False):
            await seat.set_hidden(system, price=number)


@pytest.fixture
async def world(opened: Opener) -> AsyncIterator[World]:
    async with opened([Office]) as app:
        yield await World(app).build()


WAYS: dict[type[Any], dict[str, type[Any]]] = {
    Worker: {
        "boss": Worker,
        "staff": Worker,
        "seats": Seat,
        "rooms": Room,
        "boss_rooms": Room,
        "mates": Worker,
    },
    Room: {"workers": Worker, "first": Worker},
    Seat: {"worker": Worker, "room": Room},
}
ANY: dict[str, Any] = {}
"""That there is a row."""
NUMBERS = {Worker: ["pay", "double"], Room: ["best"], Seat: ["price"]}


def conditions(resource: type[Any], depth: int = 3) -> st.SearchStrategy[Any]:
    """Conditions from outside over a resource."""
    compared = st.sampled_from(["eq", "not_eq", "less_than", "greater_than_or_equal"])
    number = st.dictionaries(compared, st.integers(-1, 9), min_size=1, max_size=1)
    value = number | st.just({"is_nil": True}) | st.just({"is_nil": False})
    found: list[st.SearchStrategy[Any]] = [st.fixed_dictionaries({name: value}) for name in NUMBERS[resource]]
    if depth:
        found += [
            st.fixed_dictionaries({name: st.just(ANY) | conditions(far, depth - 1)})
            for name, far in WAYS[resource].items()
        ]
        inner = conditions(resource, depth - 1)
        found += [
            st.fixed_dictionaries({"and": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"or": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"not": inner}),
        ]
    return st.one_of(found)


SORTS = {
    Worker: ["pay", "-double", "--pay", "boss.pay", "boss.name", "-boss.double"],
    Room: ["best", "-best", "name"],
    Seat: ["price", "room.name", "-room.best", "worker.pay", "worker.boss.name"],
}


def told(value: Any, depth: int = 2) -> Any:
    """A value as somebody sees it."""
    if value is HIDDEN:
        return "hidden"
    if isinstance(value, list):
        several: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [told(each, depth) for each in several]
    if not isinstance(value, Resource):
        return str(value)
    shown = {name: told(each, depth - 1) for name, each in sorted(vars(value).items()) if depth}
    return {"id": str(value.id), **shown}  # type: ignore[attr-defined]


async def asked(app: Sorbus, resource: type[Any], condition: Any, sort: str) -> str:
    """Everything that an actor can find out with one condition."""
    scope = app.scope()
    every: Any = resource.query(scope).sort_input(sort)
    query: Any = every.filter_input(condition)
    ways = [getattr(resource, each) for each in WAYS[resource]]
    derived = [
        getattr(resource, each) for each in NUMBERS[resource] if not isinstance(getattr(resource, each), Attr)
    ]
    page = await query.page(limit=2, count=True)
    after = await query.page(limit=2, after=page.end_cursor) if page.has_next else page
    found = {
        "rows": told(await query.load(*ways, *derived).all(), 3),
        "count": await query.count(),
        "exists": await query.exists(),
        "pages": [told(list(each)) for each in (page, after)],
        "more": [page.count, page.has_next, after.has_next, after.has_previous],
        "all": told(await every.all()),
    }
    return json.dumps(found, indent=1)


ATTACK = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phases.explicit, Phases.reuse, Phases.generate],
)
SECRETS = st.lists(st.integers(0, 40), min_size=9, max_size=9)


@pytest.mark.parametrize("resource", [Worker, Room, Seat])
@ATTACK
@given(one=SECRETS, two=SECRETS, data=st.data())
async def test_hidden_values_make_no_difference_to_any_answer(
    world: World, resource: type[Any], one: list[int], two: list[int], data: st.DataObject
) -> None:
    sort = data.draw(st.sampled_from(SORTS[resource]))
    several = data.draw(st.lists(conditions(resource), min_size=4, max_size=4))
    await world.hide(one)
    before = [await asked(world.app, resource, each, sort) for each in several]
    await world.hide(two)
    for condition, known in zip(several, before, strict=True):
        assert await asked(world.app, resource, condition, sort) == known


async def test_values_that_may_be_seen_do_make_one(world: World) -> None:
    system = world.app.system_scope()
    condition = {"rooms": {"best": {"greater_than_or_equal": 0}}}
    before = await asked(world.app, Worker, condition, "pay")
    await world.workers[1].set_hidden(system, pay=8)
    assert await asked(world.app, Worker, condition, "pay") != before


async def test_a_state_that_is_hidden_is_told_by_no_refusal(world: World) -> None:
    app = world.app
    await Case.open_up(app.system_scope(), number=1, phase=Phase.SECRET)
    with pytest.raises(WrongState) as caught:
        await Case.settle(app.scope(), number=1)
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.hint)
    with pytest.raises(WrongState, match="secret"):
        await Case.settle(app.system_scope(), number=1)
