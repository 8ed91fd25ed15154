"""What a data layer must do with values of every type: keep them, compare them, compute with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from sorbus import (
    CiStr,
    Range,
    Sorbus,
    fn,
    tag_of,
)
from sorbus.errors.access import NotLoaded
from sorbus.errors.inputs import AlreadyTaken, InvalidAction
from sorbus.testing.conformance.types_world import (
    Card,
    Circle,
    Color,
    Money,
    Part,
    Sample,
    ShelfId,
    Size,
    Square,
    Ticket,
    Transfer,
)
from sorbus.testing.conformance.world import Behaviour, only

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
DAY = date(2030, 1, 2)

STORED: Mapping[str, tuple[Any, Any]] = {
    "text in a case": ({"email": "Ada@X.org"}, CiStr("ada@x.ORG")),
    "a derived type": ({"slug": "a-b"}, "a-b"),
    "a new type": ({"shelf": ShelfId(UUID(int=7))}, UUID(int=7)),
    "a decimal": ({"price": "12.5"}, Decimal("12.50")),
    "a time with a zone": ({"at": "2030-01-02T14:00:00.123999+02:00"}, NOON.replace(microsecond=123000)),
    "a time without one": ({"at": datetime(2030, 1, 2, 12)}, NOON),  # noqa: DTZ001
    "a time of day": ({"clock": time(12, 30, 1, 999999)}, time(12, 30, 1)),
    "a duration": ({"span": timedelta(days=2, microseconds=1999)}, timedelta(days=2, microseconds=1000)),
    "the last day": ({"day": "9999-12-31"}, date.max),
    "binary data": ({"blob": "AP8="}, b"\x00\xff"),
    "whole numbers": ({"seats": {"lower": 1, "upper": 4, "bounds": "[]"}}, Range(1, 5)),
    "a range above nothing": ({"seats": Range(None, 5)}, Range(None, 5)),
    "a range without ends": ({"seats": Range[int]()}, Range[int]()),
    "no number at all": ({"seats": Range(3, 3)}, Range[int].nothing()),
    "decimals": ({"rates": ["0.5", 2]}, Range(Decimal("0.5"), Decimal(2))),
    "decimals with both ends": (
        {"rates": Range(Decimal(1), Decimal(2), "(]")},
        Range(Decimal(1), Decimal(2), "(]"),
    ),
    "days": ({"stay": Range(DAY, DAY, "[]")}, Range(DAY, date(2030, 1, 3))),
    "times": ({"window": [NOON, None]}, Range(NOON, None)),
    "words": ({"words": ["a", "b"]}, ["a", "b"]),
    "nulls in a list": ({"marks": [1, None, 3]}, [1, None, 3]),
    "nulls left out": ({"picks": [1, None, 3]}, [1, 3]),
    "members": ({"colors": ["red", Color.BLUE]}, [Color.RED, Color.BLUE]),
    "members that are no texts": ({"sizes": ["s", Size.LARGE]}, [Size.SMALL, Size.LARGE]),
    "keys": ({"keys": [str(UUID(int=1))]}, [UUID(int=1)]),
    "texts in a list": ({"names": ["Ada"]}, [CiStr("ADA")]),
    "a dataclass": ({"part": {"name": "bolt", "raw": "_w=="}}, Part("bolt", 1, b"\xff")),
    "a map of lists": ({"parts": {"x": [Part("nut", 2)], "y": []}}, {"x": [Part("nut", 2)], "y": []}),
    "a typed dictionary": (
        {"space": {"width": "1.10", "depth": None}},
        {"width": Decimal("1.10"), "depth": None},
    ),
    "counts": ({"counts": {"a": "1"}}, {"a": 1}),
    "a tagged class": ({"payment": Card("4711")}, Card("4711")),
    "another from outside": (
        {"payment": {"method": "transfer", "iban": "DE1", "due": "2030-01-02"}},
        Transfer("DE1", DAY),
    ),
    "a tagged number": ({"answer": 1}, 1),
    "a tagged truth value": ({"answer": True}, True),
    "a tagged text": ({"answer": "1"}, "1"),
    "a tagged day": ({"answer": {"type": "day", "value": "2030-01-02"}}, DAY),
    "a tagged decimal": ({"answer": Decimal("1.10")}, Decimal("1.10")),
    "tags of their own": (
        {"figures": [{"shape": "circle", "radius": 1}, Square(2, "box")]},
        [Circle(1), Square(2, "box")],
    ),
    "a type of the user's": ({"money": "9.90 EUR"}, Money(990)),
    "several of them": ({"prices": [Money(1), "0.02 EUR"]}, [Money(1), Money(2)]),
    "a trimmed text": ({"title": "  x "}, "x"),
    "an empty text": ({"title": "   "}, None),
    "any JSON": ({"anything": {"a": [1, None, "x", 1.5, True]}}, {"a": [1, None, "x", 1.5, True]}),
}

REFUSED: Mapping[str, tuple[Any, tuple[str | int, ...], str]] = {
    "a pattern of the alias": ({"slug": "A"}, ("slug",), "pattern"),
    "a limit of the attribute": ({"slug": "a"}, ("slug",), "at least 2"),
    "a limit of the alias": ({"slug": "a" * 21}, ("slug",), "at most 20"),
    "too many places": ({"price": "1.005"}, ("price",), "2 decimal places"),
    "too many digits": ({"price": "1234567.00"}, ("price",), "digits"),
    "a zone of a time of day": ({"clock": "12:00:00+02:00"}, ("clock",), "no time zone"),
    "a time out of reach": ({"at": "0001-01-01T00:00:00+12:00"}, ("at",), "years 1 to 9999"),
    "the first moment": ({"at": "0001-01-01T00:00:00Z"}, ("at",), "first and the last moment"),
    "the last moment": (
        {"window": [None, datetime.max.replace(tzinfo=UTC)]},
        ("window",),
        "first and the last moment",
    ),
    "no base64": ({"blob": "!"}, ("blob",), "no base64"),
    "too many bytes": ({"blob": b"12345"}, ("blob",), "at most 4 bytes"),
    "ends the wrong way round": ({"seats": [5, 1]}, ("seats",), "lies above"),
    "an end of another type": ({"seats": ["x", 1]}, ("seats",), "`lower` is no int"),
    "an unknown member of a range": ({"seats": {"from": 1}}, ("seats",), "no `from`"),
    "bounds that there are not": ({"seats": {"lower": 1, "bounds": "[["}}, ("seats",), "allowed"),
    "a number too large": ({"seats": [1, 2**63]}, ("seats",), "64-bit"),
    "an item twice": ({"words": ["a", "a"]}, ("words",), "item 1 is there twice"),
    "too many items": ({"words": list("abcd")}, ("words",), "at most 3"),
    "a limit of an item": ({"words": ["a", "b" * 9]}, ("words", 1), "at most 8"),
    "a member that there is not": ({"colors": ["red", "green"]}, ("colors", 1), "'red' or 'blue'"),
    "deep inside": (
        {"parts": {"x": [{"name": "a"}, {"name": "b" * 9}]}},
        ("parts", "x", 1, "name"),
        "at most 8",
    ),
    "a field that is missing": ({"part": {}}, ("part", "name"), "missing"),
    "a field that there is not": ({"part": {"name": "a", "nme": 1}}, ("part", "nme"), "unexpected"),
    "a field of a dictionary": (
        {"space": {"width": 1, "depth": 1, "hight": 1}},
        ("space", "hight"),
        "not permitted",
    ),
    "a tag that there is not": ({"payment": {"method": "cart"}}, ("payment",), "tags: card, transfer"),
    "no tag": ({"payment": {"number": "1"}}, ("payment",), "tags: card, transfer"),
    "a field under a tag": ({"payment": {"method": "card", "number": 1}}, ("payment", "number"), "string"),
    "a value without a tag": ({"answer": 1.5}, ("answer",), "tags: "),
    "under a tag of its own": (
        {"figures": [{"shape": "box", "side": "x"}]},
        ("figures", 0, "side"),
        "integer",
    ),
    "no money": ({"money": "9.90 USD"}, ("money",), "such as `9.90 EUR`"),
    "a NUL": ({"anything": ["a\x00"]}, ("anything",), "NUL"),
    "half a pair": ({"email": "\ud800"}, ("email",), ""),
    "a NUL in a list": ({"words": ["a\x00"]}, ("words",), "NUL"),
}


async def added(app: Sorbus, **inputs: Any) -> Sample:
    """A new sample, as it was given back."""
    inputs.setdefault("email", uuid4().hex)
    return await Sample.add(app.system_scope(), **inputs)


async def found(app: Sorbus, *conditions: Any) -> list[str]:
    """The addresses of the samples that meet conditions."""
    rows = await Sample.query(app.system_scope()).where(*conditions).order_by(Sample.email).all()
    return [str(each.email) for each in rows]


class Types(Behaviour):
    """Values of every type."""

    @pytest.mark.parametrize("case", STORED)
    async def test_what_is_stored_comes_back_equal(self, app: Sorbus, case: str) -> None:
        inputs, wanted = STORED[case]
        (name,) = inputs
        sample = await added(app, **inputs)
        again = await Sample.get(app.system_scope(), sample.id)
        for record in (sample, again):
            value = getattr(record, name)
            assert value == wanted
            assert isinstance(value, type(wanted))

    @pytest.mark.parametrize("case", REFUSED)
    async def test_what_is_no_value_is_refused_with_its_place(self, app: Sorbus, case: str) -> None:
        inputs, path, message = REFUSED[case]
        with pytest.raises(InvalidAction) as caught:
            await added(app, **inputs)
        error = only(caught.value)
        assert error.path == ("input", *path)
        assert message in str(error)

    async def test_an_update_stores_the_same(self, app: Sorbus) -> None:
        sample = await added(app, money=Money(1), seats=Range(1, 2))
        changed = await sample.change(
            app.system_scope(), money=Money(5), seats=Range(3, 9), payment=Card("1")
        )
        assert (changed.money, changed.seats, changed.payment) == (Money(5), Range(3, 9), Card("1"))
        again = await Sample.get(app.system_scope(), sample.id)
        assert again == changed

    async def test_text_is_compared_whatever_its_case(self, app: Sorbus) -> None:
        for email in ("Ada@x.org", "bob@x.org", "CAROL@x.org"):
            await added(app, email=email, nick=email[:3])
        assert await found(app, Sample.email == CiStr("ADA@X.ORG")) == ["Ada@x.org"]
        assert await found(app, Sample.email.is_in([CiStr("BOB@X.org")])) == ["bob@x.org"]
        assert await found(app) == ["Ada@x.org", "bob@x.org", "CAROL@x.org"]
        assert await found(app, Sample.email > CiStr("ADA@X.ORG")) == ["bob@x.org", "CAROL@x.org"]
        assert await found(app, Sample.email.starts_with("CA")) == ["CAROL@x.org"]
        assert await found(app, Sample.email.contains("OB@")) == ["bob@x.org"]
        assert await found(app, Sample.email.ends_with("X.ORG"), Sample.nick == CiStr("aDA")) == ["Ada@x.org"]

    async def test_an_identity_knows_no_case(self, app: Sorbus) -> None:
        await added(app, email="Ada@x.org")
        with pytest.raises(InvalidAction) as caught:
            await added(app, email="aDA@X.org")
        assert isinstance(only(caught.value), AlreadyTaken)

    async def test_ranges_are_asked(self, app: Sorbus) -> None:
        await added(app, email="a", seats=Range(1, 5), window=Range(NOON, None))
        await added(app, email="b", seats=Range(5, 9), rates=Range(Decimal(1), Decimal(2)))
        await added(app, email="c", seats=Range[int].nothing(), stay=Range(DAY, None))
        await added(app, email="d")
        assert await found(app, fn.range_contains(Sample.seats, 4)) == ["a"]
        assert await found(app, fn.range_contains(Sample.seats, Range(6, 7))) == ["b"]
        assert await found(app, fn.range_contains(Sample.rates, Decimal("1.5"))) == ["b"]
        assert await found(app, fn.range_contains(Sample.stay, DAY + timedelta(days=1))) == ["c"]
        assert await found(app, fn.range_contains(Sample.window, NOON)) == ["a"]
        assert await found(app, fn.range_overlaps(Sample.seats, Range(4, 6))) == ["a", "b"]
        assert await found(app, fn.range_before(Sample.seats, Range(5, 6))) == ["a"]
        assert await found(app, fn.range_adjacent(Sample.seats, Range(5, 6))) == ["a"]
        assert await found(app, fn.range_is_empty(Sample.seats)) == ["c"]
        assert await found(app, fn.range_lower(Sample.seats) == 5) == ["b"]
        assert await found(app, fn.range_upper(Sample.seats) > 5) == ["b"]
        assert await found(app, fn.range_upper(fn.range_intersection(Sample.seats, Range(2, 3))) == 3) == [
            "a"
        ]
        assert await found(app, Sample.seats == Range(1, 4, "[]")) == ["a"]
        rows = await Sample.query(app.system_scope()).order_by(Sample.seats).load(Sample.first_seat).all()
        assert [(each.email, each.first_seat) for each in rows] == [
            ("c", None),
            ("a", 1),
            ("b", 5),
            ("d", None),
        ]

    async def test_a_union_is_filtered_by_its_tag(self, app: Sorbus) -> None:
        await added(app, email="a", payment=Card("1"))
        await added(app, email="b", payment=Transfer("DE1", DAY))
        await added(app, email="c")
        assert await found(app, tag_of(Sample.payment) == "card") == ["a"]
        assert await found(app, Sample.method.is_in(["card", "transfer"])) == ["a", "b"]
        assert await found(app, Sample.payment == Card("1")) == ["a"]

    async def test_a_type_of_the_users_sorts_and_filters_by_what_is_stored(self, app: Sorbus) -> None:
        for cents in (900, 1000, 50):
            await added(app, email=str(cents), money=Money(cents))
        rows = await Sample.query(app.system_scope()).order_by(Sample.money.desc()).all()
        assert [each.money for each in rows] == [Money(1000), Money(900), Money(50)]
        assert await found(app, Sample.money > Money(50)) == ["1000", "900"]
        assert await found(app, Sample.money.is_in([Money(50), Money(1)])) == ["50"]

    async def test_a_page_ends_at_a_value_of_any_type(self, app: Sorbus) -> None:
        for cents in (1, 2, 3):
            await added(app, email=str(cents), money=Money(cents), seats=Range(cents, 9))
        for term in (Sample.money, Sample.email):
            query = Sample.query(app.system_scope()).order_by(term)
            first = await query.page(limit=2)
            rest = await query.page(limit=2, after=first.end_cursor)
            assert [str(each.email) for each in (*first.items, *rest.items)] == ["1", "2", "3"]

    async def test_what_a_statement_computes_fits_its_column(self, app: Sorbus) -> None:
        sample = await added(app, price=Decimal("10.30"))
        assert (await sample.double(app.system_scope())).price == Decimal("10.35")

    async def test_a_key_that_the_database_counts(self, app: Sorbus) -> None:
        first = await Ticket.open(app.system_scope(), title="a")
        second = await Ticket.open(app.system_scope(), title="b")
        assert second.id == first.id + 1
        assert (await Ticket.get(app.system_scope(), second.id)).title == "b"

    async def test_one_function_makes_one_value_for_a_record(self, app: Sorbus) -> None:
        ticket = await Ticket.open(app.system_scope(), title="a")
        assert ticket.made_at == ticket.changed_at
        assert ticket.seen_at == ticket.known_at
        assert ticket.currency == "EUR"

    async def test_an_update_has_defaults_of_its_own(self, app: Sorbus) -> None:
        scope = app.system_scope()
        ticket = await Ticket.open(scope, title="a")
        assert ticket.changes == 0
        assert (await ticket.nothing(scope)).changes == 0
        assert (await ticket.rename(scope, title="b")).changes == 7
        assert (await ticket.rename(scope, title="b", changes=3)).changes == 3

    async def test_what_is_not_selected_is_loaded_when_it_is_asked_for(self, app: Sorbus) -> None:
        scope = app.system_scope()
        ticket = await Ticket.open(scope, title="a", details="s")
        for record in (ticket, await Ticket.get(scope, ticket.id), await ticket.rename(scope, title="b")):
            with pytest.raises(NotLoaded):
                _ = record.details
        (loaded,) = await Ticket.query(scope).where(Ticket.details == "s").load(Ticket.details).all()
        assert loaded.details == "s"
