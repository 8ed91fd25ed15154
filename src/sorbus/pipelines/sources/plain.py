"""Plain text as blocks: headings in capitals or underlined, paragraphs, tables under a ruler of dashes."""

from __future__ import annotations

import re

from sorbus.pipelines.sources.html import MAX_COLUMNS, Block, BlockKind

_RULER = re.compile(r"^\s*[-=]{2,}(?:[ +|]+[-=]{2,})+\s*$")
_UNDERLINE = re.compile(r"^\s*(?:={3,}|-{3,}|~{3,})\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+(\S.*)$")
_DASHES = re.compile(r"[-=]{2,}")


def plain_blocks(text: str) -> list[Block]:
    """The blocks of a plain text; nothing of it is lost but rulers and runs of spaces in tables."""
    lines = text.split("\n")
    blocks: list[Block] = []
    gathered: list[str] = []

    def end() -> None:
        if gathered:
            blocks.append(_paragraph(gathered))
            gathered.clear()

    index = 0
    while index < len(lines):
        line, below = lines[index], lines[index + 1] if index + 1 < len(lines) else ""
        if line.strip() and _RULER.match(below) and len(_DASHES.findall(below)) <= MAX_COLUMNS:
            end()
            table, index = _table(lines, index)
            blocks.append(table)
            continue
        if not line.strip():
            end()
        elif line.strip() and _UNDERLINE.match(below) and not gathered and len(line) <= 100:
            blocks.append(Block(BlockKind.HEADING, line.strip(), level=1 if "=" in below else 2))
            index += 1
        elif match := _BULLET.match(line):
            end()
            blocks.append(Block(BlockKind.ITEM, match[1].strip()))
        else:
            gathered.append(line.rstrip())
        index += 1
    end()
    return blocks


def _paragraph(lines: list[str]) -> Block:
    text = "\n".join(lines)
    if len(lines) == 1 and _is_title(text.strip()):
        return Block(BlockKind.HEADING, text.strip(), level=1)
    return Block(BlockKind.PARAGRAPH, text.strip("\n"))


def _is_title(line: str) -> bool:
    letters = [each for each in line if each.isalpha()]
    return len(letters) >= 3 and len(line) <= 60 and line.isupper() and line[-1] not in ".!?,;:"


def _table(lines: list[str], at: int) -> tuple[Block, int]:
    """The table whose header stands at this line, and the line after its last row."""
    spans = [match.start() for match in _DASHES.finditer(lines[at + 1])]
    end = at + 2
    while end < len(lines) and lines[end].strip() and not _RULER.match(lines[end]):
        end += 1
    rows = [_cells(each, spans) for each in (lines[at], *lines[at + 2 : end])]
    return Block(BlockKind.TABLE, rows=tuple(rows), has_header=True), end


def _cells(line: str, starts: list[int]) -> tuple[str, ...]:
    stops = [*starts[1:], len(line)]
    return tuple(line[start:stop].strip(" |") for start, stop in zip([0, *starts[1:]], stops, strict=True))
