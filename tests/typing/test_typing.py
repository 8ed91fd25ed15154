"""The typed skeleton: a correct declaration passes both type checkers, and each mistake is caught.

A mistake is marked where it is caught: `# error: mypy, pyright, assembly no-such-field (why)`. First come the
tools that must refuse the line: the two type checkers, the import of the file, or the assembly of its domain
`Mistaken`, with the code of the error. Nothing else in the file may be refused by anybody.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sorbus.errors.base import SorbusError
from sorbus.errors.declaration import DefinitionErrors
from sorbus.resource.assembly import assemble

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CORRECT = [HERE / "ok.py", *sorted((ROOT / "examples").rglob("*.py"))]
MISTAKES = sorted((HERE / "mistakes").glob("*.py"))
MARKER = re.compile(r"# error: (?P<tools>[^(]+?)\s*(?:\(.*\))?$")
BIN = Path(sys.executable).parent

Caught = dict[Path, set[int]]


@dataclass(frozen=True)
class Mistake:
    """One marked line."""

    path: Path
    line: int
    tools: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path.stem}:{self.line}"


def marked(path: Path) -> Iterator[Mistake]:
    """The marked lines of a file."""
    for number, text in enumerate(path.read_text().splitlines(), 1):
        found = MARKER.search(text)
        if found:
            yield Mistake(path, number, tuple(each.strip() for each in found["tools"].split(",")))


ALL = [mistake for path in MISTAKES for mistake in marked(path)]


@pytest.fixture(scope="module")
def checkers() -> dict[str, Caught]:
    """The lines that each type checker refuses, both run side by side."""
    arguments = [*map(str, CORRECT), *map(str, MISTAKES)]
    mypy = subprocess.Popen(
        [BIN / "mypy", "--strict", "--explicit-package-bases", "--output", "json", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    pyright = subprocess.Popen(
        [BIN / "pyright", "--outputjson", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return {"mypy": _of_mypy(mypy.communicate()[0]), "pyright": _of_pyright(pyright.communicate()[0])}


def _of_mypy(output: bytes) -> Caught:
    found: Caught = defaultdict(set)
    for line in output.splitlines():
        assert line.startswith(b"{"), f"mypy could not run: {output.decode()}"
        error = json.loads(line)
        if error["severity"] == "error":
            found[ROOT / error["file"]].add(error["line"])
    return found


def _of_pyright(output: bytes) -> Caught:
    found: Caught = defaultdict(set)
    report = json.loads(output)
    for error in report["generalDiagnostics"]:
        if error["severity"] == "error":
            found[Path(error["file"])].add(error["range"]["start"]["line"] + 1)
    assert report["summary"]["filesAnalyzed"] > len(MISTAKES)
    return found


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
class TestCheckers:
    def test_accept_the_correct_declaration_and_the_examples(
        self, checkers: dict[str, Caught], tool: str
    ) -> None:
        assert {path: lines for path in CORRECT if (lines := checkers[tool].get(path, set()))} == {}

    def test_refuse_every_line_that_is_marked_for_them(self, checkers: dict[str, Caught], tool: str) -> None:
        missed = [
            str(each) for each in ALL if tool in each.tools and each.line not in checkers[tool][each.path]
        ]
        assert missed == []

    def test_refuse_nothing_else(self, checkers: dict[str, Caught], tool: str) -> None:
        wanted = {(each.path, each.line) for each in ALL if tool in each.tools}
        found = {(path, line) for path, lines in checkers[tool].items() for line in lines}
        assert sorted(f"{path.stem}:{line}" for path, line in found - wanted) == []


def codes_at_run_time(path: Path) -> Counter[str]:
    """What the import of a file, and the assembly of its domain, refuse."""
    try:
        module = importlib.import_module(f"tests.typing.mistakes.{path.stem}")
    except SorbusError as error:
        return Counter([f"import {error.code}"])
    except (NameError, AttributeError) as error:
        return Counter([f"import {type(error).__name__}"])
    if hasattr(module, "Mistaken"):
        try:
            assemble("mistaken", [module.Mistaken])
        except DefinitionErrors as errors:
            return Counter(f"assembly {each.code}" for each in errors.errors)
    return Counter()


@pytest.mark.parametrize("path", MISTAKES, ids=lambda path: path.stem)
def test_the_import_and_the_assembly_refuse_exactly_what_is_marked_for_them(path: Path) -> None:
    wanted = Counter(
        tool for each in marked(path) for tool in each.tools if tool.startswith(("import ", "assembly "))
    )
    assert codes_at_run_time(path) == wanted


def test_the_correct_declaration_can_be_put_together() -> None:
    studio = importlib.import_module("tests.typing.ok").Studio
    assert set(assemble("ok", [studio]).resources) == {each.__name__ for each in studio.resources}


def test_every_marker_names_a_tool_that_there_is() -> None:
    wrong = [
        f"{each}: {tool}"
        for each in ALL
        for tool in each.tools
        if tool not in {"mypy", "pyright"} and tool.split(" ")[0] not in {"import", "assembly"}
    ]
    assert wrong == []
    assert len(ALL) >= 60
