"""One transaction writes at a time; readers see what is committed; a failed statement leaves nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from sorbus.data_layers.base import Bindings, Capability
from sorbus.data_layers.memory.layer import MemoryLayer
from sorbus.errors.database import LockNotAvailable, TransactionAborted, UniqueViolation
from sorbus.expressions.nodes import Call, Const, Node, Param, Ref
from sorbus.query.statements import (
    Delete,
    Insert,
    Lock,
    Output,
    Select,
    Summarize,
    Summary,
    SummaryKind,
    Update,
)
from sorbus.resource.assembly import assemble
from sorbus.testing.conformance.people import Org, People
from sorbus.types.base import field_type

APPLICATION = assemble("test", [People])
ORG = APPLICATION.by_class[Org]
OUTPUTS = tuple(
    Output(name=each.name, node=Ref(each.name), type=each.type) for each in ORG.attributes.values()
)


class Bench:
    """A layer with the statements that the tests need."""

    def __init__(self, **options: Any) -> None:
        self.layer = MemoryLayer(APPLICATION, **options)
        names = ("id", "name", "slug")
        values = tuple(
            (name, Param(index, UUID if name == "id" else str)) for index, name in enumerate(names)
        )
        self.insert = self.layer.compile(Insert(resource=ORG, values=values))
        count = Summary(kind=SummaryKind.COUNT, type=field_type(int))
        self.count = self.layer.compile(Summarize(rows=Select(resource=ORG, outputs=()), summaries=(count,)))
        self.all = self.layer.compile(Select(resource=ORG, outputs=OUTPUTS[1:2], order=()))
        everywhere = (("slug", Const("same")),)
        self.spoil = self.layer.compile(Update(resource=ORG, assignments=everywhere, where=None))
        self.clear = self.layer.compile(Delete(resource=ORG, where=None))

    def select(self, where: Node, *, lock: bool = False) -> Any:
        return self.layer.compile(
            Select(resource=ORG, outputs=OUTPUTS[1:2], where=where, lock=Lock() if lock else None)
        )

    async def add(self, session: Any, number: int) -> None:
        await self.insert.fetch(session, Bindings([UUID(int=number), f"n{number}", f"s{number}"]))

    async def many(self, session: Any) -> int:
        return int((await self.count.fetch(session, Bindings(())))[0][0])


async def test_a_transaction_is_seen_by_others_once_it_is_committed() -> None:
    bench = Bench()
    writer, reader = await bench.layer.acquire(), await bench.layer.acquire()
    await bench.layer.begin(writer)
    await bench.add(writer, 1)
    assert (await bench.many(writer), await bench.many(reader)) == (1, 0)
    await bench.layer.commit(writer)
    assert await bench.many(reader) == 1


async def test_a_rollback_and_a_release_forget() -> None:
    bench = Bench()
    for end in (bench.layer.rollback, None):
        session = await bench.layer.acquire()
        await bench.layer.begin(session)
        await bench.add(session, 1)
        if end is not None:
            await end(session)
        bench.layer.release(session)
        assert await bench.many(await bench.layer.acquire()) == 0
    assert bench.layer._store.lock.free(object(), shared=False)


async def test_writers_come_one_after_the_other() -> None:
    bench = Bench()
    first, second = await bench.layer.acquire(), await bench.layer.acquire()
    await bench.layer.begin(first)
    await bench.add(first, 1)
    waiting = asyncio.create_task(bench.add(second, 2))
    await asyncio.sleep(0)
    assert not waiting.done()
    await bench.layer.commit(first)
    await asyncio.wait_for(waiting, 5)
    assert await bench.many(second) == 2


async def test_a_writer_that_waits_too_long_gives_up() -> None:
    bench = Bench(lock_timeout=0.01)
    first, second = await bench.layer.acquire(), await bench.layer.acquire()
    await bench.layer.begin(first)
    await bench.add(first, 1)
    with pytest.raises(LockNotAvailable):
        await bench.add(second, 2)
    await bench.layer.begin(second)
    assert await bench.many(second) == 0, "readers wait for nobody"
    with pytest.raises(LockNotAvailable):
        await bench.select(Const(True), lock=True).fetch(second, Bindings(()))
    bench.layer.release(second)
    await bench.layer.commit(first)
    assert await bench.many(first) == 1


async def test_a_cancelled_writer_does_not_keep_the_lock() -> None:
    bench = Bench()
    first, second = await bench.layer.acquire(), await bench.layer.acquire()
    await bench.layer.begin(first)
    await bench.add(first, 1)
    waiting = asyncio.create_task(bench.add(second, 2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await bench.layer.commit(first)
    await asyncio.wait_for(bench.add(second, 3), 5)
    assert await bench.many(second) == 2


@pytest.mark.parametrize("inside", [True, False])
async def test_a_failed_statement_changes_nothing(inside: bool) -> None:
    bench = Bench()
    session = await bench.layer.acquire()
    for number in (1, 2, 3):
        await bench.add(session, number)
    if inside:
        await bench.layer.begin(session)
    with pytest.raises(UniqueViolation) as caught:
        await bench.spoil.fetch(session, Bindings(()))
    assert caught.value.constraint == "suite_orgs_slug_key"
    if inside:
        with pytest.raises(TransactionAborted):
            await bench.many(session)
        with pytest.raises(TransactionAborted):
            await bench.layer.commit(session)
    slugs = bench.layer.compile(
        Select(resource=ORG, outputs=OUTPUTS[2:3], where=Call("eq", (Ref("slug"), Const("s2"))))
    )
    assert list(await slugs.fetch(session, Bindings(()))) == [("s2",)]
    assert await bench.many(session) == 3
    await bench.add(session, 4)


async def test_the_same_key_is_refused_under_the_name_that_postgres_gives_it() -> None:
    bench = Bench()
    session = await bench.layer.acquire()
    await bench.add(session, 1)
    with pytest.raises(UniqueViolation) as caught:
        await bench.insert.fetch(session, Bindings([UUID(int=1), "x", "y"]))
    assert (caught.value.constraint, caught.value.columns) == ("suite_orgs_pkey", ("id",))


async def test_a_delete_answers_for_every_row() -> None:
    bench = Bench()
    session = await bench.layer.acquire()
    for number in (1, 2):
        await bench.add(session, number)
    assert len(await bench.clear.fetch(session, Bindings(()))) == 2
    assert await bench.many(session) == 0


async def test_a_condition_on_an_indexed_attribute_uses_the_index() -> None:
    bench = Bench()
    by_slug = bench.select(Call("and", (Call("eq", (Ref("slug"), Param(0, str))), Const(True))))
    assert by_slug.lookup == ("slug", Param(0, str))
    by_key = bench.select(
        Call("and", (Call("eq", (Ref("slug"), Const("a"))), Call("eq", (Ref("id"), Const(1)))))
    )
    assert by_key.lookup is not None
    assert by_key.lookup[0] == "id", "the key is better than any index"
    assert bench.select(Call("eq", (Ref("name"), Const("a")))).lookup is None
    assert bench.select(Call("eq", (Ref("slug"), Ref("name")))).lookup is None
    assert bench.select(Call("or", (Call("eq", (Ref("slug"), Const("a"))),))).lookup is None
    session = await bench.layer.acquire()
    await bench.add(session, 1)
    assert list(await by_slug.fetch(session, Bindings(["s1"]))) == [("n1",)]
    assert list(await by_slug.fetch(session, Bindings([None]))) == []


def test_what_the_layer_can() -> None:
    layer = Bench().layer
    assert layer.name == "memory"
    assert layer.can(Capability.TRANSACTION)
    assert layer.can(Capability.UPSERT)
    assert not layer.can(Capability.JOBS)
