"""The call inspector: what was asked and answered, how much of it is kept, and who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.integration.pipelines.helpers import application, ingest
from tests.integration.pipelines.shapes import me, over
from tests.integration.web.pages import client, good, read, text_of

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.llm import Message, ModelClient, ModelConfig
from sorbus.llm.calls import LlmCall
from sorbus.pipelines import Pipeline, Run, StageContent, StageContext, stage
from sorbus.testing.scripted import ScriptedProvider

EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass(frozen=True, slots=True)
class Order:
    """An order."""

    number: str


class Reading(Resource):
    """A stage that asks a model in several ways."""

    @action.generic
    @classmethod
    async def ask(cls, scope: Scope, content: StageContent) -> str:
        """Ask."""
        at = scope.get(StageContext)
        models = scope.get(ModelClient)
        whose: dict[str, Any] = {"stage": at.stage, "run": at.run_id}
        await models.generate_object(
            content.text, returns=Order, system=f"Be brief. {EVIL}", max_tokens=77, **whose
        )
        talk = [Message("user", "\nHello\x00"), Message("assistant", "Yes?"), Message("user", content.text)]
        await models.generate_text(talk, **whose)
        await models.embed([content.text, "another"], **whose)
        return "done"

    policies = Policies(policy("generic", authorize_if(actor_present())))


def reading(url: str, **config: Any) -> Sorbus:
    """An application with that stage."""
    given = ModelConfig(model="scripted:any", embed_model="scripted:any", **config)
    return application(
        url,
        domains=[Domain("reading", resources=[Reading])],
        pipelines=[Pipeline("reading", stages=[stage(Reading.ask, attempts=1)])],
        models=lambda sink: ModelClient(given, sink=sink, providers={"scripted": ScriptedProvider()}),
    )


async def called(app: Sorbus, text: str) -> tuple[UUID, list[LlmCall]]:
    """A run with its calls, in their order."""
    content = await ingest(me(app), "a", text=text)
    run = await over(me(app), await Run.start(me(app), content_id=content.id, pipeline="reading"))
    assert run.error is None
    return run.id, await LlmCall.query(me(app)).where(LlmCall.run_id == run.id).order_by(LlmCall.id).all()


TURNS = "//ol[@class='turns']/li"


async def test_a_call_shows_what_was_asked_and_with_which_parameters(url: str) -> None:
    async with reading(url) as app, client(app) as http:
        run, (order, talk, embedded) = await called(app, f"Where is 4711? {EVIL}")
        answer = await good(http, f"/runs/{run}/calls/{order.id}")
        assert text_of(answer, f"{TURNS}/p") == ["system", "user"]
        assert text_of(answer, f"{TURNS}/pre") == [f"Be brief. {EVIL}", f"Where is 4711? {EVIL}"]
        facts = text_of(answer, "//dl[@class='facts']/div")
        assert "Max tokens77" in facts
        assert "Temperature0.0" in facts
        assert '"number"' in text_of(answer, "//section[@aria-labelledby='h-schema']")[0]
        assert text_of(answer, "//pre[@class='answer']") == ['{ "number": "" }']
        assert read(answer).xpath("//main//script | //main//img") == []
        answer = await good(http, f"/runs/{run}/calls/{talk.id}")
        assert text_of(answer, f"{TURNS}/p") == ["user", "assistant", "user"]
        # What the database cannot hold is replaced; a line at the beginning stays.
        assert read(answer).xpath(f"{TURNS}/pre")[0].text.strip("\n") == "Hello\ufffd"
        assert "Max tokensthe provider's own" in text_of(answer, "//dl[@class='facts']/div")
        assert read(answer).xpath("//section[@aria-labelledby='h-schema']") == []
        answer = await good(http, f"/runs/{run}/calls/{embedded.id}")
        assert text_of(answer, f"{TURNS}/pre")[1] == "another"
        assert "There was no answer in text." in answer.text


async def test_a_long_question_is_cut_in_the_row_and_the_page_says_so(url: str) -> None:
    async with reading(url, keep_requests=4000) as app, client(app) as http:
        run, (order, *_) = await called(app, "the start " + "x" * 50_000 + " the end")
        assert isinstance(order.request, dict)
        answer = await good(http, f"/runs/{run}/calls/{order.id}")
        (cut,) = text_of(answer, f"{TURNS}/pre/span[@class='cutout']")
        assert cut.endswith("characters are not kept …")
        shown = text_of(answer, f"{TURNS}/pre")[1]
        assert shown.startswith("the start")
        assert shown.endswith("the end")
        assert len(answer.text) < 12_000


async def test_nothing_is_kept_where_that_was_said_and_of_calls_from_before(url: str, conn: Any) -> None:
    async with reading(url, keep_requests=0) as app, client(app) as http:
        run, calls = await called(app, "Where is 4711?")
        assert [each.request for each in calls] == [None] * 3
        assert await conn.fetchval("SELECT count(*) FROM llm_calls WHERE request IS NOT NULL") == 0
        answer = await good(http, f"/runs/{run}/calls/{calls[0].id}")
        assert "What was asked is not kept." in text_of(answer, "//main")[0]
        assert "4711" not in text_of(answer, "//main")[0]


async def test_what_was_asked_is_in_no_representation_and_no_interface(url: str) -> None:
    async with reading(url) as app, client(app) as http:
        run, (order, *_) = await called(app, "Where is the secret order?")
        assert "secret" not in repr(order)
        assert "secret" in str(order.request)
        assert not app.engine.spec_of(LlmCall).attributes["request"].public
        # The list of calls on the run's page does not even read it.
        assert "secret" not in text_of(await good(http, f"/runs/{run}"), "//*[@id='run-calls']")[0]
        async with client(app, x_tenant="other") as others:
            assert (await others.get(f"/runs/{run}/calls/{order.id}")).status_code == 404
