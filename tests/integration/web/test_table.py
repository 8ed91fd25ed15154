"""The table of runs: filters, counts, pages, and what is done to several runs."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.integration.pipelines.helpers import start
from tests.integration.pipelines.shapes import Doing, Gate, Shapes, asking, me, over, raising, reaches, shaped
from tests.integration.web.pages import client, good, pages, read, text_of

from sorbus.pipelines import Pipeline, Run, RunState, stage


def plain(name: str = "plain", **options: object) -> Pipeline:
    return Pipeline(name, stages=[stage(Shapes.step, name="one", attempts=1)], **options)  # type: ignore[arg-type]


ROWS = "//tbody[@id='rows']/tr[starts-with(@id, 'run-')]"


async def test_the_first_page_leads_to_the_table_and_an_empty_one_says_how_to_begin(url: str) -> None:
    async with pages(url, Doing(), plain()) as (_, http):
        home = await http.get("/")
        assert (home.status_code, home.headers["location"]) == (307, "/runs")
        empty = await good(http, "/runs")
        assert text_of(empty, ROWS) == []
        assert "No run yet" in empty.text


async def test_a_row_says_state_progress_tokens_cost_and_why_it_failed(url: str) -> None:
    doing = Doing({"one": raising(LookupError("no such shelf"))})
    async with pages(url, doing, plain()) as (app, http):
        run = await start(me(app), "a", pipeline="plain")
        await over(me(app), run)
        answer = await good(http, "/runs")
    [row] = text_of(answer, ROWS)
    assert "failed" in row
    assert "no such shelf" in row
    assert "plain" in row
    assert "1/1" in row
    assert text_of(answer, "//p[@id='status']") == ["1 runs, 1 failed"]


async def test_filters_stand_in_the_address_and_counts_ignore_the_state(url: str) -> None:
    doing = Doing({"one": raising(LookupError("no"), times=1)})
    async with pages(url, doing, plain("alpha"), plain("beta")) as (app, http):
        scope = me(app)
        failed = await start(scope, "a", pipeline="alpha")
        await over(scope, failed)
        done = await start(scope, "b", pipeline="alpha")
        other = await start(scope, "c", pipeline="beta")
        await over(scope, done)
        await over(scope, other)

        answer = await good(http, "/runs", pipeline="alpha", since="1h", state="failed")
        assert [each.get("id") for each in read(answer).xpath(ROWS)] == [f"run-{failed.id}"]
        counts = text_of(answer, "//nav[@id='counts']/a")
        assert counts[0] == "2 all"
        assert "1 failed" in counts
        assert "1 completed" in counts
        links = {each.get("href") for each in read(answer).xpath("//nav[@id='counts']/a")}
        assert "/runs?state=completed&pipeline=alpha&since=1h" in links
        assert read(answer).xpath("//select[@name='pipeline']/option[@selected]/text()") == ["alpha"]
        # The stream of the page keeps to the same filters.
        stream = read(answer).xpath("//*[@data-stream]")[0].get("hx-sse:connect")
        assert stream == "/runs/live?state=failed&pipeline=alpha&since=1h"

        wrong = await http.get("/runs", params={"state": "lost"})
        assert wrong.status_code == 400
        assert "there is no state `lost`" in wrong.text
        assert (await http.get("/runs", params={"since": "ever"})).status_code == 400
        assert (await http.get("/runs", params={"after": "forged"})).status_code == 400


async def test_pages_go_to_older_runs_and_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sorbus.web.runs_table.PAGE", 2)
    async with pages(url, Doing(), plain(), run_jobs=False) as (app, http):
        runs = [await start(me(app), str(number), pipeline="plain") for number in range(5)]
        newest = [f"run-{run.id}" for run in reversed(runs)]
        found: list[list[str]] = []
        address = "/runs"
        while True:
            answer = await good(http, address)
            found.append([each.get("id") for each in read(answer).xpath(ROWS)])
            further = read(answer).xpath("//a[@rel='next']/@href")
            if not further:
                break
            address = further[0]
        assert found == [newest[:2], newest[2:4], newest[4:]]
        back = read(answer).xpath("//a[@rel='prev']/@href")[0]
        assert [each.get("id") for each in read(await good(http, back)).xpath(ROWS)] == newest[2:4]


async def test_several_runs_are_cancelled_and_those_that_are_over_are_left_alone(url: str) -> None:
    gate = Gate()
    doing = Doing({"one": gate})
    async with pages(url, doing, plain(), concurrency=1) as (app, http):
        scope = me(app)
        running = await start(scope, "a", pipeline="plain")
        await gate.came.wait()
        pending = await start(scope, "b", pipeline="plain")
        over_already = await start(scope, "c", pipeline="plain")
        await (await Run.get(scope, over_already.id)).cancel(scope)
        form = {
            "act": "cancel",
            "back": "pipeline=plain",
            "run": [str(running.id), str(pending.id), str(over_already.id), "nonsense"],
        }
        answer = await http.post("/runs", data=form)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/runs?pipeline=plain&did=cancel.2.1",
        )
        shown = await good(http, answer.headers["location"])
        assert text_of(shown, "//*[@id='notice']") == [
            "2 runs were cancelled; 1 could not be, in the state that they are in."
        ]
        states = {run.id: run.state for run in await Run.query(scope).all()}
        assert set(states.values()) == {RunState.CANCELLED}
        gate.opened.set()


async def test_a_script_gets_a_notice_instead_of_another_page(url: str) -> None:
    async with pages(url, Doing(), plain(), run_jobs=False) as (app, http):
        run = await start(me(app), "a", pipeline="plain")
        partial = {"hx-request": "true"}
        answer = await http.post("/runs", data={"act": "pause", "run": str(run.id)}, headers=partial)
        assert answer.status_code == 200
        assert 'hx-target="#notice"' in answer.text
        assert "1 run was paused." in answer.text
        wrong = await http.post("/runs", data={"act": "pausee", "run": str(run.id)}, headers=partial)
        assert wrong.status_code == 400
        assert "Did you mean `pause`?" in wrong.text
        assert 'role="alert"' in wrong.text


async def test_several_runs_are_retried_and_nothing_selected_does_nothing(url: str) -> None:
    doing = Doing({"one": raising(LookupError("no"), times=2)})
    async with pages(url, doing, plain()) as (app, http):
        scope = me(app)
        runs = [await start(scope, str(number), pipeline="plain") for number in range(2)]
        for run in runs:
            await over(scope, run)
        answer = await http.post("/runs", data={"act": "retry", "run": [str(run.id) for run in runs]})
        assert answer.headers["location"] == "/runs?did=retry.2.0"
        for run in runs:
            await reaches(scope, run, RunState.COMPLETED)
        nothing = await http.post("/runs", data={"act": "retry"})
        assert nothing.headers["location"] == "/runs?did=retry.0.0"


async def test_a_run_of_another_tenant_is_neither_shown_nor_counted_nor_acted_on(url: str) -> None:
    async with shaped(url, Doing(), plain(), asking(), run_jobs=False) as app:
        run = await start(me(app), "secret", pipeline="plain")
        async with client(app, x_tenant="other") as other:
            table = await good(other, "/runs")
            assert str(run.id) not in table.text
            assert text_of(table, "//nav[@id='counts']/a")[0] == "0 all"
            answer = await other.post("/runs", data={"act": "cancel", "run": str(run.id)})
            assert answer.headers["location"] == "/runs?did=cancel.0.0"
        assert (await Run.get(me(app), run.id)).state is RunState.PENDING
        assert isinstance(run.id, UUID)
