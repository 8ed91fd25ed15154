"""What a suite found: ratios, table rows and notes; and how they are kept and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.places import BENCH

RESULTS = BENCH / "results.json"
PAGE = BENCH / "RESULTS.md"
RECORD = BENCH / "record.json"
HEAD = """\
# Results of the benches

Written by `python bench/run.py`. What is measured, and how, is told in \
[docs/reference/benchmarks.md](../docs/reference/benchmarks.md). The ratios are kept in `results.json`; above 1, \
Sorbus is the better one.\
"""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What one suite found.

    Attributes:
        ratios: by name; higher is better for Sorbus.
        headings, rows: its table.
        notes: what a reader must know to judge the figures.
    """

    title: str
    headings: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list[Sequence[str]])
    ratios: dict[str, float] = field(default_factory=dict[str, float])
    notes: list[str] = field(default_factory=list[str])
    machine: dict[str, str] = field(default_factory=dict[str, str])

    def to_data(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "title": self.title,
            "headings": list(self.headings),
            "rows": [list(row) for row in self.rows],
            "ratios": self.ratios,
            "notes": self.notes,
            "machine": self.machine,
        }


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that reads well as text and as Markdown."""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def keep(outcomes: dict[str, Outcome]) -> None:
    """Write the results of the suites that ran; those of the others stay as they were measured."""
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record |= {name: outcome.to_data() for name, outcome in outcomes.items()}
    order = ("core", "http", "graphql", "delivery", "pipelines", "flow", "memory")
    record = {name: record[name] for name in order if name in record}
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    ratios = {name: value for suite in record.values() for name, value in suite["ratios"].items()}
    RESULTS.write_text(json.dumps(ratios, indent=1) + "\n")
    PAGE.write_text(_page(record))


def _page(record: dict[str, Any]) -> str:
    parts = [HEAD]
    for suite in record.values():
        machine = "; ".join(f"{name}: {value}" for name, value in suite["machine"].items())
        parts += [
            f"## {suite['title']}",
            machine,
            table(suite["headings"], suite["rows"]),
            "\n".join(f"- {note}" for note in suite["notes"]),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"
