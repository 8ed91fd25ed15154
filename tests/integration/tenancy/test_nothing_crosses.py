"""Whatever a tenant does, in whatever order, it reads and changes rows of its own alone.

Random sequences of actions by several tenants, with keys, records and cursors of one another. After every step the
rows of everybody else are what they were, and nothing that came back is another tenant's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.integration.tenancy.conftest import ROLE, firms

from sorbus import Scope, Sorbus
from sorbus.engine import planning, write_data
from sorbus.errors.base import SorbusError
from sorbus.testing.conformance.tenants_world import Carton, Entry, Firm, Ledger, Rack

FIRMS = 3
LABELS = ("a", "b", "c")
RUN = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

who = st.integers(0, FIRMS - 1)
label = st.sampled_from(LABELS)
pick = st.integers(0, 10_000)


@dataclass
class Kit:
    """An application and what the sequences find in it."""

    app: Sorbus
    runner: asyncio.Runner
    cursors: list[str] = field(default_factory=list[str])


class Crossing(RuleBasedStateMachine):
    """Firms that act; subclasses say on which rows."""

    kit: ClassVar[Kit]
    rows: ClassVar[type[Any]]
    parts: ClassVar[type[Any]]
    removal: ClassVar[str]
    text: ClassVar[str]

    @initialize()
    def found(self) -> None:
        async def make() -> list[Firm]:
            scope = self.kit.app.scope()
            return [await Firm.found(scope, slug=f"f{uuid4().hex[:10]}") for _ in range(FIRMS)]

        self.firms = self.kit.runner.run(make())
        self.keys: list[UUID] = [uuid4()]
        self.part_keys: list[UUID] = [uuid4()]
        self.records: list[Any] = []
        self.cursors: list[str] = []

    def scope(self, number: int) -> Scope:
        raise NotImplementedError

    async def owned(self, number: int) -> tuple[list[Any], list[Any]]:
        """Every row of a firm, read by the system without the help of what is tested."""
        raise NotImplementedError

    def act(self, number: int, work: Callable[[Scope], Awaitable[Any]]) -> Any:
        """Let a firm do something, and look that it concerned nobody else."""

        async def run() -> Any:
            others = [each for each in range(FIRMS) if each != number]
            before = [await self.owned(each) for each in others]
            answer: Any = None
            with suppress(SorbusError):
                answer = await work(self.scope(number))
            assert [await self.owned(each) for each in others] == before
            foreign = {row.id for rows in before for table in rows for row in table}
            assert not foreign & set(ids(answer))
            return answer

        answer: Any = self.kit.runner.run(run())
        for each in listed(answer):
            if isinstance(each, self.rows):
                self.records.append(each)
                self.keys.append(each.id)
            elif isinstance(each, self.parts):
                self.part_keys.append(each.id)
        return answer

    def key(self, number: int) -> UUID:
        return self.keys[number % len(self.keys)]

    # what both kinds of tenancy can do

    @rule(number=who, key=pick)
    def get(self, number: int, key: int) -> None:
        self.act(number, lambda scope: self.rows.get(scope, self.key(key)))

    @rule(number=who, key=pick, label=label)
    def relabel_a_key(self, number: int, key: int, label: str) -> None:
        self.act(number, lambda scope: self.rows.relabel.by_key(self.key(key), scope, label))

    @rule(number=who, record=pick, label=label)
    def relabel_a_record(self, number: int, record: int, label: str) -> None:
        if self.records:
            found = self.records[record % len(self.records)]
            self.act(number, lambda scope: found.relabel(scope, label))

    @rule(number=who, key=pick)
    def read_with_a_filter(self, number: int, key: int) -> None:
        wanted = self.rows.id.is_in([self.key(key), self.key(key + 1)])
        self.act(number, lambda scope: self.rows.query(scope).where(wanted).all())
        self.act(number, lambda scope: self.rows.query(scope).where(wanted | ~wanted).all())

    @rule(number=who)
    def count(self, number: int) -> None:
        found = self.act(number, lambda scope: self.rows.query(scope).count())
        rows, _ = self.kit.runner.run(self.owned(number))
        assert found == len(rows)

    @rule(number=who, cursor=pick, limit=st.integers(1, 3))
    def page_from_any_cursor(self, number: int, cursor: int, limit: int) -> None:
        after = self.cursors[cursor % len(self.cursors)] if self.cursors else None

        async def page(scope: Scope) -> list[Any]:
            found = await self.rows.query(scope).page(limit=limit, after=after, count=True)
            rows, _ = await self.owned(number)
            assert found.count == len(rows)
            if found.end_cursor is not None:
                self.cursors.append(found.end_cursor)
            return list(found.items)

        self.act(number, page)

    @rule(number=who)
    def stream(self, number: int) -> None:
        async def every(scope: Scope) -> list[Any]:
            return [each async for each in self.rows.query(scope).stream(batch=2)]

        rows, _ = self.kit.runner.run(self.owned(number))
        assert ids(self.act(number, every)) == sorted(row.id for row in rows)

    @rule(number=who, key=pick, label=label)
    def fail_half_way(self, number: int, key: int, label: str) -> None:
        async def both(scope: Scope) -> None:
            async with self.kit.app.transaction():
                await self.rows.relabel.by_key(self.key(key), scope, label)
                await self.rows.get(scope, uuid4())

        self.act(number, both)

    @rule(number=who, key=pick)
    def lock(self, number: int, key: int) -> None:
        async def held(scope: Scope) -> list[Any]:
            async with self.kit.app.transaction():
                found: list[Any] = (
                    await self.rows.query(scope).where(self.rows.id == self.key(key)).lock().all()
                )
                return found

        self.act(number, held)

    @rule(number=who, keys=st.lists(pick, min_size=1, max_size=4), label=label, way=st.integers(0, 2))
    def relabel_many(self, number: int, keys: list[int], label: str, way: int) -> None:
        wanted = [self.key(each) for each in keys]

        async def many(scope: Scope) -> list[Any]:
            over: Any = [
                wanted,
                self.rows.query(scope).where(self.rows.id.is_in(wanted)),
                self.rows.query(scope),
            ]
            inputs: dict[str, Any] = {self.text: label}
            done = await self.rows.relabel.bulk(scope, over[way], inputs, returning=True, on_error="continue")
            return list(done.records or ())

        self.act(number, many)

    @rule(number=who, keys=st.lists(pick, min_size=1, max_size=3), way=st.integers(0, 1))
    def remove_many(self, number: int, keys: list[int], way: int) -> None:
        wanted = [self.key(each) for each in keys]

        async def many(scope: Scope) -> None:
            over: Any = [wanted, self.rows.query(scope).where(self.rows.id.is_in(wanted))]
            await getattr(self.rows, self.removal).bulk(scope, over[way], on_error="continue")

        self.act(number, many)

    @rule(number=who)
    def summarize(self, number: int) -> None:
        async def there(scope: Scope) -> bool:
            return await self.rows.query(scope).exists()

        rows, _ = self.kit.runner.run(self.owned(number))
        assert self.act(number, there) is bool(rows)

    @rule(number=who, key=pick)
    def combine(self, number: int, key: int) -> None:
        async def joined(scope: Scope) -> list[Any]:
            every = self.rows.query(scope)
            found: list[Any] = await every.where(self.rows.id == self.key(key)).union(every).all()
            return found

        self.act(number, joined)


class ByAttribute(Crossing):
    """Racks and cartons in shared tables."""

    rows, parts, removal, text = Rack, Carton, "take_down", "label"

    def scope(self, number: int) -> Scope:
        return self.kit.app.scope(tenant=self.firms[number].id)

    async def owned(self, number: int) -> tuple[list[Any], list[Any]]:
        system, firm = self.kit.app.system_scope(), self.firms[number].id
        racks = await Rack.query(system).where(Rack.firm_id == firm).all()
        return racks, await Carton.query(system).where(Carton.firm_id == firm).all()

    @rule(number=who, label=label, serial=st.none() | label)
    def put_up(self, number: int, label: str, serial: str | None) -> None:
        self.act(
            number,
            lambda scope: Rack.put_up(scope, label=label, serial=serial and f"{serial}{self.firms[0].id}"),
        )

    @rule(number=who, labels=st.lists(label, min_size=1, max_size=3, unique=True), serial=label)
    def put_up_many(self, number: int, labels: list[str], serial: str) -> None:
        rows = [{"label": each, "serial": f"{each}{serial}{self.firms[0].id}"} for each in labels]

        async def many(scope: Scope) -> list[Any]:
            done = await Rack.put_up.bulk(scope, rows, returning=True, on_error="continue")
            return list(done.records or ())

        self.act(number, many)

    @rule(number=who, label=label, serial=label)
    def register(self, number: int, label: str, serial: str) -> None:
        self.act(
            number, lambda scope: Rack.register(scope, label=label, serial=f"{serial}{self.firms[0].id}")
        )

    @rule(number=who, key=pick)
    def take_down(self, number: int, key: int) -> None:
        self.act(number, lambda scope: Rack.take_down.by_key(self.key(key), scope))

    @rule(number=who, key=pick)
    def dust(self, number: int, key: int) -> None:
        self.act(number, lambda scope: Rack.dust.by_key(self.key(key), scope))

    @rule(number=who, rack=pick, spare=st.none() | pick)
    def pack(self, number: int, rack: int, spare: int | None) -> None:
        other = None if spare is None else self.key(spare)
        self.act(number, lambda scope: Carton.pack(scope, rack_id=self.key(rack), spare_id=other))

    @rule(number=who, carton=pick, rack=pick)
    def move(self, number: int, carton: int, rack: int) -> None:
        key = self.part_keys[carton % len(self.part_keys)]
        self.act(number, lambda scope: Carton.move.by_key(key, scope, rack_id=self.key(rack)))

    @rule(number=who)
    def load(self, number: int) -> None:
        async def loaded(scope: Scope) -> list[Any]:
            query = Rack.query(scope).load(Rack.cartons, Rack.carton_count, Rack.is_used)
            racks = await query.where(Rack.carton_count >= 0).all()
            for each in racks:
                assert each.carton_count == len(each.cartons)
                assert each.is_used is bool(each.cartons)
            cartons = await Carton.query(scope).load(Carton.rack, Carton.spare, Carton.rack_label).all()
            return [*racks, *(carton for each in racks for carton in each.cartons), *cartons]

        self.act(number, loaded)

    @rule(number=who)
    def count_from_outside(self, number: int) -> None:
        async def firms_seen(scope: Scope) -> dict[UUID, int]:
            query = Firm.query(scope).where(Firm.id.is_in([each.id for each in self.firms]))
            return {each.id: each.rack_count for each in await query.load(Firm.rack_count).all()}

        counts = self.act(number, firms_seen)
        rows, _ = self.kit.runner.run(self.owned(number))
        assert counts == {
            each.id: len(rows) if index == number else 0 for index, each in enumerate(self.firms)
        }


class BySchema(Crossing):
    """Ledgers and entries in tables of each firm's own."""

    rows, parts, removal, text = Ledger, Entry, "close", "name"

    def scope(self, number: int) -> Scope:
        return self.kit.app.scope(tenant=self.firms[number])

    async def owned(self, number: int) -> tuple[list[Any], list[Any]]:
        system = self.kit.app.system_scope(tenant=self.firms[number].slug)
        return await Ledger.query(system).all(), await Entry.query(system).all()

    @rule(number=who, label=label)
    def begin(self, number: int, label: str) -> None:
        self.act(number, lambda scope: Ledger.begin(scope, name=label))

    @rule(number=who, key=pick)
    def close(self, number: int, key: int) -> None:
        self.act(number, lambda scope: Ledger.close.by_key(self.key(key), scope))

    @rule(number=who, ledger=pick, amount=st.integers(-5, 5))
    def book(self, number: int, ledger: int, amount: int) -> None:
        self.act(number, lambda scope: Entry.book(scope, ledger_id=self.key(ledger), amount=amount))

    @rule(number=who)
    def load(self, number: int) -> None:
        async def loaded(scope: Scope) -> list[Any]:
            ledgers = await Ledger.query(scope).load(Ledger.entries, Ledger.total).all()
            for each in ledgers:
                assert each.total == sum(entry.amount for entry in each.entries)
            return [*ledgers, *(entry for each in ledgers for entry in each.entries)]

        self.act(number, loaded)

    @rule(number=who)
    def relabel_the_firm(self, number: int) -> None:
        async def renamed() -> Firm:
            return await self.firms[number].relabel(self.kit.app.scope(), slug=f"f{uuid4().hex[:10]}")

        self.firms[number] = self.kit.runner.run(renamed())


