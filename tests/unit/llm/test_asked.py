"""What a record keeps of its question: all of a short one, the ends of a long one, never more than allowed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.llm import MemorySink, Message, ModelClient, ModelConfig, ModelRequest
from sorbus.llm.asked import kept
from sorbus.testing.scripted import ScriptedProvider


def asked(*texts: str, schema: dict[str, Any] | None = None) -> ModelRequest:
    """A question to nobody."""
    turns = tuple(Message("user", each) for each in texts)
    return ModelRequest(provider="p", model="m", messages=turns, schema=schema, max_tokens=7, temperature=0.5)


def test_a_short_question_is_kept_as_it_is() -> None:
    schema = {"type": "object"}
    assert kept(asked("one", "zwei ü", schema=schema), limit=1000) == {
        "messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "zwei ü"}],
        "parameters": {"max_tokens": 7, "temperature": 0.5},
        "schema": schema,
    }


def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    assert kept(asked("one"), limit=0) is None


def test_the_longest_message_is_cut_in_its_middle_and_the_short_ones_stay() -> None:
    found = kept(asked("short", "a" * 500 + "z" * 5000, "also short"), limit=1000)
    assert found is not None
    first, long, last = found["messages"]
    assert (first["content"], last["content"]) == ("short", "also short")
    assert long["content"].startswith("aaa")
    assert long["end"].endswith("zzz")
    assert long["left_out"] == 5500 - len(long["content"]) - len(long["end"])
    assert 800 < len(long["content"]) + len(long["end"]) < 1000


def test_of_very_many_messages_those_in_the_middle_are_left_out() -> None:
    found = kept(asked(*(f"{number:04}" for number in range(1000))), limit=2560)
    assert found is not None
    texts = [each.get("content", each.get("left_out", "")) for each in found["messages"]]
    assert texts == [*(f"{n:04}" for n in range(5)), 990, *(f"{n:04}" for n in range(995, 1000))]


def test_a_schema_that_takes_most_of_the_room_is_left_out() -> None:
    schema = {"enum": ["x" * 600]}
    found = kept(asked("one", schema=schema), limit=1000)
    assert found is not None
    assert found["schema"] is None
    assert found["schema_left_out"] == len(msgspec.json.encode(schema))


@given(
    st.lists(st.text(alphabet="aä😀\n", max_size=3000), max_size=60),
    st.integers(min_value=1, max_value=8000),
)
def test_it_is_never_much_larger_than_allowed_and_says_what_is_missing(texts: list[str], limit: int) -> None:
    found = kept(asked(*texts), limit=limit)
    assert found is not None
    size = sum(
        len(each.get("content", "").encode()) + len(each.get("end", "").encode())
        for each in found["messages"]
    )
    assert size <= max(limit, 0)
    told = sum(each["left_out"] if "role" not in each else 1 for each in found["messages"])
    assert told == len(texts)
    whole = [each for each in found["messages"] if "role" in each]
    if len(whole) == len(texts):
        for each, text in zip(whole, texts, strict=True):
            start, end = each["content"], each.get("end", "")
            assert text.startswith(start)
            assert text.endswith(end)
            assert len(start) + len(end) + each.get("left_out", 0) == len(text)


@pytest.mark.parametrize(("keep", "there"), [(65_536, True), (0, False)])
async def test_a_record_keeps_its_question_as_the_configuration_says(keep: int, there: bool) -> None:
    sink = MemorySink()
    config = ModelConfig(model="scripted:any", keep_requests=keep)
    async with ModelClient(config, sink=sink, providers={"scripted": ScriptedProvider()}) as client:
        await client.generate_text("How are you?", system="Be brief.", max_tokens=20)
    (record,) = sink.records
    assert "How are you?" not in repr(record)
    if not there:
        assert record.request is None
        return
    assert record.request == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How are you?"}],
        "parameters": {"max_tokens": 20, "temperature": 0.0},
        "schema": None,
    }
