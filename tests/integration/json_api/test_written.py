"""Documents that PostgreSQL has written are those that Python makes of records, whatever the values and the rights."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.values import FIRST, LAST, VALUES, Shelf, Value

from sorbus import (
    Query,
    Scope,
    Sorbus,
)
from sorbus.apis.json_api import surface_of
from sorbus.apis.json_api.documents import Documents, Links, RecordDocuments
from sorbus.apis.json_api.encoding import EncoderFactory
from sorbus.apis.json_api.faults import error_reply
from sorbus.apis.json_api.paging import FIRST_PAGE, Paging
from sorbus.apis.json_api.views import Included, View, ViewRequest, view_of
from sorbus.apis.json_api.written import WrittenDocuments
from sorbus.errors.inputs import TooManyRelated

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Served:
    """Both ways to make a document, over one application."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        self.surface = surface_of(app.spec)
        self.encoders = EncoderFactory(self.surface, prefix="/api")
        self.written: Documents = WrittenDocuments()
        self.records: Documents = RecordDocuments()

    def view(self, name: str, **wanted: Any) -> View:
        """What a request shows."""
        includes = frozenset(wanted.pop("includes", ()))
        request = ViewRequest(includes=includes, compound=bool(includes), **wanted)
        return view_of(self.encoders, self.surface.exposed[name], request)

    async def both(
        self, view: View, scope: Scope, query: Query[Any], paging: Paging = FIRST_PAGE
    ) -> tuple[Any, Any]:
        """The documents of a list in both ways."""
        made: list[Any] = []
        for each in (self.written, self.records):
            document = await each.listing(view, scope, query, paging=paging, links=Links(path="/x"))
            made.append(json.loads(document))
        return made[0], made[1]


@pytest.fixture(scope="module")
def served(store: Sorbus) -> Served:
    return Served(store)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(VALUES, min_size=1, max_size=4), present=st.booleans())
async def test_values_are_written_as_python_shows_them(
    served: Served, rows: list[dict[str, Any]], present: bool
) -> None:
    scope = served.app.scope(actor="ann" if present else None)
    shelf = await Shelf.put_up(scope, name="a")
    for row in rows:
        await Value.keep(scope, shelf_id=shelf.id, **row)
    query = Value.query(scope).where(Value.shelf_id == shelf.id)
    wanted = frozenset((*served.surface.exposed["Value"].fields,))
    for view in (
        served.view("Value"),
        served.view("Value", fields={"values": wanted}, includes=[("shelf",)]),
    ):
        assert served.written._writing(view, query, scope) is not None
        written, records = await served.both(view, scope, query)
        assert json.dumps(written) == json.dumps(records)
        assert len(written["data"]) == len(rows)


@pytest.fixture
def scope(served: Served) -> Scope:
    return served.app.scope(actor="ann")


async def test_included_rows_come_once_and_in_one_order(served: Served, scope: Scope) -> None:
    shelves = [await Shelf.put_up(scope, name=name) for name in "abc"]
    for number in range(7):
        await Value.keep(
            scope, shelf_id=shelves[number % 2].id, number=number, sure=number % 3 == 0, secret="s"
        )
    query = Shelf.query(scope).where(Shelf.id.is_in([each.id for each in shelves]))
    for includes in ([("values",)], [("values",), ("values", "shelf")]):
        view = served.view("Shelf", includes=includes)
        written, records = await served.both(view, scope, query)
        assert json.dumps(written) == json.dumps(records)
        assert [len(each["relationships"]["values"]["data"]) for each in written["data"]] == [4, 3, 0]
        assert len(written["included"]) == 7


async def test_cursors_of_one_way_go_on_in_the_other(served: Served, scope: Scope) -> None:
    shelf = await Shelf.put_up(scope, name="many")
    for number in range(5):
        await Value.keep(scope, shelf_id=shelf.id, number=number)
    query = Value.query(scope).where(Value.shelf_id == shelf.id).order_by(Value.number.desc())
    view, seen = served.view("Value"), list[int]()
    paging = Paging(limit=2, count=True, given=True)
    for _ in range(3):
        written, records = await served.both(view, scope, query, paging)
        assert written == records
        assert written["meta"] == {"page": {"limit": 2, "total": 5}}
        seen += [each["attributes"]["number"] for each in written["data"]]
        after = (written["links"]["next"] or "").partition("page%5Bafter%5D=")[2]
        paging = Paging(limit=2, count=True, after=after, given=True)
    assert seen == [4, 3, 2, 1, 0]


