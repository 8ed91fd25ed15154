"""The page of a run: what it shows, and what is done on it."""

from __future__ import annotations

from typing import Any

import asyncpg
from tests.integration.pipelines.helpers import MAIL, ingest, row, start
from tests.integration.pipelines.shapes import (
    SOON,
    Doing,
    Gate,
    Shapes,
    Split,
    Word,
    asking,
    data,
    giving,
    me,
    over,
    raising,
    reaches,
    shaped,
    stage_is,
)
from tests.integration.web.pages import client, good, pages, read, text_of

from sorbus.pipelines import (
    BUILTIN,
    Content,
    Definition,
    Pipeline,
    Run,
    RunState,
    StageRun,
    StageState,
    approval,
    for_each,
    signal,
    stage,
)
from sorbus.pipelines.sources import SourceType


def diamond() -> Pipeline:
    """One stage, two beside each other with a map among them, and one behind."""
    split = stage(Shapes.split)
    each = for_each(Shapes.each, over=lambda split: split.parts, attempts=1, keep_going=True)
    left = stage(Shapes.step, name="left", after=split)
    last = stage(Shapes.step, name="last", after=[each, left])
    return Pipeline.graph("diamond", stages=[split, each, left, last])


NODES = "//*[local-name()='g' and starts-with(@class, 'node')]"


def node_states(answer: Any) -> dict[str, str]:
    """The states of the drawn nodes by their names."""
    found: dict[str, str] = {}
    for each in read(answer).xpath(NODES):
        name = each.xpath(".//*[local-name()='title']")[0].text.split(":")[0]
        found[name] = next(part for part in each.get("class").split() if part.startswith("s-"))[2:]
    return found


async def test_a_run_is_drawn_timed_and_listed_with_its_items_and_outputs(url: str) -> None:
    async def behave(context: Any, item: str) -> str:
        if item == "bad":
            raise LookupError("there is no bad one")
        return item.upper()

    async with pages(url, Doing({"each": behave}), diamond()) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="diamond", text="good bad fine"))
        answer = await good(http, f"/runs/{run.id}")
        stages = await good(http, f"/runs/{run.id}/stage", name="each")
        whole = await good(http, f"/runs/{run.id}/output", stage="each")
        item = await good(http, f"/runs/{run.id}/output", stage="each", item="2")
        missing = await http.get(f"/runs/{run.id}/output", params={"stage": "each", "item": "77"})
    assert node_states(answer) == dict.fromkeys(("split", "each", "left", "last"), "done")
    assert len(read(answer).xpath("//*[local-name()='path' and starts-with(@class, 'edge')]")) == 4
    assert text_of(answer, "//*[@id='run-timeline']//*[@class='name']") == [
        "split", "each", "item 0", "item 1", "item 2", "left", "last",
    ]  # fmt: skip
    bars = read(answer).xpath("//*[@id='run-timeline']//*[local-name()='rect' and @class='fill']")
    assert len(bars) == 7
    for each in bars:
        assert 0 <= float(each.get("x")) < float(each.get("x")) + float(each.get("width")) <= 1003
    each_stage = text_of(answer, "//details[starts-with(@id, 'stage-')]")[1]
    assert "there is no bad one" in each_stage
    assert "2/3" in each_stage
    assert "2 of 3 items" in text_of(answer, "//*[@id='run-graph']")[0]
    assert text_of(stages, "//table//tbody/tr/td[1]") == ["0", "1", "2"]
    assert whole.headers["content-type"].startswith("text/plain")
    assert whole.json() == ["GOOD", None, "FINE"]
    assert item.json() == "FINE"
    assert missing.status_code == 404


