"""`sorbus contracts`: accept, check, freeze, and what each says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sorbus.cli.contracts import contracts

SOURCE = '''
from uuid import UUID

from sorbus import Attr, Domain, JsonApi, Policies, Postgres, Resource, Scope, Sorbus, action, attribute
from sorbus import authorize_if, policy, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    {fields}

    @action.create
    def write(self, scope: Scope, {inputs}) -> None:
        """Write it."""

    storage = Postgres("notes")
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/notes", "index", write)


app = Sorbus(domains=[Domain("notes", resources=[Note])], name="notes")
'''
TITLE = "title: Attr[str] = attribute(public=True, max_length=40)"
BODY = 'body: Attr[str] = attribute(default="", public=True)'


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def declare(self, fields: str, inputs: str) -> None:
        (self.folder / "noted.py").write_text(SOURCE.format(fields=fields, inputs=inputs))
        sys.modules.pop("noted", None)

    def run(self, *words: str) -> Result:
        sys.modules.pop("noted", None)
        return CliRunner().invoke(contracts, [*words, "--app", "noted:app"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(tmp_path)
    made.declare(f"{TITLE}\n    {BODY}", 'title: str, body: str = ""')
    yield made
    sys.modules.pop("noted", None)


def test_without_a_contract_there_is_nothing_to_check(project: Project) -> None:
    result = project.run("check")
    assert result.exit_code == 1
    assert "There is no contract `contracts/openapi.json`" in result.output


def test_what_is_accepted_is_checked(project: Project) -> None:
    assert project.run("accept").exit_code == 0
    assert project.run("check").exit_code == 0
    written = json.loads((project.folder / "contracts/openapi.json").read_bytes())
    assert list(written["paths"]) == ["/notes"]


def test_drift_says_what_is_different(project: Project) -> None:
    project.run("accept")
    project.declare(f"{TITLE}\n    {BODY}", "title: str, body: str")
    result = project.run("check")
    assert result.exit_code == 1
    assert "breaking: POST /notes: `data.attributes.body` is required now" in result.output
    assert "clients that call POST /notes" in result.output
    project.declare(
        f"{TITLE}\n    {BODY}\n    mark: Attr[str] = attribute(default='', public=True)",
        'title: str, body: str = ""',
    )
    assert "compatible: GET /notes: `data[].attributes.mark` is new" in project.run("check").output


def test_a_release_must_not_be_broken(project: Project) -> None:
    project.run("accept")
    assert project.run("freeze").exit_code == 0
    project.declare(TITLE, "title: str")
    for command in ("check", "accept"):
        result = project.run(command)
        assert result.exit_code == 1, result.output
        assert "breaks clients of the last release" in result.output
        assert (
            "`data[].attributes.body` is removed (for clients that read the answers of GET /notes)"
            in result.output
        )
    before = (project.folder / "contracts/openapi.json").read_bytes()
    assert b"body" in before, "a refused accept writes nothing"
    assert project.run("accept", "--breaking", "nobody reads it").exit_code == 0
    assert project.run("check").exit_code == 0
    kept = json.loads((project.folder / "contracts/accepted.json").read_bytes())
    assert set(kept["openapi.json"].values()) == {"nobody reads it"}
    assert project.run("freeze").exit_code == 0
    assert not (project.folder / "contracts/accepted.json").exists()
    assert project.run("check").exit_code == 0


def test_one_accepted_break_does_not_excuse_another(project: Project) -> None:
    project.run("accept")
    project.run("freeze")
    project.declare(TITLE, "title: str")
    project.run("accept", "--breaking", "nobody reads it")
    project.declare("title: Attr[str] = attribute(public=True, max_length=20)", "title: str")
    result = project.run("check")
    assert result.exit_code == 1
    assert "`data.attributes.title` has the limit `maxLength` 20 now, and had 40" in result.output
    assert "attributes.body" not in result.output.partition("breaks clients of the last release")[2]


def test_freezing_what_drifts_is_refused(project: Project) -> None:
    assert project.run("freeze").exit_code == 1
    project.run("accept")
    project.declare(TITLE, "title: str")
    result = project.run("freeze")
    assert result.exit_code == 1
    assert not (project.folder / "contracts/released").exists()


SERVED_TWICE = """

class Talk(Resource):
    \"\"\"Generic actions by GraphQL.\"\"\"

    @action.generic
    @classmethod
    async def echo(cls, scope: Scope, text: str) -> str:
        \"\"\"Echo.\"\"\"
        return text

    policies = Policies(policy("any", authorize_if(True)))
    graphql = GraphQL(queries=[echo]){mcp}
"""


def serve(project: Project, *, echo: bool = True, mcp: bool = True, title: str = TITLE) -> None:
    """An application with further interfaces."""
    project.declare(title, "title: str")
    file = project.folder / "noted.py"
    text = file.read_text().replace("import Attr,", "import Attr, GraphQL, Mcp,")
    if echo:
        talk = SERVED_TWICE.replace("{mcp}", "\n    mcp = Mcp(echo)" if mcp else "")
        text = text.replace("\n\napp =", f"{talk}\n\napp =").replace(
            "resources=[Note]", "resources=[Note, Talk]"
        )
    file.write_text(text)


def test_every_contract_that_breaks_is_told(project: Project) -> None:
    serve(project)
    for command in ("accept", "freeze"):
        assert project.run(command).exit_code == 0
    serve(project, echo=False, title=TITLE.replace("40", "30"))
    for command in ("check", "accept"):
        result = project.run(command)
        assert result.exit_code == 1
        for line in (
            "`data.attributes.title` has the limit `maxLength` 30 now",
            "breaking: schema.graphql: is not served any more (for everybody who uses it)",
            "breaking: mcp.json: is not served any more",
        ):
            assert line in result.output, result.output


def test_what_is_not_served_any_more_is_a_change(project: Project) -> None:
    serve(project)
    project.run("accept")
    serve(project, mcp=False)
    result = project.run("check")
    assert (result.exit_code, "mcp.json: is not served any more" in result.output) == (1, True)
    assert "Removed contracts/mcp.json." in project.run("accept").output
    assert project.run("check").exit_code == 0
    assert sorted(each.name for each in (project.folder / "contracts").iterdir()) == [
        "openapi.json", "schema.graphql",
    ]  # fmt: skip
    serve(project)
    for command in ("accept", "freeze"):
        project.run(command)
    serve(project, mcp=False)
    assert project.run("accept").exit_code == 1, "clients of the release would notice"
    assert project.run("accept", "--breaking", "nobody asks it").exit_code == 0
    assert project.run("check").exit_code == 0
    assert "Removed contracts/released/mcp.json." in project.run("freeze").output
    assert project.run("check").exit_code == 0


def test_changes_come_as_json(project: Project) -> None:
    project.run("accept")
    project.run("freeze")
    project.declare(
        f"{TITLE}\n    {BODY}\n    mark: Attr[str] = attribute(default='', public=True)",
        'title: str, body: str = ""',
    )
    project.run("accept")
    result = project.run("check", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert {each["severity"] for each in found} == {"compatible"}
    assert any(each["place"] == "data[].attributes.mark" for each in found)
