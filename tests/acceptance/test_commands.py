"""The other commands as a user types them, also wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.acceptance.commands import Shell, mail

from sorbus.testing.model_server import ModelServer, Reply

COMMANDS = ("demo", "run", "serve", "call", "mcp", "inspect", "graphql", "jobs", "migrate", "models", "new")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder without a database: nothing here may need one."""
    return Shell(folder=tmp_path, database_url="postgresql://nobody@127.0.0.1:9/nowhere?connect_timeout=1")


async def test_help_lists_every_command_and_each_has_help_of_its_own(shell: Shell) -> None:
    said = await shell.run("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in said.out
    own = await shell.run("run", "-h")
    assert own.code == 0
    assert "What was interrupted is resumed" in own.out
    assert (await shell.run("--version")).out.startswith("sorbus")


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("insepct",), "Did you mean `inspect`?"),
        (("job",), "Did you mean `jobs`?"),
        (("run", "x", "--modell", "y"), "--model"),
        (("jobs", "lst"), "lst"),
    ],
)
async def test_a_misspelt_command_or_option_gets_a_hint(
    shell: Shell, args: tuple[str, ...], hint: str
) -> None:
    said = await shell.run(*args)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("run", "nowhere"), "There is nothing at `nowhere`"),
        (("inspect", "Rum"), "Did you mean `Run`?"),
        (("inspect", "--app", "no_such_module:app"), "there is no module `no_such_module`"),
        (("inspect", "--app", "made:ap"), "Did you mean `app`?"),
        (("inspect", "--app", "made:number"), "`made:number` is a int, not a `Sorbus` application."),
        (("new", "1st-project"), "`1st-project` cannot be the name of a project."),
        (("new", "full"), "`full` exists and is not empty."),
        (("run", "full", "--app", "made:app"), "has no pipelines"),
    ],
)
async def test_what_cannot_be_done_is_said_with_the_next_step(
    shell: Shell, args: tuple[str, ...], expected: str
) -> None:
    (shell.folder / "made.py").write_text(
        "from sorbus import Sorbus\napp = Sorbus(domains=[])\nnumber = 7\n", encoding="utf-8"
    )
    (shell.folder / "full").mkdir()
    (shell.folder / "full" / "a.txt").write_text("Some text.", encoding="utf-8")
    said = await shell.run(*args)
    assert said.code == 1, said.text
    assert expected in said.err
    assert "docs/errors/" in said.err
    assert "Traceback" not in said.err


async def test_a_database_that_cannot_be_reached_is_named(shell: Shell) -> None:
    (shell.folder / "a.eml").write_bytes(mail(1))
    said = await shell.run("run", "a.eml", "--model", "http://127.0.0.1:9/v1#m")
    assert said.code == 1, said.text
    assert "127.0.0.1:9/nowhere cannot be reached" in said.err
    assert "Traceback" not in said.err


async def test_inspect_draws_the_states_of_a_resource(shell: Shell) -> None:
    said = await shell.run("inspect", "Run", "--chart")
    assert said.out.startswith("stateDiagram-v2\n")
    assert "    running --> cancelled: cancel\n" in said.out
    assert (await shell.run("inspect", "Run", "--chart", "dot")).out.startswith('digraph "Run" {')
    assert (await shell.run("inspect", "Run", "--chart", "svg")).out.startswith("<svg ")
    none = await shell.run("inspect", "Content", "--chart")
    assert (none.code, none.out) == (1, "")
    assert "it has no transitions" in none.err
    assert "needs a RESOURCE" in (await shell.run("inspect", "--chart")).err


async def test_inspect_shows_resources_and_one_of_them_as_text_and_as_json(shell: Shell) -> None:
    everything = await shell.run("inspect")
    assert everything.code == 0
    for name in ("Content", "Run", "StageRun", "Result", "LlmCall", "EmailAnalysis"):
        assert name in everything.out
    one = await shell.run("inspect", "Content")
    assert "dict[str, Json]" in one.out
    assert "ingest" in one.out
    data = json.loads((await shell.run("inspect", "Run", "--json")).out)
    assert "start" in json.dumps(data)
    manifest = json.loads((await shell.run("inspect", "--json")).out)
    assert "pipeline_runs" in json.dumps(manifest)


