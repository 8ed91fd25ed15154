"""The pages that a newcomer reads are run as they stand, block by block, against a real database."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/tutorial/first-hour.md",
    "docs/guides/clients.md",
    "docs/guides/command-line.md",
    "docs/guides/expressions.md",
    "docs/guides/extensions.md",
    "docs/guides/graphql.md",
    "docs/guides/mcp.md",
    "docs/guides/notifications.md",
    "docs/guides/pipelines.md",
    "docs/guides/pipeline-graphs.md",
    "docs/guides/pages.md",
    "docs/guides/prompted-actions.md",
    "docs/guides/scale-out.md",
    "docs/guides/who-calls.md",
    "docs/guides/repeating-runs.md",
    "docs/guides/state-machines.md",
    "docs/guides/writing.md",
    "docs/guides/tenancy.md",
    "docs/guides/relationships.md",
    "docs/guides/queries.md",
)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def blocks(page: Path) -> list[tuple[int, str]]:
    """The Python blocks of a page with the lines on which they begin."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: match.start(1)].count("\n") + 1, match.group(1)) for match in found]


async def run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(f"page_{page.stem.replace('-', '_')}")
    vars(module)["__builtins__"] = builtins
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for line, text in blocks(page):
        source = "\n" * (line - 1) + text
        code: CodeType = compile(
            source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
        )
        result: Any = FunctionType(code, vars(module))()
        if inspect.isawaitable(result):
            await result


@pytest.mark.parametrize("name", PAGES)
async def test_the_page_runs_as_it_stands(
    name: str, pg18_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pages use the embedded database; here it is the test session's own, brought to the declarations likewise.
    monkeypatch.setenv("DATABASE_URL", pg18_url)
    monkeypatch.setenv("SORBUS_HOME", str(tmp_path))
    monkeypatch.setenv("SORBUS_AUTO_MIGRATE", "1")
    assert blocks(ROOT / name)
    await run(ROOT / name, monkeypatch)


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page}: {target}"
