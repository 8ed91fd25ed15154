"""The guides to declarations and types run, block after block."""

from __future__ import annotations
import __future__

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "least"), [("declaring", 7), ("types", 6)])
def test_every_block_of_the_guide_runs(name: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "guides" / f"{name}.md"
    text = page.read_text()
    module = ModuleType(f"{name}_guide")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= least
    for block in blocks:
        # Errors then point to the line of the page; annotations stay text, as the first block says.
        above = "\n" * text.count("\n", 0, block.start(1))
        code = compile(above + block[1], str(page), "exec", flags=__future__.annotations.compiler_flag)
        exec(code, vars(module))
