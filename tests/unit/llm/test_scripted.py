from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from sorbus.llm.client import ModelClient
from sorbus.llm.schemas import returns_of
from sorbus.testing.scripted import ScriptedProvider, pieces, smallest_json


class Inner(BaseModel):
    name: str
    kind: str | None


class Outer(BaseModel):
    inner: Inner
    numbers: list[int]


async def test_a_scripted_model_answers_text_objects_streams_and_classes() -> None:
    provider = ScriptedProvider()
    async with ModelClient("scripted:any", providers={"scripted": provider}) as client:
        assert (await client.generate_text("hi")).text == "ok"
        assert (await client.generate_object("hi", returns=Outer)).value.inner.name == ""
        assert [piece async for piece in client.stream_text("hi")] == ["ok"]
        assert (await client.classify("hi", {"a": "A", "b": "B"})).label == "a"
    assert len(provider.requests) == 4


@pytest.mark.parametrize("text", ["", "one", "one two  three ", " lead"])
def test_pieces_join_to_their_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_the_smallest_value_fits_its_schema() -> None:
    returns = returns_of(Outer)
    assert returns.read(smallest_json(returns.schema)) == Outer(inner=Inner(name="", kind=""), numbers=[])
    assert json.loads(smallest_json({"type": "array", "minItems": 2, "items": {"type": "boolean"}})) == [
        False,
        False,
    ]
