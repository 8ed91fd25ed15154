"""What a call has asked: as kept, not kept, hidden, or written by a later version."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sorbus import HIDDEN
from sorbus.llm.calls import LlmCall
from sorbus.web.asking import AskedView, Turn, asked_of


def call(request: Any) -> LlmCall:
    """A call of which only the question matters."""
    return cast("LlmCall", SimpleNamespace(request=request))


def test_a_hidden_question_is_not_shown() -> None:
    assert asked_of(call(HIDDEN)) == AskedView(hidden=True)


@pytest.mark.parametrize("request_", [None, [], "text", 3])
def test_what_is_no_question_is_none(request_: Any) -> None:
    assert asked_of(call(request_)) == AskedView()


def test_what_a_later_version_adds_is_left_out() -> None:
    told = {"messages": [{"role": "user", "content": "Hi", "tone": "kind"}, {"left_out": 4}], "more": 1}
    found = asked_of(call(told))
    assert found.messages == [Turn(role="user", content="Hi"), Turn(left_out=4)]
    assert (found.kept, found.parameters, found.schema) == (True, {}, None)