async def test_the_calls_of_a_run_are_shown_with_their_answers(url: str) -> None:
    async with shaped(url, Doing(), *BUILTIN) as app, client(app) as http:
        run = await over(me(app), await start(me(app), "a"))
        answer = await good(http, f"/runs/{run.id}")
        links = read(answer).xpath("//*[@id='run-calls']//a/@href")
        calls = (await row(me(app), run)).llm_calls
        assert sorted(links) == sorted(f"/runs/{run.id}/calls/{call.id}" for call in calls)
        shown = calls[0]
        call = await good(http, f"/runs/{run.id}/calls/{shown.id}")
        assert shown.model in call.text
        assert shown.request_hash[:16] in call.text
        other = await over(me(app), await start(me(app), "b"))
        assert (await http.get(f"/runs/{other.id}/calls/{shown.id}")).status_code == 404
        assert (await http.get(f"/runs/{run.id}/calls/nonsense")).status_code == 404


async def test_a_large_output_is_cut_and_can_be_had_whole(url: str) -> None:
    large = Word("x" * 50_000)
    pipeline = Pipeline("large", stages=[stage(Shapes.step, name="one")])
    async with pages(url, Doing({"one": giving(large)}), pipeline) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="large"))
        answer = await good(http, f"/runs/{run.id}")
        whole = await good(http, f"/runs/{run.id}/output", stage="one")
        forking = await good(http, f"/runs/{run.id}/fork", stage="one")
    assert len(answer.text) < 40_000
    assert "…" in text_of(answer, "//details[@id='stage-0']//pre")[0]
    assert whole.json() == {"text": "x" * 50_000}
    assert forking.status_code == 200


async def test_a_failed_run_says_what_happened_and_what_can_be_done(url: str) -> None:
    doing = Doing({"one": raising(LookupError("the shelf is empty"), times=1)})
    pipeline = Pipeline(
        "fragile", stages=[stage(Shapes.step, name="one", attempts=1), stage(Shapes.step, name="two")]
    )
    async with pages(url, doing, pipeline) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="fragile"))
        answer = await good(http, f"/runs/{run.id}")
        notice = text_of(answer, "//*[@id='run-notice']")[0]
        assert "the shelf is empty" in notice
        assert "Retry goes on" in notice
        assert node_states(answer)["one"] == "failed"
        acts = text_of(answer, "//*[@id='run-head']//button")
        assert acts == ["Retry"]
        again = await http.post(f"/runs/{run.id}/retry")
        assert (again.status_code, again.headers["location"]) == (303, f"/runs/{run.id}?did=retry.1.0")
        await reaches(me(app), run, RunState.COMPLETED)
        late = await http.post(f"/runs/{run.id}/retry")
        assert late.status_code == 409
        assert "wrong-state" in late.text


async def test_a_run_is_paused_resumed_and_cancelled(url: str) -> None:
    gate = Gate()
    pipeline = Pipeline("slow", stages=[stage(Shapes.step, name="one"), stage(Shapes.step, name="two")])
    async with pages(url, Doing({"one": gate}), pipeline) as (app, http):
        run = await start(me(app), "a", pipeline="slow")
        await gate.came.wait()
        assert text_of(await good(http, f"/runs/{run.id}"), "//*[@id='run-head']//button") == [
            "Pause",
            "Cancel",
        ]
        for act, state, buttons in (
            ("pause", RunState.PAUSED, ["Resume", "Cancel"]),
            ("resume", RunState.RUNNING, ["Pause", "Cancel"]),
            ("cancel", RunState.CANCELLED, ["Retry"]),
        ):
            answer = await http.post(f"/runs/{run.id}/{act}", headers={"hx-request": "true"})
            assert answer.status_code == 200, answer.text
            assert (await row(me(app), run)).state is state
            assert text_of(await good(http, f"/runs/{run.id}"), "//*[@id='run-head']//button") == buttons
        assert (await http.post(f"/runs/{run.id}/explode")).status_code == 400
        gate.opened.set()


