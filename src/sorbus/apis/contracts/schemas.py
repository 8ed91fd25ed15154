"""JSON Schemas compared: what a client may no longer send, and what it may no longer rely on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from sorbus.apis.contracts.changes import Severity

Schema = Any
Difference = tuple[Severity, str, str]
"""How bad it is, where in the value, and what it is."""

_UNIONS = ("anyOf", "oneOf")
_SCALE = {"minimum": 1, "exclusiveMinimum": 1, "minLength": 1, "minItems": 1, "minProperties": 1}
_CEILING = {"maximum": 1, "exclusiveMaximum": 1, "maxLength": 1, "maxItems": 1, "maxProperties": 1}
_EXACT = ("pattern", "format", "multipleOf", "contentEncoding", "contentMediaType")
_UNREAD = ("allOf", "not", "if", "then", "else", "patternProperties", "prefixItems", "propertyNames")
DEEPEST = 40


class Direction(StrEnum):
    """Who sends the value: `SENT` by clients, `SHOWN` to them."""

    SENT = "sent"
    SHOWN = "shown"


@dataclass(slots=True)
class SchemaComparison:
    """Compares the schemas of two versions of a document.

    Attributes:
        old, new: the documents that references point into.
    """

    old: Mapping[str, Any]
    new: Mapping[str, Any]
    _open: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])

    def compare(
        self, old: Schema, new: Schema, direction: Direction, place: str = "", depth: int = 0
    ) -> Iterator[Difference]:
        """The differences that a client notices, which sends or reads such values."""
        names = (_name(old), _name(new), direction.value)
        if depth > DEEPEST or (all(names[:2]) and names in self._open):
            return
        self._open.add(names)
        try:
            yield from self._compare(
                _resolved(self.old, old), _resolved(self.new, new), direction, place, depth + 1
            )
        finally:
            self._open.discard(names)

    def _compare(
        self, old: Schema, new: Schema, direction: Direction, place: str, depth: int
    ) -> Iterator[Difference]:
        if old == new and not _refers(old):
            return
        one, other = _branches(old), _branches(new)
        if len(one) > 1 or len(other) > 1:
            yield from self._unions(one, other, direction, place, depth)
            return
        old, new = _resolved(self.old, one[0]), _resolved(self.new, other[0])
        differences = list(_values(old, new, direction, place))
        yield from differences
        if any(severity is Severity.BREAKING for severity, _, _ in differences):
            return
        yield from _limits(old, new, direction, place)
        for keyword in _UNREAD:
            if old.get(keyword) != new.get(keyword):
                yield Severity.RISKY, place, f"has other rules (`{keyword}`)"
        if "items" in old or "items" in new:
            yield from self.compare(
                old.get("items", {}), new.get("items", {}), direction, f"{place}[]", depth
            )
        yield from self._members(old, new, direction, place, depth)
        for keyword in ("additionalProperties",):
            before, after = old.get(keyword, True), new.get(keyword, True)
            if isinstance(before, dict) and isinstance(after, dict):
                yield from self.compare(before, after, direction, f"{place}.*", depth)
            elif before is not False and after is False and direction is Direction.SENT:
                yield Severity.BREAKING, place, "takes no further members"

    def _members(
        self, old: Schema, new: Schema, direction: Direction, place: str, depth: int
    ) -> Iterator[Difference]:
        before: Mapping[str, Any] = old.get("properties", {})
        after: Mapping[str, Any] = new.get("properties", {})
        needed = (set(old.get("required", ())), set(new.get("required", ())))
        for name in sorted(before.keys() | after.keys()):
            at = f"{place}.{name}".lstrip(".")
            if name not in after:
                yield Severity.BREAKING, at, "is removed"
            elif name not in before:
                added = name in needed[1] and direction is Direction.SENT
                severity = Severity.BREAKING if added else Severity.COMPATIBLE
                yield severity, at, "is new and required" if added else "is new"
            else:
                yield from self.compare(before[name], after[name], direction, at, depth)
        for name in sorted((needed[1] - needed[0]) & before.keys()):
            if direction is Direction.SENT:
                yield Severity.BREAKING, f"{place}.{name}".lstrip("."), "is required now"
        for name in sorted((needed[0] - needed[1]) & after.keys()):
            if direction is Direction.SHOWN:
                yield Severity.BREAKING, f"{place}.{name}".lstrip("."), "may be missing now"

    def _unions(
        self,
        old: Sequence[Schema],
        new: Sequence[Schema],
        direction: Direction,
        place: str,
        depth: int,
    ) -> Iterator[Difference]:
        """Each alternative that may come must be one that is understood."""
        coming, understood = (old, new) if direction is Direction.SENT else (new, old)
        for each in coming:
            best: list[Difference] | None = None
            for other in understood:
                pair = (each, other) if direction is Direction.SENT else (other, each)
                found = list(self.compare(*pair, direction, place, depth))
                if best is None or _badness(found) < _badness(best):
                    best = found
            if best is None:
                continue
            alike = [other for other in understood if _kind(other) == _kind(each)]
            if _badness(best) >= _WORST and not alike:
                kind = _shown(each)
                what = f"takes no {kind} any more" if direction is Direction.SENT else f"may be {kind} now"
                yield Severity.BREAKING, place, what
            else:
                yield from best


_WORST = 100


def _badness(found: Iterable[Difference]) -> int:
    return sum(
        {Severity.BREAKING: _WORST, Severity.RISKY: 1, Severity.COMPATIBLE: 0}[each[0]] for each in found
    )


def _name(schema: Schema) -> str:
    return str(cast("Mapping[str, Any]", schema).get("$ref", "")) if isinstance(schema, dict) else ""


def _refers(schema: Schema) -> bool:
    """Whether something lies behind a reference, so that equal texts may mean different things."""
    if isinstance(schema, dict):
        members = cast("Mapping[str, Any]", schema)
        return "$ref" in members or any(map(_refers, members.values()))
    return isinstance(schema, list) and any(map(_refers, cast("Sequence[Any]", schema)))


def _resolved(document: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """A schema without references at its top, and without `allOf` around a single one."""
    if schema is True:
        return {}
    if schema is False:
        return {"not": {}}
    found = cast("dict[str, Any]", schema)
    for _ in range(DEEPEST):
        whole: list[Any] = found.get("allOf", [])
        if "$ref" in found:
            inner = referred(document, str(found["$ref"]))
        elif len(whole) == 1:
            inner = cast("dict[str, Any]", whole[0])
        else:
            break
        found = {**inner, **{name: each for name, each in found.items() if name not in {"$ref", "allOf"}}}
    return found


def referred(document: Mapping[str, Any], reference: str) -> dict[str, Any]:
    """What a reference inside a document points to."""
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part.replace("~1", "/").replace("~0", "~"), {})
    found: dict[str, Any] = node
    return found


def _branches(schema: dict[str, Any]) -> list[Any]:
    """The alternatives of a schema; itself when it has none."""
    for keyword in _UNIONS:
        # Rules about which members go together are no alternatives of the value.
        if keyword in schema and "properties" not in schema:
            rest = {
                name: value
                for name, value in schema.items()
                if name not in {keyword, "description", "default"}
            }
            return [{**each, **rest} if rest else each for each in schema[keyword]]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": each} for each in cast("list[str]", kinds)]
    return [schema]


def _allowed(schema: dict[str, Any]) -> list[Any] | None:
    """The only values, or None when they are not counted."""
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] | None = schema.get("enum")
    return found


def _kind(schema: Schema) -> Any:
    """What tells alternatives apart: a reference, the type, or the mark of a union's member."""
    members = cast("dict[str, Any]", schema)
    properties: dict[str, dict[str, Any]] = members.get("properties", {})
    marks = [str(each["const"]) for each in properties.values() if "const" in each]
    return members.get("$ref") or (members.get("type"), *marks)


