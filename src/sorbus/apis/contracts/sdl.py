"""GraphQL schemas compared."""

from __future__ import annotations

from graphql import GraphQLError, build_schema, find_breaking_changes, find_dangerous_changes

from sorbus.apis.contracts.changes import Change, Severity
from sorbus.errors.graphql import MalformedContract

_WHERE = "GraphQL"


def compare_sdl(old: str, new: str) -> list[Change]:
    """What clients of one schema may notice when it becomes another, the worst first.

    Args:
        old, new: in the schema definition language.

    Raises:
        MalformedContract: `old` is no schema.
    """
    try:
        before, after = build_schema(old), build_schema(new)
    except (GraphQLError, TypeError) as error:
        raise MalformedContract(str(error)) from None
    found = [
        *(_change(each.description, Severity.BREAKING) for each in find_breaking_changes(before, after)),
        *(_change(each.description, Severity.RISKY) for each in find_dangerous_changes(before, after)),
    ]
    if not found and old != new:
        found.append(_change("Something is new or described in other words.", Severity.COMPATIBLE))
    return found


def _change(description: str, severity: Severity) -> Change:
    whom = "clients that ask for it" if severity is Severity.BREAKING else ""
    return Change(severity=severity, where=_WHERE, what=description.removesuffix("."), whom=whom)