async def test_an_approval_is_given_and_a_second_one_is_refused(url: str) -> None:
    async with pages(url, Doing(), asking()) as (app, http):
        run = await start(me(app), "a", pipeline="asking")
        await stage_is(me(app), run, "approve", StageState.READY)
        answer = await good(http, f"/runs/{run.id}")
        names = read(answer).xpath("//form[@class='give']//*[@name]/@name")
        assert names == ["stage", "value.approved", "value.approved", "value.by", "value.note"]
        form = {"stage": "approve", "value.approved": "yes", "value.by": "Ann", "value.note": ""}
        given = await http.post(f"/runs/{run.id}/give", data=form)
        assert (given.status_code, given.headers["location"]) == (303, f"/runs/{run.id}#stage-1")
        done = await reaches(me(app), run, RunState.COMPLETED)
        assert data(done)["ship"] == {"text": "shipped for Ann"}
        second = await http.post(f"/runs/{run.id}/give", data=form)
        assert second.status_code == 422
        assert "the run has ended" in second.text
        nowhere = await http.post(f"/runs/{run.id}/give", data={**form, "stage": "aprove"})
        assert nowhere.status_code == 404


async def test_a_value_that_does_not_fit_is_refused_at_its_field_and_nothing_typed_is_lost(url: str) -> None:
    pipeline = Pipeline("hearing", stages=[stage(Shapes.step, name="one"), signal("how_many", int)])
    async with pages(url, Doing(), pipeline, asking()) as (app, http):
        run = await start(me(app), "a", pipeline="hearing")
        await stage_is(me(app), run, "how_many", StageState.READY)
        form = {"stage": "how_many", "value": "<b>many</b>"}
        wrong = await http.post(f"/runs/{run.id}/give", data=form)
        assert wrong.status_code == 422
        [field] = read(wrong).xpath("//form[@class='give']//input[@name='value']")
        assert (field.get("value"), field.get("aria-invalid")) == ("<b>many</b>", "true")
        assert "valid integer" in read(wrong).get_element_by_id(field.get("aria-describedby")).text_content()
        assert (await row(me(app), run)).state is RunState.WAITING

        partial = await http.post(f"/runs/{run.id}/give", data=form, headers={"hx-request": "true"})
        assert partial.status_code == 422
        assert 'hx-target="#run-notice"' in partial.text
        assert "valid integer" in partial.text

        right = await http.post(f"/runs/{run.id}/give", data={**form, "value": "3"})
        assert right.status_code == 303
        assert data(await reaches(me(app), run, RunState.COMPLETED))["how_many"] == 3

        asked = await start(me(app), "b", pipeline="asking")
        await stage_is(me(app), asked, "approve", StageState.READY)
        undecided = await http.post(f"/runs/{asked.id}/give", data={"stage": "approve", "value.by": "Ann"})
        assert undecided.status_code == 422
        assert read(undecided).xpath("//fieldset[@aria-invalid='true']")
        assert read(undecided).xpath("//input[@name='value.by']/@value") == ["Ann"]


async def test_a_value_may_be_given_before_its_stage_is_reached(url: str) -> None:
    gate = Gate()
    async with pages(url, Doing({"first": gate}), asking()) as (app, http):
        run = await start(me(app), "a", pipeline="asking")
        await gate.came.wait()
        answer = await good(http, f"/runs/{run.id}")
        assert read(answer).xpath("//details[@id='stage-1']//form[@class='give']")
        form = {"stage": "approve", "value.approved": "yes", "value.by": "Bo"}
        assert (await http.post(f"/runs/{run.id}/give", data=form)).status_code == 303
        assert not read(await good(http, f"/runs/{run.id}")).xpath("//form[@class='give']")
        gate.opened.set()
        assert data(await reaches(me(app), run, RunState.COMPLETED))["ship"] == {"text": "shipped for Bo"}


