"""GraphQL schemas compared."""

from __future__ import annotations

import pytest

from sorbus.apis.contracts import Severity, compare_sdl
from sorbus.errors.graphql import MalformedContract

BEFORE = "type Query { a(x: Int): String b: Int e: E } enum E { ONE }"


def test_what_breaks_clients_is_told_first() -> None:
    after = "type Query { a(x: Int, y: Int!): String c: Int e: E } enum E { ONE TWO }"
    found = compare_sdl(BEFORE, after)
    assert [each.severity for each in found] == [Severity.BREAKING, Severity.BREAKING, Severity.RISKY]
    assert any("b was removed" in str(each) for each in found)
    assert "TWO was added" in found[-1].what


def test_what_is_new_breaks_nobody() -> None:
    (found,) = compare_sdl(BEFORE, BEFORE.replace("b: Int", "b: Int c: Int"))
    assert found.severity is Severity.COMPATIBLE
    assert compare_sdl(BEFORE, BEFORE) == []


def test_a_file_without_a_schema_is_told() -> None:
    with pytest.raises(MalformedContract):
        compare_sdl("typo Query", BEFORE)
