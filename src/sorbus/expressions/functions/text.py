"""Functions of texts. Characters are code points, and positions count from zero."""

from __future__ import annotations

import operator as op
from collections.abc import Callable, Sequence

from sorbus.expressions.rule import Family, Operator, by_first, clamped

_LONGEST_PAD = 10_000


def upper(text: str) -> str:
    """The text in upper case, character by character as databases do it: `ß` has no upper case."""
    if text.isascii():
        return text.upper()
    return "".join(big if len(big := char.upper()) == 1 else char for char in text)


def lower(text: str) -> str:
    """The text in lower case, character by character as databases do it."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)


def starts_with(text: str, part: str) -> bool:
    """Whether a text begins with a part; a case-insensitive one says so itself."""
    return text.startswith(part)


def ends_with(text: str, part: str) -> bool:
    """Whether a text ends with a part; a case-insensitive one says so itself."""
    return text.endswith(part)


def _search(sql: str) -> Callable[[Sequence[str | None]], str]:
    """SQL that searches a text; beside a citext the functions would be those of text, which look at the case."""
    return by_first(citext=sql.format("lower({0}::text)", "lower({1}::text)"), other=sql)


def position(text: str, part: str) -> int | None:
    """Where `part` first stands, or None."""
    found = text.find(part)
    return None if found < 0 else found


def substring(text: str, start: int, count: int | None = None) -> str:
    """`count` characters from `start` on, which counts from the end when it is negative."""
    begin = max(len(text) + start, 0) if start < 0 else start
    return text[begin:] if count is None else text[begin : begin + max(count, 0)]


def split(text: str, separator: str) -> list[str]:
    """The parts of a text; an empty text has none."""
    if not text:
        return []
    return text.split(separator) if separator else [text]


def replace(text: str, old: str, new: str) -> str:
    """The text with every `old` replaced; an empty `old` is nowhere."""
    return text.replace(old, new) if old else text


def _padding(text: str, width: int, fill: str) -> str:
    missing = min(width, _LONGEST_PAD) - len(text)
    return (fill * missing)[:missing] if missing > 0 else ""


def pad_start(text: str, width: int, fill: str) -> str:
    """The text with `fill` before it until it is `width` characters long; never shorter than it was."""
    return _padding(text, width, fill) + text


def pad_end(text: str, width: int, fill: str) -> str:
    """The text with `fill` after it until it is `width` characters long; never shorter than it was."""
    return text + _padding(text, width, fill)


def reverse(text: str) -> str:
    """The characters from the last to the first."""
    return text[::-1]


def join(items: list[str], separator: str) -> str:
    """The items of a list as one text."""
    return separator.join(items)


def _substring_sql(kinds: object) -> str:
    begin = "CASE WHEN {1} < 0 THEN greatest(char_length({0}) + {1}, 0) ELSE {1} END"
    start = clamped(begin, 1_000_000_000) + " + 1"
    count = ", greatest(" + clamped("{2}") + ", 0)" if len(kinds) == 3 else ""  # type: ignore[arg-type]
    return f"substr({{0}}, {start}{count})"


def _pad_sql(function: str) -> str:
    width = f"greatest(char_length({{0}}), least({{1}}, {_LONGEST_PAD}))::int"
    return f"{function}({{0}}, {width}, {{2}})"


_TEXT, _NUMBER = Family.TEXT, Family.NUMBER

ROWS = (
    Operator("concat", "concat", "{0} || {1}", op.add, str, (_TEXT, _TEXT)),
    Operator("lower", "lower", "lower({0})", lower, str, (_TEXT,)),
    Operator("upper", "upper", "upper({0})", upper, str, (_TEXT,)),
    Operator("trim", "trim", "btrim({0}, {1})", str.strip, str, (_TEXT, _TEXT)),
    Operator("trim_start", "trim_start", "ltrim({0}, {1})", str.lstrip, str, (_TEXT, _TEXT)),
    Operator("trim_end", "trim_end", "rtrim({0}, {1})", str.rstrip, str, (_TEXT, _TEXT)),
    Operator(
        "length",
        "length",
        by_first(array="cardinality({0})", other="char_length({0})"),
        len,
        int,
        (Family.SIZED,),
    ),
    Operator("contains", "contains", _search("strpos({0}, {1}) > 0"), op.contains, bool, (_TEXT, _TEXT)),
    Operator(
        "starts_with", "starts_with", _search("starts_with({0}, {1})"), starts_with, bool, (_TEXT, _TEXT)
    ),
    Operator(
        "ends_with",
        "ends_with",
        _search("right({0}, char_length({1})) = {1}"),
        ends_with,
        bool,
        (_TEXT, _TEXT),
    ),
    Operator(
        "position",
        "position",
        "nullif(strpos({0}, {1}), 0) - 1",
        position,
        int,
        (_TEXT, _TEXT),
        nullable=True,
    ),
    Operator("substring", "substring", _substring_sql, substring, str, (_TEXT, _NUMBER, _NUMBER)),
    Operator("split", "split", "string_to_array({0}, {1})", split, list[str], (_TEXT, _TEXT)),
    Operator("join", "join", "array_to_string({0}, {1})", join, str, (Family.LIST, _TEXT)),
    Operator("replace", "replace", "replace({0}, {1}, {2})", replace, str, (_TEXT, _TEXT, _TEXT)),
    Operator("pad_start", "pad_start", _pad_sql("lpad"), pad_start, str, (_TEXT, _NUMBER, _TEXT)),
    Operator("pad_end", "pad_end", _pad_sql("rpad"), pad_end, str, (_TEXT, _NUMBER, _TEXT)),
    Operator("reverse", "reverse", "reverse({0})", reverse, str, (_TEXT,)),
)
"""The operators of texts."""
