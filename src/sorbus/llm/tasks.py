"""Three tasks on texts, honest with small models: what is named must occur, what is said must be grounded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from sorbus.errors.llm import AnswerInvalid
from sorbus.llm.answers import Classified
from sorbus.llm.classify import Labels
from sorbus.llm.client import ModelClient
from sorbus.llm.grounding import clean, grounded, occurs, sentences, unique, without_footer
from sorbus.llm.labels import MAIL_LABELS, NAME_LABELS
from sorbus.llm.names import (
    Evidence,
    NameKind,
    Proposal,
    dates,
    looks_like_person,
    propose,
)

SMALL_CHARACTERS = 800
LARGE_CHARACTERS = 12_000
"""How much of a text a small and a large model read; a local fallback can still read the latter."""

CLASSIFY_CHARACTERS = 700
"""How much of a mail is embedded: its beginning says what it is about."""

TEMPERATURES = (0.0, 0.6)
"""A small model's sentence that leaves its text is asked for once more, a little more freely."""

READ_CHARACTERS = 60_000
"""How much of a text the rules read."""

LIKELY_PERSON = 0.6
LIKELY_ORGANIZATION = 0.8
SUPPORTED_ORGANIZATION = 0.5
"""How sure the embeddings must be of a name that was found by its shape alone, or by its last word."""

SYSTEM = "You read e-mails and answer briefly and truthfully, using only words from the e-mail."

READ = "E-mail:\n{text}\n\n"
"""Every task begins with the text, so that a local model reads it once for all of them."""

EXTRACT = (
    "List the people and the organizations (companies, institutions) named in this e-mail, "
    "and the things that someone is asked to do. Copy names exactly. Empty lists are fine."
)

EXTRACT_SMALL = "List what the reader of this e-mail is asked to do. An empty list is fine."

SUMMARIZE = "Summarize this e-mail in one sentence."

_REQUEST = re.compile(
    r"(?i)\b(?:please|could you|can you|would you|can anyone|could someone|does anyone|let me know|"
    r"let us know|"
    r"(?:you|we|i) (?:need|have) to|make sure|don't forget|remember to|send me|call me|reply to)\b"
)
_TITLED = re.compile(r"^(?:Mr|Mrs|Ms|Dr|Prof|Professor|Sir|Councillor|President|Senator|Judge)\.?\s+")


class SmallFindings(BaseModel):
    """What a small model is asked for: rules and embeddings find names better than it does."""

    action_items: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=2)]


