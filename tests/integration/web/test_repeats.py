"""Runs that are repeated, on the pages: replays, and whose outputs were taken over."""

from __future__ import annotations

from typing import Any

from tests.integration.pipelines.helpers import ingest, start
from tests.integration.pipelines.shapes import Doing, Shapes, asking, me, over
from tests.integration.web.pages import good, pages, read, text_of

from sorbus import Scope
from sorbus.pipelines import Pipeline, Run, StageState, for_each, stage

HEAD = "//*[@id='run-head']"


def chapters() -> Pipeline:
    """A list, something for each of it, and a report; its runs can be found again."""
    return Pipeline(
        "chapters",
        fingerprints=True,
        stages=[
            stage(Shapes.split),
            for_each(Shapes.each, over=lambda split: split.parts),
            stage(Shapes.step, name="report"),
        ],
    )


async def begin(scope: Scope, name: str, text: str, **options: Any) -> Run:
    """A run, when it is over."""
    content = await ingest(scope, name, text=text)
    return await over(scope, await Run.start(scope, content_id=content.id, pipeline="chapters", **options))


async def test_what_was_taken_over_says_from_which_run(url: str) -> None:
    doing = Doing()
    async with pages(url, doing, chapters()) as (app, http):
        first = await begin(me(app), "a", "one two")
        second = await begin(me(app), "a", "one new two", reuse=True, idempotency_key="mail-4711")
        head = text_of(await good(http, f"/runs/{second.id}"), HEAD)[0]
        assert "Reused2 items" in head
        assert "Keymail-4711" in head
        assert (
            "2 reused"
            in text_of(await good(http, f"/runs/{second.id}"), "//details[@id='stage-1']/summary")[0]
        )
        items = await good(http, f"/runs/{second.id}/stage", name="each")
        whence = read(items).xpath("//table[@class='items']//tbody/tr//*[contains(@class, 'reused')]/a/@href")
        assert whence == [f"/runs/{first.id}"] * 2
        assert "from run" not in text_of(items, "//table[@class='items']//tbody/tr[2]")[0]
        third = await begin(me(app), "a", "one new two", reuse=True)
        answer = await good(http, f"/runs/{third.id}")
        assert "Reused2 stages, 3 items" in text_of(answer, HEAD)[0]
        told = text_of(answer, "//details[@id='stage-0']")[0]
        assert "reused" in told
        (to,) = read(answer).xpath("//details[@id='stage-0']//*[contains(@class, 'reused')]/a/@href")
        assert to == f"/runs/{second.id}"


async def test_what_was_taken_from_a_run_that_is_gone_is_still_shown(url: str, conn: Any) -> None:
    async with pages(url, Doing(), chapters()) as (app, http):
        first = await begin(me(app), "a", "one two")
        second = await begin(me(app), "a", "one two", reuse=True)
        await conn.execute("DELETE FROM pipeline_runs WHERE id = $1", first.id)
        answer = await good(http, f"/runs/{second.id}")
        assert "from an earlier run that is gone" in text_of(answer, "//details[@id='stage-0']")[0]


async def test_a_run_is_replayed_from_its_page_and_pays_for_nothing_twice(url: str) -> None:
    doing = Doing()
    async with pages(url, doing, chapters()) as (app, http):
        run = await begin(me(app), "a", "one two")
        (to,) = read(await good(http, f"/runs/{run.id}")).xpath(f"{HEAD}//a[contains(., 'Replay')]/@href")
        form = await good(http, to)
        (key,) = read(form).xpath("//input[@name='key']/@value")
        sent = {"key": key, "model": "", "budget_usd": "3", "budget_tokens": ""}
        attempts = len(doing.seen)
        answers = [await http.post(to, data=sent) for _ in range(2)]
        # A double click makes one run.
        (where,) = {each.headers["location"] for each in answers}
        replay = await Run.query(me(app)).where(Run.replay_of == run.id).one()
        assert where == f"/runs/{replay.id}"
        done = await over(me(app), replay)
        assert len(doing.seen) == attempts
        assert {each.state for each in done.stages} == {StageState.DONE}
        head = text_of(await good(http, where), HEAD)[0]
        assert "Replay of" in head
        assert "Reused2 stages, 2 items" in head
        assert "$0 of $3.00" in head
        assert f"replay of {str(run.id)[-8:]}" in text_of(await good(http, "/runs"), "//tbody")[0]


async def test_a_replay_that_would_pay_for_everything_is_not_offered_and_refused(url: str) -> None:
    async with pages(url, Doing(), asking()) as (app, http):
        run = await start(me(app), "a", pipeline="asking")
        answer = await good(http, f"/runs/{run.id}")
        assert read(answer).xpath(f"{HEAD}//a[contains(., 'Replay')]") == []
        refused = await http.post(f"/runs/{run.id}/replay", data={"budget_usd": "2"})
        assert refused.status_code == 422
        assert "has left nothing" in text_of(refused, "//*[@role='alert']")[0] or "reus" in refused.text
        assert read(refused).xpath("//input[@id='budget_usd']/@value") == ["2"]
        wrong = await http.post(f"/runs/{run.id}/replay", data={"budget_tokens": "many"})
        assert text_of(wrong, "//*[@id='budget_tokens-error']") != []
        assert await Run.query(me(app)).count() == 1


async def test_a_replay_is_started_with_what_the_run_was_started_with(url: str) -> None:
    part = Pipeline("part", input=str, fingerprints=True, stages=[stage(Shapes.shout, attempts=1)])
    doing = Doing()
    async with pages(url, doing, part) as (app, http):
        content = await ingest(me(app), "a", text="x")
        run = await Run.start(me(app), content_id=content.id, pipeline="part", input="hello")
        await over(me(app), run)
        made = await http.post(f"/runs/{run.id}/replay", data={})
        assert made.status_code == 303
        replay = await over(me(app), await Run.query(me(app)).where(Run.replay_of == run.id).one())
        assert (replay.input, replay.error) == ("hello", None)
        assert doing.times("shout") == 1
        assert (
            '"hello"'
            in text_of(await good(http, made.headers["location"]), "//section[@aria-labelledby='h-input']")[0]
        )
