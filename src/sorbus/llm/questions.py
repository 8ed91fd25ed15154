"""A question to whichever model of a chain gets to answer, and what follows when the answer does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from sorbus.errors.llm import AnswerInvalid
from sorbus.llm.config import ModelRef
from sorbus.llm.ledger import Origin
from sorbus.llm.messages import CallKind, Message, ModelRequest, Schema, Tool, ToolCall, turn_text
from sorbus.llm.providers.base import Completion, Provider
from sorbus.llm.schemas import Returns, problems

REPAIR = "Your answer does not fit: {problems}. Answer again, completely, with JSON that follows the schema."


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of whichever model of the chain gets to answer."""

    messages: tuple[Message, ...]
    kind: CallKind
    origin: Origin
    max_tokens: int | None = None
    temperature: float = 0.0
    schema: Schema | None = None
    tools: tuple[Tool, ...] = ()

    def to(self, ref: ModelRef, provider: Provider) -> ModelRequest:
        """The question to one model."""
        return ModelRequest(
            provider=ref.provider,
            model=provider.canonical(ref.model),
            messages=self.messages,
            schema=self.schema,
            tools=self.tools,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            kind=self.kind,
        )


def repaired(request: ModelRequest, answer: str, faults: Sequence[str]) -> ModelRequest:
    """The question that asks for a better answer than the one that did not fit; tools have been used by then."""
    told = REPAIR.format(problems="; ".join(faults[:4]))
    turns = (*request.messages, Message("assistant", answer or "(nothing)"), Message("user", told))
    return replace(request, messages=turns, tools=())


def unfit(
    request: ModelRequest, wanted: Returns[Any], completion: Completion, error: ValueError
) -> AnswerInvalid:
    """What is wrong with an answer that does not fit."""
    faults = [*problems(error), *(["it was cut at max_tokens"] if completion.cut else [])]
    return AnswerInvalid(request.name, returns=wanted.name, problems=faults, answer=completion.text)


def said(request: ModelRequest, completion: Completion) -> str:
    """What a model said, for the record: the text, or in a turn with tools what it says of both."""
    return turn_text(completion.calls, completion.text) if request.tools else completion.text


class _Heard(msgspec.Struct):
    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    answer: str = ""


def heard(request: ModelRequest, response: str) -> Completion:
    """What a model said, from the record of it."""
    if not request.tools:
        return Completion(text=response)
    try:
        found = msgspec.json.decode(response, type=_Heard)
    except msgspec.MsgspecError:
        return Completion(text=response)
    return Completion(text=found.text or found.answer, calls=found.calls)
