"""Deterministic parsing of a document's text: title, sections, tables, and named values."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from sorbus.errors.sources import MalformedDocument
from sorbus.pipelines.sources.charsets import clean, one_line
from sorbus.pipelines.sources.html import MAX_COLUMNS, Block, BlockKind, html_blocks
from sorbus.pipelines.sources.markdown import markdown_blocks
from sorbus.pipelines.sources.plain import plain_blocks
from sorbus.types.json import Json

MAX_KEY_VALUES = 2_000
MAX_ROWS = 100_000
MAX_MARKDOWN = 1_000_000
"""Markdown longer than this in characters is read as plain text: its parser needs seconds for a megabyte."""
_PAIR = re.compile(r"^(?P<name>[^\W\d_][^:|\n]{0,48}?)\s*:\s+(?P<value>\S.*)$")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (empty before the first one), its level from 1, and the text below it."""

    heading: str
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the names of its columns (empty when it has none) and its rows."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A named value, such as `Invoice number: 7`; in JSON the name is the path, with dots."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a document holds, in the order in which it stands there. The same text gives the same result."""

    title: str
    sections: tuple[Section, ...] = ()
    tables: tuple[Table, ...] = ()
    key_values: tuple[KeyValue, ...] = ()

    def value_of(self, name: str) -> str | None:
        """The first value with this name, whatever its case; None when there is none."""
        wanted = name.casefold()
        return next((each.value for each in self.key_values if each.name.casefold() == wanted), None)

    def to_dict(self) -> dict[str, Json]:
        """The document as JSON values."""
        return cast("dict[str, Json]", msgspec.json.decode(msgspec.json.encode(self)))


def parse_document(
    text: str, media_type: str = "text/plain", *, where: str = "the document"
) -> ParsedDocument:
    """The structure of a text.

    Args:
        text: the document's text.
        media_type: `text/plain`, `text/markdown`, `text/html`, `text/csv` or `application/json`; text of any
            other type is read as plain text.
        where: what to call the document in an error.

    Raises:
        MalformedDocument: JSON or CSV that breaks the rules of its format.
    """
    kind = media_type.partition(";")[0].strip().lower()
    text = clean(text)
    if kind in {"application/json", "text/json"}:
        return _json(text, where)
    if kind in {"text/csv", "text/tab-separated-values"}:
        return _csv(text, where)
    if kind in {"text/html", "application/xhtml+xml"}:
        title, blocks = html_blocks(text)
        return _from_blocks(blocks, title)
    is_markdown = kind in {"text/markdown", "text/x-markdown"} and len(text) <= MAX_MARKDOWN
    return _from_blocks(markdown_blocks(text) if is_markdown else plain_blocks(text), "")


@dataclass(slots=True)
class _Gathered:
    sections: list[Section] = field(default_factory=list[Section])
    tables: list[Table] = field(default_factory=list[Table])
    pairs: list[KeyValue] = field(default_factory=list[KeyValue])
    heading: str = ""
    level: int = 0
    texts: list[str] = field(default_factory=list[str])

    def end_section(self) -> None:
        """Close the section that is open."""
        text = "\n".join(self.texts).strip("\n")
        if self.heading or text:
            self.sections.append(Section(self.heading, self.level, text))
        self.texts.clear()

    def pair(self, name: str, value: str) -> None:
        """Note a named value."""
        name, value = one_line(name, limit=80).strip("*_ -"), one_line(value)
        if name and value and len(self.pairs) < MAX_KEY_VALUES:
            self.pairs.append(KeyValue(name, value))


def _from_blocks(blocks: Sequence[Block], title: str) -> ParsedDocument:
    found = _Gathered()
    for block in blocks:
        match block.kind:
            case BlockKind.HEADING:
                found.end_section()
                found.heading, found.level = block.text, block.level
            case BlockKind.TABLE:
                _table(block, found)
            case BlockKind.TERM:
                found.pair(block.text.removesuffix(":"), block.value)
                found.texts.append(f"{block.text.removesuffix(':')}: {block.value}")
            case BlockKind.CODE:
                found.texts.append(block.text)
            case _:
                _pairs_in(block.text, found)
                found.texts.append(f"- {block.text}" if block.kind is BlockKind.ITEM else block.text)
    found.end_section()
    return ParsedDocument(
        title=one_line(title or _first_title(blocks), limit=200),
        sections=tuple(found.sections),
        tables=tuple(found.tables),
        key_values=tuple(found.pairs),
    )


def _first_title(blocks: Sequence[Block]) -> str:
    headings = (block.text for block in blocks if block.kind is BlockKind.HEADING)
    lines = (block.text.split("\n")[0] for block in blocks if block.text)
    return next(headings, "") or next(lines, "")


def _table(block: Block, found: _Gathered) -> None:
    if not block.rows:
        return
    header = block.rows[0] if block.has_header else ()
    rows = block.rows[1:] if block.has_header else block.rows
    found.tables.append(Table(header, rows))
    if not header and all(len(row) == 2 for row in rows):
        for name, value in rows:
            found.pair(name.removesuffix(":"), value)


def _pairs_in(text: str, found: _Gathered) -> None:
    for line in text.split("\n"):
        match = _PAIR.match(line.strip())
        if match and "://" not in match["name"]:
            found.pair(match["name"], match["value"])


def _json(text: str, where: str) -> ParsedDocument:
    try:
        value = cast("Json", msgspec.json.decode(text.encode()))
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise MalformedDocument(where, media_type="application/json", problem=str(error)) from error
    found = _Gathered()
    try:
        _flatten(value, (), found)
    except RecursionError as error:
        raise MalformedDocument(
            where, media_type="application/json", problem="it is nested too deeply"
        ) from error
    title = ""
    if isinstance(value, dict):
        named = (value.get(key) for key in ("title", "name", "subject"))
        title = next((each for each in named if isinstance(each, str)), "")
    lines = "\n".join(f"{each.name}: {each.value}" for each in found.pairs)
    return ParsedDocument(
        title=one_line(title, limit=200),
        sections=(Section("", 0, lines),) if lines else (),
        tables=tuple(found.tables),
        key_values=tuple(found.pairs),
    )


def _flatten(value: Json, path: tuple[str, ...], found: _Gathered) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _flatten(each, (*path, key), found)
    elif isinstance(value, list):
        if not _records(value, found):
            for index, each in enumerate(value):
                _flatten(each, (*path, str(index)), found)
    elif value is not None and len(found.pairs) < MAX_KEY_VALUES:
        found.pairs.append(KeyValue(".".join(path)[:200] or "value", one_line(_scalar(value))))


def _records(values: Sequence[Json], found: _Gathered) -> bool:
    """Take a list of flat objects as a table."""
    rows = [each for each in values if isinstance(each, dict)]
    if not rows or len(rows) != len(values) or len(values) > MAX_ROWS:
        return False
    if any(isinstance(cell, (dict, list)) for row in rows for cell in row.values()):
        return False
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    if len(names) > MAX_COLUMNS:
        return False
    found.tables.append(Table(names, tuple(tuple(_scalar(row.get(name)) for name in names) for row in rows)))
    return True


def _scalar(value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return clean(str(value))


def _csv(text: str, where: str) -> ParsedDocument:
    try:
        reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True)
        rows = [
            tuple(cell.strip() for cell in row)
            for row in _at_most(reader, MAX_ROWS)
            if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise MalformedDocument(where, media_type="text/csv", problem=str(error)) from error
    if not rows:
        return ParsedDocument("")
    named = len(rows) > 1 and all(cell and not re.fullmatch(r"[-+]?[\d.,]+", cell) for cell in rows[0])
    table = Table(rows[0] if named else (), tuple(rows[1:] if named else rows))
    return ParsedDocument("", tables=(table,))


def _at_most[T](each: Iterable[T], limit: int) -> Iterable[T]:
    for _, value in zip(range(limit), each, strict=False):
        yield value


def _delimiter(text: str) -> str:
    """The separator that the first lines agree on best."""
    lines = [each for each in text[:20_000].split("\n")[:20] if each.strip()]
    unquoted = [re.sub(r'"[^"]*"', "", each) for each in lines]

    def agreement(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in unquoted]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual) if usual else 0, usual)

    return max(",;\t|", key=agreement)