async def test_a_fork_keeps_what_is_before_with_an_edited_output_and_another_model(url: str) -> None:
    async with pages(url, Doing(), diamond()) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="diamond", text="one two"))
        answer = await good(http, f"/runs/{run.id}/fork", stage="each")
        kept = {each.get("name"): each.text.strip() for each in read(answer).xpath("//textarea")}
        assert set(kept) == {"output.split", "output.left"}
        form = {"stage": "each", "model": "scripted:other", **kept, "output.split": '{"parts": ["three"]}'}

        for typed, problem in (('{"parts": [', "it is no JSON"), ('{"parts": "x"}', "valid list")):
            wrong = await http.post(f"/runs/{run.id}/fork", data={**form, "output.split": typed})
            assert wrong.status_code == 422, text_of(wrong, "//main")
            [area] = read(wrong).xpath("//textarea[@name='output.split']")
            assert (area.text.strip(), area.get("aria-invalid")) == (typed, "true")
            assert problem in wrong.text
            assert read(wrong).xpath("//input[@name='model']/@value") == ["scripted:other"]

        made = await http.post(f"/runs/{run.id}/fork", data=form)
        assert made.status_code == 303
        fork = await over(me(app), (await Run.query(me(app)).where(Run.forked_from == run.id).one()).id)
        assert made.headers["location"] == f"/runs/{fork.id}"
        assert data(fork)["last"] == {"text": "last"}
        assert (fork.fork_outputs, fork.model) == ({"split": {"parts": ["three"]}}, "scripted:other")
        assert f'href="/runs/{run.id}"' in (await good(http, f"/runs/{fork.id}")).text
        no_stage = await http.post(f"/runs/{run.id}/fork", data={"stage": "eech"})
        assert no_stage.status_code == 422
        assert "Did you mean `each`?" in no_stage.text


async def test_a_run_is_started_on_a_text_by_a_pipeline_in_code_and_by_one_in_a_row(url: str) -> None:
    async with pages(url, Doing(), asking(), Pipeline("plain", stages=[stage(Shapes.step, name="one")])) as (
        app,
        http,
    ):
        definition = await Definition.define(
            me(app),
            name="own",
            stages=[{"name": "ask", "approval": {}}, {"name": "go", "action": "Shapes.step"}],
        )
        answer = await good(http, "/runs/new")
        choices = dict(
            zip(
                read(answer).xpath("//option/text()"),
                read(answer).xpath("//option/@value"),
                strict=True,
            )
        )
        assert choices == {"asking": "asking", "plain": "plain", "own": str(definition.id)}
        for chosen, pipeline in (("plain", "plain"), (str(definition.id), "own")):
            made = await http.post(
                "/runs/new", data={"pipeline": chosen, "text": "Hi\r\nthere", "title": "T"}
            )
            assert made.status_code == 303, text_of(made, "//main")
            run = await Run.get(me(app), made.headers["location"].rpartition("/")[2], load=[Run.content])
            assert (run.pipeline, run.content.text, run.content.title) == (pipeline, "Hi\nthere", "T")
            assert (await good(http, f"/runs/{run.id}")).status_code == 200
        for form, problem in (
            ({"pipeline": "plan", "text": "x"}, "Did you mean `plain`?"),
            ({"pipeline": "plain", "text": " "}, "there is no text"),
            ({"pipeline": str(run.id), "text": "x"}, f"{run.id}"),
        ):
            wrong = await http.post("/runs/new", data=form)
            assert wrong.status_code in {404, 422}
            assert problem in wrong.text
        assert await Content.query(me(app)).count() == 2
        assert "own" in (await good(http, "/pipelines")).text
        await definition.retire(me(app))
        assert str(definition.id) not in (await good(http, "/runs/new")).text


