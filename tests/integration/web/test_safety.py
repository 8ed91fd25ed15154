"""Pages cannot be used against their reader: escaping, policy, foreign origins, other tenants, refusals."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from tests.integration.pipelines.helpers import ingest, start
from tests.integration.pipelines.shapes import Doing, Shapes, Word, asking, giving, me, over, raising, shaped
from tests.integration.web.pages import ORIGIN, SAME, Reader, client, good, pages, read, served, text_of

from sorbus import Scope
from sorbus.errors.http import LocalOnly, PagesWithoutPipelines
from sorbus.http import http_app
from sorbus.pipelines import Content, Pipeline, Run, RunState, stage
from sorbus.web import web_pages

EVIL = '</title></script><script>alert(1)</script><img src=x onerror=alert(2)>"\' onmouseover="alert(3)'


def two() -> Pipeline:
    """Two stages, the second of which fails."""
    return Pipeline(
        "two", stages=[stage(Shapes.step, name="one"), stage(Shapes.step, name=EVIL.replace(".", ""))]
    )


async def hostile(app: object, scope: Scope) -> Run:
    """A run in which everything that somebody else may have written is hostile."""
    content = await Content.ingest(
        scope,
        source_type="email",
        external_id=EVIL,
        title=EVIL,
        text=EVIL,
        metadata={EVIL: EVIL},
    )
    return await Run.start(scope, content_id=content.id, pipeline="two")


async def test_nothing_hostile_becomes_markup_on_any_page(url: str) -> None:
    doing = Doing({"one": giving(Word(EVIL)), EVIL.replace(".", ""): raising(ValueError(EVIL))})
    async with pages(url, doing, two()) as (app, http):
        run = await over(me(app), await hostile(app, me(app)), seconds=40)
        assert run.state is RunState.FAILED
        paths = (
            "/runs",
            f"/runs/{run.id}",
            f"/runs/{run.id}/stage?name=one",
            f"/runs/{run.id}/fork",
            f"/runs/{run.id}/replay",
            f"/runs/{run.id}/budget",
            f"/runs?of={run.id}&stage={quote(EVIL)}",
            f"/runs?inner={quote(EVIL)}",
            f"/runs?of={quote(EVIL)}",
            "/runs/new",
            "/pipelines",
            f"/runs?pipeline={EVIL}",
            f"/runs?state={EVIL}",
            f"/runs/{EVIL}",
        )
        for path in paths:
            answer = await http.get(path)
            assert answer.status_code < 500, path
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            tree = read(answer)
            assert [
                each.get("src") for each in tree.xpath("//script") if "/assets/" not in each.get("src", "")
            ] == []
            assert tree.xpath("//*[@onerror or @onmouseover or @style]") == []
            assert [each for each in tree.xpath("//img/@src") if "/assets/" not in each] == []
        async with Reader(served(app), f"/runs/{run.id}/live") as reader:
            patch = await reader.until("run-head")
        assert "<script" not in patch
        assert "<img" not in patch
        whole = await good(http, f"/runs/{run.id}/output", stage="one")
        assert whole.json() == {"text": EVIL}
        for answer in (whole, await good(http, f"/runs/{run.id}/content")):
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert "sandbox" in answer.headers["content-security-policy"]


async def test_every_answer_has_the_strict_headers(url: str) -> None:
    async with pages(url, Doing(), asking(), run_jobs=False) as (app, http):
        run = await start(me(app), "a", pipeline="asking")
        css = re.search(r"/assets/\w+/sorbus.css", (await good(http, "/runs")).text)
        assert css is not None
        for path in ("/runs", f"/runs/{run.id}", "/runs/none", "/runs/new", css[0], "/"):
            headers = (await http.get(path)).headers
            policy = headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
        page = await good(http, "/runs")
        assert page.headers["cache-control"] == "no-store"
        assert "immutable" in (await good(http, css[0])).headers["cache-control"]


FOREIGN: list[dict[str, str]] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    {"sec-fetch-site": "", "origin": "https://elsewhere.example"},
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"origin": "http://testserver.elsewhere.example"},
    {"origin": "http://testserver:81"},
    {"origin": "http://[::1"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_change_that_another_site_asks_for_is_refused(url: str, headers: dict[str, str]) -> None:
    async with shaped(url, Doing(), asking(), run_jobs=False) as app, client(app) as http:
        run = await start(me(app), "a", pipeline="asking")
        http.headers.pop("sec-fetch-site")
        forms = {
            f"/runs/{run.id}/cancel": {},
            "/runs": {"act": "cancel", "run": str(run.id)},
            f"/runs/{run.id}/give": {"stage": "approve", "value.approved": "yes"},
            f"/runs/{run.id}/fork": {"stage": "first"},
            f"/runs/{run.id}/replay": {},
            f"/runs/{run.id}/budget": {"budget_usd": "1"},
            "/runs/new": {"pipeline": "asking", "text": "x"},
        }
        for path, form in forms.items():
            answer = await http.post(path, data=form, headers=headers)
            assert answer.status_code == 403, path
            assert text_of(answer, "//main//code") == ["cross-origin"]
        assert (await Run.get(me(app), run.id)).state is RunState.PENDING
        assert await Run.query(me(app)).count() == 1


@pytest.mark.parametrize("headers", [SAME, {"origin": ORIGIN}, {"origin": "https://testserver"}], ids=str)
async def test_a_change_that_an_own_page_asks_for_is_made(url: str, headers: dict[str, str]) -> None:
    async with shaped(url, Doing(), asking(), run_jobs=False) as app, client(app) as http:
        run = await start(me(app), "a", pipeline="asking")
        http.headers.pop("sec-fetch-site")
        assert (await http.post(f"/runs/{run.id}/cancel", headers=headers)).status_code == 303


async def test_nothing_is_changed_by_reading(url: str) -> None:
    async with pages(url, Doing(), asking(), run_jobs=False) as (app, http):
        run = await start(me(app), "a", pipeline="asking")
        for act in ("cancel", "pause", "give", "retry"):
            assert (await http.get(f"/runs/{run.id}/{act}")).status_code == 405
        assert (await Run.get(me(app), run.id)).state is RunState.PENDING


async def test_everything_of_another_tenant_is_not_there(url: str) -> None:
    async with shaped(url, Doing({"one": giving(Word("secret"))}), asking(), two()) as app:
        run = await start(me(app), "a", pipeline="asking")
        async with client(app, x_tenant="other") as http:
            for path in (
                "", "/live", "/stage?name=first", "/output?stage=first", "/content", "/input", "/fork", "/replay",
                "/budget",
            ):  # fmt: skip
                assert (await http.get(f"/runs/{run.id}{path}")).status_code == 404, path
            for path, form in (
                ("cancel", {}),
                ("retry", {}),
                ("give", {"stage": "approve", "value.approved": "yes"}),
                ("fork", {"stage": "first"}),
                ("replay", {}),
                ("budget", {"budget_usd": "1"}),
            ):
                assert (await http.post(f"/runs/{run.id}/{path}", data=form)).status_code == 404, path
        async with client(app, x_actor="") as nobody:
            for path in ("/runs", f"/runs/{run.id}", "/runs/live", f"/runs/{run.id}/live", "/pipelines"):
                answer = await nobody.get(path)
                assert answer.status_code == 403, path
                assert str(run.content_id) not in answer.text
            assert (await nobody.post(f"/runs/{run.id}/cancel")).status_code == 403


async def test_who_is_refused_by_the_server_itself_gets_a_page_that_says_so(url: str) -> None:
    def nobody(_: object) -> Scope:
        raise LocalOnly

    async with (
        shaped(url, Doing(), asking(), run_jobs=False) as app,
        Reader(served(app, nobody), "/runs") as reader,
    ):
        await reader.ended.wait()
        assert reader.status == 403
        assert any("local-only" in each for each in reader.events)


async def test_a_body_that_is_no_form_or_too_large_is_refused(url: str) -> None:
    async with pages(url, Doing(), asking(), run_jobs=False) as (_, http):
        for content, kind, status in (
            (b"{}", "application/json", 415),
            (b"--x", "multipart/form-data; boundary=x", 415),
            (b"text=%ff%fe", "application/x-www-form-urlencoded", 400),
            (b"&".join([b"a=1"] * 1001), "application/x-www-form-urlencoded", 400),
            (b"text=" + b"x" * (16 * 1024 * 1024), "application/x-www-form-urlencoded", 413),
        ):
            answer = await http.post("/runs/new", content=content, headers={"content-type": kind})
            assert answer.status_code == status, (kind, text_of(answer, "//main"))
        odd = await http.post("/runs/new", data={"pipeline": "asking", "text": "a\x00b"})
        assert odd.status_code == 422


async def test_an_error_of_ours_tells_a_number_and_nothing_else(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("sorbus.web.pages.read_table", broken)
    async with pages(url, Doing(), asking(), run_jobs=False) as (_, http):
        answer = await http.get("/runs")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "under the id" in answer.text


async def test_pages_need_pipelines(url: str) -> None:
    from sorbus import Domain, Sorbus

    with pytest.raises(PagesWithoutPipelines):
        http_app(Sorbus(domains=[Domain("none", resources=[])]), interfaces=[web_pages])
    async with shaped(url, Doing(), asking(), run_jobs=False) as app:
        content = await ingest(me(app), "a")
        assert content.title == "The order"
