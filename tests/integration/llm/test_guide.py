"""The guide runs as it stands."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

GUIDE = (Path(__file__).parents[3] / "docs/guides/models.md").read_text("utf-8")


def test_the_python_of_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    for block in blocks:
        exec(compile(block, "models.md", "exec", dont_inherit=True), names)
    asyncio.run(names["test_my_stage_survives_a_rate_limit"]())
    printed = capsys.readouterr().out
    assert "Fruit(" in printed or "name=" in printed
    assert "smollm2" in printed
    assert len(blocks) == 4


def test_the_guide_names_real_settings() -> None:
    from sorbus.llm.config import DEFAULT_VARIABLE
    from sorbus.llm.store import FOLDER_VARIABLE

    assert DEFAULT_VARIABLE in GUIDE
    assert FOLDER_VARIABLE in GUIDE
    for page in re.findall(r"\]\(\.\./([\w/.-]+)\)", GUIDE):
        assert (Path(__file__).parents[3] / "docs" / page).is_file(), page