def listed(answer: Any) -> list[Any]:
    """What an action answered with, as a list."""
    return cast("list[Any]", answer) if isinstance(answer, list) else [answer]


def ids(answer: Any) -> list[UUID]:
    """The keys of what an action answered with."""
    found = listed(answer)
    return [each.id for each in found if isinstance(each, (Rack, Carton, Ledger, Entry))]


def opened(app: Sorbus) -> Iterator[Kit]:
    with asyncio.Runner() as runner:
        runner.run(app.open())
        yield Kit(app, runner)
        runner.run(app.close())


@pytest.fixture(scope="module")
def memory() -> Iterator[Kit]:
    yield from opened(firms(None, storage="memory"))


@pytest.fixture(scope="module")
def postgres(module_url: str) -> Iterator[Kit]:
    yield from opened(firms(module_url))


@pytest.fixture(scope="module")
def with_wall(pg18: Any) -> Iterator[Kit]:
    with pg18.fresh() as url:
        yield from opened(firms(url, row_level_security=ROLE))


def check(machine: type[Crossing], kit: Kit, run: settings = RUN) -> None:
    bound = type(machine.__name__, (machine,), {"kit": kit})
    run_state_machine_as_test(bound, settings=run)


def _nobody(spec: Any) -> None:
    """No condition on the tenant."""
    del spec


