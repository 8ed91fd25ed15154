"""What a list includes comes in its statement, whoever asks and of whichever tenants."""

from __future__ import annotations

import json

import pytest
from tests.integration.authors import ADA, BOB, Author, Reader

from sorbus import Sorbus
from sorbus.apis.json_api.documents import Links, RecordDocuments
from sorbus.apis.json_api.encoding import EncoderFactory
from sorbus.apis.json_api.paging import FIRST_PAGE
from sorbus.apis.json_api.surface import surface_of
from sorbus.apis.json_api.views import ViewRequest, view_of
from sorbus.apis.json_api.written import WrittenDocuments

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    press: Sorbus,
    statements: list[str],
    reader: Reader | None,
    includes: set[tuple[str, ...]],
    least: int,
    everywhere: bool,
) -> None:
    scope = press.scope(actor=reader, tenant="rome")
    surface = surface_of(press.spec)
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
