"""What a run stands before: limits, and how full they are."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
from tests.integration.pipelines.helpers import start, until
from tests.integration.pipelines.shapes import SOON, Doing, Gate, Shapes, me, over, shaped
from tests.integration.web.pages import Reader, client, good, pages, served, text_of

from sorbus.apis.json_api import json_api
from sorbus.http import http_app
from sorbus.pipelines import Pipeline, Rate, Run, for_each, limit, stage

MAPPED = Pipeline(
    "mapped",
    stages=[
        stage(Shapes.split),
        for_each(Shapes.each, name="work", over=lambda split: split.parts, backoff=SOON),
    ],
)
ONE = Pipeline("one", stages=[stage(Shapes.step, name="work", backoff=SOON)])


async def waiting(conn: Any, count: int) -> None:
    """Wait until so many places wait for a permit."""

    async def there() -> bool:
        return await conn.fetchval("SELECT count(*) FROM sorbus_permits WHERE NOT held") == count

    await until(there)


async def test_a_stage_says_which_limit_it_stands_before_and_how_full_that_is(url: str, conn: Any) -> None:
    gate = Gate("X")
    limits = [limit("few, 100 %", at_once=2, on=Shapes.each, by="tenant")]
    async with pages(url, Doing({"work": gate}), MAPPED, limits=limits) as (app, http):
        first = await start(me(app), "a", pipeline="mapped", text="a b c d")
        await waiting(conn, 2)
        second = await start(me(app), "b", pipeline="mapped", text="e")
        await waiting(conn, 3)
        answer = await good(http, f"/runs/{first.id}")
        (told,) = text_of(answer, "//*[@id='run-notice']//p[@class='stands']")
        assert told.startswith(
            "work (2 items) stands before the limit few, 100 % of tenant local: 2 of 2 under way; 3 wait, "
        )
        assert "few, 100 %" in text_of(answer, "//details[@id='stage-1']/summary")[0]
        (other,) = text_of(
            await good(http, f"/runs/{second.id}"), "//*[@id='run-notice']//p[@class='stands']"
        )
        assert other.startswith("work stands before the limit few, 100 % of tenant local: 2 of 2 under way")
        (wait,) = await Run.waits(me(app), run_id=first.id)
        assert (wait.stage, wait.limit, wait.apart, wait.places) == (
            "work",
            "few, 100 %",
            {"tenant": "local"},
            2,
        )
        assert (wait.held, wait.waiting, wait.at_once, wait.rate, wait.opens_at) == (2, 3, 2, None, None)
        async with Reader(served(app), f"/runs/{first.id}/live") as reader:
            await reader.until("stands before")
            gate.opened.set()
            await over(me(app), first)
            await over(me(app), second)
            await reader.until("The run is completed")
        assert text_of(await good(http, f"/runs/{first.id}"), "//p[@class='stands']") == []
        assert await Run.waits(me(app), run_id=first.id) == []


async def test_a_rate_says_when_the_next_one_may_start(url: str, conn: Any) -> None:
    limits = [limit("slow", rate=Rate(1, 3600), on=Shapes.step)]
    async with pages(url, Doing(), ONE, limits=limits) as (app, http):
        await over(me(app), await start(me(app), "a", pipeline="one"))
        held_up = await start(me(app), "b", pipeline="one")
        await waiting(conn, 1)
        (told,) = text_of(
            await good(http, f"/runs/{held_up.id}"), "//*[@id='run-notice']//p[@class='stands']"
        )
        assert "before the limit slow: 1 in 1 h, the next at " in told
        assert "; 1 waits, here since " in told
        (wait,) = await Run.waits(me(app), run_id=held_up.id)
        assert wait.opens_at is not None
        assert 3000 < (wait.opens_at - wait.since).total_seconds() < 3700


async def test_nobody_learns_what_runs_of_others_wait_for(url: str, conn: Any) -> None:
    gate = Gate()
    limits = [limit("one", at_once=1, on=Shapes.step)]
    async with shaped(url, Doing({"work": gate}), ONE, limits=limits) as app, client(app) as http:
        theirs = await start(app.scope(actor="me", tenant="other"), "a", pipeline="one")
        await gate.came.wait()
        mine = await start(me(app), "b", pipeline="one")
        await waiting(conn, 1)
        answer = await good(http, f"/runs/{mine.id}")
        assert "1 of 1 under way" in text_of(answer, "//p[@class='stands']")[0]
        assert str(theirs.id) not in answer.text
        async with client(app, x_tenant="other") as others:
            assert (await others.get(f"/runs/{mine.id}")).status_code == 404
        gate.opened.set()
        await over(me(app), mine)


async def test_the_same_is_told_over_http(url: str, conn: Any) -> None:
    gate = Gate()
    limits = [limit("one", at_once=1, on=Shapes.step)]
    async with shaped(url, Doing({"work": gate}), ONE, limits=limits) as app:
        first = await start(me(app), "a", pipeline="one")
        await gate.came.wait()
        second = await start(me(app), "b", pipeline="one")
        await waiting(conn, 1)
        site = httpx.ASGITransport(app=http_app(app, interfaces=[json_api], scope_from=lambda _: me(app)))
        kind = "application/vnd.api+json"
        async with httpx.AsyncClient(transport=site, base_url="http://testserver") as http:
            asked = {"data": {"type": "runs", "attributes": {"run_id": str(second.id)}}}
            answer = await http.post("/api/runs/waits", json=asked, headers={"content-type": kind})
        assert answer.status_code == 200, answer.text
        (wait,) = answer.json()["meta"]["result"]
        assert (wait["stage"], wait["limit"], wait["held"], wait["waiting"]) == ("work", "one", 1, 1)
        gate.opened.set()
        await over(me(app), first)
        await over(me(app), second)
