"""Streams: a snapshot on each connection, then what changes; shared where that is allowed, and never for longer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import aiohttp
import pytest
from tests.integration.pipelines.helpers import row, start, until
from tests.integration.pipelines.shapes import Doing, Gate, Shapes, asking, give, me, over, shaped, stage_is
from tests.integration.web.pages import Reader, served, who

from sorbus import Scope
from sorbus.http import serving
from sorbus.pipelines import Pipeline, Run, StageState, stage
from sorbus.web.access import sight


def three() -> Pipeline:
    """Three stages one after the other."""
    return Pipeline("three", stages=[stage(Shapes.step, name=name) for name in ("one", "two", "last")])


async def test_a_page_gets_all_of_itself_and_then_what_changes(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"two": gate}), three()) as app:
        run = await start(me(app), "a", pipeline="three")
        await gate.came.wait()
        async with Reader(served(app), f"/runs/{run.id}/live") as reader:
            snapshot = await reader.until("run-head")
            for name in ("run-notice", "run-graph", "run-timeline", "run-stages", "run-calls", "status"):
                assert f'hx-target="#{name}"' in snapshot
            gate.opened.set()
            change = await reader.until("The run is completed")
            assert 'hx-target="#run-graph"' in change or await reader.until('hx-target="#run-graph"')
        assert reader.ended.is_set()


async def test_who_connects_again_gets_all_of_the_page_as_it_is_by_then(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"two": gate}), three()) as app:
        site = served(app)
        run = await start(me(app), "a", pipeline="three")
        await gate.came.wait()
        async with Reader(site, f"/runs/{run.id}/live") as reader:
            first = await reader.until("The run is running")
        gate.opened.set()
        await over(me(app), run)
        last = re.search(r"id: (\d+)", first)
        assert last is not None
        async with Reader(site, f"/runs/{run.id}/live", [(b"last-event-id", last[1].encode())]) as again:
            # The watch lingers for those who load the page anew, so its first event may be as old as the last one.
            snapshot = await again.until("The run is completed")
            assert 'hx-target="#status"' in snapshot


async def test_rows_of_the_table_change_one_by_one_and_new_ones_come_in(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"two": gate}), three(), asking()) as app:
        other = await start(me(app), "other", pipeline="asking")
        await stage_is(me(app), other, "approve", StageState.READY)
        async with Reader(served(app), "/runs/live") as reader:
            assert str(other.id) in await reader.until('hx-target="#rows"')
            run = await start(me(app), "a", pipeline="three")
            arrived = await reader.until(f'id="run-{run.id}"')
            assert 'hx-target="#rows"' in arrived
            await gate.came.wait()
            gate.opened.set()
            done = await reader.until(f'hx-target="#run-{run.id}"')
            assert 'hx-target="#rows"' not in done
            assert f'hx-target="#run-{other.id}"' not in done


async def test_readers_of_the_same_page_share_one_watch_and_its_bytes(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"two": gate}), three()) as app:
        site = served(app)
        run = await start(me(app), "a", pipeline="three")
        await gate.came.wait()
        path = f"/runs/{run.id}/live"
        ann, bob = [(b"x-actor", b"ann")], [(b"x-actor", b"bob")]
        async with (
            Reader(site, path, ann) as one,
            Reader(site, path, bob) as two,
            Reader(site, path, ann) as three_,
        ):
            for each in (one, two, three_):
                await each.until("run-head")
            watches = [task for task in asyncio.all_tasks() if task.get_name() == f"sorbus-web run:{run.id}"]
            # No policy looks at rows or at who it is, so even two actors may be shown the same.
            assert len(watches) == 1
            gate.opened.set()
            ends = [await each.until("The run is completed") for each in (one, two, three_)]
            assert len(set(ends)) == 1


async def test_what_tells_readers_apart_holds_tenant_actor_and_rights(url: str) -> None:
    async with shaped(url, Doing(), three(), run_jobs=False) as app:
        ann, bob = app.scope(actor="ann", tenant="a"), app.scope(actor="bob", tenant="a")
        assert sight(app, ann) == sight(app, bob)
        assert sight(app, ann) != sight(app, app.scope(actor="ann", tenant="b"))
        assert sight(app, ann) != sight(app, app.scope(actor=None, tenant="a"))
        assert sight(app, ann) != sight(app, app.system_scope(tenant="a"))


async def test_a_slow_reader_misses_what_is_over_and_ends_up_with_what_is(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"two": gate}), three()) as app:
        run = await start(me(app), "a", pipeline="three")
        await gate.came.wait()
        async with (
            Reader(served(app), f"/runs/{run.id}/live") as quick,
            Reader(served(app), f"/runs/{run.id}/live") as slow,
        ):
            await slow.until("The run is running")
            slow.reading.clear()
            loaded = await row(me(app), run)
            for _ in range(5):
                paused = await loaded.pause(me(app))
                await quick.until("The run is paused")
                loaded = await paused.resume(me(app))
                await quick.until("The run is running")
            gate.opened.set()
            await quick.until("The run is completed")
            slow.reading.set()
            await slow.until("The run is completed")
        # One event may have been on its way when it stopped to read, and one that holds all the rest came after.
        assert len(slow.events) <= 2


async def test_nothing_of_another_tenant_is_streamed(url: str) -> None:
    async with shaped(url, Doing(), three()) as app:
        site = served(app)
        run = await start(me(app), "a", pipeline="three")
        async with Reader(site, f"/runs/{run.id}/live", [(b"x-tenant", b"other")]) as refused:
            await asyncio.wait_for(refused.ended.wait(), 10)
            assert refused.status == 404
        async with Reader(site, "/runs/live", [(b"x-tenant", b"other")]) as reader:
            await reader.until("0</span> all")
            await over(me(app), run)
            mine = await start(app.scope(actor="me", tenant="other"), "b", pipeline="three")
            said = await reader.until(f"run-{mine.id}")
            assert str(run.id) not in said
            assert all(str(run.id) not in each for each in reader.events)


async def test_nobody_gets_no_stream(url: str) -> None:
    async with (
        shaped(url, Doing(), three(), run_jobs=False) as app,
        Reader(served(app), "/runs/live", [(b"x-actor", b"")]) as reader,
    ):
        await asyncio.wait_for(reader.ended.wait(), 10)
        assert reader.status == 403


@dataclass
class Rights:
    """Who the caller is; it may change."""

    actor: str = "me"


async def test_a_stream_ends_when_its_reader_is_somebody_else_by_now(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sorbus.web.stream.HEARTBEAT", 0.1)
    rights = Rights()
    async with shaped(url, Doing(), asking()) as app:

        def source(_: object) -> Scope:
            return app.scope(actor=rights.actor, tenant="local")

        run = await start(me(app), "a", pipeline="asking")
        await stage_is(me(app), run, "approve", StageState.READY)
        async with Reader(served(app, source), f"/runs/{run.id}/live") as reader:
            await reader.until("run-head")
            await until(lambda: reader.comments >= 2)
            assert not reader.ended.is_set()
            rights.actor = "somebody else"
            await asyncio.wait_for(reader.ended.wait(), 10)


async def test_a_stream_ends_when_its_run_is_gone(url: str) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "a", pipeline="asking")
        await stage_is(me(app), run, "approve", StageState.READY)
        async with Reader(served(app), f"/runs/{run.id}/live") as reader:
            await reader.until("run-head")
            async with app.database.pool.connection() as connection:
                await connection.execute("DELETE FROM pipeline_runs WHERE id = $1", run.id)
            app.announce(Run, {"id": run.id}, action="deleted", tenant="local")
            await asyncio.wait_for(reader.ended.wait(), 10)


async def test_streams_end_when_the_server_stops_and_begin_anew_at_the_next_one(url: str) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "a", pipeline="asking")
        await stage_is(me(app), run, "approve", StageState.READY)
        site = served(app, who(app))
        for turn in range(2):
            async with aiohttp.ClientSession() as session:
                # The grace is far longer than the test may take: the streams are told, not waited for.
                async with (
                    serving(site, grace=600) as base,
                    session.get(f"{base}/runs/{run.id}/live") as answer,
                ):
                    assert answer.status == 200
                    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
                    assert "default-src 'none'" in answer.headers["content-security-policy"]
                    said = await answer.content.readuntil(b"\n\n")
                    assert b"run-head" in said
                    reading = asyncio.create_task(answer.content.read())
                    await asyncio.sleep(0)
                async with asyncio.timeout(20):
                    await asyncio.wait({reading})
            if turn == 0:
                await give(me(app), run)
                await over(me(app), run)


async def test_a_closing_application_ends_its_streams(url: str) -> None:
    async with shaped(url, Doing(), asking()) as app:
        reader = Reader(served(app), "/runs/live")
        await reader.__aenter__()
        await reader.until('hx-target="#rows"')
    await asyncio.wait_for(reader.ended.wait(), 10)
    await reader.__aexit__()


async def test_a_page_that_nobody_reads_is_let_go(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sorbus.web.live._LINGERS", 0.1)
    async with shaped(url, Doing(), asking(), run_jobs=False) as app:
        async with Reader(served(app), "/runs/live") as reader:
            await reader.until('hx-target="#rows"')
        await until(
            lambda: not [each for each in asyncio.all_tasks() if each.get_name() == "sorbus-web runs"]
        )
