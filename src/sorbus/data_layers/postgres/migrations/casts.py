"""SQL type names: one spelling each, and what a change from one type to another does to the data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ALIASES = {
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "bool": "boolean",
    "float8": "double precision",
    "float": "double precision",
    "float4": "real",
    "decimal": "numeric",
    "varchar": "character varying",
    "char": "character",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
}
_FORM = re.compile(
    r"(?P<head>[^()\[\]]*?)\s*(?P<params>\([^)]*\))?(?P<tail>[^()\[\]]*)(?P<array>(\[\d*\])*)\Z"
)


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type taken apart: `numeric(12,6)[]` is base `numeric`, params `(12,6)`, array True."""

    base: str
    params: tuple[int | str, ...] = ()
    array: bool = False


def parse_type(text: str) -> SqlType:
    """The type in PostgreSQL's own spelling: `timestamptz(3)` is `timestamp(3) with time zone`."""
    cleaned = " ".join(text.split())
    if '"' not in cleaned:
        cleaned = cleaned.lower()
    match = _FORM.match(cleaned)
    if match is None:
        return SqlType(cleaned)
    base = f"{match['head']}{match['tail']}".strip()
    params = tuple(_param(each) for each in match["params"].strip("()").split(",")) if match["params"] else ()
    base = _ALIASES.get(base, base)
    if base in {"character", "bit"} and not params:
        params = (1,)
    return SqlType(base, params, bool(match["array"]))


def _param(text: str) -> int | str:
    stripped = text.strip()
    return int(stripped) if stripped.lstrip("-").isdigit() else stripped


def same_type(one: str, other: str) -> bool:
    """Whether two spellings name one type."""
    return one == other or parse_type(one) == parse_type(other)


class Change(StrEnum):
    """What a change of type does to the rows that are there."""

    SAFE = "safe"
    """Every value survives."""
    CHECKED = "checked"
    """Every value survives or the migration fails and changes nothing."""
    LOSSY = "lossy"
    """Values may be rounded or cut."""
    UNKNOWN = "unknown"
    """No cast is known; the developer has to give one."""


@dataclass(frozen=True, slots=True)
class Cast:
    """How to change a column's type: `using` has a place `{column}`; None is PostgreSQL's own cast."""

    change: Change
    using: str | None = None


_INTEGERS = ("smallint", "integer", "bigint")
_TEXTS = ("character varying", "text", "citext", "character")
_NUMBERS = (*_INTEGERS, "numeric", "real", "double precision")
_EXACT_FLOATS = {("smallint", "real"), ("smallint", "double precision"), ("integer", "double precision")}
_EXACT_FLOATS.add(("real", "double precision"))
_LOSSY = {
    ("timestamp with time zone", "date"),
    ("timestamp without time zone", "date"),
    ("timestamp with time zone", "time without time zone"),
    ("timestamp without time zone", "time without time zone"),
}
_ZONES = {
    ("timestamp without time zone", "timestamp with time zone"),
    ("timestamp with time zone", "timestamp without time zone"),
    ("date", "timestamp with time zone"),
}
_ROUNDED = {
    "numeric",
    "timestamp with time zone",
    "timestamp without time zone",
    "time with time zone",
    "time without time zone",
    "interval",
}
_PLAIN_SAFE = {
    ("date", "timestamp without time zone"),
    ("json", "jsonb"),
    ("jsonb", "json"),
    ("boolean", "integer"),
    ("int4range", "int8range"),
}
_TEXT_READABLE = frozenset(
    {"uuid", "jsonb", "json", "boolean", "date", "inet", "interval", *_NUMBERS}
    | {name for pair in _ZONES for name in pair}
)


def cast_between(old: str, new: str) -> Cast:
    """How a column of type `old` becomes `new`. Times without a zone are taken to be UTC."""
    one, other = parse_type(old), parse_type(new)
    if one.base == other.base and one.array == other.array:
        return _same_base(one, other)
    if other.base in _TEXTS and not other.array:
        return _to_text(one, other, new)
    if one.array and other.array:
        return _items(one, other, new)
    if one.array or other.array:
        return Cast(Change.UNKNOWN)
    if one.base in _NUMBERS and other.base in _NUMBERS:
        return _numbers(one, other)
    return _by_pair(one.base, other.base, new)


def _items(one: SqlType, other: SqlType, new: str) -> Cast:
    """An array becomes another where its items do by a cast that is written the same for arrays."""
    found = cast_between(one.base, other.base)
    plain = found.using is None or found.using == f"{{column}}::{other.base}"
    return Cast(found.change, f"{{column}}::{new}") if plain else Cast(Change.UNKNOWN)


def _to_text(one: SqlType, other: SqlType, new: str) -> Cast:
    # PostgreSQL's own cast refuses what is too long, an explicit one would cut it off.
    known_text = one.base in _TEXTS and not one.array
    if other.params:
        return Cast(Change.CHECKED, None if known_text else "{column}::text")
    return Cast(Change.SAFE, None if known_text else f"{{column}}::{new}")


def _by_pair(one: str, other: str, new: str) -> Cast:
    pair = (one, other)
    if pair in _ZONES:
        inner = "{column}::timestamp" if one == "date" else "{column}"
        return Cast(Change.SAFE, f"{inner} AT TIME ZONE 'UTC'")
    if pair in _LOSSY:
        zone = " AT TIME ZONE 'UTC'" if "with time zone" in one else ""
        return Cast(Change.LOSSY, f"({{column}}{zone})::{new}")
    if pair in _PLAIN_SAFE:
        return Cast(Change.SAFE, f"{{column}}::{new}")
    readable = one in _TEXTS and other in _TEXT_READABLE
    return Cast(Change.CHECKED, f"{{column}}::{new}") if readable else Cast(Change.UNKNOWN)


def _same_base(one: SqlType, other: SqlType) -> Cast:
    if not other.params and one.base != "vector":
        return Cast(Change.SAFE)
    sizes = [each for each in (*one.params, *other.params) if isinstance(each, int)]
    if one.base == "numeric" and one.params and len(sizes) == len(one.params) + len(other.params):
        old_scale = one.params[1] if len(one.params) > 1 else 0
        new_scale = other.params[1] if len(other.params) > 1 else 0
        return Cast(Change.CHECKED if int(new_scale) >= int(old_scale) else Change.LOSSY)
    if one.base in _ROUNDED:
        wider = bool(one.params) and len(sizes) == 2 and sizes[1] >= sizes[0]
        return Cast(Change.SAFE if wider else Change.LOSSY)
    if one.base in _TEXTS and one.params and len(sizes) == 2 and sizes[1] >= sizes[0]:
        return Cast(Change.SAFE)
    return Cast(Change.CHECKED)


def _numbers(one: SqlType, other: SqlType) -> Cast:
    if one.base in _INTEGERS and other.base in _INTEGERS:
        return Cast(
            Change.SAFE if _INTEGERS.index(one.base) < _INTEGERS.index(other.base) else Change.CHECKED
        )
    if one.base in _INTEGERS and other.base == "numeric":
        return Cast(Change.SAFE if not other.params else Change.CHECKED)
    if (one.base, other.base) in _EXACT_FLOATS:
        return Cast(Change.SAFE)
    return Cast(Change.LOSSY)


def return_cast(old: str, new: str) -> Cast:
    """How a column goes back from `new` to `old`: the known cast, else by way of text, which may fail."""
    known = cast_between(new, old)
    return Cast(Change.CHECKED, f"{{column}}::text::{old}") if known.change is Change.UNKNOWN else known
