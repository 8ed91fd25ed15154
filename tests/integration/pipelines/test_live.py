"""Subscribers on every node hear how runs get on."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.integration.pipelines.helpers import application, row, start
from tests.integration.pipelines.workshop import WORKSHOP, Hands, craft, workshop

from sorbus.engine.notifications import Notification
from sorbus.pipelines import RunState


async def until_state(events: Any, state: RunState) -> list[Notification]:
    """What is told until a record has a state."""
    told: list[Notification] = []
    async with asyncio.timeout(20):
        async for event in events:
            assert isinstance(event, Notification)
            told.append(event)
            if event.record is not None and event.record.state is state:
                return told
    raise AssertionError("it was never told")


async def test_a_subscriber_on_another_node_sees_a_run_from_its_start_to_its_end(url: str) -> None:
    hands = Hands()
    async with (
        workshop(url, hands) as worker,
        application(url, domains=[WORKSHOP], pipelines=[craft()], run_jobs=False) as web,
    ):
        scope = web.scope(actor="me", tenant="local")
        async with web.subscribe("runs", scope, records=True) as events:
            run = await start(worker.scope(actor="me", tenant="local"), "one", pipeline="craft", text="wood")
            told = await until_state(events, RunState.COMPLETED)
    assert {each.key for each in told} == {run.id}
    assert {each.resource for each in told} == {"Run"}


async def test_the_topic_of_a_run_is_told_of_that_run_alone_and_of_a_pause(url: str) -> None:
    gate, open_gate = asyncio.Event(), asyncio.Event()

    async def slow(context: Any, text: str) -> Any:
        gate.set()
        await open_gate.wait()
        from tests.integration.pipelines.workshop import Piece

        return Piece(text)

    async with workshop(url, Hands({"glue": slow})) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await gate.wait()
        async with app.subscribe(f"run:{run.id}", scope, records=True) as events:
            await (await row(scope, run)).pause(scope)
            await until_state(events, RunState.PAUSED)
            open_gate.set()
            await (await row(scope, run)).resume(scope)
            told = await until_state(events, RunState.COMPLETED)
    assert {each.key for each in told} == {run.id}


async def test_another_tenant_hears_nothing(url: str) -> None:
    async with workshop(url, Hands()) as app:
        other = app.scope(actor="me", tenant="other")
        mine = app.scope(actor="me", tenant="local")
        async with app.subscribe("runs", other) as events, app.subscribe("runs", mine, records=True) as told:
            await start(mine, "one", pipeline="craft", text="wood")
            await until_state(told, RunState.COMPLETED)
            await start(other, "two", pipeline="craft", text="wood")
            first = await anext(events)
        assert isinstance(first, Notification)
        assert first.tenant == "other"
