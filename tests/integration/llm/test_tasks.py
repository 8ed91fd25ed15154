"""The three tasks: with the embedded models on real mails, and with a scripted large model."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from sorbus.llm.client import ModelClient
from sorbus.llm.config import Retries
from sorbus.llm.grounding import grounded, occurs
from sorbus.llm.messages import ModelRequest
from sorbus.llm.records import CallStatus, MemorySink
from sorbus.llm.tasks import TEMPERATURES, Entities, classify_mail, extract_entities, summarize
from sorbus.pipelines.sample.files import labels, sample_mails
from sorbus.pipelines.sources import quoted_reply_removed
from sorbus.pipelines.sources.mail import parse_mail
from sorbus.testing.scripted import ScriptedProvider, smallest_json

MAIL = """Hi Anna,

I have installed the new driver from Stanford University, but the kernel panics when I boot.
Howard Youde says that the old version worked. Could you send me the log file by 12 August 2002?

Cheers,
Maria Garcia
"""
HEADERS = {
    "From": "Maria Garcia <m@example.com>",
    "To": "Anna Kowalska <a@example.com>",
    "Subject": "kernel panic",
}

ONCE = Retries(attempts=1)

LEAST_ACCURACY = 0.7
"""Below the measured figure (docs/decisions/002-local-models.md), as the requirement states it."""


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
async def client(sink: MemorySink) -> AsyncIterator[ModelClient]:
    async with ModelClient("local:smollm2", sink=sink) as opened:
        yield opened


def scripted(answers: dict[str, object], text: str = "A summary of all that.") -> ModelClient:
    def answer(request: ModelRequest) -> str:
        return json.dumps(answers) if request.schema else text

    return ModelClient("scripted:big", providers={"scripted": ScriptedProvider(answer)})


async def test_entities_of_a_mail_by_the_embedded_models(client: ModelClient, sink: MemorySink) -> None:
    run = uuid4()
    found = await extract_entities(client, MAIL, headers=HEADERS, stage="extract", run=run)
    assert set(found.people) >= {"Maria Garcia", "Anna Kowalska", "Howard Youde"}
    assert "Stanford University" in found.organizations
    assert found.dates == ("12 August 2002",)
    assert any("log file" in item for item in found.action_items)
    assert {(record.stage, record.run_id) for record in sink.records} == {("extract", run)}
    calls = len(sink.records)
    assert await extract_entities(client, MAIL, headers=HEADERS, stage="extract", run=run) == found
    assert len(sink.records) == calls


async def test_a_summary_keeps_to_the_mail(client: ModelClient) -> None:
    found = await summarize(client, MAIL, headers=HEADERS)
    assert 10 < len(found.text) < 400
    assert found.source in ("model", "extract")
    assert grounded(found.text, MAIL + "\n".join(HEADERS.values()))


async def test_names_of_real_mails_occur_in_them(client: ModelClient) -> None:
    for file in sorted(sample_mails().glob("*-1.eml"))[:2]:
        item = parse_mail(file.read_bytes())
        found = await extract_entities(client, item.text, headers={"Subject": item.title})
        for name in (*found.people, *found.organizations, *found.dates):
            assert occurs(name, f"{item.title}\n{item.text}"), (file.name, name)


async def test_the_shipped_mails_are_classified_well_enough(client: ModelClient) -> None:
    right = 0
    for name, label in labels().items():
        item = parse_mail((sample_mails() / name).read_bytes())
        body = quoted_reply_removed(item.text) or item.text
        found = await classify_mail(client, body, subject=item.title)
        right += found.label == label["category"]
        assert found.confidence == max(found.scores.values())
    assert right / len(labels()) >= LEAST_ACCURACY


@pytest.mark.parametrize("text", ["", "   \n", "ok", "\x00\ufffd", "?" * 5_000, "word " * 100_000])
async def test_odd_texts_pass_through_every_task(text: str) -> None:
    async with scripted({"people": [], "organizations": [], "action_items": []}) as client:
        began = time.monotonic()
        assert (await extract_entities(client, text)).people == ()
        assert (await summarize(client, text)).text
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("text", ["", "?" * 500, "A " * 3_000])
async def test_odd_texts_pass_through_the_embedded_models(client: ModelClient, text: str) -> None:
    assert isinstance(await extract_entities(client, text), Entities)
    assert (await summarize(client, text)).text
    assert (await classify_mail(client, text)).label


async def test_a_large_models_names_are_kept_only_when_they_occur() -> None:
    answers = {
        "people": ["Howard Youde", "Dr. Anna", "Bill Gates"],
        "organizations": ["Stanford University", "Youde", "Acme"],
        "action_items": ["Send the log file"],
    }
    async with scripted(answers) as client:
        found = await extract_entities(client, MAIL, headers=HEADERS)
    assert found.people == ("Howard Youde", "Anna")
    assert found.organizations == ("Stanford University", "Youde")
    assert found.action_items == ("Send the log file",)


async def test_a_large_model_is_asked_once_for_each_task_with_the_mail_first() -> None:
    provider = ScriptedProvider(
        lambda request: smallest_json(request.schema) if request.schema else "All is well with the kernel."
    )
    async with ModelClient("scripted:big", providers={"scripted": provider}) as client:
        await extract_entities(client, MAIL, headers=HEADERS)
        await classify_mail(client, MAIL, subject="kernel panic")
        assert (await summarize(client, MAIL, headers=HEADERS)).source == "model"
    extract, classify, summary = (request.messages[-1].content for request in provider.requests)
    shared = extract[: extract.index("List the people")]
    assert summary.startswith(shared)
    assert "kernel panic" in classify


async def test_a_small_model_that_babbles_leaves_what_the_rules_find() -> None:
    class Tiny(ScriptedProvider):
        small = True

    sink = MemorySink()
    provider = Tiny(lambda _: '{"action_items": ["babble babble')
    async with ModelClient("scripted:tiny", sink=sink, providers={"scripted": provider}) as client:
        found = await extract_entities(client, MAIL, headers=HEADERS)
    assert "Howard Youde" in found.people
    assert found.action_items == ("Could you send me the log file by 12 August 2002?",)
    assert [record.status for record in sink.records][:2] == [CallStatus.INVALID, CallStatus.INVALID]


async def test_a_small_models_invention_gives_way_to_the_mails_own_words() -> None:
    class Tiny(ScriptedProvider):
        small = True

    provider = Tiny(lambda _: "A spammer abducted three girls in 1999.")
    async with ModelClient("scripted:tiny", providers={"scripted": provider}) as client:
        found = await summarize(client, MAIL, headers=HEADERS)
    assert found.source == "extract"
    assert occurs(found.text, MAIL)
    assert [request.temperature for request in provider.requests] == list(TEMPERATURES)


@pytest.mark.parametrize(
    "answer",
    [
        "Kernel panic.",
        "The kernel panics when I boot and",
        'Maria says: "the kernel panics when I boot.',
        "Kernel panic kernel panic kernel panic.",
        "",
    ],
)
async def test_echoes_and_unfinished_sentences_are_no_summary(answer: str) -> None:
    async with scripted({}, text=answer) as client:
        assert (await summarize(client, MAIL, headers=HEADERS)).source == "extract"


async def test_a_sentence_said_twice_is_kept_once() -> None:
    async with scripted({}, text="The kernel panics at boot. The kernel panics at boot.") as client:
        assert (await summarize(client, MAIL, headers=HEADERS)).text == "The kernel panics at boot."


async def test_without_a_key_the_tasks_fall_back_to_the_next_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    provider = ScriptedProvider()
    chain = ModelClient("openai:gpt-4o-mini", fallbacks=("scripted:x",), providers={"scripted": provider})
    async with chain as client:
        assert (await classify_mail(client, MAIL)).label == "support"
        assert (await extract_entities(client, MAIL)).dates == ("12 August 2002",)
    assert len(provider.requests) == 2


@pytest.mark.slow
async def test_a_local_fallback_can_read_a_long_text_and_is_checked() -> None:
    async with ModelClient("http://127.0.0.1:9/v1#m", fallbacks=("local:smollm2",), retries=ONCE) as client:
        found = await summarize(client, "The committee has met again and it will report. " * 2_000)
    assert found.text == "The committee has met again and it will report."
