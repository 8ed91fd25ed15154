"""HTML as blocks of readable text, without building a tree: linear in time, for any nesting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lxml import etree

MAX_TABLE_DEPTH = 8
"""Tables nested deeper than this are read as plain text; nobody means data by them."""

MAX_COLUMNS = 60
"""A table with more columns is read as plain text: rows filled up to its width could outgrow memory."""

_SKIPPED = frozenset(
    {"script", "style", "head", "title", "template", "noscript", "object", "applet", "select", "textarea"}
)
_BREAKING = frozenset(
    {
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "nav",
        "ul",
        "ol",
        "dl",
        "blockquote",
    }
    | {"form", "center", "address", "figure", "figcaption", "fieldset", "body", "html", "hr", "caption"}
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACE = re.compile(r"[ \t\n\r\f\xa0\u200b\u200c\u00ad]+")


class BlockKind(StrEnum):
    """What a block of a document is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    TERM = "term"
    CODE = "code"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its text, a heading's level (1 to 6), a term's value, or a table's rows of cells."""

    kind: BlockKind
    text: str = ""
    level: int = 0
    value: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    has_header: bool = False


@dataclass(slots=True)
class _Table:
    rows: list[list[list[Block]]] = field(default_factory=list[list[list[Block]]])
    outer: list[Block] = field(default_factory=list[Block])
    header: bool = False
    nested: bool = False


def html_blocks(html: str) -> tuple[str, tuple[Block, ...]]:
    """The title and the blocks of an HTML text, however broken it is."""
    reader = _Reader()
    target: Any = reader
    parser = etree.HTMLParser(target=target, encoding="utf-8", recover=True, huge_tree=True)
    try:
        parser.feed(html.encode("utf-8", "replace"))
        parser.close()
    except (etree.LxmlError, AssertionError, ValueError):
        reader.end_all()
    return reader.title(), tuple(reader.finished())


def html_to_text(html: str) -> str:
    """Readable text of an HTML text, as light Markdown; scripts, styles and comments are left out."""
    return blocks_to_text(html_blocks(html)[1])


def blocks_to_text(blocks: Sequence[Block]) -> str:
    """Blocks as light Markdown; items of a list stay together, an empty line parts other blocks."""
    parts: list[str] = []
    before: BlockKind | None = None
    for block in blocks:
        tight = block.kind is before and block.kind in {BlockKind.ITEM, BlockKind.TERM}
        parts += [("\n" if tight else "\n\n") if parts else "", *_rendered(block)]
        before = block.kind
    return "".join(parts)


def _rendered(block: Block) -> Iterator[str]:
    match block.kind:
        case BlockKind.HEADING:
            yield f"{'#' * block.level} {block.text}"
        case BlockKind.ITEM:
            yield f"- {block.text}"
        case BlockKind.TERM:
            yield f"{block.text.removesuffix(':')}: {block.value}"
        case BlockKind.TABLE:
            width = max(map(len, block.rows), default=0)
            for index, row in enumerate(block.rows):
                cells = [each.replace("|", "\\|") for each in row] + [""] * (width - len(row))
                yield ("\n" if index else "") + f"| {' | '.join(cells)} |"
                if not index:
                    yield "\n|" + "---|" * width
        case _:
            yield block.text