async def test_more_than_can_be_included_is_cut_in_both_ways(
    served: Served, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("encoding", "views", "written", "documents"):
        monkeypatch.setattr(f"sorbus.apis.json_api.{module}.INCLUDED_LIMIT", 2)
    shelf = await Shelf.put_up(scope, name="full")
    for number in range(3):
        await Value.keep(scope, shelf_id=shelf.id, number=number)
    view = served.view("Shelf", includes=[("values",)])
    written, records = await served.both(view, scope, Shelf.query(scope).where(Shelf.id == shelf.id))
    assert json.dumps(written) == json.dumps(records)
    (found,) = written["data"]
    assert found["relationships"]["values"]["meta"] == {"truncated": True}
    assert len(found["relationships"]["values"]["data"]) == len(written["included"]) == 2


async def test_what_is_included_comes_in_the_statement_of_the_list(
    served: Served, scope: Scope, statements: list[str]
) -> None:
    shelves = [await Shelf.put_up(scope, name=name) for name in "abc"]
    for number in range(4):
        await Value.keep(scope, shelf_id=shelves[number % 2].id, number=number)
    chosen = Shelf.query(scope).where(Shelf.id.is_in([each.id for each in shelves]))
    for wanted, most in (
        ({"includes": [("values",)]}, 1),
        ({"includes": [("values",)], "fields": {"shelves": frozenset({"name"})}}, 1),
        ({"includes": [("values",)], "fields": {"shelves": frozenset({"name", "value_count", "values"})}}, 1),
        ({"includes": [("values",), ("values", "shelf")]}, 3),
        ({"includes": [("values",)], "included": {("values",): Included(conditions=(Value.number > 1,))}}, 2),
    ):
        view = served.view("Shelf", **wanted)
        written, records = await served.both(view, scope, chosen)
        assert json.dumps(written) == json.dumps(records)
        statements.clear()
        await served.written.listing(view, scope, chosen, paging=FIRST_PAGE, links=Links(path="/x"))
        assert len(statements) == most, statements
    one = served.view("Shelf", includes=[("values",)])
    statements.clear()
    document = json.loads(await served.written.single(one, scope, shelves[0].id))
    assert len(statements) == 1
    assert [each["attributes"]["number"] for each in document["included"]] == [0, 2]


async def test_related_records_of_all_together_are_bounded(
    served: Served, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("views", "written"):
        monkeypatch.setattr(f"sorbus.apis.json_api.{module}.INCLUDED_MOST", 4)
    shelves = [await Shelf.put_up(scope, name=name) for name in "ab"]
    chosen = Shelf.query(scope).where(Shelf.id.is_in([each.id for each in shelves]))
    await Value.keep(scope, shelf_id=shelves[1].id)
    for _ in range(3):
        await Value.keep(scope, shelf_id=shelves[0].id)
    paged = Included(page=Paging(limit=9, given=True))
    views = [
        served.view("Shelf", includes=[("values",)]),
        served.view("Shelf", includes=[("values",)], included={("values",): paged}),
    ]
    # One of them has more than its share, and all together as many as there may be.
    for view in views:
        written, records = await served.both(view, scope, chosen)
        assert written == records
        assert len(written["included"]) == 4
    await Value.keep(scope, shelf_id=shelves[1].id)
    for view in views:
        for each in (served.written, served.records):
            with pytest.raises(TooManyRelated, match="more than 4 rows") as caught:
                await each.listing(view, scope, chosen, paging=FIRST_PAGE, links=Links(path="/x"))
            assert error_reply(caught.value, where="x").status == 400


async def test_infinite_moments_are_the_last_that_python_knows(served: Served, scope: Scope) -> None:
    """Sorbus stores none, but others may."""
    value = await Value.keep(scope)
    query, view = Value.query(scope).where(Value.id == value.id), served.view("Value")
    for end, moment in (("infinity", LAST), ("-infinity", FIRST)):
        async with served.app.database.pool.connection() as connection:
            sql = f"UPDATE \"value\" SET at = '{end}', day = '{end}' WHERE id = $1"
            await connection.execute(sql, value.id)
        body = await served.written.listing(view, scope, query, paging=FIRST_PAGE, links=Links(path="/x"))
        shown = json.loads(body)["data"][0]["attributes"]
        assert datetime.fromisoformat(shown["at"]) == moment
        assert shown["day"] == moment.date().isoformat()


@pytest.mark.parametrize("known", [True, False])
async def test_a_single_record_with_others_around_it(served: Served, scope: Scope, known: bool) -> None:
    shelf = await Shelf.put_up(scope, name="one")
    await Value.keep(scope, shelf_id=shelf.id, text='"quoted"')
    key = shelf.id if known else uuid4()
    view = served.view("Shelf", includes=[("values",)])
    made: list[Any] = []
    ways: list[Callable[..., Any]] = [served.written.single, served.records.single]
    for way in ways:
        try:
            made.append(json.loads(await way(view, scope, key, itself="/api/shelves/x?include=values")))
        except Exception as error:
            made.append(f"{type(error).__name__}: {error}")
    assert made[0] == made[1]
    assert isinstance(made[0], dict) is known