async def test_jobs_of_a_database_without_tables_says_what_to_do(pg18_url: str, tmp_path: Path) -> None:
    said = await Shell(folder=tmp_path, database_url=pg18_url, auto_migrate=False).run("jobs")
    assert said.code == 1
    assert "sorbus migrate" in said.err
    assert "Traceback" not in said.err


async def test_run_on_a_database_without_tables_says_what_to_do(pg18_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail(1))
    shell = Shell(folder=tmp_path, database_url=pg18_url, auto_migrate=False)
    said = await shell.run("run", "a.eml", "--model", "http://127.0.0.1:9/v1#m")
    assert said.code == 1
    assert "sorbus migrate" in said.err


async def test_jobs_are_listed_shown_retried_and_cancelled(pg18_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail(1))
    shell = Shell(folder=tmp_path, database_url=pg18_url)
    assert "No jobs." in (await shell.run("jobs")).out
    async with ModelServer(default=Reply(status=400)) as server:
        await shell.run("run", "a.eml", "--model", server.model)
    queues = await shell.run("jobs")
    assert "pipelines" in queues.out
    assert "cancelled" in queues.out
    listed = await shell.run("jobs", "list", "--queue", "pipelines", "--state", "cancelled")
    assert "pipelines.advance" in listed.out
    assert "status 400" in " ".join(listed.out.split())
    assert "pipelines.advance" in (await shell.run("jobs", "show", "1")).out
    assert "is due now" in (await shell.run("jobs", "retry", "1")).out
    assert "due already" in (await shell.run("jobs", "retry", "1")).out
    assert "Job 1: cancelled." in (await shell.run("jobs", "cancel", "1")).out
    assert "Job 1: finished." in (await shell.run("jobs", "cancel", "1")).out
    missing = await shell.run("jobs", "show", "999")
    assert (missing.code, "There is no job 999" in missing.err) == (1, True)
    assert (await shell.run("jobs", "list", "--state", "odd")).code == 2


async def test_new_makes_a_project_whose_application_can_be_inspected(shell: Shell) -> None:
    said = await shell.run("new", "ticket-desk")
    assert said.code == 0, said.text
    project = shell.folder / "ticket-desk"
    assert (project / "ticket_desk" / "app.py").is_file()
    inside = Shell(folder=project, database_url=shell.database_url)
    inspected = await inside.run("inspect")
    assert inspected.code == 0, inspected.text
    assert "@package@" not in "".join(
        each.read_text(encoding="utf-8")
        for each in project.rglob("*")
        if each.is_file() and each.suffix != ".pyc"
    )
    again = await shell.run("new", "ticket-desk")
    assert (again.code, "exists and is not empty" in again.err) == (1, True)


async def test_the_graphql_schema_is_shown_and_written(shell: Shell) -> None:
    shown = await shell.run("graphql")
    assert shown.code == 0, shown.err
    assert "type Run implements Node {" in shown.out
    assert (await shell.run("graphql", "--output", "schema.graphql")).code == 0
    assert (shell.folder / "schema.graphql").read_text() == shown.out


async def test_the_contracts_of_all_interfaces_are_kept_and_compared(shell: Shell) -> None:
    assert (await shell.run("contracts", "accept")).code == 0
    folder = shell.folder / "contracts"
    assert sorted(each.name for each in folder.iterdir()) == ["mcp.json", "openapi.json", "schema.graphql"]
    assert (await shell.run("contracts", "check")).code == 0
    assert (await shell.run("contracts", "freeze")).code == 0
    sdl, tools = folder / "released" / "schema.graphql", folder / "released" / "mcp.json"
    kept = sdl.read_text()
    sdl.write_text(kept.replace("type Run implements Node {", "type Run implements Node {\n  speed: Int\n"))
    broken = await shell.run("contracts", "check")
    assert broken.code == 1
    assert "breaking: GraphQL: Field Run.speed was removed" in broken.err
    sdl.write_text(kept)
    tools.write_text(tools.read_text().replace('"name": "run_start"', '"name": "run_begin"'))
    broken = await shell.run("contracts", "check")
    assert "breaking: tool run_begin: is removed (for models and programs that call run_begin)" in broken.err
    sdl.write_text("no schema")
    wrong = await shell.run("contracts", "check")
    assert wrong.code == 1
    assert "holds no GraphQL schema" in wrong.err
    assert "Traceback" not in wrong.err
