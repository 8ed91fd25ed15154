"""How PostgreSQL goes the ways: by their indexes, however many rows there are on both sides."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sorbus import Sorbus
from sorbus.testing.conformance.people import Org, Person
from sorbus.testing.conformance.press import DOMAINS
from sorbus.testing.conformance.relations_world import Album, Band, Song


@pytest.fixture
async def app(pg18_url: str) -> AsyncIterator[Sorbus]:
    async with Sorbus(domains=DOMAINS, database_url=pg18_url, auto_migrate=True, secret=b"x") as app:
        yield app


@pytest.fixture
async def scope(app: Sorbus) -> Any:
    org = await Org.found(app.system_scope(), name="Org", slug="org")
    ada = await Person.join(app.system_scope(tenant=org.id), name="Ada")
    scope = app.scope(actor=ada, tenant=org.id)
    bands = (await Band.form.bulk(scope, [{"name": f"b{n}"} for n in range(200)], returning=True)).records
    assert bands is not None
    albums = [{"band_id": band.id, "title": f"a{n}", "year": n} for band in bands for n in range(10)]
    made = (await Album.record.bulk(scope, albums, returning=True)).records
    assert made is not None
    songs = [{"album_id": album.id, "title": f"s{n}"} for album in made for n in range(10)]
    await Song.write.bulk(scope, songs)
    async with app.database.pool.connection() as connection:
        await connection.execute("ANALYZE")
    return scope


async def statement(app: Sorbus, monkeypatch: pytest.MonkeyPatch, run: Any) -> tuple[str, list[Any]]:
    """The last statement that `run` sends, with its values."""
    layer = app.engine.layer_of(app.engine.spec_of(Band))
    sent: list[tuple[str, list[Any]]] = []
    compiled: Any = type(layer.compile(_any(app)))
    fetch = compiled.fetch

    async def noted(self: Any, session: Any, bindings: Any) -> Any:
        sent.append((self.sql, self.bind(bindings)))
        return await fetch(self, session, bindings)

    with monkeypatch.context() as patch:
        patch.setattr(compiled, "fetch", noted)
        await run
    return sent[-1]


def _any(app: Sorbus) -> Any:
    from sorbus.query.statements import Select

    return Select(resource=app.engine.spec_of(Band), outputs=())


async def visited(app: Sorbus, sql: str, values: list[Any]) -> int:
    """How many rows the nodes of a statement's plan have gone through."""
    async with app.database.pool.connection() as connection:
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
    (plan,) = found if isinstance(found, list) else json.loads(found)
    return _rows(plan["Plan"])


def _rows(node: dict[str, Any]) -> int:
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return round(own) + sum(_rows(each) for each in node.get("Plans", ()))


async def test_a_path_from_a_few_rows_visits_their_rows_only(
    app: Sorbus, scope: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Band.query(scope).where(Band.name == "b7").load(Band.songs)
    sql, values = await statement(app, monkeypatch, query.all())
    # One band, ten albums, a hundred songs of twenty thousand, each seen by a few nodes.
    assert await visited(app, sql, values) < 1500
    query = Band.query(scope).where(Band.name == "b7").load(Band.song_count)
    sql, values = await statement(app, monkeypatch, query.all())
    assert await visited(app, sql, values) < 1500


async def test_a_limit_for_each_row_stops_there(
    app: Sorbus, scope: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Band.query(scope).where(Band.name == "b7").load(Band.best)
    sql, values = await statement(app, monkeypatch, query.all())
    assert await visited(app, sql, values) < 200
