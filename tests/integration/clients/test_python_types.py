"""The generated Python client, checked by mypy and pyright as strictly as they can."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.integration.clients.conftest import Generated
from tests.integration.clients.small import SMALL

from sorbus.apis.clients import client_model, python_client

BIN = Path(sys.executable).parent
USE = Path(__file__).parent / "typed" / "use.py"
MARK = re.compile(r"  # error: ")

Refused = Mapping[str, set[int]]
"""The lines that a checker refuses, by file."""


def of_mypy(output: bytes) -> Refused:
    found: dict[str, set[int]] = {}
    for line in output.splitlines():
        assert line.startswith(b"{"), f"mypy could not run: {output.decode()}"
        error = json.loads(line)
        if error["severity"] == "error":
            found.setdefault(Path(error["file"]).name, set()).add(error["line"])
    return found


def of_pyright(output: bytes) -> Refused:
    found: dict[str, set[int]] = {}
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] == 2 + len(SMALL)
    for error in report["generalDiagnostics"]:
        found.setdefault(Path(error["file"]).name, set()).add(error["range"]["start"]["line"] + 1)
    return found


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory, generated: Generated) -> Mapping[str, Refused]:
    """What the two checkers refuse, both run side by side."""
    folder = tmp_path_factory.mktemp("typed")
    texts = {"generated_shop.py": generated.python, "use.py": USE.read_text(encoding="utf-8")}
    texts |= {
        f"{name}.py": python_client(client_model(app()), command="sorbus client python")
        for name, app in SMALL.items()
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.12", "reportUnusedExpression": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    commands = {
        "mypy": [
            "mypy",
            "--strict",
            "--warn-unreachable",
            "--python-version",
            "3.12",
            "--output",
            "json",
            *texts,
        ],
        "pyright": ["pyright", "--pythonpath", sys.executable, "--outputjson"],
    }
    running = {
        name: subprocess.Popen(
            [BIN / program, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for name, (program, *arguments) in commands.items()
    }
    said = {name: process.communicate()[0] for name, process in running.items()}
    return {"mypy": of_mypy(said["mypy"]), "pyright": of_pyright(said["pyright"])}


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_exactly_the_marked_lines_are_refused(refused: Mapping[str, Refused], tool: str) -> None:
    lines = USE.read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if MARK.search(line)}
    assert len(marked) >= 34
    assert refused[tool] == {"use.py": marked}
