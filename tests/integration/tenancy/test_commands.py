"""`sorbus tenants` and `sorbus migrate` as a user types them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorbus import Sorbus
from sorbus.cli.main import main
from sorbus.testing.conformance.tenants_world import Firms, Ledger


def make() -> Sorbus:
    """The application that the commands load."""
    return Sorbus(
        domains=[Firms],
        database_url=os.environ["TENANTS_URL"],
        secret=b"k",
        auto_migrate=False,
        migrations_folder=os.environ["TENANTS_FOLDER"],
    )


@pytest.fixture
def run(pg18_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("SORBUS_APP", f"{__name__}:make")
    monkeypatch.setenv("TENANTS_URL", pg18_url)
    monkeypatch.setenv("TENANTS_FOLDER", str(tmp_path / "migrations"))

    def call(*words: str, stdin: str = "") -> Result:
        found = CliRunner().invoke(main, words, input=stdin)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found

    return call


def inside(work: Callable[[Sorbus], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        async with make() as app:
            return await work(app)

    return asyncio.run(opened())


def test_tenants_are_migrated_made_renamed_and_dropped(run: Callable[..., Result], tmp_path: Path) -> None:
    done = run("migrate", "--name", "first")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "migrations"
    assert (folder / "0001_first" / "up.sql").is_file()
    assert (folder / "tenants" / "0001_first" / "up.sql").is_file()
    assert "There are no tenants" in run("tenants", "list").output

    assert run("tenants", "create", "acme").output == "Made the tenant acme.\n"
    assert run("tenants", "create", "acme").exit_code == 1
    refused = run("tenants", "create", "Not Allowed")
    assert (refused.exit_code, "docs/errors/tenant-name-not-allowed.md" in refused.output) == (1, True)
    inside(lambda app: Ledger.begin(app.scope(tenant="acme"), name="main"))
    assert "Tenant acme: 0001_first" in run("migrate", "status").output
    assert run("migrate", "--check").exit_code == 0

    assert run("migrate", "new", "by hand", "--empty", "--tenants").exit_code == 0
    for file, verb in (("up.sql", "SET (fillfactor = 90)"), ("down.sql", "RESET (fillfactor)")):
        script = folder / "tenants" / "0002_by_hand" / file
        script.write_text(f"{script.read_text()}ALTER TABLE suite_ledgers {verb};\n")
    checked = run("migrate", "--check")
    assert (checked.exit_code, "Tenant acme" in checked.output) == (1, True)
    assert "Tenant acme: Applied 0002_by_hand" in run("migrate", "up").output
    assert "Tenant acme: Undid 0002_by_hand" in run("migrate", "down", "--tenants").output
    assert "Tenant acme: Applied 0002_by_hand" in run("migrate", "up", "--tenants").output

    assert run("tenants", "rename", "acme", "globex").exit_code == 0
    assert run("tenants", "list").output == "globex\n"
    assert inside(lambda app: Ledger.query(app.scope(tenant="globex")).count()) == 1
    assert run("tenants", "drop", "globex", stdin="acme\n").exit_code == 1
    assert run("tenants", "drop", "globex", stdin="globex\n").exit_code == 0
    assert "There are no tenants" in run("tenants", "list").output