class Findings(BaseModel):
    """What a large model is asked for; nothing in it is trusted yet."""

    people: list[str]
    organizations: list[str]
    action_items: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """What a text names. Every person, organisation and date occurs in it; action items keep to its words."""

    people: tuple[str, ...]
    organizations: tuple[str, ...]
    dates: tuple[str, ...]
    action_items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A mail's class, with the scores of all classes (together 1)."""

    label: str
    confidence: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A text in a sentence or two.

    Attributes:
        text: the summary.
        source: `model` when a model's sentence kept to the text; `extract` when it did not, and the text's
            own most telling sentence stands in for it.
    """

    text: str
    source: Literal["model", "extract"]


async def extract_entities(
    client: ModelClient,
    text: str,
    *,
    headers: Mapping[str, str] | None = None,
    stage: str | None = None,
    run: UUID | None = None,
) -> Entities:
    """People, organisations, dates and action items of a mail or document.

    A hosted model's names are kept when they occur in the text or the headers. With a small model names are
    proposed by rule (display names, attributions, signatures, capitalised words), judged by their embeddings,
    and joined by what the model adds.

    Args:
        client: asks the models.
        text: plain text.
        headers: a mail's headers by name; From, To, Cc and Subject are read.
        stage, run: on whose behalf.

    Raises:
        ModelError, FrameworkError: as `ModelClient.generate_object`.
    """
    headers, text = headers or {}, text[:READ_CHARACTERS]
    source = "\n".join([*headers.values(), text])
    findings = await _findings(client, text, headers=headers, stage=stage, run=run)
    people = [name for name in map(_plain, findings.people) if occurs(name, source)]
    organizations = [name for name in map(_plain, findings.organizations) if occurs(name, source)]
    if client.small:
        whole = without_footer(f"{headers.get('Subject', '')}\n{text[: 4 * SMALL_CHARACTERS]}")
        proposals = propose(whole, headers=headers)
        names = [each.name for each in proposals]
        judged = await client.classify_all(names, NAME_LABELS, stage=stage, run=run)
        people, organizations = _likely(list(zip(proposals, judged, strict=True)))
    people = _longest(people)
    taken = {name.casefold() for name in people}
    return Entities(
        people=tuple(people),
        organizations=tuple(name for name in _longest(organizations) if name.casefold() not in taken),
        dates=tuple(dates(text)),
        action_items=tuple(_actions(client, findings.action_items, text, source)),
    )


async def classify_mail(
    client: ModelClient,
    text: str,
    *,
    subject: str = "",
    labels: Labels = MAIL_LABELS,
    stage: str | None = None,
    run: UUID | None = None,
) -> Classification:
    """The class of a mail: support, sales or general, or one of your own labels.

    Args:
        client: asks the models.
        text: plain text.
        subject: the mail's subject, which tells much.
        labels: a description, or a description and examples, for each class.
        stage, run: on whose behalf.
    """
    body = text[:CLASSIFY_CHARACTERS] if client.small else text[:LARGE_CHARACTERS]
    found: Classified = await client.classify(f"{subject}\n{body}".strip(), labels, stage=stage, run=run)
    return Classification(label=found.label, confidence=found.confidence, scores=found.scores)


async def summarize(
    client: ModelClient,
    text: str,
    *,
    headers: Mapping[str, str] | None = None,
    stage: str | None = None,
    run: UUID | None = None,
) -> Summary:
    """A mail in a sentence or two, kept honest: see `Summary.source`.

    Args:
        client: asks the models.
        text: plain text; a text of fewer than twelve words is its own summary.
        headers: a mail's headers by name; From and Subject are read.
        stage, run: on whose behalf.
    """
    headers, text = headers or {}, text[:READ_CHARACTERS]
    if len(text.split()) < 12:
        return Summary(text=" ".join(text.split()) or "(empty)", source="extract")
    prompt = _mail(client, text, headers) + SUMMARIZE
    source = "\n".join([*headers.values(), text])
    for temperature in TEMPERATURES:
        answer = await client.generate_text(
            prompt,
            system=SYSTEM,
            max_tokens=48 if client.small else 200,
            temperature=temperature,
            stage=stage,
            run=run,
        )
        said = _statement(answer.text, subject=headers.get("Subject", ""))
        if said and (not answer.small or grounded(said, source)):
            return Summary(text=said, source="model")
        if not answer.small:
            break  # a large model that says nothing usable will not say more
    return Summary(text=await _telling(client, text, stage=stage, run=run), source="extract")


async def _findings(
    client: ModelClient, text: str, *, headers: Mapping[str, str], stage: str | None, run: UUID | None
) -> Findings:
    mail = _mail(client, text, headers)
    if not client.small:
        answer = await client.generate_object(
            mail + EXTRACT, returns=Findings, system=SYSTEM, stage=stage, run=run
        )
        return answer.value
    try:
        small = await client.generate_object(
            mail + EXTRACT_SMALL, returns=SmallFindings, system=SYSTEM, stage=stage, run=run
        )
    except AnswerInvalid:
        # A tiny model that repeats itself until it is cut has found nothing; the rules still have.
        return Findings(people=[], organizations=[], action_items=[])
    return Findings(people=[], organizations=[], action_items=small.value.action_items)


def _mail(client: ModelClient, text: str, headers: Mapping[str, str]) -> str:
    """The text as every task shows it: equal to the letter, so that its reading is shared."""
    limit = SMALL_CHARACTERS if client.small else LARGE_CHARACTERS
    told = "".join(f"{name}: {headers[name]}\n" for name in ("From", "Subject") if headers.get(name))
    return READ.format(text=f"{told}\n{clean(text, limit=limit)}".strip())


def _likely(judged: Sequence[tuple[Proposal, Classified]]) -> tuple[list[str], list[str]]:
    """The people and the organisations among the proposals: by strong evidence, or by a clear judgement."""
    people: list[str] = []
    organizations: list[str] = []
    for each, judgement in judged:
        person, body = judgement.scores[NameKind.PERSON], judgement.scores[NameKind.ORGANIZATION]
        if each.kind is NameKind.PERSON:
            people.append(each.name)
        elif body >= (SUPPORTED_ORGANIZATION if each.evidence is Evidence.SUFFIX else LIKELY_ORGANIZATION):
            organizations.append(each.name)
        elif person >= LIKELY_PERSON and " " in each.name and looks_like_person(each.name):
            people.append(each.name)
    return unique(people), unique(organizations)


def _actions(client: ModelClient, said: Sequence[str], text: str, source: str) -> list[str]:
    items = [" ".join(item.split()) for item in said]
    if not client.small:
        return [item for item in items if item]
    asked = [each for each in sentences(clean(text, limit=4 * SMALL_CHARACTERS)) if _REQUEST.search(each)]
    kept = [item for item in items if len(item.split()) > 2 and grounded(item, source, share=0.75)]
    return unique([*(each for each in asked if len(each) <= 200), *kept])[:4]


async def _telling(client: ModelClient, text: str, *, stage: str | None, run: UUID | None) -> str:
    """The sentence of the text that lies nearest to the whole of it."""
    body = clean(text, limit=SMALL_CHARACTERS)
    short = [each for each in sentences(body) if len(each) <= 240]
    candidates = ([each for each in short if each[-1] in ".!?"] or short)[:12]
    if not candidates:
        return body[:200].strip() or " ".join(text.split())[:200]
    whole, *rows = await client.embed([body, *candidates], stage=stage, run=run)
    nearness = [sum(a * b for a, b in zip(whole, row, strict=True)) for row in rows]
    return candidates[nearness.index(max(nearness))]


def _statement(answer: str, *, subject: str) -> str:
    """The first two finished sentences of an answer, each once; empty when they only repeat the subject."""
    finished = [each for each in sentences(answer.strip().strip("\"'"), shortest=20) if each[-1] in ".!?"]
    said = " ".join(unique(finished)[:2])
    return "" if not said or grounded(said, subject, share=0.8) or said.count('"') % 2 else said


def _plain(name: str) -> str:
    """A name without a title before it and marks around it."""
    return _TITLED.sub("", " ".join(name.split()).strip(" .,;:\"'<>()"))


def _longest(names: Sequence[str]) -> list[str]:
    """The names without those that are only a part of a longer one."""
    every = unique(map(_plain, names))
    return [name for name in every if not any(name != other and occurs(name, other) for other in every)]
