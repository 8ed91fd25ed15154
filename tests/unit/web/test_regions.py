"""What has changed since a version, whoever asks and however late."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sorbus.web.regions import PARTS, Board, Region, event


def region(name: str, text: str, **parts: str) -> Region:
    inner = tuple(Region(id=each, html=f"<i id={each}>{value}</i>") for each, value in parts.items())
    return Region(id=name, html=f"<div id={name}>{text}{PARTS if inner else ''}</div>", parts=inner)


def targets(patch: bytes) -> list[str]:
    return re.findall(r'hx-target="#([^"]+)"', patch.decode())


def test_the_first_patch_is_everything_and_later_ones_are_what_has_changed() -> None:
    board = Board()
    assert board.put([region("head", "1"), region("rows", "", a="x", b="y")])
    assert targets(board.patch(0)) == ["head", "rows"]
    assert "<i id=a>x</i><i id=b>y</i>" in board.patch(0).decode()

    assert board.put([region("head", "2"), region("rows", "", a="x", b="z")])
    assert targets(board.patch(1)) == ["head", "b"]
    assert not board.put([region("head", "2"), region("rows", "", a="x", b="z")])
    assert board.version == 2


def test_a_region_whose_parts_are_others_is_sent_whole() -> None:
    board = Board()
    board.put([region("rows", "", a="x", b="y")])
    for parts in ({"b": "y", "a": "x"}, {"b": "y"}, {"c": "new", "b": "y"}):
        before = board.version
        assert board.put([region("rows", "", **parts)])
        assert targets(board.patch(before)) == ["rows"]


def test_the_same_bytes_go_to_all_readers_that_know_the_same() -> None:
    board = Board()
    board.put([region("head", "1")])
    assert board.patch(0) is board.patch(0)
    board.put([region("head", "2")])
    assert b"2" in board.patch(0)


def test_an_event_is_one_whatever_lines_its_data_has() -> None:
    assert event("a\nb\r\nc", number=7) == b"id: 7\ndata: a\ndata: b\ndata: c\n\n"


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), min_size=1), min_size=1, max_size=8
    ),
    st.data(),
)
def test_a_reader_that_skips_versions_ends_up_with_the_newest_state(
    states: list[dict[str, str]], data: st.DataObject
) -> None:
    """A page of parts that are patched in as a browser does it, at times of its own, is the newest at the end."""
    board = Board()
    seen, shown = 0, dict[str, str]()
    for number, state in enumerate(states):
        board.put([region("rows", "", **state)])
        if number == len(states) - 1 or data.draw(st.booleans()):
            patch = board.patch(seen).decode()
            for target, html in re.findall(r'hx-target="#(\w+)"[^>]*>(.*?)</hx-partial>', patch):
                parts = dict(re.findall(r"<i id=(\w)>(\w)</i>", html))
                shown = parts if target == "rows" else {**shown, **parts}
            seen = board.version
    assert shown == states[-1]
    assert list(shown) == list(states[-1])
