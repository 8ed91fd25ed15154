"""Documents that PostgreSQL has written are those that Python makes of records, whatever the values and the rights."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Databases

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    Json,
    JsonApi,
    Many,
    One,
    Policies,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    field_policy,
    has_many,
    policy,
    uuid_primary_key,
)
from sorbus.apis.json_api import surface_of
from sorbus.apis.json_api.documents import Documents, Links, RecordDocuments
from sorbus.apis.json_api.encoding import EncoderFactory
from sorbus.apis.json_api.paging import FIRST_PAGE, Paging
from sorbus.apis.json_api.views import View, ViewRequest, view_of
from sorbus.apis.json_api.written import WrittenDocuments
from sorbus.data_layers.postgres.migrations import push

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Mood(StrEnum):
    """Text, and one that must be escaped."""

    PLAIN = "plain"
    ODD = 'it\'s "odd" \\ \n'


class Level(IntEnum):
    """Numbers."""

    LOW = 1
    HIGH = 2


class Shelf(Resource):
    """Holds values."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    values: Many[Value] = has_many(public=True)
    hidden_values: Many[Value] = has_many(public=True, where=lambda value: value.secret.is_null())
    value_count = agg.count(values, public=True)

    @action.create
    def put_up(self, scope: Scope, name: str) -> None:
        """Put it up."""

    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/shelves", "get", "index", put_up, includes=["values.shelf"])


class Value(Resource):
    """One of every type that the database writes itself."""

    id: Attr[UUID] = uuid_primary_key()
    shelf_id: Attr[UUID | None] = attribute(public=True, default=None)
    text: Attr[str | None] = attribute(public=True, default=None)
    number: Attr[int | None] = attribute(public=True, default=None)
    share: Attr[float | None] = attribute(public=True, default=None)
    price: Attr[Decimal | None] = attribute(public=True, default=None)
    sure: Attr[bool | None] = attribute(public=True, default=None)
    at: Attr[datetime | None] = attribute(public=True, default=None)
    day: Attr[date | None] = attribute(public=True, default=None)
    hour: Attr[time | None] = attribute(public=True, default=None)
    raw: Attr[bytes | None] = attribute(public=True, default=None)
    mood: Attr[Mood | None] = attribute(public=True, default=None)
    level: Attr[Level | None] = attribute(public=True, default=None)
    tags: Attr[list[str]] = attribute(public=True, default=list)
    keys: Attr[list[UUID | None]] = attribute(public=True, default=list)
    extra: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    secret: Attr[str | None] = attribute(public=True, default=None)
    stamp: Attr[datetime | None] = attribute(public=True, default=None)

    shelf: One[Shelf] = belongs_to(via=shelf_id, public=True)
    shout = calculate(text + "!", public=True)

    @action.create
    def keep(
        self,
        scope: Scope,
        shelf_id: UUID | None = None,
        text: str | None = None,
        number: int | None = None,
        share: float | None = None,
        price: Decimal | None = None,
        sure: bool | None = None,
        at: datetime | None = None,
        day: date | None = None,
        hour: time | None = None,
        raw: bytes | None = None,
        mood: Mood | None = None,
        level: Level | None = None,
        tags: list[str] = [],  # noqa: B006
        keys: list[UUID | None] = [],  # noqa: B006
        extra: dict[str, Json] = {},  # noqa: B006
        secret: str | None = None,
        stamp: datetime | None = None,
    ) -> None:
        """Keep one."""

    policies = Policies(policy("any", authorize_if(True)))
    field_policies = FieldPolicies(
        field_policy([secret, stamp], authorize_if(sure)),
        field_policy(level, authorize_if(actor_present())),
        field_policy("*", authorize_if(True)),
    )
    json_api = JsonApi("/values", "get", "index", keep, includes=[shelf])


Store = Domain("store", resources=[Shelf, Value])


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


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def databases(request: pytest.FixtureRequest) -> Databases:
    found: Databases = request.getfixturevalue(request.param)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(databases: Databases) -> AsyncIterator[Served]:
    with databases.fresh() as url:
        app = Sorbus(domains=[Store], name="store", database_url=url, secret=b"k" * 32)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            yield Served(app)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
MOMENTS = st.datetimes(timezones=st.just(UTC)).filter(lambda each: FIRST < each < LAST) | st.just(
    datetime(2026, 1, 1, tzinfo=UTC)
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VALUES = st.fixed_dictionaries(
    {
        "text": maybe(TEXTS),
        "number": maybe(st.integers(-(2**63), 2**63 - 1)),
        "share": maybe(st.floats()),
        "price": maybe(st.decimals(min_value=-(10**12), max_value=10**12, places=4)),
        "sure": maybe(st.booleans()),
        "at": maybe(MOMENTS),
        "day": maybe(st.dates()),
        "hour": maybe(st.times()),
        "raw": maybe(st.binary(max_size=100)),
        "mood": maybe(st.sampled_from(Mood)),
        "level": maybe(st.sampled_from(Level)),
        "tags": st.lists(TEXTS, max_size=3),
        "keys": st.lists(maybe(st.uuids()), max_size=3),
        "extra": st.dictionaries(TEXTS, DOCUMENTS, max_size=3),
        "secret": maybe(TEXTS),
        "stamp": maybe(MOMENTS),
    }
)


@settings(max_examples=60, deadline=None)
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
