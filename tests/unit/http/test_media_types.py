"""Media types as clients write them."""

from __future__ import annotations

import pytest

from sorbus.http.media_types import accepted, media_type_of


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("application/json", [("application/json", 1.0)]),
        ("text/html, Application/JSON;q=0.5", [("text/html", 1.0), ("application/json", 0.5)]),
        ("a/b;q=0, */*; Q=0.1", [("*/*", 0.1)]),
        ("a/b;q=x, a/c;q=nan, a/d;q=inf, a/e;q=-1", []),
    ],
)
def test_an_accept_lists_what_it_does_not_refuse(accept: str, found: list[tuple[str, float]]) -> None:
    assert [(each.kind, each.weight) for each in accepted(accept)] == found
    assert all("q" not in each.parameters for each in accepted(accept))


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ("application/json", True),
        ('Application/JSON; charset="UTF-8"', True),
        ("application/json; charset=utf8; profile=x", True),
        ("application/json; charset=latin-1", False),
        ("application/ld+json", False),
        ("", False),
    ],
)
def test_json_is_read_in_utf_8(text: str, is_json: bool) -> None:
    assert media_type_of(text).is_json is is_json


def test_a_content_type_keeps_every_parameter() -> None:
    assert media_type_of("a/b; Q=1; profile=x").parameters == {"q": "1", "profile": "x"}
