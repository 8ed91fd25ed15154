"""What stands around a run, in a real browser: runs inside it, limits, budgets, calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser
from tests.integration.pipelines.helpers import ingest, start
from tests.integration.pipelines.shapes import Doing, Gate, Shapes, me, over, reaches, shaped
from tests.integration.pipelines.spender import COST, FULL, spending
from tests.integration.web.chromium import are_sound, browsing, context, opened
from tests.integration.web.pages import served

from sorbus.http import serving
from sorbus.llm.calls import LlmCall
from sorbus.pipelines import Pipeline, Run, RunState, for_each, limit, nested, stage
from sorbus.testing.model_server import ModelServer


@pytest.fixture
def url(newest_url: str) -> str:
    """What a browser shows does not depend on the server's version."""
    return newest_url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as found:
        yield found


PART = Pipeline("part", input=str, stages=[stage(Shapes.shout, attempts=1)])
WIDE = Pipeline(
    "wide",
    stages=[stage(Shapes.split), nested(PART, name="parts", over=lambda split: split.parts, keep_going=True)],
)
MAPPED = Pipeline(
    "mapped", stages=[stage(Shapes.split), for_each(Shapes.each, over=lambda split: split.parts)]
)


async def test_runs_inside_a_run_get_on_before_the_eyes_and_lead_there_and_back(
    url: str, browser: Browser
) -> None:
    gate = Gate("X")

    async def shout(context: Any, given: Any) -> Any:
        if given == "b":
            raise LookupError("no b")
        return await gate(context, given)

    async with (
        shaped(url, Doing({"shout": shout}), WIDE) as app,
        serving(served(app)) as base,
        context(browser) as tabs,
    ):
        run = await start(me(app), "a", pipeline="wide", text="a b c")
        await gate.came.wait()
        page, wrong = await opened(tabs, f"{base}/runs/{run.id}")
        await page.evaluate("window.sameAsBefore = true")
        await page.click("#stage-1 > summary")
        await page.wait_for_selector("#stage-1 .within .s-failed >> text=failed")
        await page.wait_for_selector("#stage-1 .within .s-running >> text=running")
        await are_sound(
            browser, base, [f"/runs/{run.id}", f"/runs?of={run.id}&stage=parts", "/runs?inner=all"]
        )
        gate.opened.set()
        await page.wait_for_selector("#run-head.s-completed")
        await page.wait_for_selector("#stage-1 .within .s-completed >> text=completed")
        await page.wait_for_selector("text=2 of 3 runs")
        # The stage was opened by hand, and stays so.
        assert await page.get_attribute("#stage-1", "open") is not None
        assert await page.evaluate("window.sameAsBefore === true")
        await page.click("#stage-1 .within a:has-text('part 1')")
        await page.wait_for_selector("#run-head.s-failed")
        assert "no b" in await page.inner_text("#run-notice")
        await page.click(".crumbs a:text-is('wide')")
        await page.wait_for_url(f"**/runs/{run.id}")
        assert wrong == []


async def test_a_limit_shows_itself_and_goes_away(url: str, browser: Browser) -> None:
    gate = Gate("X")
    limits = [limit("few", at_once=1, on=Shapes.each)]
    async with (
        shaped(url, Doing({"each": gate}), MAPPED, limits=limits) as app,
        serving(served(app)) as base,
        context(browser) as tabs,
    ):
        run = await start(me(app), "a", pipeline="mapped", text="a b c")
        await gate.came.wait()
        page, wrong = await opened(tabs, f"{base}/runs/{run.id}")
        await page.wait_for_selector("#run-notice .stands >> text=1 of 1 under way")
        await are_sound(browser, base, [f"/runs/{run.id}"])
        gate.opened.set()
        await page.wait_for_selector("#run-head.s-completed")
        await page.wait_for_selector(".stands", state="detached")
        assert wrong == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_run_that_has_run_out_of_money_is_given_more(
    url: str, browser: Browser, scripts: bool
) -> None:
    async with (
        ModelServer(default=FULL) as server,
        spending(url, server) as app,
        serving(served(app)) as base,
        context(browser, java_script_enabled=scripts) as tabs,
    ):
        content = await ingest(me(app), "a", text="aa\nbb")
        run = await over(
            me(app), await Run.start(me(app), content_id=content.id, pipeline="spend", budget_usd=COST)
        )
        call = await LlmCall.query(me(app)).where(LlmCall.run_id == run.id).order_by(LlmCall.id).first()
        assert call is not None
        page, wrong = await opened(tabs, f"{base}/runs/{run.id}")
        await page.click("text=Raise the budget and retry")
        await page.fill("#budget_usd", "a lot")
        await page.click("text=Set and retry")
        await page.wait_for_selector("#budget_usd-error")
        assert await page.input_value("#budget_usd") == "a lot"
        await page.fill("#budget_usd", str(4 * COST))
        await page.click("text=Set and retry")
        await page.wait_for_url(f"**/runs/{run.id}?did=*")
        await reaches(me(app), run, RunState.COMPLETED)
        if scripts:
            await page.wait_for_selector("#run-head.s-completed")
            paths = [f"/runs/{run.id}/budget", f"/runs/{run.id}/replay", f"/runs/{run.id}/calls/{call.id}"]
            await are_sound(browser, base, paths)
        else:
            await page.reload()
        assert f"${3 * COST}.00 of ${4 * COST}.00" in await page.inner_text("#run-head")
        await page.goto(f"{base}/runs/{run.id}/calls/{call.id}")
        assert await page.inner_text(".turns .r-user pre") == "aa"
        assert wrong == []
