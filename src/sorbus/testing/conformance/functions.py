"""Behaviours of the functions of `sorbus.fn`: texts, numbers, dates, nulls, lists, documents."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sorbus import Expr, coalesce, concat, fn, if_, lazy, now
from sorbus.testing.conformance.expressions_world import Grade, Painting, Studio, Tone
from sorbus.testing.conformance.world import Behaviour, Tenant

NOON = datetime(2030, 3, 31, 12, 30, 15, tzinfo=UTC)


async def studio_of(here: Tenant, name: str = "North") -> Studio:
    """A new studio."""
    return await Studio.open(here.scope, name=name)


async def painted(here: Tenant, title: str = "Sea", **inputs: Any) -> Painting:
    """A new work, of a new studio unless one is given."""
    if "studio_id" not in inputs:
        inputs["studio_id"] = (await studio_of(here)).id
    return await Painting.paint(here.scope, title=title, **inputs)


class Functions(Behaviour):
    """The functions of `sorbus.fn`."""

    async def check(self, here: Tenant, made: Painting, wanted: list[tuple[Expr[Any], Any]]) -> None:
        """Each expression has its value, of the right type, for one work."""
        query = Painting.query(here.scope).where(Painting.id == made.id)
        for place, (expression, value) in enumerate(wanted):
            (found,) = await query.list_of(expression)
            assert (place, found, type(found)) == (place, value, type(value))

    async def test_texts(self, here: Tenant) -> None:
        made = await painted(here, title=" Sea,sky ")
        wanted: list[tuple[Expr[Any], Any]] = [
            (fn.upper(Painting.title), " SEA,SKY "),
            (fn.lower(Painting.title), " sea,sky "),
            (fn.trim(Painting.title), "Sea,sky"),
            (fn.trim_start(Painting.title), "Sea,sky "),
            (fn.trim_end(Painting.title, " y"), " Sea,sk"),
            (fn.length(Painting.title), 9),
            (fn.position(Painting.title, "sky"), 5),
            (fn.position(Painting.title, "moon"), None),
            (fn.substring(Painting.title, 1, 3), "Sea"),
            (fn.substring(Painting.title, -4), "sky "),
            (fn.split(fn.trim(Painting.title), ","), ["Sea", "sky"]),
            (fn.join(fn.split(Painting.title, ","), "-"), " Sea-sky "),
            (fn.replace(Painting.title, "s", "f"), " Sea,fky "),
            (fn.pad_start(fn.trim(Painting.title), 9, "*"), "**Sea,sky"),
            (fn.pad_end(fn.trim(Painting.title), 3), "Sea,sky"),
            (fn.reverse(Painting.title), " yks,aeS "),
            (fn.contains(Painting.title, "SEA", ignore_case=True), True),
            (fn.starts_with(Painting.title, "Sea"), False),
            (fn.ends_with(Painting.title, "SKY ", ignore_case=True), True),
            (concat(Painting.title, "|", Painting.title), " Sea,sky | Sea,sky "),
            ("<" + Painting.title + ">", "< Sea,sky >"),
        ]
        await self.check(here, made, wanted)

    async def test_numbers(self, here: Tenant) -> None:
        made = await painted(here, price=Decimal("-2.350"), width=7, rating=0.35)
        wanted: list[tuple[Expr[Any], Any]] = [
            (fn.abs(-Painting.width), 7),
            (fn.round(Painting.price, 1), Decimal("-2.4")),
            (fn.round(Painting.price), Decimal(-2)),
            (fn.round(Painting.width * 13, -1), 90),
            (fn.round(Painting.rating, 1), 0.4),
            (fn.floor(Painting.price), Decimal(-3)),
            (fn.ceil(Painting.rating), 1.0),
            (fn.sqrt(Painting.width + 2), 3.0),
            (fn.sqrt(Painting.price), None),
            (fn.power(Painting.width, 2), 49.0),
            (fn.power(Painting.price, 0.5), None),
            (fn.least(Painting.width, 3, 9), 3),
            (fn.greatest(Painting.price, Decimal(1)), Decimal(1)),
            (fn.nullif(Painting.width, 7), None),
            (10 - Painting.width, 3),
            (Decimal(1) / Painting.price, Decimal("-0.42553191489361702128")),
            (Painting.price / 0, None),
            (fn.cast(Painting.width, str), "7"),
            (fn.cast(Painting.title, int), None),
            (fn.cast(concat("1", "2"), int), 12),
            (fn.cast(Painting.price, int), -2),
            (fn.cast(Painting.price, str), "-2.35"),
        ]
        await self.check(here, made, wanted)

    async def test_dates(self, here: Tenant) -> None:
        made = await painted(here, sold_at=NOON, shown_on=date(2024, 2, 29), width=8)
        wanted: list[tuple[Expr[Any], Any]] = [
            (fn.date_add(Painting.sold_at, months=11), datetime(2031, 2, 28, 12, 30, 15, tzinfo=UTC)),
            (
                fn.date_add(Painting.sold_at, years=1, days=-1, hours=12),
                datetime(2031, 3, 31, 0, 30, 15, tzinfo=UTC),
            ),
            (fn.date_add(Painting.shown_on, months=Painting.width), date(2024, 10, 29)),
            (fn.date_trunc("month", Painting.sold_at), datetime(2030, 3, 1, tzinfo=UTC)),
            (fn.date_trunc("week", Painting.shown_on), date(2024, 2, 26)),
            (fn.extract("quarter", Painting.sold_at), 1),
            (fn.extract("weekday", Painting.sold_at), 7),
            (fn.extract("day_of_year", Painting.shown_on), 60),
            (fn.extract("epoch", Painting.sold_at), 1901190615),
            (fn.date_of(Painting.sold_at), date(2030, 3, 31)),
            (Painting.sold_at + timedelta(hours=36), datetime(2030, 4, 2, 0, 30, 15, tzinfo=UTC)),
            (Painting.shown_on + timedelta(hours=36), date(2024, 3, 1)),
            (Painting.shown_on - timedelta(hours=1), date(2024, 2, 28)),
            (Painting.shown_on - date(2024, 1, 29), timedelta(days=31)),
            (NOON - Painting.sold_at, timedelta(0)),
        ]
        await self.check(here, made, wanted)

    async def test_now_and_what_lies_around_it(self, here: Tenant) -> None:
        await painted(here, sold_at=datetime.now(UTC) - timedelta(hours=2))
        query = Painting.query(here.scope)
        for condition, count in (
            (Painting.sold_at < now(), 1),
            (Painting.sold_at > fn.ago(timedelta(hours=3)), 1),
            (Painting.sold_at > fn.ago(timedelta(hours=1)), 0),
            (Painting.sold_at < fn.from_now(timedelta(days=1)), 1),
            (fn.date_of(now()) == fn.today(), 1),
        ):
            assert await query.where(condition).count() == count

    async def test_nulls_and_sets(self, here: Tenant) -> None:
        await painted(here, "a", rating=1.0, width=1)
        await painted(here, "b", width=2)
        await painted(here, "c", rating=3.0, width=3)
        query = Painting.query(here.scope).order_by(Painting.title)

        async def titles(condition: Expr[bool]) -> str:
            return "".join(await query.where(condition).list_of(Painting.title))

        assert await titles(Painting.rating.is_distinct_from(1.0)) == "bc"
        assert await titles(Painting.rating.is_distinct_from(None)) == "ac"
        assert await titles(~Painting.rating.is_distinct_from(Painting.rating)) == "abc"
        assert await titles(Painting.rating.not_in([1.0])) == "c", "unknown is not true"
        assert await titles(Painting.width.between(2, 3)) == "bc"
        assert await titles((Painting.width - 1).between(1, Painting.width)) == "bc"
        assert await titles(coalesce(Painting.rating, 9.0) > 2.0) == "bc"
        assert await titles(fn.nullif(Painting.title, "a") == None) == "a"  # noqa: E711
        assert await titles(if_(Painting.rating > 2.0, "x", "y") == "y") == "ab"

    async def test_lists(self, here: Tenant) -> None:
        made = await painted(here, words=["sea", "sky", "sea"], tones=[Tone.WARM], grades=[Grade.FINE])
        wanted: list[tuple[Expr[Any], Any]] = [
            (fn.has(Painting.words, "sky"), True),
            (fn.has(Painting.tones, Tone.COLD), False),
            (fn.has(Painting.words, Painting.title), False),
            (fn.has_all(Painting.words, ["sea", "sky"]), True),
            (fn.has_all(Painting.words, []), True),
            (fn.has_any(Painting.tones, [Tone.COLD, Tone.WARM]), True),
            (fn.intersects(Painting.words, ["moon"]), False),
            (fn.at(Painting.words, 1), "sky"),
            (fn.at(Painting.words, -1), "sea"),
            (fn.at(Painting.words, 3), None),
            (fn.length(Painting.words), 3),
            (fn.append(Painting.words, "moon"), ["sea", "sky", "sea", "moon"]),
            (fn.remove(Painting.words, "sea"), ["sky"]),
            (fn.at(Painting.tones, 0), Tone.WARM),
            (fn.append(Painting.tones, Tone.COLD), [Tone.WARM, Tone.COLD]),
            (fn.at(Painting.grades, 0), Grade.FINE),
            (fn.has(Painting.grades, Grade.FINE), True),
            (fn.has_all(Painting.grades, [Grade.FINE]), True),
            (fn.has_any(Painting.grades, [Grade.POOR]), False),
            (fn.append(Painting.grades, Grade.POOR), [Grade.FINE, Grade.POOR]),
            (fn.remove(Painting.grades, Grade.FINE), []),
        ]
        await self.check(here, made, wanted)

    async def test_documents(self, here: Tenant) -> None:
        sheet: dict[str, Any] = {"a": {"b": [1, 2.5, "x"]}, "n": None, "t": True, "": "empty"}
        made = await painted(here, sheet=sheet)
        wanted: list[tuple[Expr[Any], Any]] = [
            (fn.path(Painting.sheet, "a", "b", 0, type=int), 1),
            (fn.path(Painting.sheet, "a", "b", 1, type=float), 2.5),
            (fn.path(Painting.sheet, "a", "b", 1, type=Decimal), Decimal("2.5")),
            (fn.path(Painting.sheet, "a", "b", 1, type=int), None),
            (fn.path(Painting.sheet, "a", "b", -1, type=str), "x"),
            (fn.path(Painting.sheet, "a", "b"), [1, 2.5, "x"]),
            (fn.path(Painting.sheet, "t", type=bool), True),
            (fn.path(Painting.sheet, "t", type=str), None),
            (fn.path(Painting.sheet, "n", type=str), None),
            (fn.path(Painting.sheet, "missing", "too"), None),
            (fn.get_path(Painting.sheet, "", type=str), "empty"),
            (fn.has_key(Painting.sheet, "n"), True),
            (fn.has_key(Painting.sheet, "b"), False),
        ]
        await self.check(here, made, wanted)

    async def test_texts_compare_by_code_points_where_the_collation_says_so(self, here: Tenant) -> None:
        for title in ("b", "B", "a", "Ä", "z"):
            await painted(here, title)
        query = Painting.query(here.scope).order_by(fn.collate(Painting.title))
        assert await query.list_of(Painting.title) == ["B", "a", "b", "z", "Ä"]
        assert await Painting.query(here.scope).where(fn.collate(Painting.title) > "a").count() == 3

    async def test_a_value_is_computed_when_the_query_runs(self, here: Tenant) -> None:
        await painted(here, width=3)
        widths = iter((3, 4))
        query = Painting.query(here.scope).where(Painting.width == lazy(lambda: next(widths)))
        assert [await query.count(), await query.count()] == [1, 0]