@contextmanager
def forgetful(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """An engine that never puts a tenant into a statement."""
    engine = kit.app.engine

    def forget() -> None:
        engine.planner.families.clear()
        engine._plans.clear()

    for module in (planning, write_data):
        monkeypatch.setattr(module, "tenancy", _nobody)
    forget()
    try:
        yield
    finally:
        monkeypatch.undo()
        forget()


@pytest.mark.parametrize("machine", [ByAttribute, BySchema])
@pytest.mark.parametrize("kind", ["memory", "postgres", "with_wall"])
def test_nothing_crosses(request: pytest.FixtureRequest, kind: str, machine: type[Crossing]) -> None:
    check(machine, request.getfixturevalue(kind))


def test_the_wall_alone_keeps_tenants_apart(with_wall: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    with forgetful(with_wall, monkeypatch):
        check(ByAttribute, with_wall)


def test_without_any_wall_tenants_would_meet(postgres: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sequences do find a crossing where there is one.

    What has crossed stays there, so that a sequence may go otherwise when it is tried again; behind a wall none does.
    """
    once = settings(RUN, phases=[Phase.generate], report_multiple_bugs=False)
    with forgetful(postgres, monkeypatch), pytest.raises((AssertionError, Flaky)):
        check(ByAttribute, postgres, once)
