"""GraphQL schemas compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    get_named_type,
    is_input_object_type,
    is_object_type,
)

from sorbus.apis.contracts.changes import Change, Severity
from sorbus.errors.graphql import MalformedContract

_WHERE = "GraphQL"
_COORDINATE = re.compile(r"\b([_A-Za-z]\w*)(?:\.([_A-Za-z]\w*))?")
_WORDS = frozenset({"A", "An", "Argument", "Directive", "Enum", "Field", "Type"})
_MOST_NAMED = 3


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
        *(
            _change(each.description, Severity.BREAKING, whom=_whom(before, each.description))
            for each in find_breaking_changes(before, after)
        ),
        *(_change(each.description, Severity.RISKY) for each in find_dangerous_changes(before, after)),
    ]
    if not found and old != new:
        found.append(_change("Something is new or described in other words.", Severity.COMPATIBLE))
    return found


def _change(description: str, severity: Severity, *, whom: str = "") -> Change:
    return Change(severity=severity, where=_WHERE, what=description.removesuffix("."), whom=whom)


def _whom(schema: GraphQLSchema, description: str) -> str:
    """The clients that notice a change, from the sentence about it: what they ask for, or send, and where."""
    found = [(each[1], each[2] or "") for each in _COORDINATE.finditer(description)]
    # A member before a type, and both before the words of the sentence, after which a type may be called.
    found.sort(key=lambda each: (not each[1], each[0] in _WORDS))
    for name, member in found:
        kind = schema.type_map.get(name)
        if kind is not None:
            return _clients(schema, kind, member)
    return "clients that use it"


def _clients(schema: GraphQLSchema, kind: GraphQLNamedType, member: str) -> str:
    for operation, root in _roots(schema):
        if root is kind and member:
            return f"clients that send the {operation} `{member}`"
    whole = f"{kind.name}.{member}" if member else kind.name
    taken = [name for name, each in _arguments(schema) if _holds(each, kind)]
    if taken:
        places = ", ".join(f"`{each}`" for each in taken[:_MOST_NAMED])
        more = f" and {len(taken) - _MOST_NAMED} more" if len(taken) > _MOST_NAMED else ""
        sent = kind.name if is_input_object_type(kind) else whole
        return f"clients that send `{sent}` with {places}{more}"
    return f"clients that ask for `{whole}`"


def _roots(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLNamedType]]:
    for name in ("query", "mutation", "subscription"):
        root = getattr(schema, f"{name}_type")
        if root is not None:
            yield name, root


def _arguments(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLNamedType]]:
    """The types of what fields take, each with the field: those of the operations by their names alone."""
    roots = [root for _, root in _roots(schema)]
    others = [each for each in schema.type_map.values() if each not in roots]
    for kind in (*roots, *others):
        if is_object_type(kind):
            for name, field in kind.fields.items():
                for argument in field.args.values():
                    yield name if kind in roots else f"{kind.name}.{name}", get_named_type(argument.type)


def _holds(given: GraphQLNamedType, wanted: GraphQLNamedType) -> bool:
    """Whether an input is of a type, or holds one somewhere inside."""
    seen: set[str] = set()
    left = [given]
    while left:
        each = left.pop()
        if each is wanted:
            return True
        if isinstance(each, GraphQLInputObjectType) and each.name not in seen:
            seen.add(each.name)
            left += [get_named_type(field.type) for field in each.fields.values()]
    return False
