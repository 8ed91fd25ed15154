"""Notifications between nodes: all hear, nothing durable is lost when one dies, the database may go away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
from tests.integration.notifications.post import Letter, Registered, application
from tests.integration.notifications.sending import Ear, message, told, until

from sorbus import Sorbus
from sorbus.data_layers.postgres.courier import CHANNEL, LARGEST, PostgresCourier, pack
from sorbus.data_layers.postgres.embedded import start_embedded
from sorbus.data_layers.postgres.pool import Pool
from sorbus.engine.notifications import Lagged, Notification

ROOT = Path(__file__).parents[3]


def kill_writer(url: str, count: int) -> None:
    """Run a node that dies between the commit and the relay."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.notifications.worker", url, str(count)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


async def test_every_node_hears_what_any_node_writes(nodes: tuple[Sorbus, Sorbus]) -> None:
    first, second = nodes
    async with (
        first.subscribe("letters:a", first.scope()) as near,
        second.subscribe("letters:a", second.scope()) as far,
        second.subscribe("letters:b", second.scope()) as other,
    ):
        made = await Letter.write(first.scope(), box="a")
        for events in (near, far):
            assert [each.action for each in await told(events, 1)] == ["write"]
        # What two nodes write at once may be heard in either order, so the second waits for the first to be heard.
        await made.move(second.scope(), box="b")
        for events in (near, far):
            assert [each.action for each in await told(events, 1)] == ["move"]
        assert (await told(other, 1))[0].key == made.id


async def test_one_connection_listens_for_all_subscribers_of_a_node(nodes: tuple[Sorbus, Sorbus]) -> None:
    app = nodes[0]
    subscriptions = [app.subscribe(f"letters:{number % 5}", app.scope()) for number in range(50)]
    for each in subscriptions:
        await each.open()
    async with app.database.pool.connection() as connection:
        count = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sorbus-listen' "
            "AND datname = current_database()"
        )
    assert count == 1
    await Letter.write(app.scope(), box="3")
    for each in subscriptions[3::5]:
        await told(each, 1)


async def test_many_writes_share_few_statements(nodes: tuple[Sorbus, Sorbus]) -> None:
    app = nodes[0]
    hub = app._hub
    assert hub is not None
    courier = hub.courier
    assert isinstance(courier, PostgresCourier)
    async with app.subscribe("letters:a", app.scope()) as events:
        listener = await asyncpg.connect(app.database.url)
        payloads: list[str] = []

        def hear(connection: object, process: int, channel: str, payload: object) -> None:
            payloads.append(str(payload))

        await listener.add_listener(CHANNEL, hear)
        async with app.transaction():
            for _ in range(100):
                await Letter.write(app.scope(), box="a")
        assert len(await told(events, 100)) == 100
        await listener.close()
    assert len(payloads) <= 5
    assert not any("box" in each for each in payloads), "values do not travel"


def test_payloads_stay_below_the_limit_of_the_server() -> None:
    from datetime import UTC, datetime

    from sorbus.data_layers.messages import Message

    messages = [
        Message(
            id=uuid4(), resource="Letter", action="write", kind="create", key=str(uuid4()),
            topics=tuple(f"é{number}".ljust(100, "x") for number in range(150)), tenant=None, actor=None,
            at=datetime.now(UTC),
        )
        for _ in range(3)
    ]  # fmt: skip
    payloads = list(pack(messages))
    assert max(len(each.encode()) for each in payloads) <= LARGEST + 100
    assert sum(each.count("éx") + each.count('xxx"') for each in payloads) >= 450


async def test_writes_that_race_tell_old_values_that_follow_each_other(
    nodes: tuple[Sorbus, Sorbus],
) -> None:
    first, second = nodes
    made = await Letter.write(first.scope(), box="start")
    heard: list[Notification] = []
    for app in nodes:
        spec = app.engine.spec_of(Letter)
        app.engine._plans.clear()
        hub = app._hub
        assert hub is not None
        (source,) = app.engine.notice_sources
        publisher = source(spec, spec.actions["move"])
        publisher.resource = type(publisher.resource)(  # type: ignore[union-attr]
            spec=spec,
            publications=publisher.publications,  # type: ignore[union-attr]
            notifiers=(heard.append,),
        )
        app.engine.notice_sources[:] = [lambda spec, action, mine=publisher: mine]

    async def move(app: Sorbus, name: str) -> None:
        for number in range(20):
            await Letter.move.by_key(made.id, app.scope(), box=f"{name}{number}")

    await asyncio.gather(move(first, "a"), move(second, "b"), move(first, "c"))
    steps = {str(each.previous["box"]): str(each.data["box"]) for each in heard}
    assert len(heard) == len(steps) == 60, "each value is left once"
    place, seen = "start", 0
    while place in steps:
        place, seen = steps[place], seen + 1
    assert seen == 60, "and they are one chain"


async def test_a_dead_nodes_letters_are_relayed_by_another(database_url: str) -> None:
    async with application(database_url) as app:
        async with app.subscribe("registered:a", app.system_scope()) as events:
            await asyncio.to_thread(kill_writer, database_url, 5)
            found = await told(events, 5)
        assert [each.data["number"] for each in found] == [0, 1, 2, 3, 4]
        positions = [each.position or 0 for each in found]
        assert positions == list(range(positions[0], positions[0] + 5))


async def test_a_dead_nodes_letters_wait_until_a_node_starts(database_url: str) -> None:
    await asyncio.to_thread(kill_writer, database_url, 3)
    async with (
        application(database_url) as app,
        app.subscribe("registered:a", app.system_scope(), after=0) as events,
    ):
        assert [each.data["number"] for each in await told(events, 3)] == [0, 1, 2]


