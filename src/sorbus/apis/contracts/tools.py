"""MCP tools compared, tool by tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sorbus.apis.contracts.changes import Change, Severity
from sorbus.apis.contracts.schemas import Direction, SchemaComparison

_PARTS = (("inputSchema", Direction.SENT, "arguments"), ("outputSchema", Direction.SHOWN, "answer"))


def compare_tools(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Change]:
    """What is different between two lists of tools, the worst first.

    Args:
        old, new: as `tools/list` gives them.
    """
    order = list(Severity)
    found = dict.fromkeys(
        _changes({each["name"]: each for each in old}, {each["name"]: each for each in new})
    )
    return sorted(found, key=lambda each: order.index(each.severity))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        where = f"tool {name}"
        whom = f"models and programs that call {name}"
        if name not in new:
            yield Change(severity=Severity.BREAKING, where=where, what="is removed", whom=whom)
        elif name not in old:
            yield Change(severity=Severity.COMPATIBLE, where=where, what="is new")
        else:
            yield from _tool(where, whom, old[name], new[name])


def _tool(where: str, whom: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for member, direction, part in _PARTS:
        before, after = old.get(member, {}), new.get(member, {})
        for severity, place, what in SchemaComparison(before, after).compare(before, after, direction):
            at = f"{part}.{place}".rstrip(".")
            told = whom if severity is Severity.BREAKING else ""
            yield Change(severity=severity, where=where, place=at, what=what, whom=told)
    for member in ("title", "description", "annotations"):
        if old.get(member) != new.get(member):
            yield Change(severity=Severity.COMPATIBLE, where=where, what=f"has another {member.rstrip('s')}")
