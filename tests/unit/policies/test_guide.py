"""The guide to policies runs, block after block."""

from __future__ import annotations
import __future__

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_block_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "guides" / "policies.md"
    text = page.read_text()
    module = ModuleType("policies_guide")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= 5
    for block in blocks:
        # Errors then point to the line of the page; annotations stay text, as the first block says.
        above = "\n" * text.count("\n", 0, block.start(1))
        code = compile(above + block[1], str(page), "exec", flags=__future__.annotations.compiler_flag)
        exec(code, vars(module))