class _Reader:
    """Takes the parser's events; text gathers until a block ends."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._title: list[str] = []
        self._in_title = False
        self._skipping = 0
        self._open_skips: list[str] = []
        self._pre = 0
        self._kind = BlockKind.PARAGRAPH
        self._level = 0
        self._term = ""
        self._tables: list[_Table] = []
        self._deeper = 0

    def title(self) -> str:
        """The text of the title element, on one line."""
        return _SPACE.sub(" ", "".join(self._title)).strip()[:500]

    def finished(self) -> list[Block]:
        """The blocks, once everything was read."""
        self.end_all()
        return self._blocks

    def end_all(self) -> None:
        """End what was left open."""
        self._flush()
        self._end_term()
        while self._tables:
            self._end_table()

    def start(self, tag: str, attrs: dict[str, str]) -> None:
        """An element begins."""
        if tag == "title":
            self._in_title = not self._title
        if tag in _SKIPPED:
            self._skipping += 1
            return
        if self._skipping:
            if tag != "body":
                return
            self._skipping = 0
        if tag == "br":
            self._text.append("\n")
        elif tag == "img" and attrs.get("alt", "").strip():
            self._text.append(f" {attrs['alt']} ")
        elif tag == "pre":
            self._flush()
            self._pre += 1
        else:
            self._start_block(tag)

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag == "title":
            self._in_title = False
        if tag in _SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif self._skipping:
            return
        elif tag == "pre":
            self._flush()
            self._pre = max(0, self._pre - 1)
        elif tag == "table":
            self._flush()
            if self._deeper:
                self._deeper -= 1
            elif self._tables:
                self._end_table()
        elif tag in _BREAKING or tag in _HEADINGS or tag in {"li", "dt", "dd", "tr", "td", "th"}:
            self._flush()
            if tag == "dl":
                self._end_term()

    def data(self, data: str) -> None:
        """Text between tags."""
        if self._in_title:
            self._title.append(data)
        elif not self._skipping:
            self._text.append(data if self._pre else _SPACE.sub(" ", data))

    def comment(self, text: str) -> None:
        """Comments are left out."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Processing instructions are left out."""

    def close(self) -> None:
        """The text ends."""

    def _start_block(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._kind, self._level = BlockKind.HEADING, _HEADINGS[tag]
        elif tag in {"li", "dt", "dd"}:
            self._flush()
            if tag != "dd":
                self._end_term()
            self._kind = BlockKind.TERM if tag == "dt" else BlockKind.ITEM
        elif tag == "table":
            self._start_table()
        elif tag in {"tr", "td", "th"}:
            self._start_cell(tag)
        elif tag in _BREAKING:
            self._flush()

    def _start_table(self) -> None:
        self._flush()
        if len(self._tables) >= MAX_TABLE_DEPTH:
            self._deeper += 1
            return
        for each in self._tables:
            each.nested = True
        self._tables.append(_Table(outer=self._blocks))
        self._blocks = []

    def _start_cell(self, tag: str) -> None:
        self._flush()
        if not self._tables or self._deeper:
            return
        table = self._tables[-1]
        if tag == "tr":
            table.rows.append([])
            return
        if not table.rows:
            table.rows.append([])
        table.header = table.header or (tag == "th" and len(table.rows) == 1)
        self._blocks = []
        table.rows[-1].append(self._blocks)

    def _end_table(self) -> None:
        table = self._tables.pop()
        self._blocks = table.outer
        if _is_data(table):
            rows = tuple(
                tuple(" ".join(each.text for each in cell) for cell in row) for row in table.rows if row
            )
            self._blocks.append(Block(BlockKind.TABLE, rows=rows, has_header=table.header))
        else:
            self._blocks += [block for row in table.rows for cell in row for block in cell]

    def _end_term(self) -> None:
        """A term without a value is a paragraph."""
        if self._term:
            self._blocks.append(Block(BlockKind.PARAGRAPH, self._term))
            self._term = ""

    def _flush(self) -> None:
        raw = "".join(self._text)
        self._text.clear()
        kind, self._kind = self._kind, BlockKind.PARAGRAPH
        if self._pre and raw.strip():
            self._blocks.append(Block(BlockKind.CODE, raw.strip("\n")))
            return
        text = "\n".join(filter(None, (_SPACE.sub(" ", line).strip() for line in raw.split("\n"))))
        if not text:
            self._kind = kind
            return
        if kind is BlockKind.TERM:
            self._term = text
        elif kind is BlockKind.ITEM and self._term:
            self._blocks.append(Block(BlockKind.TERM, self._term, value=" ".join(text.split("\n"))))
            self._term = ""
        elif kind in {BlockKind.HEADING, BlockKind.ITEM}:
            self._blocks.append(Block(kind, " ".join(text.split("\n")), level=self._level))
        else:
            self._blocks.append(Block(kind, text))


def _is_data(table: _Table) -> bool:
    """Whether a table holds data: rows of one width with short cells; most tables in mails are layout."""
    rows = [row for row in table.rows if row]
    if table.nested or len(rows) < 2:
        return False
    widths = {len(row) for row in rows}
    short = all(
        sum(len(block.text) for block in cell) <= 200 and len(cell) <= 2 for row in rows for cell in row
    )
    filled = sum(bool(cell) for row in rows for cell in row)
    return (
        short
        and 2 <= max(widths) <= MAX_COLUMNS
        and (table.header or (len(widths) == 1 and filled * 2 > len(rows) * max(widths)))
    )
