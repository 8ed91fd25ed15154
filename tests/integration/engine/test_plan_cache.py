"""Plans are compiled once for each shape: values, actors and tenants are bound, never built in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import Query, Sorbus, exists, related
from sorbus.engine import planning, write_data
from sorbus.errors.base import SorbusError
from sorbus.testing.conformance.people import Door, Note, Person, Setting, Visits
from sorbus.testing.conformance.press import DOMAINS, Article, Author, Comment, Status
from sorbus.testing.conformance.world import Tenant, new_tenant

SENTINEL = "a value that no key may hold"
NUMBER = 918_273_645

Use = Callable[[Tenant, int], Awaitable[Any]]


@pytest.fixture
async def app(opened: Opener) -> AsyncIterator[Sorbus]:
    async with opened(DOMAINS) as app:
        app.provide(Visits, Visits())
        yield app


async def tenant(app: Sorbus) -> Tenant:
    return await new_tenant(app, app.service(Visits))


def text(number: int) -> str:
    return f"{SENTINEL} {number}"[-40:]


async def updates(here: Tenant, number: int) -> None:
    made = await here.article(text(number), tries=NUMBER + number)
    await made.revise(here.scope, title=text(-number))
    await Article.revise.by_key(made.id, here.scope, title=text(-number), body=SENTINEL)
    await made.retry(here.scope)
    await made.nothing(here.scope)
    await made.publish(here.scope, price=Decimal(number))
    await made.remove(here.scope)


async def policies(here: Tenant, number: int) -> None:
    person = await here.person(text(number))
    scope = here.as_(person)
    note = await Note.write(scope, owner_id=person.id, text=text(number))
    await Note.write_as(scope, owner_id=person.id, text=text(number))
    await Note.write_now(scope, text=text(number), on_behalf=person.id)
    await note.sign(scope)
    await note.edit_slowly(scope, text=text(number))
    await Note.query(scope).all()
    await note.tear_up(scope)
    with pytest.raises(SorbusError):
        await note.edit(scope, text=text(number))


async def upserts(here: Tenant, number: int) -> None:
    await Setting.put(here.scope, key=here.org.slug, value=text(number))
    await Setting.put(here.scope, key=here.org.slug, value=text(-number))


async def generic(here: Tenant, number: int) -> None:
    await Door.knock(here.scope, times=number % 5)
    await Door.build_two(here.scope, first=text(number), second=text(-number))


async def reads(here: Tenant, number: int) -> None:
    made = await here.article(text(number))
    await Article.get(here.scope, made.id)
    query = Article.query(here.scope).where(
        (Article.title == text(number)) | (Article.tries > NUMBER + number),
        Article.title.is_in([text(each) for each in range(number % 3 + 1)]) | (Article.title != SENTINEL),
        ~exists(Article.comments, lambda comment: comment.score > NUMBER + number),
        related(Article.author, lambda author: author.name) != SENTINEL,
    )
    await query.all()
    await query.count()
    await query.limit(number % 7 + 1).offset(number % 2).order_by(Article.title.desc(), Article.price).all()
    await Article.with_status(here.scope, status=Status.DRAFT, at_least=number).all()


async def pages(here: Tenant, number: int) -> None:
    for each in range(4):
        await here.article(text(each + 100 * number), price=None if each % 2 else Decimal(each + number))
    query = Article.query(here.scope).order_by(Article.title)
    first = await query.page(limit=number % 3 + 1, count=True)
    second = await query.page(limit=2, after=first.end_cursor)
    await query.page(limit=1, before=second.start_cursor)
    await query.offset_page(limit=2, offset=number % 2)


async def loads(here: Tenant, number: int) -> None:
    made = await here.article(text(number))
    await here.comment(made, text(number), score=NUMBER + number)
    comments: Query[Comment] = Comment.query().where(Comment.score > NUMBER - number).limit(number % 3 + 1)
    query = Article.query(here.scope).load(Article.tags, Article.heading, Article.summary)
    await query.load_with(Article.comments, comments.load(Comment.article)).all()
    await Author.query(here.scope).load(Author.income, Author.per_article, Author.newest_title).all()


@pytest.mark.parametrize("use", [updates, policies, upserts, generic, reads, pages, loads])
async def test_what_is_done_again_with_other_values_compiles_nothing(
    app: Sorbus, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sorbus.engine.shaping.USUAL", frozenset[int]())
    await use(await tenant(app), 1)
    compiled = app.engine.compiled
    assert compiled > 0
    for number in range(2, 8):
        await use(await tenant(app), number)
    assert app.engine.compiled == compiled


async def test_no_key_of_a_cache_holds_a_value(app: Sorbus) -> None:
    here = await tenant(app)
    for use in (updates, policies, upserts, generic, reads, pages, loads):
        await use(here, 1)
    engine = app.engine
    keys: list[Any] = [*engine.planner.families, *engine._plans, *engine._generic, *engine._casters]
    keys += [key for family in engine.planner.families.values() for key in family.plans]
    keys += [key for plan in engine._plans.values() for key in plan.data.executables]
    assert len(keys) > 50
    spoilt = (SENTINEL, str(NUMBER), str(here.org.id), str(here.ada.id))
    assert [key for key in keys if any(value in repr(key) for value in spoilt)] == []


async def test_actors_that_the_policies_treat_alike_share_a_plan(app: Sorbus) -> None:
    here = await tenant(app)
    people = [await here.person(name) for name in "abc"]
    await Note.query(here.as_(people[0])).all()
    compiled = app.engine.compiled
    for person in people:
        await Note.query(here.as_(person)).all()
    assert app.engine.compiled == compiled
    (family,) = [each for shape, each in app.engine.planner.families.items() if shape.resource == "Note"]
    assert len(family.plans) == 1


async def test_the_caches_are_bounded(app: Sorbus, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await tenant(app)
    monkeypatch.setattr(planning, "_LARGEST_CACHE", 5)
    monkeypatch.setattr(write_data, "_LARGEST_CACHE", 5)
    fields = (Article.title, Article.slug, Article.body)
    shapes = itertools.chain.from_iterable(itertools.permutations(fields, count) for count in range(4))
    for terms in shapes:
        await Article.query(here.scope).order_by(*terms).all()
        assert len(app.engine.planner.families) <= 5
    await updates(here, 1)
    assert all(len(plan.data.executables) <= 5 for plan in app.engine._plans.values())
    assert (await Person.get(here.scope, here.ada.id)) == here.ada