async def test_a_run_whose_pipeline_is_gone_after_a_deploy_still_has_its_page(url: str) -> None:
    old = Pipeline("old", stages=[stage(Shapes.step, name="one"), approval("approve"), stage(Shapes.ship)])
    async with shaped(url, Doing(), old) as app:
        run = await start(me(app), "a", pipeline="old")
        await stage_is(me(app), run, "approve", StageState.READY)
        dynamic = await Definition.define(
            me(app), name="own", stages=[{"name": "go", "action": "Shapes.step"}]
        )
        content = await ingest(me(app), "b", text=MAIL, source_type=SourceType.EMAIL)
        started = await Run.start_from(me(app), content_id=content.id, definition_id=dynamic.id)
        await over(me(app), started)
    async with pages(url, Doing(), asking(), blocks=[], run_jobs=False) as (app, http):
        answer = await good(http, f"/runs/{run.id}")
        assert "does not have old v1 any more" in answer.text
        assert node_states(answer)["one"] == "done"
        assert not read(answer).xpath("//form[@class='give']")
        gone = await http.post(f"/runs/{run.id}/give", data={"stage": "approve", "value.approved": "yes"})
        assert 400 <= gone.status_code < 600
        assert "<h1>" in gone.text
        assert "does not have own v1 any more" in (await good(http, f"/runs/{started.id}")).text
        for path in ("/runs", "/pipelines", f"/runs/{run.id}/fork", f"/runs/{run.id}/stage?name=one"):
            await good(http, path)
        # Even the row of the definition may be gone, and a stage may bear a name that nobody knows.
        conn = await asyncpg.connect(url)
        await conn.execute("DELETE FROM definitions WHERE name = 'old'")
        await conn.execute("UPDATE stage_runs SET name = 'who <knows>' WHERE name = 'ship'")
        await conn.close()
        bare = await good(http, f"/runs/{run.id}")
        assert "Its graph is not known either" in bare.text
        assert "who &lt;knows&gt;" in bare.text
        assert (await http.get(f"/runs/{run.id}/fork")).status_code == 404


async def test_what_is_not_there_is_a_page_too(url: str) -> None:
    async with pages(url, Doing(), asking(), run_jobs=False) as (app, http):
        run = await start(me(app), "a", pipeline="asking")
        for path in (
            "/runs/nonsense",
            "/runs/00000000-0000-7000-8000-000000000000",
            f"/runs/{run.id}/stage?name=none",
            f"/runs/{run.id}/output?stage=none",
            "/assets/0/sorbus.css",
        ):
            answer = await http.get(path)
            assert answer.status_code == 404, path
        assert text_of(await http.get("/runs/nonsense"), "//main//code") == ["not-found"]
        assert await StageRun.query(me(app)).count() == 3


async def test_names_with_odd_characters_are_found_again(url: str) -> None:
    name = "a/b & ü?#1"
    pipeline = Pipeline("odd", stages=[stage(Shapes.step, name=name, backoff=SOON), approval("näxt/ok")])
    async with pages(url, Doing({name: giving(Word("fine"))}), pipeline) as (app, http):
        run = await start(me(app), "a", pipeline="odd")
        await stage_is(me(app), run, "näxt/ok", StageState.READY)
        answer = await good(http, f"/runs/{run.id}")
        [link] = [each for each in read(answer).xpath("//a/@href") if "/output?" in each]
        assert (await good(http, link)).json() == {"text": "fine"}
        given = await http.post(f"/runs/{run.id}/give", data={"stage": "näxt/ok", "value.approved": "no"})
        assert given.status_code == 303


async def test_a_map_over_many_items_shows_some_of_them_and_all_on_pages(url: str) -> None:
    words = [f"w{number}" for number in range(260)]
    pipeline = Pipeline.graph(
        "many", stages=[stage(Shapes.split), for_each(Shapes.each, over=lambda split: split.parts, limit=100)]
    )
    async with pages(url, Doing({"split": giving(Split(words))}), pipeline) as (app, http):
        run = await over(me(app), await start(me(app), "a", pipeline="many"), seconds=60)
        answer = await good(http, f"/runs/{run.id}")
        assert "260/260" in answer.text
        assert len(read(answer).xpath("//*[@id='run-stages']//span[starts-with(@class, 'cell')]")) == 200
        seen: list[str] = []
        address = f"/runs/{run.id}/stage?name=each"
        while address:
            page = await good(http, address)
            seen += text_of(page, "//table//tbody/tr/td[1]")
            further = read(page).xpath("//a[@rel='next']/@href")
            address = f"/runs/{run.id}/stage{further[0]}" if further else ""
        assert seen == [str(number) for number in range(260)]
