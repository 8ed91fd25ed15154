"""Values as JSON, written by the server exactly as interfaces show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from sorbus.data_layers.postgres.frames import literal
from sorbus.types.base import FieldType

Written = Callable[[str], str]
"""From the SQL of a value to that of its JSON; null where the value is."""


def _quoted(text: str) -> str:
    return f"('\"' || {text} || '\"')"


def _escaped(text: str) -> str:
    return f"to_json({text})::text"


def _plain(text: str) -> str:
    return f"{text}::text"


def _number(text: str) -> str:
    """A whole number is told from an integer, as Python does; what JSON has no number for is null."""
    whole = f"CASE WHEN {text} = trunc({text}) AND abs({text}) < 1e15 THEN '.0' ELSE '' END"
    infinite = "('NaN', 'Infinity', '-Infinity')"
    return f"(CASE WHEN {text} IN {infinite} THEN 'null' ELSE {text}::text || {whole} END)"


def _moment(text: str) -> str:
    """A moment in UTC. Infinite ones are the first and the last that Python knows, as the driver reads them."""
    form = "'YYYY-MM-DD\"T\"HH24:MI:SS.US'"
    finite = f"replace(to_char({text} AT TIME ZONE 'UTC', {form}), '.000000', '')"
    return (
        f"(CASE {text} WHEN 'infinity' THEN '\"9999-12-31T23:59:59.999999Z\"' "
        f"WHEN '-infinity' THEN '\"0001-01-01T00:00:00Z\"' ELSE '\"' || {finite} || 'Z\"' END)"
    )


def _day(text: str) -> str:
    return (
        f"(CASE {text} WHEN 'infinity' THEN '\"9999-12-31\"' WHEN '-infinity' THEN '\"0001-01-01\"' "
        f"ELSE to_json({text})::text END)"
    )


def _time(text: str) -> str:
    return _quoted(f"replace(to_char({text}, 'HH24:MI:SS.US'), '.000000', '')")


def _binary(text: str) -> str:
    return _quoted(f"replace(encode({text}, 'base64'), chr(10), '')")


_SCALARS: Mapping[str, Written] = MappingProxyType(
    {
        "text": _escaped,
        "uuid": _quoted,
        "bigint": _plain,
        "boolean": _plain,
        "double precision": _number,
        "numeric": lambda text: _quoted(f"{text}::text"),
        "timestamp with time zone": _moment,
        "date": _day,
        "time without time zone": _time,
        "bytea": _binary,
        "jsonb": _plain,
    }
)
_ITEMS = frozenset({"text[]", "uuid[]", "bigint[]", "boolean[]"})
"""Lists that the server writes as interfaces show them."""


def json_of(kind: FieldType) -> Written | None:
    """How the server writes values of a type; None where Python has to."""
    if kind.rule is not None or kind.embeds or kind.codec.show is not None:
        return None
    return _escaped if kind.sql in _ITEMS else _SCALARS.get(kind.sql)


def once(text: str, write: Written) -> str:
    """The JSON of a value that is worth computing once, however often its form names it."""
    # Without OFFSET the planner would put the value in each place.
    return f"(SELECT {write('x.v')} FROM (SELECT {text} AS v OFFSET 0) x)"


def concatenated(texts: Sequence[str]) -> str:
    """Texts one behind the other; none is null.

    `concat` would turn each of them into a string of C first, and a chain of `||` would copy the first ones again and
    again, so they are put together in pairs.
    """
    if len(texts) < 2:
        return f"concat({', '.join(texts)})"
    middle = len(texts) // 2
    return f"({_joined(texts[:middle])} || {_joined(texts[middle:])})"


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else concatenated(texts)


def or_null(text: str) -> str:
    """The JSON of a value that may be missing."""
    return f"coalesce({text}, 'null')"


def between(before: str, text: str, after: str) -> str:
    """A value between two texts, null where it is missing."""
    if not before and not after:
        return or_null(f"{text}::text")
    return or_null(f"{literal(before)} || {text} || {literal(after)}")


def chosen(text: str, cases: tuple[tuple[str | int, str], ...]) -> str:
    """The text that belongs to a value; null for one that is not among them."""
    whens = " ".join(
        f"WHEN {literal(value) if isinstance(value, str) else value} THEN {literal(shown)}"
        for value, shown in cases
    )
    return f"(CASE {text} {whens} END)"
