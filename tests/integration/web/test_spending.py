"""Money on the pages: what a run may spend and has spent, what to do when that is not enough."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.integration.pipelines.helpers import ingest
from tests.integration.pipelines.shapes import me, over
from tests.integration.pipelines.spender import COST, FULL, spending
from tests.integration.web.pages import client, good, read, text_of

from sorbus import Scope
from sorbus.pipelines import Budget, Run, RunState
from sorbus.testing.model_server import ModelServer

HEAD = "//*[@id='run-head']"
NOTICE = "//*[@id='run-notice']"


async def begin(scope: Scope, text: str, pipeline: str = "spend", **options: Any) -> Run:
    """A run over some questions, when it is over."""
    content = await ingest(scope, pipeline, text=text)
    return await over(scope, await Run.start(scope, content_id=content.id, pipeline=pipeline, **options))


async def test_a_run_shows_what_it_may_spend_and_what_is_left(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app, client(app) as http:
        run = await begin(me(app), "aa\nbb", budget_usd=4 * COST, budget_tokens=1000)
        head = text_of(await good(http, f"/runs/{run.id}"), HEAD)[0]
        assert f"${3 * COST}.00 of ${4 * COST}.00 ${COST}.00 left" in head
        assert f"{3 * COST} of 1 000 tokens {1000 - 3 * COST} left" in head
        free = await begin(me(app), "aa", "spread")
        assert "Budget $" not in text_of(await good(http, f"/runs/{free.id}"), HEAD)[0]


async def test_a_used_up_budget_is_raised_and_the_run_goes_on(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app, client(app) as http:
        run = await begin(me(app), "aa\nbb", budget_usd=COST * Decimal("1.5"))
        assert run.state is RunState.FAILED
        answer = await good(http, f"/runs/{run.id}")
        assert "budget-exceeded" in text_of(answer, NOTICE)[0]
        (to,) = read(answer).xpath(f"{NOTICE}//a[contains(., 'Raise the budget')]/@href")
        assert to == f"/runs/{run.id}/budget"
        form = await good(http, to)
        assert read(form).xpath("//input[@id='budget_usd']/@value") == ["138"]
        assert text_of(form, "//form//button") == ["Set and retry", "Set"]
        sent = {
            "budget_usd": str(3 * COST),
            "was.budget_usd": "138",
            "budget_tokens": "",
            "was.budget_tokens": "",
        }
        raised = await http.post(to, data={**sent, "then": "retry"})
        assert (raised.status_code, raised.headers["location"]) == (
            303, f"/runs/{run.id}?did=budget-and-retry.1.0",
        )  # fmt: skip
        assert (
            "given another budget and taken up again" in (await good(http, raised.headers["location"])).text
        )
        assert (await over(me(app), run)).state is RunState.COMPLETED
        assert [each.body["messages"][-1]["content"] for each in server.seen] == ["aa", "bb", "zz"]


async def test_a_run_inside_another_one_sends_to_the_run_that_pays(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app, client(app) as http:
        run = await begin(me(app), "aa\nbb", "around", budget_usd=COST * 2)
        assert run.state is RunState.FAILED
        inner = await Run.query(me(app)).where(Run.payer_id == run.id, Run.pipeline == "spend").one()
        answer = await good(http, f"/runs/{inner.id}")
        assert f"Its budget${2 * COST}.00 of ${2 * COST}.00" in text_of(answer, HEAD)[0]
        (to,) = read(answer).xpath(f"{NOTICE}//a[contains(., 'Raise the budget of the run that pays')]/@href")
        assert to == f"/runs/{run.id}/budget"
        sent_on = await http.get(f"/runs/{inner.id}/budget")
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, to)
        outer = await good(http, f"/runs/{run.id}")
        # The outermost run failed for its budget too, however deep the call was.
        assert read(outer).xpath(f"{NOTICE}//a[contains(., 'Raise the budget')]/@href") == [to]
        assert f"and ${2 * COST}.00 inside" in text_of(outer, HEAD)[0]
        refused = await http.post(f"/runs/{inner.id}/budget", data={"budget_usd": "9999"})
        assert refused.status_code >= 400
        assert "inner-run-has-no-budget" in refused.text or str(run.id) in text_of(refused, "//main")[0]
        assert (await Run.get(me(app), inner.id)).budget_usd is None
        await http.post(to, data={"budget_usd": str(3 * COST), "then": "retry"})
        assert (await over(me(app), run)).state is RunState.COMPLETED


async def test_a_tenants_budget_is_told_from_the_runs_own(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app, client(app) as http:
        await Budget.set(me(app), limit_usd=COST)
        run = await begin(me(app), "aa\nbb", budget_usd=10 * COST)
        notice = text_of(await good(http, f"/runs/{run.id}"), NOTICE)[0]
        assert "It is the budget of the tenant" in notice
        assert "Raise the budget and retry" not in notice


WRONG = ["-1", "abc", "NaN", "1e999999", "Infinity", "1,5", "\x00", "<b>"]


@pytest.mark.parametrize("field", ["budget_usd", "budget_tokens"])
async def test_what_is_no_amount_is_refused_at_its_field_and_nothing_changes(url: str, field: str) -> None:
    async with (
        ModelServer(default=FULL) as server,
        spending(url, server, run_jobs=False) as app,
        client(app) as http,
    ):
        content = await ingest(me(app), "a", text="aa")
        run = await Run.start(me(app), content_id=content.id, pipeline="spend", budget_usd=Decimal(5))
        for wrong in WRONG:
            for path, form in (
                (f"/runs/{run.id}/budget", {}),
                ("/runs/new", {"pipeline": "spend", "text": "aa"}),
                (f"/runs/{run.id}/fork", {"stage": "first"}),
            ):
                answer = await http.post(path, data={**form, field: wrong})
                assert answer.status_code == 422, (path, wrong, answer.status_code)
                said = text_of(answer, f"//*[@id='{field}-error']")
                assert len(said) == 1, (path, wrong)
                assert read(answer).xpath(f"//input[@id='{field}']/@aria-invalid") == ["true"]
                if "\x00" not in wrong:
                    assert read(answer).xpath(f"//input[@id='{field}']/@value") == [wrong]
        assert await Run.query(me(app)).count() == 1
        same = await Run.get(me(app), run.id)
        assert (same.budget_usd, same.budget_tokens) == (5, None)


async def test_a_limit_that_was_not_touched_stays_as_somebody_else_has_made_it(url: str) -> None:
    async with (
        ModelServer(default=FULL) as server,
        spending(url, server, run_jobs=False) as app,
        client(app) as http,
    ):
        content = await ingest(me(app), "a", text="aa")
        run = await Run.start(me(app), content_id=content.id, pipeline="spend", budget_usd=Decimal(5))
        await run.raise_budget(me(app), budget_usd=Decimal(50))
        form = {"budget_usd": "5", "was.budget_usd": "5", "budget_tokens": "100", "was.budget_tokens": ""}
        assert (await http.post(f"/runs/{run.id}/budget", data=form)).status_code == 303
        same = await Run.get(me(app), run.id)
        assert (same.budget_usd, same.budget_tokens) == (50, 100)
        lifted = {
            "budget_usd": "",
            "was.budget_usd": "50",
            "budget_tokens": "100",
            "was.budget_tokens": "100",
        }
        assert (await http.post(f"/runs/{run.id}/budget", data=lifted)).status_code == 303
        same = await Run.get(me(app), run.id)
        assert (same.budget_usd, same.budget_tokens) == (None, 100)


async def test_a_form_that_is_sent_twice_starts_one_run(url: str) -> None:
    async with (
        ModelServer(default=FULL) as server,
        spending(url, server, run_jobs=False) as app,
        client(app) as http,
    ):
        page = await good(http, "/runs/new")
        (key,) = read(page).xpath("//input[@name='key']/@value")
        form = {
            "pipeline": "spend",
            "text": "aa",
            "budget_usd": "$2.50",
            "budget_tokens": "900",
            "reuse": "yes",
            "key": key,
        }
        first = await http.post("/runs/new", data=form)
        second = await http.post("/runs/new", data=form)
        assert first.status_code == second.status_code == 303
        assert first.headers["location"] == second.headers["location"]
        run = await Run.query(me(app)).one()
        assert (run.budget_usd, run.budget_tokens, run.reuse) == (Decimal("2.5"), 900, True)
        other = await http.post("/runs/new", data={**form, "text": "bb", "pipeline": "spread"})
        assert other.status_code == 409
        assert "idempotency" in text_of(other, "//*[@role='alert']")[0].lower()
        anew = await good(http, "/runs/new")
        assert read(anew).xpath("//input[@name='key']/@value") != [key]