async def test_a_resumed_reader_sees_each_letter_once_whatever_commits_meanwhile(
    nodes: tuple[Sorbus, Sorbus],
) -> None:
    """Transactions that begin early and commit late must not slip behind a reader's position."""
    count = 40

    async def write(app: Sorbus, number: int) -> None:
        async with app.transaction():
            await Registered.write(app.scope(), box="a", number=number)
            await asyncio.sleep(0.003 * (number * 7 % 11))

    async def read(app: Sorbus) -> list[int]:
        seen: list[int] = []
        after = 0
        while len(seen) < 2 * count:
            async with app.subscribe("registered:a", app.system_scope(), after=after) as events:
                for each in await told(events, min(1 + len(seen) % 3, 2 * count - len(seen))):
                    seen.append(each.data["number"])
                    assert each.position is not None
                    assert each.position > after
                    after = each.position
        return seen

    async def all_writes(app: Sorbus, start: int) -> None:
        for first in range(start, start + count, 4):
            await asyncio.gather(*(write(app, number) for number in range(first, first + 4)))

    first, second = nodes
    readers = [asyncio.create_task(read(app)) for app in nodes]
    await asyncio.gather(all_writes(first, 0), all_writes(second, count))
    for seen in await asyncio.gather(*readers):
        assert sorted(seen) == list(range(2 * count))


async def test_relays_that_are_cut_off_lose_and_double_nothing(nodes: tuple[Sorbus, Sorbus]) -> None:
    count = 60

    async def write(app: Sorbus, start: int) -> None:
        for number in range(start, start + count):
            await Registered.write(app.scope(), box="a", number=number)

    async def cut(app: Sorbus) -> None:
        """End the connections that relay, in whatever they do."""
        while True:
            async with app.database.pool.connection() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'sorbus-notify' AND datname = current_database()"
                )
            await asyncio.sleep(0.02)

    first, second = nodes
    async with first.subscribe("registered:a", first.system_scope()) as events:
        cutting = asyncio.create_task(cut(second))
        await asyncio.gather(write(first, 0), write(second, count))
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)
        found = await told(events, 2 * count)
        assert sorted(each.data["number"] for each in found) == list(range(2 * count))
        positions = [each.position or 0 for each in found]
        assert positions == list(range(positions[0], positions[0] + 2 * count))


async def test_the_order_of_one_row_is_the_order_of_its_commits(nodes: tuple[Sorbus, Sorbus]) -> None:
    made = await Registered.write(nodes[0].scope(), box="a")

    async def number(app: Sorbus, start: int) -> None:
        for each in range(start, start + 20):
            await Registered.count.by_key(made.id, app.scope(), number=each)

    app = nodes[0]
    async with app.subscribe("registered:a", app.system_scope()) as events:
        await asyncio.gather(number(nodes[0], 100), number(nodes[1], 200))
        found = await told(events, 40)
    last = await Registered.get(app.scope(), made.id)
    assert found[-1].data["number"] == last.number


async def test_subscriptions_come_back_with_the_database(server_folder: Path) -> None:
    async with await start_embedded(server_folder / "postgres") as server:
        async with application(server.url) as app:
            async with (
                app.subscribe("letters:a", app.scope()) as plain,
                app.subscribe("registered:a", app.system_scope()) as durable,
            ):
                await Registered.write(app.scope(), box="a", number=1)
                await Letter.write(app.scope(), box="a")
                await told(plain, 1)
                await told(durable, 1)
                os.kill(server.pid, signal.SIGKILL)
                await asyncio.sleep(0.3)
                await server.ensure_running()
                await Registered.write(app.scope(), box="a", number=2)
                async with asyncio.timeout(20):
                    assert await anext(plain) == Lagged(None)
                    event = await anext(durable)
                assert isinstance(event, Notification), "what is kept was not missed"
                assert event.data["number"] == 2
                await Letter.write(app.scope(), box="a")
                await told(plain, 1)


async def test_what_waits_for_the_database_is_sent_when_it_is_back(database_url: str) -> None:
    async with Pool(database_url, size=2) as pool:
        courier = PostgresCourier(pool, backlog=3)
        ear = Ear()
        await courier.listen(ear)
        lend, broken, tries = courier.line.lend, True, 0

        def away() -> object:
            nonlocal tries
            tries += 1
            if broken:
                raise OSError("away")
            return lend()

        courier.line.lend = away  # type: ignore[method-assign,assignment]
        courier.send([message(number) for number in range(5)])
        await until(lambda: tries > 2)
        assert ear.keys == []
        broken = False
        await until(lambda: len(ear.keys) >= 3)
        assert ear.keys == ["2", "3", "4"]
        assert ear.lost == 1, "the dropped ones are told of"
        await courier.close()


async def test_a_foreign_notify_on_the_channel_disturbs_nobody(nodes: tuple[Sorbus, Sorbus]) -> None:
    app = nodes[0]
    async with app.subscribe("letters:a", app.scope()) as events:
        async with app.database.pool.connection() as connection:
            rest = ["letters:a"], None, None, "2030-01-01T00:00:00Z"
            foreign = json.dumps({"m": [[str(uuid4()), "Letter", "write", "create", "no key", *rest]]})
            for text in ("", "hello", "[1]", '{"m": [1]}', '{"z": 1}', foreign):
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, text)
        made = await Letter.write(app.scope(), box="a")
        assert [each.key for each in await told(events, 1)] == [made.id]
