"""Bulk creates by the hundred and the tenants' walls: COPY goes where each tenant has tables, INSERT behind a wall."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from sorbus import Sorbus
from sorbus.data_layers.postgres.copying import FEWEST, Copying
from sorbus.testing.conformance.tenants_world import Carton, Entry, Firm, Ledger, Rack


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The table of each COPY, as the INSERT names it."""
    tables: list[str] = []
    write = Copying.write

    async def noting(self: Copying, session: Any, sql: str, lists: Any) -> bool:
        done = await write(self, session, sql, lists)
        if done:
            tables.append(sql.removeprefix("INSERT INTO ").split(" AS ")[0])
        return done

    monkeypatch.setattr(Copying, "write", noting)
    return tables


async def fill(app: Sorbus) -> None:
    """Many cartons for one firm and a few for another."""
    for count in (FEWEST, 3):
        firm = await Firm.found(app.scope(), slug=f"f{uuid4().hex[:10]}")
        scope = app.scope(tenant=firm.id)
        rack = await Rack.put_up(scope, label="a")
        rows = [{"rack_id": rack.id} for _ in range(count)]
        assert (await Carton.pack.bulk(scope, rows)).count == count
        assert await Carton.query(scope).count() == count


async def test_hundreds_of_rows_pass_a_wall_by_insert(walled: Sorbus, copied: list[str]) -> None:
    await fill(walled)
    assert copied == []


async def test_hundreds_of_rows_are_copied_where_there_is_no_wall(app: Sorbus, copied: list[str]) -> None:
    await fill(app)
    assert copied == ['"suite_cartons"']


async def test_hundreds_of_rows_are_copied_into_the_tables_of_each_tenant(
    app: Sorbus, copied: list[str]
) -> None:
    for name in ("acme", "bolt"):
        await app.tenants.create(name)
        scope = app.scope(tenant=name)
        ledger = await Ledger.begin(scope, name=name)
        rows = [{"ledger_id": ledger.id, "amount": number} for number in range(FEWEST)]
        assert (await Entry.book.bulk(scope, rows)).count == FEWEST
        assert await Entry.query(scope).count() == FEWEST
    assert copied == ['"acme"."suite_entries"', '"bolt"."suite_entries"']
