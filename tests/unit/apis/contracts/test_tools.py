"""MCP tools compared."""

from __future__ import annotations

from typing import Any

from sorbus.apis.contracts import Severity, compare_tools


def tool(name: str = "note_write", **more: Any) -> dict[str, Any]:
    """A tool that takes a title, by way of a definition, and answers with one."""
    title = {"type": "string", "maxLength": 40}
    return {
        "name": name,
        "title": "Write",
        "inputSchema": {
            "type": "object",
            "properties": {"title": {"$ref": "#/$defs/Title"}},
            "$defs": {"Title": title},
        },
        "outputSchema": {"type": "object", "properties": {"title": title}, "required": ["title"]},
        **more,
    }


def told(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[tuple[Severity, str]]:
    """The changes, without who notices."""
    return [(each.severity, f"{each.where} {each.place} {each.what}") for each in compare_tools(old, new)]


def test_equal_tools_are_equal() -> None:
    assert told([tool()], [tool()]) == []


def test_a_tool_that_is_gone_breaks_and_a_new_one_does_not() -> None:
    found = told([tool()], [tool("note_add")])
    assert found == [
        (Severity.BREAKING, "tool note_write  is removed"),
        (Severity.COMPATIBLE, "tool note_add  is new"),
    ]


def test_narrower_arguments_and_answers_with_less_break() -> None:
    old, new = tool(), tool()
    new["inputSchema"]["$defs"] = {"Title": {"type": "string", "maxLength": 20}}
    new["outputSchema"] = {"type": "object", "properties": {}}
    found = told([old], [new])
    assert {severity for severity, _ in found} == {Severity.BREAKING}
    assert any("arguments.title has the limit `maxLength` 20 now" in what for _, what in found), found
    assert any("answer.title is removed" in what for _, what in found), found


def test_what_a_model_reads_is_told() -> None:
    assert told([tool()], [tool(description="Write it.")]) == [
        (Severity.COMPATIBLE, "tool note_write  has another description")
    ]
