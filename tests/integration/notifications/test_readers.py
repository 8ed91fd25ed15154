"""Readers that are odd, quiet, or leave at a bad moment."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from uuid import uuid4

import pytest
from tests.integration.notifications.post import Letter, Registered, application
from tests.integration.notifications.sending import Ear, message, told, until

from sorbus import Sorbus, topic
from sorbus.data_layers.postgres.courier import PostgresCourier
from sorbus.data_layers.postgres.pool import Pool
from sorbus.engine.notify import Hub
from sorbus.engine.publishing import actor_id
from sorbus.errors.notifications import NoSuchTopic

Nodes = tuple[Sorbus, Sorbus]


def hub_of(app: Sorbus) -> Hub:
    """The hub of a node that publishes."""
    assert app._hub is not None
    return app._hub


async def test_what_others_publish_may_be_forgotten_while_a_reader_hears_nothing(nodes: Nodes) -> None:
    app = nodes[0]
    outbox = hub_of(app).outbox
    assert outbox is not None
    outbox.keep = timedelta(seconds=0.4)
    async with (
        app.subscribe("registered:quiet", app.system_scope()) as quiet,
        app.subscribe("registered:busy", app.system_scope()) as busy,
    ):
        waiting = asyncio.create_task(told(quiet, 1))
        await Registered.write(app.scope(), box="busy", number=1)
        await told(busy, 1)
        await until(lambda: quiet.position == busy.position)
        assert await outbox.prune(datetime.now(UTC) + timedelta(days=1)) == 1
        await Registered.write(app.scope(), box="quiet", number=2)
        (event,) = await waiting
    assert event.data["number"] == 2


@pytest.mark.parametrize("box", ["", "\n", "a\nb", "%", "#", "{x}", "é" * 300, "a:b", " ", "\x01"])
async def test_topics_may_hold_any_text(nodes: Nodes, box: str) -> None:
    app = nodes[0]
    async with (
        app.subscribe(topic("letters:{box}", box=box), app.scope()) as plain,
        app.subscribe(topic("registered:{box}", box=box), app.scope()) as durable,
    ):
        await Letter.write(app.scope(), box=box)
        await Registered.write(app.scope(), box=box)
        await told(plain, 1)
        await told(durable, 1)


@pytest.mark.parametrize("box", ["\ud800", "a\0b"])
async def test_a_topic_that_no_text_in_a_database_makes_is_refused(nodes: Nodes, box: str) -> None:
    app = nodes[0]
    with pytest.raises(NoSuchTopic) as refused:
        app.subscribe(f"registered:{box}", app.scope(), after=0)
    str(refused.value).encode()


async def test_subscriptions_that_were_let_go_leave_nothing_behind(nodes: Nodes) -> None:
    app = nodes[0]
    for number in range(20):
        await app.subscribe(f"letters:{number}", app.scope()).open()
    gc.collect()
    assert not hub_of(app)._subscriptions


async def test_a_reader_may_leave_while_others_are_told(nodes: Nodes) -> None:
    app = nodes[0]
    readers = [app.subscribe("letters:a", app.scope()) for _ in range(5)]
    for each in readers:
        await each.open()

    async def leave(number: int) -> None:
        await told(readers[number], 1)
        for each in readers[:4]:
            each.close()

    async with app.transaction():
        for _ in range(3):
            await Letter.write(app.scope(), box="a")
    await leave(0)
    await told(readers[4], 3)
    await Letter.write(app.scope(), box="a")
    await told(readers[4], 1)
    assert len(next(iter(hub_of(app)._subscriptions.values()))) == 1


@pytest.mark.parametrize("name", ["letters:a", "registered:a"])
async def test_who_waits_for_a_database_that_is_away_ends_with_the_application(
    database_url: str, name: str
) -> None:
    async with application(database_url) as app:
        courier = hub_of(app).courier
        assert isinstance(courier, PostgresCourier)
        tries = 0

        async def away() -> NoReturn:
            nonlocal tries
            tries += 1
            raise OSError("away")

        courier._listener._connect = away

        async def follow() -> list[object]:
            return [each async for each in app.subscribe(name, app.scope())]

        waiting = asyncio.create_task(follow())
        await until(lambda: tries > 0)
    assert await asyncio.wait_for(waiting, 5) == []


@pytest.mark.parametrize("actor", ["a\0b", "a\ud800b", "x" * 20_000])
async def test_an_odd_actor_keeps_nobody_from_hearing(nodes: Nodes, actor: str) -> None:
    app = nodes[0]
    async with app.subscribe("registered:a", app.system_scope()) as events:
        await Registered.write(app.scope(actor=actor), box="a")
        await told(events, 1)


async def test_a_message_that_is_too_long_for_the_server_is_told_as_missed(database_url: str) -> None:
    async with Pool(database_url, size=2) as pool:
        courier = PostgresCourier(pool)
        ear = Ear()
        await courier.listen(ear)
        courier.send([message(1), replace(message(2), actor="x" * 9000), message(3)])
        await until(lambda: len(ear.keys) == 2)
        courier.send([message(4)])
        await until(lambda: len(ear.keys) == 3)
        await courier.close()
    assert ear.keys == ["1", "3", "4"]
    assert ear.lost == 1


def test_a_plain_id_names_the_actor() -> None:
    key = uuid4()
    assert actor_id(key) == str(key)
    assert actor_id(7) == "7"
    assert actor_id("a\0\ud800") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert actor_id(object()) is None
