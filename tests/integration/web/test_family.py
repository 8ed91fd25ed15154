"""Runs inside runs on the pages: what is inside a stage, the way up, and how the table keeps them apart."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.integration.pipelines.helpers import ingest, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    Doing,
    Gate,
    Shapes,
    me,
    over,
    raising,
    reaches,
    shaped,
)
from tests.integration.web.pages import Reader, client, good, pages, read, served, text_of

from sorbus import Scope
from sorbus.pipelines import Definition, Pipeline, Run, RunState, nested, stage
from sorbus.web.around import CELLS, LINES

INNER = Pipeline("inner", stages=[stage(Shapes.step, name="deep", backoff=SOON, attempts=1)])
MIDDLE = Pipeline("middle", stages=[nested(INNER)])
OUTER = Pipeline("outer", stages=[stage(Shapes.step, name="before"), nested(MIDDLE)])
PART = Pipeline("part", input=str, stages=[stage(Shapes.shout, backoff=SOON, attempts=1)])
WIDE = Pipeline(
    "wide",
    stages=[
        stage(Shapes.split),
        nested(PART, name="parts", over=lambda split: split.parts, limit=5, keep_going=True),
    ],
)


async def inside(scope: Scope, run_id: UUID) -> list[Run]:
    """The runs inside a run."""
    return await Run.query(scope).where(Run.parent_id == run_id).order_by(Run.parent_index).all()


def links(answer: Any, path: str) -> list[str]:
    """Where the links of a part of a page lead."""
    return [str(each) for each in read(answer).xpath(f"{path}//a/@href")]


ROWS = "//tbody[@id='rows']/tr[starts-with(@id, 'run-')]"


def rows(answer: Any) -> list[str]:
    """The runs of the table."""
    return [str(each.get("id"))[4:] for each in read(answer).xpath(ROWS)]


async def test_a_stage_shows_the_run_inside_it_and_that_one_the_way_up(url: str) -> None:
    async with pages(url, Doing(), OUTER) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="outer"))
        (middle,) = await inside(me(app), run.id)
        (inner,) = await inside(me(app), middle.id)
        answer = await good(http, f"/runs/{run.id}")
        assert "a run of middle" in text_of(answer, "//*[@id='run-graph']")[0]
        assert links(answer, "//ul[@class='within']") == [f"/runs/{middle.id}"]
        (line,) = text_of(answer, "//ul[@class='within']/li")
        assert line.startswith("completed middle")
        assert "1/1" in line
        deep = await good(http, f"/runs/{inner.id}")
        assert links(deep, "//nav[@class='crumbs']") == [
            "/runs", f"/runs/{run.id}", f"/runs/{middle.id}", "/runs?pipeline=inner&inner=all",
        ]  # fmt: skip
        assert text_of(deep, "//nav[@class='crumbs']") == ["Runs/outer middle/middle inner/inner"]
        assert f"/runs/{run.id}" in links(deep, "//*[@id='run-head']")
        assert "Budget…" not in text_of(deep, "//*[@id='run-head']")[0]


async def test_many_runs_inside_a_stage_are_summed_up(url: str) -> None:
    count = LINES + 8
    text = " ".join(f"w{number}" for number in range(count))

    async def shout(context: Any, given: Any) -> Any:
        if given == "w7":
            raise LookupError("there is no seventh")
        return given.upper()

    async with pages(url, Doing({"shout": shout}), WIDE) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="wide", text=text))
        answer = await good(http, f"/runs/{run.id}")
        cells = read(answer).xpath("//p[@class='cells']")[0]
        assert len(cells) == count
        told = f"{count} runs: {count - 1} completed, 0 open, 1 failed or cancelled"
        assert cells.get("aria-label") == told
        lines = text_of(answer, "//ul[@class='within']/li")
        assert len(lines) == LINES
        assert lines[0].startswith("failed part 7")
        assert "there is no seventh" in lines[0]
        assert f"{count - 1} of {count} runs" in text_of(answer, "//*[@id='run-graph']")[0]
        assert text_of(answer, "//*[@id='run-timeline']//*[@class='name']")[:4] == [
            "split", "parts", "run 0", "run 1",
        ]  # fmt: skip
        where = f"/runs?of={run.id}&stage=parts"
        assert where in links(answer, "//details[@id='stage-1']")
        table = await good(http, where)
        assert len(rows(table)) == count
        assert text_of(table, "//nav[@id='counts']/a")[0] == f"{count} all"
        failed = await good(http, f"{where}&state=failed")
        assert len(rows(failed)) == 1
        assert "parts 7" in text_of(failed, ROWS)[0]
        # An inner run says what it was started with.
        inner = rows(failed)[0]
        assert (
            '"w7"' in text_of(await good(http, f"/runs/{inner}"), "//section[@aria-labelledby='h-input']")[0]
        )
        assert (await good(http, f"/runs/{inner}/input")).json() == "w7"
        assert "item 7" in text_of(await good(http, f"/runs/{inner}"), "//nav[@class='crumbs']")[0]
    assert LINES < count < CELLS


async def test_the_table_shows_outermost_runs_unless_it_is_asked_for_others(url: str) -> None:
    async with pages(url, Doing(), OUTER) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="outer"))
        (middle,) = await inside(me(app), run.id)
        (inner,) = await inside(me(app), middle.id)
        names = [str(each.id) for each in (inner, middle, run)]
        assert rows(await good(http, "/runs")) == names[2:]
        assert rows(await good(http, "/runs?inner=all")) == names
        only = await good(http, "/runs?inner=only")
        assert rows(only) == names[:2]
        assert text_of(only, "//nav[@id='counts']/a")[0] == "2 all"
        assert "inner=only" in links(only, "//nav[@id='counts']")[0]
        assert "in middle" in text_of(only, ROWS)[0]
        assert rows(await good(http, f"/runs?of={run.id}")) == [names[1]]
        assert rows(await good(http, f"/runs?of={run.id}&stage=before")) == []
        for wrong in ("inner=some", "of=nonsense"):
            answer = await http.get(f"/runs?{wrong}")
            assert answer.status_code == 400, wrong
            assert text_of(answer, "//main//code") == ["invalid-parameter"]


async def test_a_page_changes_while_runs_inside_it_get_on(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"deep": gate}), OUTER) as app:
        run = await start(me(app), "a", pipeline="outer")
        await gate.came.wait()
        await reaches(me(app), run, RunState.WAITING)
        async with Reader(served(app), f"/runs/{run.id}/live") as reader:
            await reader.until("Shapes.step")
            gate.opened.set()
            said = await reader.until("The run is completed")
            assert "s-completed" in said


async def test_a_failure_names_the_run_in_which_it_began(url: str) -> None:
    doing = Doing({"deep": raising(LookupError("nothing down here"), times=1)})
    async with pages(url, doing, OUTER) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="outer"))
        (middle,) = await inside(me(app), run.id)
        (inner,) = await inside(me(app), middle.id)
        answer = await good(http, f"/runs/{run.id}")
        assert links(answer, "//*[@id='run-notice']//p[@class='from']") == [f"/runs/{inner.id}"]
        assert "in its stage deep" in text_of(answer, "//*[@id='run-notice']//p[@class='from']")[0]
        assert read(await good(http, f"/runs/{inner.id}")).xpath("//p[@class='from']") == []
        await http.post(f"/runs/{run.id}/retry")
        await reaches(me(app), run, RunState.COMPLETED)


async def test_runs_inside_a_run_of_another_tenant_are_not_there(url: str) -> None:
    async with shaped(url, Doing(), OUTER) as app, client(app, x_tenant="other") as http:
        run = await over(me(app), await start(me(app), "a", pipeline="outer"))
        assert rows(await good(http, f"/runs?of={run.id}")) == []

        async def none() -> bool:
            return rows(await good(http, "/runs?inner=all")) == []

        await until(none)


async def test_runs_inside_a_run_of_a_definition_are_shown_as_well(url: str) -> None:
    many = {"name": "parts", "nested": {"pipeline": "part", "over": "split.parts"}}
    async with shaped(url, Doing(), PART, blocks=[Shapes.step, Shapes.split]) as app, client(app) as http:
        scope = me(app)
        small = await Definition.define(
            scope, name="small", stages=[{"name": "step", "action": "Shapes.step"}]
        )
        stages = [
            {"name": "split", "action": "Shapes.split"},
            many,
            {"name": "small", "nested": {"definition": str(small.id)}, "after": ["parts"]},
        ]
        made = await Definition.define(scope, name="mine", stages=stages)
        content = await ingest(scope, "a", text="a b c")
        run = await over(scope, await Run.start_from(scope, content_id=content.id, definition_id=made.id))
        answer = await good(http, f"/runs/{run.id}")
        assert "3 of 3 runs" in text_of(answer, "//*[@id='run-graph']")[0]
        assert "a run of a definition" in text_of(answer, "//*[@id='run-graph']")[0]
        assert len(text_of(answer, "//details[@id='stage-1']//ul[@class='within']/li")) == 3
        assert text_of(answer, "//details[@id='stage-2']//ul[@class='within']/li")[0].startswith(
            "completed small"
        )
