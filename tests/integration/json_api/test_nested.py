"""What a list includes comes in its statement, whoever asks and of whichever tenants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.conftest import Databases
from tests.integration.authors import ADA, BOB, Author, Press, Reader, seed

from sorbus import Sorbus
from sorbus.apis.json_api.documents import Links, RecordDocuments
from sorbus.apis.json_api.encoding import EncoderFactory
from sorbus.apis.json_api.paging import FIRST_PAGE
from sorbus.apis.json_api.surface import surface_of
from sorbus.apis.json_api.views import ViewRequest, view_of
from sorbus.apis.json_api.written import WrittenDocuments
from sorbus.data_layers.postgres.migrations import push
from sorbus.data_layers.postgres.statements import SqlStatement

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(databases: Databases) -> AsyncIterator[Sorbus]:
    with databases.fresh() as url:
        app = Sorbus(domains=[Press], name="press", database_url=url, secret=b"k" * 32)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            for org in ("rome", "oslo"):
                await seed(app, org)
            yield app


@pytest.mark.parametrize("reader", [None, ADA, BOB], ids=["nobody", "ada", "staff"])
@pytest.mark.parametrize(
    ("includes", "least"),
    [
        ({("books",)}, 1),
        ({("letters",)}, 1),
        ({("newest",)}, 2),
        ({("books",), ("books", "remarks")}, 3),
    ],
)
@pytest.mark.parametrize("everywhere", [False, True])
async def test_what_is_included_is_what_each_may_read(
    app: Sorbus,
    monkeypatch: pytest.MonkeyPatch,
    reader: Reader | None,
    includes: set[tuple[str, ...]],
    least: int,
    everywhere: bool,
) -> None:
    statements: list[str] = []
    original = SqlStatement.fetch

    async def fetch(self: SqlStatement, session: Any, bindings: Any) -> Any:
        statements.append(self.sql)
        return await original(self, session, bindings)

    monkeypatch.setattr(SqlStatement, "fetch", fetch)
    scope = app.scope(actor=reader, tenant="rome")
    surface = surface_of(app.spec)
    wanted = ViewRequest(includes=frozenset(includes), compound=True)
    view = view_of(EncoderFactory(surface, prefix="/api"), surface.exposed["Author"], wanted)
    query = Author.everywhere(scope) if everywhere else Author.query(scope)
    made: list[str] = []
    for documents in (WrittenDocuments(), RecordDocuments()):
        statements.clear()
        listed = await documents.listing(view, scope, query, paging=FIRST_PAGE, links=Links(path="/x"))
        made.append(json.dumps(json.loads(listed)))
        if len(made) == 1:
            assert len(statements) == (least if reader else min(least, 2)), statements
    assert made[0] == made[1]
    document = json.loads(made[0])
    assert len(document["data"]) == (6 if everywhere else 3)
    # Who is nobody does not see the key by which a book belongs to its author.
    assert bool(document["included"]) is (reader is not None)
    assert ("oslo" in made[0]) is everywhere
