"""The pages in a real browser: live without being loaded anew, and of use without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page
from tests.integration.pipelines.helpers import row, start
from tests.integration.pipelines.shapes import (
    Doing,
    Gate,
    Shapes,
    Split,
    asking,
    giving,
    me,
    over,
    raising,
    reaches,
    shaped,
    stage_is,
)
from tests.integration.web.chromium import are_sound, browsing, context, opened
from tests.integration.web.pages import served

from sorbus.http import serving
from sorbus.pipelines import Pipeline, RunState, StageState, approval, for_each, stage


@pytest.fixture
def url(newest_url: str) -> str:
    """What a browser shows does not depend on the server's version."""
    return newest_url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as found:
        yield found


def full() -> Pipeline:
    """A pipeline with one of everything: a map, two side by side, an approval, and what needs it."""
    split = stage(Shapes.split)
    each = for_each(Shapes.each, over=lambda split: split.parts, attempts=1)
    left = stage(Shapes.step, name="left", after=split)
    ask = approval("approve", after=[each, left])
    return Pipeline.graph("full", stages=[split, each, left, ask, stage(Shapes.ship)])


async def mark(page: Page) -> None:
    """Something that is lost when the page is loaded anew."""
    await page.evaluate("window.sameAsBefore = true")


async def is_marked(page: Page) -> bool:
    return bool(await page.evaluate("window.sameAsBefore === true"))


async def test_a_run_gets_on_before_the_eyes_and_is_approved_without_loading_the_page_anew(
    url: str, browser: Browser
) -> None:
    gate, left = Gate(Split(["a", "b"])), Gate()
    async with (
        shaped(url, Doing({"split": gate, "left": left}), full()) as app,
        serving(served(app)) as base,
        context(browser) as tabs,
    ):
        run = await start(me(app), "a", pipeline="full")
        await gate.came.wait()
        page, wrong = await opened(tabs, f"{base}/runs/{run.id}")
        await mark(page)
        await page.wait_for_selector("#live[data-state=on]")
        await page.wait_for_selector("g.node.s-running text.name:text-is('split')")
        gate.opened.set()
        await page.wait_for_selector("g.node.s-done text.name:text-is('split')")
        await page.wait_for_selector("g.node.s-running text.name:text-is('left')")
        await page.wait_for_selector("text=2 of 2 items")
        left.opened.set()
        await page.wait_for_selector("#run-head.s-waiting")
        assert (await row(me(app), run)).state is RunState.WAITING

        # What is opened and typed stays while the page changes around it.
        await page.click("#stage-1 > summary")
        await page.fill("form.give input[name='value.by']", "Ann")
        loaded = await row(me(app), run)
        paused = await loaded.pause(me(app))
        await page.wait_for_selector("#run-head.s-paused")
        await paused.resume(me(app))
        await page.wait_for_selector("#run-head.s-running, #run-head.s-waiting")
        assert await page.get_attribute("#stage-1", "open") is not None
        assert await page.input_value("form.give input[name='value.by']") == "Ann"

        await page.check("form.give input[value=yes]")
        await page.click("form.give button")
        await page.wait_for_selector("#run-head.s-completed")
        await page.wait_for_selector("g.node.s-done text.name:text-is('ship')")
        done = await reaches(me(app), run, RunState.COMPLETED)
        assert done.result is not None
        assert done.result.data["ship"] == {"text": "shipped for Ann"}
        # The page may be told of the run's end before the answer to its form is shown.
        await page.wait_for_selector("#notice p:text-is('approve has got its value.')")
        assert await is_marked(page)
        assert wrong == []


async def test_what_is_done_in_one_tab_shows_in_the_other_ones(url: str, browser: Browser) -> None:
    gate = Gate()
    async with (
        shaped(url, Doing({"first": gate}), asking()) as app,
        serving(served(app)) as base,
        context(browser) as tabs,
    ):
        run = await start(me(app), "a", pipeline="asking")
        await gate.came.wait()
        table, wrong = await opened(tabs, f"{base}/runs")
        page, also_wrong = await opened(tabs, f"{base}/runs/{run.id}")
        await mark(table)
        await page.click("#run-head button:text-is('Cancel')")
        await page.wait_for_selector("#run-head.s-cancelled")
        await page.wait_for_selector("#notice p:text-is('The run was cancelled.')")
        # A tab behind another one gives its stream up, and catches up when it is looked at.
        await table.bring_to_front()
        await table.wait_for_selector(f"#run-{run.id}.s-cancelled")
        # A run that is started elsewhere comes in, and what is selected stays selected.
        await table.check(f"#run-{run.id} input[type=checkbox]")
        more = await start(me(app), "b", pipeline="asking")
        await table.wait_for_selector(f"#run-{more.id}")
        assert await table.is_checked(f"#run-{run.id} input[type=checkbox]")
        assert "1 run selected" in await table.inner_text("[data-picked]")
        await table.check("[data-pick-all]")
        await table.click("#bulk button:text-is('Cancel')")

        await table.wait_for_selector(f"#run-{more.id}.s-cancelled")
        await table.wait_for_selector("#notice:has-text('1 run was cancelled; 1 could not be')")
        assert await is_marked(table)
        assert wrong + also_wrong == []
        gate.opened.set()


