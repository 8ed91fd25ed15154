"""What the types of the client allow and refuse. Lines with a mark must be refused by both checkers, others by none."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Sequence
from typing import Literal, assert_never, assert_type

import generated_shop as shop

KEY = uuid.UUID(int=1)


async def selections(client: shop.Client) -> None:
    page = await client.articles.list(
        fields=[
            "title",
            {"author": ["name", {"articles": ["title"]}], "tags": {"fields": ["name"], "sort": ["-name"]}},
        ],
    )
    assert_type(page, shop.Page[shop.Article])
    found = await client.articles.get(KEY, fields=["title"])
    assert_type(found.title, str)
    assert_type(found.rating, int | None)
    assert_type(found.author, shop.Writer | None)
    assert_type(found.tags, shop.Related[shop.Tag])
    found.titel  # error: no such field
    await client.articles.get(KEY, fields=["titel"])  # error: misspelt
    await client.articles.get(KEY, fields=["title", {"auther": ["name"]}])  # error: a misspelt relationship
    await client.articles.get(KEY, fields=["title", {"author": ["nam"]}])  # error: misspelt further in
    await client.articles.get(KEY, fields=[{"tags": {"fields": ["nam"]}}])  # error: misspelt there
    await client.articles.get(KEY, fields=[{"tags": {"sort": ["name"]}}])  # error: without fields
    await client.articles.get(KEY, fields=[{"tags": [{"articles": ["title"]}]}])  # error: too deep
    await client.articles.get(KEY, fields=[{"author": {"fields": ["name"]}}])  # error: of a list only
    await client.articles.get(KEY, fields="title")  # error: a text is no list of fields
    await client.articles.get("x")  # error: a text is no key
    await client.labels.get(1)


async def lists(client: shop.Client) -> None:
    page = await client.articles.list(
        filter={
            "title": {"contains": "x", "in": ["a", "b"]},
            "published_at": {"less_than": dt.datetime.now(dt.UTC)},
            "author": {"name": {"eq": "Ada"}},
            "or": [{"rating": {"greater_than": 3}}, {"not": {"rating": {"is_nil": True}}}],
        },
        sort=["-rating", "++title", "author.name"],
        page={"limit": 10, "count": True},
        timeout=1.5,
        headers={"x-a": "b"},
    )
    assert_type(page.items, Sequence[shop.Article])
    assert_type(page.count, int | None)
    assert_type(await page.next(), shop.Page[shop.Article] | None)
    async for each in page:
        assert_type(each, shop.Article)
    await client.articles.list(filter={"title": {"contain": "x"}})  # error: no such operator
    await client.articles.list(filter={"rating": {"contains": 1}})  # error: a number has no such operator
    await client.articles.list(filter={"rating": {"eq": "1"}})  # error: a value of another type
    await client.articles.list(filter={"titel": {"eq": "x"}})  # error: no such field
    await client.articles.list(filter={"author": {"nam": {"eq": "x"}}})  # error: no such field there
    await client.articles.list(sort=["titel"])  # error: no such sort
    await client.articles.list(page={"size": 10})  # error: the size of a page is its limit
    await client.things.around(count=1, page={"count": True})  # error: these are not counted
    await client.articles.list(filters={})  # error: no such option
    await client.things.list(filter={"mood": {"eq": "good"}})  # error: a text is no member of the enumeration


async def writes(client: shop.Client) -> None:
    assert_type(await client.articles.create(title="x", rating=None), shop.Article)
    assert_type(await client.articles.create(title="x", fields=["title"]), shop.Article)
    assert_type(await client.articles.create(title="x", fields=["title_length"]), shop.Article | None)
    assert_type(await client.articles.update(KEY, rating=1), shop.Article)
    assert_type(await client.articles.destroy(KEY), None)
    await client.articles.create(titel="x")  # error: misspelt
    await client.articles.create()  # error: it needs a title
    await client.articles.create(title=1)  # error: of another type
    await client.articles.create(title=None)  # error: None is no title
    await client.articles.create(title="x", id=KEY)  # error: no client chooses this key
    await client.tags.create(id=KEY, name="x")
    await client.articles.retag(KEY)  # error: nothing lists this action


async def values(client: shop.Client) -> None:
    thing = await client.things.get(KEY)
    assert_type(thing.price, decimal.Decimal)
    assert_type(thing.inserted_at, dt.datetime)
    assert_type(thing.day, dt.date | None)
    assert_type(thing.lasts, dt.timedelta | None)
    assert_type(thing.mood, shop.Mood)
    assert_type(thing.level, shop.Level | None)
    assert_type(thing.size, Literal["s", "m"])
    assert_type(thing.blob, bytes | None)
    assert_type(thing.words, Sequence[str])
    match thing.fate:
        case shop.Sold():
            assert_type(thing.fate.to, str)
            thing.fate.days  # error: of the other member of the union
        case shop.Rented():
            assert_type(thing.fate.days, int)
        case None:
            pass
        case _:
            assert_never(thing.fate)
    await client.things.create(
        text="x", price=decimal.Decimal("1.5"), fate={"how": "rented", "days": 1}, engine={"power": 1}
    )
    await client.things.create(text="x", fate=thing.fate, span=thing.span)
    await client.things.create(text="x", fate={"how": "lent"})  # error: no member of the union
    await client.things.create(text="x", size="l")  # error: no such size
    await client.things.create(text="x", engine={"powr": 1})  # error: no such member
    await client.things.create(text="x", engine=thing.engine)  # error: its key is its own
    thing.text = "y"  # error: records do not change
    assert_type(await client.things.sum_up(numbers=[1]), decimal.Decimal)
    await client.articles.measure(upload=shop.Upload(data=b"x", name="x"))
    await client.articles.measure(upload=b"x")  # error: bytes are no file


async def related(client: shop.Client) -> None:
    assert_type(await client.articles.related.author.get(KEY, fields=["name"]), shop.Writer | None)
    assert_type(await client.articles.related.tags.ids(KEY), shop.Page[uuid.UUID])
    await client.articles.related.author.replace(KEY, None)
    await client.articles.related.tags.add(KEY, [KEY])
    await client.articles.related.tags.add(KEY, KEY)  # error: a list of keys
    await client.articles.related.seals.add(KEY, [KEY])  # error: nothing adds seals


def errors(error: shop.SorbusError) -> str | None:
    return error.pointer if error.code == "not-found" else error.hint
