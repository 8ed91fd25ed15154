"""`sorbus client`: writes clients, and holds files against the declarations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sorbus.cli.client import client

ROOT = Path(__file__).parents[4]

SOURCE = '''
from uuid import UUID

from sorbus import Attr, Domain, JsonApi, Policies, Postgres, Resource, Sorbus, attribute
from sorbus import authorize_if, policy, uuid_primary_key


class Letter(Resource):
    """A letter."""

    id: Attr[UUID] = uuid_primary_key()
    {field}: Attr[str] = attribute(public=True)

    storage = Postgres("letters")
    policies = Policies(policy("any", authorize_if(True)))
    {section}


app = Sorbus(domains=[Domain("letters", resources=[Letter])], name="letters")
'''


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def declare(self, field: str, section: str = 'json_api = JsonApi("/letters", "index")') -> None:
        (self.folder / "lettered.py").write_text(SOURCE.format(field=field, section=section))

    def run(self, *words: str) -> Result:
        sys.modules.pop("lettered", None)
        return CliRunner().invoke(client, [*words, "--app", "lettered:app"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(tmp_path)
    made.declare("title")
    yield made
    sys.modules.pop("lettered", None)


@pytest.mark.parametrize(
    ("language", "file"), [("typescript", "web/src/shop.ts"), ("python", "shop/client.py")]
)
class TestEachLanguage:
    def test_what_is_written_is_what_is_shown(self, project: Project, language: str, file: str) -> None:
        written = project.run(language, "--output", file)
        assert (written.exit_code, written.output) == (0, f"Wrote {file}.\n")
        text = (project.folder / file).read_text(encoding="utf-8")
        assert project.run(language).output == text
        assert f"made by `sorbus client {language}`" in text.splitlines()[0]
        assert project.run(language, "--output", file, "--check").exit_code == 0

    def test_another_declaration_is_drift(self, project: Project, language: str, file: str) -> None:
        project.run(language, "--output", file)
        before = (project.folder / file).read_bytes()
        project.declare("subject")
        checked = project.run(language, "--output", file, "--check")
        assert checked.exit_code == 1
        assert f"another client than `{file}`" in checked.output
        assert any(line.strip().startswith("+") and "subject" in line for line in checked.output.splitlines())
        assert f"sorbus client {language} --output {file}" in checked.output
        assert (project.folder / file).read_bytes() == before, "checking writes nothing"

    def test_a_file_that_is_not_there_is_drift(self, project: Project, language: str, file: str) -> None:
        checked = project.run(language, "--output", file, "--check")
        assert checked.exit_code == 1
        assert "client-drift" in checked.output


BOTH = """
from tests.integration.json_api.every_type import application
from sorbus.apis.clients import client_model, python_client, typescript_client

model = client_model(application("postgresql://127.0.0.1:1/none"))
print(python_client(model, command="x"), typescript_client(model, command="x"))
"""


def test_every_process_writes_the_same() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", BOTH],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_an_application_that_shows_nothing_has_no_client(project: Project) -> None:
    project.declare("title", section="")
    result = project.run("typescript")
    assert result.exit_code == 1
    assert "no-client" in result.output


def test_only_a_file_can_be_checked(project: Project) -> None:
    assert "--check needs --output" in project.run("python", "--check").output
