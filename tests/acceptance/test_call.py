"""`sorbus call` as a user types it, also wrongly, against a real database."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.acceptance.commands import Said, Shell
from tests.integration.mcp.library import Member, make

from sorbus import File
from sorbus.cli.main import main
from sorbus.cli.values import value_of
from sorbus.errors.cli import PathNotFound, UnreadableValue
from sorbus.types.base import field_type

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Caller:
    """Calls actions of the library as one of its members; in this process, since importing takes the longest."""

    shell: Shell
    member: str

    def words(self, *args: str, actor: str = "") -> list[str]:
        """The words of a command."""
        who = ["--actor", actor or f"Member:{self.member}", "--tenant", "main"]
        return ["call", "--app", "tests.integration.mcp.library:make", *who, *args]

    async def __call__(self, *args: str, given: str = "", actor: str = "") -> Said:
        words, env = self.words(*args, actor=actor), self.shell.environment()
        # In a thread, as the command has an event loop of its own.
        done = await asyncio.to_thread(CliRunner().invoke, main, words, input=given, env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Said(code=done.exit_code, out=done.stdout, err=done.stderr)

    async def json(self, *args: str, given: str = "") -> Any:
        """The answer of a call that goes well."""
        said = await self(*args, given=given)
        assert said.code == 0, said
        return json.loads(said.out)


@pytest.fixture
async def library(pg18_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv("SORBUS_AUTO_MIGRATE", "1")
    app = make()
    app.database_url = pg18_url
    async with app:
        member = await Member.join(app.system_scope(), org_id="main")
    monkeypatch.chdir(tmp_path)
    return Caller(Shell(folder=tmp_path, database_url=pg18_url), str(member.id))


async def test_the_command_reads_standard_input_and_writes_standard_output(library: Caller) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sorbus.cli.main", *library.words("Book.add", "--inputs", "-"),
        cwd=library.shell.folder,
        env={**library.shell.environment(), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(b'{"title": "Over a pipe"}'), 60)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["title"] == "Over a pipe"


async def test_actions_are_called_with_options_of_their_signatures(library: Caller) -> None:
    (library.shell.folder / "remark.txt").write_text("from a file", encoding="utf-8")
    made = await library.json(
        "Book.add", "--title", "Looms", "--pages", "300", "--price", "9.50", "--tags", "a", "--tags", "b",
        "--extra", '{"x": [1]}', "--remark", "@remark.txt", "--loud",
    )  # fmt: skip
    assert (made["title"], made["pages"], made["price"]) == ("LOOMS", 300, "9.50")
    assert (made["tags"], made["extra"]) == (["a", "b"], {"x": [1]})
    assert (await library.json("Book.edit", "--id", made["id"], "--title", "@@home"))["title"] == "@home"
    assert (await library.json("Book.publish", "--id", made["id"]))["state"] == "published"
    got = await library.json("Book.get", "--id", made["id"], "--load", "title_length")
    assert got["title_length"] == 5
    counted = await library.json(
        "Book.count_words", "--inputs", "-", "--times", "3", given='{"text": "one two"}'
    )
    assert counted == {"result": {"words": 6}}
    counted = await library.json("Book.count_words", "--text", "-", given="read from standard input")
    assert counted == {"result": {"words": 4}}


@pytest.mark.parametrize(
    ("given", "cast"),
    [
        ("@parts/cover.png", ("cover.png", b"\x89PNG\xff", "image/png")),
        ("-", ("stdin", b"piped\xfe", "application/octet-stream")),
        ('{"name": "a.txt", "content": "YWJj"}', {"name": "a.txt", "content": "YWJj"}),
    ],
)
async def test_a_file_is_given_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, cast: Any
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/cover.png").write_bytes(b"\x89PNG\xff")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped\xfe")))
    for kind, several in ((field_type(File), False), (field_type(list[File]), True)):
        found = value_of("cover", kind, (given,))
        (one,) = found if several else [found]
        assert cast == ((one.name, await one.read(), one.content_type) if isinstance(one, File) else one)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped\xfe")))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        value_of("cover", field_type(File), (f"@{tmp_path}/nothing",))
    with pytest.raises(UnreadableValue):
        value_of("cover", field_type(File), (f"@{tmp_path}",))


async def test_lists_come_in_pages_or_line_by_line(library: Caller) -> None:
    for number in range(5):
        await library.json("Book.add", "--title", f"Volume {number}", "--pages", str(number))
    page = await library.json(
        "Book.search", "--text", "Vol", "--filter", '{"pages": {"greater_than": 0}}', "--sort", "-pages",
        "--limit", "3", "--count",
    )  # fmt: skip
    assert [each["pages"] for each in page["items"]] == [4, 3, 2]
    assert page["page"]["total"] == 4
    rest = await library.json(
        "Book.search", "--text", "Vol", "--filter", '{"pages": {"greater_than": 0}}', "--sort", "-pages",
        "--limit", "3", "--after", page["page"]["next"],
    )  # fmt: skip
    assert [each["pages"] for each in rest["items"]] == [1]
    said = await library("Book.list", "--sort", "pages", "--limit", "2", "--all")
    assert [json.loads(line)["pages"] for line in said.out.splitlines()] == [0, 1, 2, 3, 4]


async def test_what_is_refused_says_so_and_ends_with_a_code_of_its_own(library: Caller) -> None:
    cases: list[tuple[tuple[str, ...], int, str]] = [
        (("Book.ad",), 2, "Did you mean `Book.add`?"),
        (("Diary.smuggle", "--text", "x"), 2, "[nothing-to-call]"),
        (("Book.add", "--titel", "x"), 2, "--title"),
        (("Book.add",), 2, "[required]"),
        (("Book.add", "--title", "x", "--pages", "-1"), 2, "[invalid-input]"),
        (("Book.add", "--inputs", '{"titel": 1}'), 2, "Did you mean `title`?"),
        (("Book.add", "--inputs", '{"title": "x", "author": "y"}'), 2, "[no-such-input]"),
        (("Book.add", "--inputs", "{"), 2, "[unreadable-value]"),
        # What the shell gives of bytes that are no UTF-8.
        (("Book.add", "--title", "x", "--extra", "\udcff"), 2, "[invalid-input]"),
        (("Book.add", "--title", "\udcff"), 2, "[invalid-input]"),
        (("Book.add", "--title", "@nowhere"), 2, "[path-not-found]"),
        (("Book.list", "--filter", '{"secret": {"eq": 1}}'), 2, "[invalid-filter]"),
        (("Book.remove", "--id", "0193a0c4-6a0f-7c6e-9a39-1f4f7c1d2e3b"), 3, "[action-forbidden]"),
        (("Diary.note", "--text", "x"), 3, "[action-forbidden]"),
        (("Book.get", "--id", "7"), 4, "[not-found]"),
    ]
    for args, code, text in cases:
        said = await library(*args)
        assert (said.code, said.out) == (code, ""), (args, said)
        assert text in said.err, (args, said)
        assert "Traceback" not in said.err
    said = await library("Book.list", actor="Membre:1")
    assert (said.code, "Did you mean `Member`?" in said.err) == (2, True)
    said = await library("Book.list", actor="Member:1")
    assert said.code == 4


async def test_what_can_be_called_is_shown_without_a_database(tmp_path: Path) -> None:
    nowhere = Shell(folder=tmp_path, database_url="postgresql://nobody@127.0.0.1:9/nowhere?connect_timeout=1")
    caller = Caller(nowhere, "")
    listed = await caller()
    assert "Book.add          Add a book." in listed.out
    assert "Diary.note" in listed.out
    assert "smuggle" not in listed.out
    helped = await caller("Book.add", "--help")
    assert "What stands on its back. (str) [required]" in helped.out
    assert "It is a draft until it is published." in helped.out
    assert "--author" not in helped.out