async def test_a_page_connects_again_when_the_server_was_restarted(url: str, browser: Browser) -> None:
    async with shaped(url, Doing(), asking()) as app, context(browser) as tabs:
        run = await start(me(app), "a", pipeline="asking")
        await stage_is(me(app), run, "approve", StageState.READY)
        async with serving(served(app), grace=60) as base:
            port = int(base.rpartition(":")[2])
            page, _ = await opened(tabs, f"{base}/runs/{run.id}")
            await mark(page)
            await page.wait_for_selector("#live[data-state=on]")
        await page.wait_for_selector("#live[data-state=away]")
        await (await row(me(app), run)).cancel(me(app))
        async with serving(served(app), port=port):
            await page.wait_for_selector("#run-head.s-cancelled")
            await page.wait_for_selector("#live[data-state=on]")
            assert await is_marked(page)


async def test_who_loses_access_is_told_and_the_page_does_not_ask_for_ever(
    url: str, browser: Browser
) -> None:
    async with shaped(url, Doing(), asking()) as app, context(browser) as tabs:
        run = await start(me(app), "a", pipeline="asking")
        await stage_is(me(app), run, "approve", StageState.READY)
        async with serving(served(app)) as base:
            page, _ = await opened(tabs, f"{base}/runs/{run.id}")
            await page.wait_for_selector("#live[data-state=on]")
            async with app.database.pool.connection() as connection:
                await connection.execute("DELETE FROM pipeline_runs WHERE id = $1", run.id)
            app.announce(type(run), {"id": run.id}, action="deleted", tenant="local")
            await page.wait_for_selector("#live[data-state=off]")
            assert "load the page anew" in await page.inner_text("#live")
            assert await page.query_selector("[data-stream]") is None


async def test_without_scripts_everything_can_be_read_and_done(url: str, browser: Browser) -> None:
    async with (
        shaped(url, Doing(), asking()) as app,
        serving(served(app)) as base,
        context(browser, java_script_enabled=False) as tabs,
    ):
        page, _ = await opened(tabs, f"{base}/runs/new")
        await page.select_option("#pipeline", "asking")
        await page.fill("#text", "Hello")
        await page.click("main button.primary")
        await page.wait_for_url("**/runs/0*")
        run = page.url.rpartition("/")[2]
        await asyncio.wait_for(_waits(app, run), 30)
        await page.reload()
        await page.check("form.give input[value=yes]")
        await page.click("form.give button")
        await page.wait_for_url("**#stage-1")
        async with asyncio.timeout(30):
            while "completed" not in await page.inner_text("#run-head"):
                await page.reload()
        await page.goto(f"{base}/runs?state=completed")
        assert await page.is_visible("#rows >> text=completed")


async def _waits(app: object, run: str) -> None:
    from uuid import UUID

    await stage_is(me(app), UUID(run), "approve", StageState.READY)  # type: ignore[arg-type]


async def test_no_page_breaks_a_rule_of_accessibility(url: str, browser: Browser) -> None:
    doing = Doing({"split": giving(Split(["a", "b"])), "bad": raising(LookupError("no"))})
    failing = Pipeline(
        "failing", stages=[stage(Shapes.step, name="bad", attempts=1), stage(Shapes.step, name="two")]
    )
    async with (
        shaped(url, doing, full(), failing) as app,
        serving(served(app)) as base,
    ):
        asked = await start(me(app), "a", pipeline="full")
        await stage_is(me(app), asked, "approve", StageState.READY)
        failed = await over(me(app), await start(me(app), "b", pipeline="failing"))
        paths = (
            "/runs", f"/runs/{asked.id}", f"/runs/{failed.id}", f"/runs/{asked.id}/stage?name=each",
            f"/runs/{asked.id}/fork", "/runs/new", "/pipelines", "/runs/none",
        )  # fmt: skip
        await are_sound(browser, base, paths)
