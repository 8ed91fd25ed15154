"""The generated TypeScript client: compiled by the real compiler, and run by node against the real server."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.clients.conftest import Generated, Served
from tests.integration.clients.small import SMALL

from sorbus.apis.clients import client_model, typescript_client

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="node is not here"),
]

NPM = Path(__file__).parent / "npm"
EXPECTED = re.compile(r"^ *// @ts-expect-error: .*$", re.MULTILINE)


def run(*command: str, within: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=within, capture_output=True, text=True, timeout=120, check=False)


def compiled(folder: Path) -> str:
    """What the compiler says; empty when it is content."""
    return run("node", "node_modules/typescript/bin/tsc", "-p", ".", within=folder).stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, generated: Generated) -> Path:
    """A project with the client, compiled as strictly as the compiler can."""
    folder = tmp_path_factory.mktemp("npm")
    for each in NPM.iterdir():
        if each.is_file():
            shutil.copy(each, folder)
    installed = run("npm", "ci", "--no-audit", "--no-fund", within=folder)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    (folder / "client.ts").write_text(generated.typescript, encoding="utf-8")
    for name, app in SMALL.items():
        text = typescript_client(client_model(app()), command="sorbus client typescript")
        (folder / f"{name}.ts").write_text(text, encoding="utf-8")
    assert compiled(folder) == ""
    return folder


def refused_lines(said: str, file: str) -> set[int]:
    return {int(found[1]) for found in re.finditer(rf"^{re.escape(file)}\((\d+),", said, re.MULTILINE)}


async def test_each_mistake_is_refused_for_itself(project: Path) -> None:
    text = (project / "types.ts").read_text()
    marked = {text.count("\n", 0, found.start()) + 2 for found in EXPECTED.finditer(text)}
    assert len(marked) >= 45
    unmarked = project / "unmarked.ts"
    unmarked.write_text(EXPECTED.sub("//", text))
    try:
        assert refused_lines(compiled(project), "unmarked.ts") == marked
    finally:
        unmarked.unlink()


async def test_the_client_walks_through_the_server(project: Path, served: Served) -> None:
    done = await asyncio.to_thread(run, "node", "out/walk.js", served.url, within=project)
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    wanted = dict(walked())
    assert {name: seen.get(name) for name in wanted} == wanted
    assert seen.keys() == wanted.keys()


def error(code: str, status: int, *, all: int = 1, hinted: bool = False, **where: str) -> dict[str, Any]:
    return {"code": code, "status": status, **where, "hinted": hinted, "all": all}


def walked() -> Iterable[tuple[str, Any]]:
    """What the walk must have seen."""
    yield "created", {"id": "string", "author_id": True, "title": True, "rating": 1, "published_at": None}
    yield "chosen", {"rating": 1, "title_length": 38}
    yield "written", {"rating": 2, "author": {"name": "Ada"}}
    both = {"name": "Ada", "articles": [{"rating": 1}, {"rating": 2}]}
    yield (
        "joined",
        [
            {"rating": 2, "author": both, "tags": []},
            {"rating": 1, "author": both, "tags": [{"name": "maths"}]},
        ],
    )
    yield "shared", True
    yield "meta", {"page": 2}
    yield "author", [{"name": "Ada"}, True]
    yield "nobody", [None, None]
    yield "linked", [1, [{"name": "engines"}]]
    first, following = [{"rating": 1}, {"rating": 2}], [{"rating": 3}, {"rating": 4}]
    yield "pages", {
        "count": 5, "first": first, "next": following, "back": first, "all": [1, 2, 3, 4, 5],
        "ends": [False, True, None], "later": 3,
    }  # fmt: skip
    yield "sorted", [{"rating": 3}, {"rating": 1}]
    yield "values", {
        "price": "12.3", "at": "2030-01-31T12:00:00Z", "mood": "so bad", "level": 3, "power": 9,
        "fate": {"how": "rented", "days": 3}, "span": {"lower": 1, "upper": 5, "bounds": "[)"},
        "anything": {"a": [1, None]}, "blob": "AP8=",
    }  # fmt: skip
    yield "numbers", ["number", True]
    yield "around", True
    yield "hidden", {"fileName": "a.txt", "hiddenWord": None}
    yield "measured", {"name": "a.txt", "type": "text/plain", "size": 5, "note": "n"}
    yield "files", [5, 1]
    yield "sum", "3"
    yield "gone", [None, error("not-found", 404)]
    yield "strange", [
        True, "`${1}`", 1, "`${1}`", {"a-b": 1, '*/"': "x"}, 0, False, [True],
        {"mixed": "word", "fields": ["x"]}, {"quote": "`${1}`"},
    ]  # fmt: skip
    yield "refused", error("invalid-input", 422, pointer="/data/attributes/title", all=2)
    yield "missing", ["title"]
    yield "parameter", error("invalid-page", 400, parameter="page[limit]")
    yield "unknown", error("invalid-fields", 400, parameter="fields[articles]", hinted=True)
    yield "paths", ["RangeError: `..` cannot be a key in a path.", error("not-found", 404)]
    yield "nobody there", error("no-answer", 0)
    yield "aborted", True
    yield "late", error("timed-out", 0)
    yield "busy", [error("unavailable", 503), ["POST 0 own"]]
    yield "later", [error("backlog-full", 429), 1]
    yield "token", "Error: no token"
    yield "proxy", error("unreadable-answer", 502)
    yield "wrong", ["unreadable-answer"] * 6
    yield "twice", "TypeError: articles: `author` is no relationship, or is chosen twice."
    yield "far", True
    yield "merged", True
