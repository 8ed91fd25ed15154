"""Tools told in words: what a model without a protocol for them is asked, and how its answer is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sorbus.llm import Message, ModelRequest, Tool, ToolCall
from sorbus.llm.providers.base import Completion
from sorbus.llm.providers.spoken import either, spoken, understood

FILTER = {
    "type": "object",
    "properties": {
        "name": {"$ref": "#/$defs/Text"},
        "or": {"type": "array", "items": {"$ref": "#/$defs/Filter"}},
    },
}
FIND = Tool(
    name="order_find",
    description="Orders.",
    schema={
        "type": "object",
        "properties": {
            "number": {"type": "string", "pattern": "^(?!x)", "description": "d"},
            "format": {"$ref": "#/$defs/format"},
            "filter": {"$ref": "#/$defs/Filter"},
        },
        "required": ["number", "filter"],
        "$defs": {"Filter": FILTER, "Text": {"type": "string"}, "format": {"enum": ["a"]}},
    },
)
SHRED = Tool(name="order_shred", description="Away.", schema={"type": "object", "properties": {}})
ANSWER: dict[str, Any] = {"type": "object", "properties": {"note": {"$ref": "#/$defs/format"}}}
SCHEMA = {**ANSWER, "$defs": {"format": {"enum": ["b"]}}}


def asked(*turns: Message, tools: tuple[Tool, ...] = (FIND, SHRED)) -> ModelRequest:
    return ModelRequest(provider="p", model="m", messages=turns, schema=SCHEMA, tools=tools)


def test_the_answer_is_a_call_of_one_of_the_tools_or_the_answer() -> None:
    schema = either(asked())
    find, shred, answer = schema["anyOf"]
    assert find["properties"]["tool"] == {"const": "order_find"}
    assert shred["required"] == ["tool", "arguments"]
    assert answer["required"] == ["answer"]
    # What refers to itself is left out, and what a grammar cannot say; two definitions of one name stay two.
    arguments = find["properties"]["arguments"]
    assert arguments["properties"] == {"number": {"type": "string"}, "format": {"$ref": "#/$defs/format"}}
    assert arguments["required"] == ["number"]
    assert answer["properties"]["answer"]["properties"]["note"] == {"$ref": "#/$defs/format2"}
    assert schema["$defs"] == {"format": {"enum": ["a"]}, "format2": {"enum": ["b"]}}


def test_it_is_told_of_the_tools_after_its_instructions() -> None:
    found = spoken(asked(Message("system", "Be brief."), Message("user", "hi")))
    system, user = found.messages
    assert system.content.startswith(
        "Be brief.\n\nYou can use these tools:\n- order_find(number, format, filter): Orders."
    )
    assert user == Message("user", "hi")
    assert found.tools == ()
    alone = spoken(asked(Message("user", "hi"))).messages
    assert [each.role for each in alone] == ["system", "user"]


def test_earlier_calls_and_results_are_told_in_the_words_that_it_uses_itself() -> None:
    call = ToolCall("call00101", "order_find", '{"number":"1"}')
    turns = (Message("assistant", "", calls=(call,)), Message("tool", "{}", answers="call00101"))
    for tools in ((FIND,), ()):
        *_, said, result = spoken(asked(Message("system", "s"), *turns, tools=tools)).messages
        assert json.loads(said.content) == {"tool": "order_find", "arguments": {"number": "1"}}
        assert result == Message("user", "Result: {}")


def test_a_question_without_tools_stays_as_it_is() -> None:
    request = asked(Message("user", "hi"), tools=())
    assert spoken(request) == request
    assert understood(request, Completion(text='{"tool": "x"}')).text == '{"tool": "x"}'


@pytest.mark.parametrize(
    ("text", "answer", "calls"),
    [
        ('{"answer": {"note": "b"}}', '{"note":"b"}', ()),
        ('{"tool": "order_find", "arguments": {"number": "1"}}', "", (ToolCall("", "order_find", '{"number":"1"}'),)),
        ('{"tool": "order_find"}', "", (ToolCall("", "order_find", "{}"),)),
        ('{"tool": 3, "arguments": 4}', "", (ToolCall("", "3", "4"),)),
        ("no JSON", "no JSON", ()),
        ("[1]", "[1]", ()),
        ('{"other": 1}', '{"other": 1}', ()),
        ('{"answer": {"note": "b', '{"answer": {"note": "b', ()),
    ],
)  # fmt: skip
def test_what_it_says_is_understood(text: str, answer: str, calls: tuple[ToolCall, ...]) -> None:
    found = understood(asked(), Completion(text=text, cut=True))
    assert (found.text, found.calls, found.cut) == (answer, calls, True)
