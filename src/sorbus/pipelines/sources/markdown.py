"""Markdown as blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from sorbus.pipelines.sources.html import Block, BlockKind, html_blocks

_MARKS = re.compile(r"(\*\*|__|`)(?=\S)(.{1,300}?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\n]{0,1000}\)")


def markdown_blocks(text: str) -> list[Block]:
    """The blocks of a CommonMark text with tables; emphasis is dropped, HTML in it is read as HTML."""
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").disable("inline").parse(text)
    return list(_blocks(tokens))


def _blocks(tokens: list[Token]) -> Iterator[Block]:
    heading, items, in_table = 0, 0, False
    rows: list[list[str]] = []
    for token in tokens:
        items += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
        match token.type:
            case "heading_open":
                heading = int(token.tag[1])
            case "table_open":
                in_table, rows = True, []
            case "tr_open":
                rows.append([])
            case "table_close":
                in_table = False
                yield Block(BlockKind.TABLE, rows=tuple(map(tuple, rows)), has_header=True)
            case "fence" | "code_block":
                yield Block(BlockKind.CODE, token.content.rstrip("\n"))
            case "html_block":
                yield from html_blocks(token.content)[1]
            case "inline" if in_table:
                rows[-1].append(_plain(token.content))
            case "inline":
                kind = BlockKind.HEADING if heading else BlockKind.ITEM if items else BlockKind.PARAGRAPH
                yield Block(kind, _plain(token.content), level=heading)
                heading = 0
            case _:
                pass


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", _MARKS.sub(r"\2", text)).strip()