def _shown(schema: Schema) -> str:
    members = cast("dict[str, Any]", schema)
    found = str(members.get("$ref", "")).rpartition("/")[2] or members.get("type")
    allowed = _allowed(members)
    return f"`{found or (allowed[0] if allowed else 'value')}`"


def _values(
    old: dict[str, Any], new: dict[str, Any], direction: Direction, place: str
) -> Iterator[Difference]:
    """Differences in types and in the values that are counted."""
    sent = direction is Direction.SENT
    coming, understood = (old, new) if sent else (new, old)
    kind, other = coming.get("type"), understood.get("type")
    if kind != other and other is not None and not (kind == "integer" and other == "number"):
        yield Severity.BREAKING, place, f"is {_typed(new)} and was {_typed(old)}"
        return
    before, after = _allowed(old), _allowed(new)
    if before == after:
        return
    if before is None or after is None:
        tightened = (after if sent else before) is not None
        if tightened:
            yield (
                Severity.BREAKING,
                place,
                "takes certain values only now" if sent else "may be any value now",
            )
        return
    gone = [each for each in before if each not in after]
    fresh = [each for each in after if each not in before]
    for each in gone:
        severity = Severity.BREAKING if sent else Severity.COMPATIBLE
        yield severity, place, f"has no value {each!r} any more"
    for each in fresh:
        severity = Severity.COMPATIBLE if sent else Severity.RISKY
        yield severity, place, f"has a new value {each!r}"


def _typed(schema: dict[str, Any]) -> str:
    return str(schema.get("type", "any value"))


def _limits(
    old: dict[str, Any], new: dict[str, Any], direction: Direction, place: str
) -> Iterator[Difference]:
    """Differences in bounds and forms."""
    sent = direction is Direction.SENT
    tighter: list[tuple[Mapping[str, int], Callable[[Any, Any], bool]]] = [
        (_SCALE, lambda before, after: after > before),
        (_CEILING, lambda before, after: after < before),
    ]
    for keywords, is_tighter in tighter:
        for keyword in keywords:
            before, after = old.get(keyword), new.get(keyword)
            if before == after:
                continue
            one, other = (before, after) if sent else (after, before)
            narrowed = other is not None and (one is None or is_tighter(one, other))
            if narrowed and sent:
                yield (
                    Severity.BREAKING,
                    place,
                    f"has the limit `{keyword}` {after} now, and had {_or_none(before)}",
                )
            elif narrowed:
                yield Severity.RISKY, place, f"is no longer held to `{keyword}` {before}"
    for keyword in _EXACT:
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        if sent and after is not None:
            yield Severity.BREAKING, place, f"must have the {keyword} `{after}` now"
        elif not sent and before is not None:
            yield Severity.BREAKING, place, f"has no longer the {keyword} `{before}`"
    if sent and new.get("uniqueItems") and not old.get("uniqueItems"):
        yield Severity.BREAKING, place, "takes each item only once now"


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)
