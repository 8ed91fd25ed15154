"""Outputs are taken over by many runs at once, and from processes that were killed, without loss."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.integration.pipelines.helpers import ended
from tests.integration.pipelines.shapes import Doing, committed_twice, data, items_of, me, over
from tests.integration.pipelines.thrift import done, mail, thrifty

from sorbus.pipelines import Run

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).parent / "thrift.py"


async def test_many_runs_at_once_reuse_each_what_was_there(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        contents = [await mail(scope, f"mail {number}", f"a b c{number}") for number in range(6)]
        first = [await done(scope, each) for each in contents]
        doing.seen.clear()
        rows = [{"content_id": each.id, "pipeline": "thrift", "reuse": True} for each in contents * 3]
        made = (await Run.start.bulk(scope, rows, returning=True)).records
        assert made is not None
        found = await ended(scope, [each.id for each in made])
    assert doing.stages == []
    wanted = {each.content_id: data(each) for each in first}
    assert len(found) == 18
    assert all(data(run) == wanted[run.content_id] for run in found.values())
    assert await committed_twice(conn) == []


@pytest.mark.parametrize("hanging", ["join", "x"], ids=["stage", "item"])
async def test_a_killed_process_loses_nothing_that_was_reused(url: str, conn: Any, hanging: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        content = await mail(me(app), text="a b")
        await done(me(app), content)
        content = await mail(me(app), text="a x b")
    async with thrifty(url, doing, run_jobs=False) as app:
        run = await Run.start(me(app), content_id=content.id, pipeline="thrift", reuse=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        url,
        hanging,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=_environment(),
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"hangs\n"
            # The item before and the item behind are reused, and committed before the hanging one is reached.
            await _committed(conn, run.id, 3 if hanging == "join" else 2)
    finally:
        process.kill()
        await process.wait()
    before = await conn.fetch("SELECT id, reused_from, output FROM stage_items WHERE run_id = $1", run.id)
    doing.given.clear()
    async with thrifty(url, doing) as app:
        found = await over(me(app), run, seconds=60)
        items = await items_of(me(app), found)
    assert doing.given == [["A", "X", "B"]] if hanging == "join" else ["x", ["A", "X", "B"]]
    assert data(found)["join"] == {"text": "A X B"}
    assert [each.reused_from is None for each in items] == [False, True, False]
    kept = {each.id: each.reused_from for each in items}
    assert all(kept[row["id"]] == row["reused_from"] for row in before)
    assert await committed_twice(conn) == []


async def test_what_an_unfinished_run_has_committed_serves_others_when_its_process_was_killed(
    url: str, conn: Any
) -> None:
    doing = Doing()
    async with thrifty(url, doing, run_jobs=False) as app:
        content = await mail(me(app))
        first = await Run.start(me(app), content_id=content.id, pipeline="thrift", reuse=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), url, "join", stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=_environment()
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"hangs\n"
    finally:
        process.kill()
        await process.wait()
    async with thrifty(url, doing) as app:
        second = await done(me(app), content)
        assert doing.times("join") == 1
        taken = await over(me(app), first, seconds=60)
    assert doing.stages == ["join"]
    assert data(taken) == data(second)


async def _committed(conn: Any, run_id: UUID, items: int) -> None:
    while (
        await conn.fetchval("SELECT count(*) FROM stage_items WHERE run_id = $1 AND state = 'done'", run_id)
        < items
    ):
        await asyncio.sleep(0.02)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
