from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sorbus.llm.providers.sse import ServerEvent, SseDecoder

STREAM = 'event: a\ndata: {"x": 1}\n\n: comment\ndata: two\r\ndata: lines ä\r\n\r\ndata: [DONE]\n\n'.encode()
EVENTS = [ServerEvent("a", '{"x": 1}'), ServerEvent("", "two\nlines ä"), ServerEvent("", "[DONE]")]


@given(st.lists(st.integers(min_value=1, max_value=len(STREAM) - 1), max_size=8))
def test_events_are_the_same_however_the_bytes_arrive(cuts: list[int]) -> None:
    decoder = SseDecoder()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [event for start, end in pairwise(edges) for event in decoder.feed(STREAM[start:end])]
    assert found == EVENTS


def test_an_unfinished_event_is_not_given() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: half") == []
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"\n") == [ServerEvent("", "half")]
