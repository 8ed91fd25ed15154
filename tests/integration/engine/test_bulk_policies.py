"""Policies and bulk runs: every strategy asks them for every row, and what they refuse leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import (
    Arg,
    Attr,
    Domain,
    Identities,
    Many,
    Notifications,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    belongs_to,
    check,
    exists,
    filtering_on,
    forbid_if,
    has_many,
    input_value,
    policy,
    publish,
    uuid_primary_key,
)
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.base import SorbusError
from sorbus.errors.framework import NotAtomic
from sorbus.errors.inputs import InvalidAction


class Item(Resource):
    """Python alone knows who may see it; whoever sees it may change it."""

    id: Attr[UUID] = uuid_primary_key()
    level: Attr[int] = attribute()
    label: Attr[str] = attribute(default="")

    @action.create
    def make(self, scope: Scope, level: int) -> None: ...

    @action.update
    def mark(self, scope: Scope, label: str) -> None: ...

    @action.destroy
    def drop(self, scope: Scope) -> None: ...

    policies = Policies(
        policy("read", authorize_if(check("even", lambda item, _: item.level % 2 == 0)), access="runtime"),
        policy(["create", "update", "destroy"], authorize_if(True)),
    )


class Entry(Resource):
    """What one asks for decides which rows one sees."""

    id: Attr[UUID] = uuid_primary_key()
    level: Attr[int] = attribute()
    label: Attr[str] = attribute(default="")

    @action.create
    def make(self, scope: Scope, level: int) -> None: ...

    @action.update
    def mark(self, scope: Scope, label: str) -> None: ...

    policies = Policies(
        policy("read", forbid_if(filtering_on(label) & (level > 1)), authorize_if(True)),
        policy(["create", "update"], authorize_if(True)),
    )


class Basket(Resource):
    """It is open or closed."""

    id: Attr[UUID] = uuid_primary_key()
    is_open: Attr[bool] = attribute(default=True)
    size: Attr[int] = attribute(default=0)

    lines: Many[Line] = has_many()

    @action.create
    def take(self, scope: Scope, is_open: bool = True, size: int = 0) -> None: ...

    policies = Policies(policy("any", authorize_if(True)))


class Line(Resource):
    """Goes into open baskets only, which the row itself does not tell."""

    id: Attr[UUID] = uuid_primary_key()
    basket_id: Attr[UUID] = attribute()
    number: Attr[int] = attribute()

    basket: One[Basket] = belongs_to(via=basket_id)

    @action.create
    def add(self, scope: Scope, basket_id: UUID, number: int) -> None: ...

    @action.create
    def add_told(self, scope: Scope, basket_id: UUID, number: int) -> None: ...

    @add_told.after_commit
    async def _add_told_after_commit(self, scope: Scope) -> None:
        scope.get(Told).numbers.append(self.number)

    @action.create
    async def add_slowly(self, scope: Scope, basket_id: UUID, number: int) -> None:
        """Goes row by row."""

    @add_slowly.after_commit
    async def _add_slowly_after_commit(self, scope: Scope) -> None:
        scope.get(Told).numbers.append(self.number)

    policies = Policies(
        policy("read", authorize_if(True)),
        policy("create", authorize_if(exists(basket, lambda each: each.is_open == True))),  # noqa: E712
    )
    notifications = Notifications(publish("lines", on=["create"]))


class Ware(Resource):
    """Its policies look at what each call is given, and at the maker of the row."""

    id: Attr[UUID] = uuid_primary_key()
    maker_id: Attr[UUID] = attribute()
    code: Attr[str] = attribute()
    level: Attr[int] = attribute(default=0)

    maker: One[Basket] = belongs_to(via=maker_id)

    @action.create
    def offer(self, scope: Scope, maker_id: UUID, code: str, level: int = 0, most: Arg[int] = 0) -> None: ...

    @action.create(upsert="code")
    def put(self, scope: Scope, maker_id: UUID, code: str, level: int = 0) -> None: ...

    @action.create(upsert="code")
    def put_even(self, scope: Scope, maker_id: UUID, code: str, level: int = 0) -> None: ...

    @action.update
    def lift(self, scope: Scope, level: int, most: Arg[int]) -> None: ...

    @action.create
    def put_new(self, scope: Scope, maker_id: UUID, code: str) -> None: ...

    @action.create
    def put_named(self, scope: Scope, maker_id: UUID, code: str) -> None:
        self.level = 1

    @action.destroy
    def pull(self, scope: Scope) -> None: ...

    identities = Identities(code=[code])
    policies = Policies(
        policy("read", authorize_if(True)),
        policy(offer, authorize_if(exists(maker, lambda each: each.size <= input_value("most")))),
        policy([put, put_new, put_named], authorize_if(exists(maker, lambda each: each.is_open == True))),  # noqa: E712
        policy(lift, authorize_if(level <= input_value("most"))),
        policy(put_even, authorize_if(check("even", lambda ware, _: ware.level % 2 == 0)), access="runtime"),
    )


def told(app: Sorbus) -> list[int]:
    """What hooks after the commit have noted."""
    return app.scope().get(Told).numbers


class Told:
    """What hooks after the commit have noted."""

    def __init__(self) -> None:
        self.numbers: list[int] = []


Goods = Domain("goods", resources=[Item, Entry, Basket, Line, Ware])


@pytest.fixture
async def app(opened: Opener) -> AsyncIterator[Sorbus]:
    async with opened([Goods]) as app:
        app.provide(Told, Told())
        yield app


async def test_an_atomic_write_changes_no_row_that_python_would_hide(app: Sorbus) -> None:
    made = [await Item.make(app.system_scope(), level=level) for level in range(4)]
    scope = app.scope()
    plan = Item.mark.explain(scope, Item.query(scope), {"label": "seen"})
    assert (plan.strategy, plan.reason) == ("batches", "the policies of its read look at each row in Python")
    assert (await Item.mark.bulk(scope, Item.query(scope), inputs={"label": "seen"})).count == 2
    with pytest.raises(NotAtomic):
        await Item.mark.bulk(scope, Item.query(scope), strategy="atomic", inputs={"label": "all"})
    labels = [(await Item.get(app.system_scope(), each.id)).label for each in made]
    assert labels == ["seen", "", "seen", ""]
    assert (await Item.drop.bulk(scope, Item.query(scope))).count == 2
    assert await Item.query(app.system_scope()).count() == 2
    everything = Item.query(app.system_scope())
    assert (
        await Item.mark.bulk(app.system_scope(), everything, strategy="atomic", inputs={"label": "x"})
    ).count == 2


async def test_what_the_query_of_a_write_asks_for_decides_about_its_rows(app: Sorbus) -> None:
    for level in (1, 2):
        await Entry.make(app.system_scope(), level=level)
    scope = app.scope()
    asked = Entry.query(scope).where(Entry.label == "")
    assert await asked.count() == 1
    for strategy in ("atomic", "batches", "stream"):
        assert (await Entry.mark.bulk(scope, asked, strategy=strategy, inputs={"label": ""})).count == 1
    assert (
        await Entry.mark.bulk(scope, Entry.query(scope), strategy="atomic", inputs={"label": "x"})
    ).count == 2


async def baskets(app: Sorbus) -> tuple[list[dict[str, Any]], list[int]]:
    """Rows for five lines of which the third must not be written, and the numbers of the others."""
    yes, no = [await Basket.take(app.system_scope(), is_open=each) for each in (True, False)]
    rows = [{"basket_id": (no if number == 2 else yes).id, "number": number} for number in range(5)]
    return rows, [0, 1, 3, 4]


async def heard(app: Sorbus, events: Any) -> int:
    """How many creates of lines were told, before a last one that surely is."""
    basket = await Basket.take(app.system_scope())
    last = await Line.add(app.system_scope(), basket_id=basket.id, number=99)
    count = 0
    while (await anext(events)).key != last.id:
        count += 1
    return count


CREATES = [("add", "batches"), ("add_told", "batches"), ("add_told", "stream"), ("add_slowly", "stream")]


@pytest.mark.parametrize(("name", "strategy"), CREATES)
@pytest.mark.parametrize("returning", [True, False])
async def test_a_refused_row_undoes_all_and_is_named(
    app: Sorbus, name: str, strategy: str, returning: bool
) -> None:
    rows, _ = await baskets(app)
    action: Any = getattr(Line, name)
    async with app.subscribe("lines", app.scope()) as events:
        with pytest.raises(ActionForbidden) as caught:
            await action.bulk(app.scope(), rows, strategy=strategy, returning=returning)
        assert caught.value.path[:2] == ("rows", 2)
        assert await Line.query(app.system_scope()).count() == 0
        assert told(app) == []
        assert await heard(app, events) == 0


@pytest.mark.parametrize(("name", "strategy"), CREATES)
@pytest.mark.parametrize("on_error", ["continue", "stop"])
@pytest.mark.parametrize("batch", [2, 5])
async def test_a_refused_row_leaves_nothing_behind_where_errors_are_survived(
    app: Sorbus, name: str, strategy: str, on_error: str, batch: int
) -> None:
    rows, good = await baskets(app)
    action: Any = getattr(Line, name)
    async with app.subscribe("lines", app.scope()) as events:
        result = await action.bulk(
            app.scope(), rows, strategy=strategy, on_error=on_error, batch=batch, returning=True
        )
        expected = (
            good if on_error == "continue" else [n for n in good if n < 2 or (n // batch == 2 // batch)]
        )
        if on_error == "stop" and strategy == "stream":
            expected = [0, 1]
        assert [each.index for each in result.errors] == [2]
        assert isinstance(result.errors[0].error, ActionForbidden)
        assert result.errors[0].error.path[:2] == ("rows", 2)
        assert [each.number for each in result.records] == expected
        assert result.count == len(expected)
        kept = await Line.query(app.system_scope()).order_by(Line.number).all()
        assert [each.number for each in kept] == expected
        assert sorted(told(app)) == (expected if name != "add" else [])
        assert await heard(app, events) == len(expected)


async def test_a_refused_row_inside_a_transaction_undoes_its_own_part_alone(app: Sorbus) -> None:
    rows, _ = await baskets(app)
    async with app.subscribe("lines", app.scope()) as events:
        async with app.transaction():
            await Line.add_told(app.scope(), **rows[0])
            with pytest.raises(SorbusError):
                async with app.transaction(nested=True):
                    await Line.add_told.bulk(app.scope(), rows)
            assert await Line.query(app.system_scope()).count() == 1
        assert told(app) == [0]
        assert await heard(app, events) == 1


async def test_a_reference_to_nothing_is_refused_like_one_to_a_closed_basket(app: Sorbus) -> None:
    rows, _ = await baskets(app)
    rows[2]["basket_id"] = uuid4()
    result = await Line.add.bulk(app.scope(), rows, on_error="continue")
    assert [(each.index, type(each.error)) for each in result.errors] == [(2, ActionForbidden)]


@pytest.mark.parametrize("strategy", ["batches", "stream"])
async def test_each_row_is_judged_by_its_own_inputs(app: Sorbus, strategy: str) -> None:
    basket = await Basket.take(app.system_scope(), size=5)
    rows = [{"maker_id": basket.id, "code": f"c{most}", "most": most} for most in (9, 1, 5)]
    offer: Any = Ware.offer
    with pytest.raises(ActionForbidden) as caught:
        await offer.bulk(app.scope(), rows, strategy=strategy)
    assert caught.value.path[:2] == ("rows", 1)
    result = await offer.bulk(app.scope(), rows, strategy=strategy, on_error="continue", returning=True)
    assert [each.code for each in result.records] == ["c9", "c5"]
    one, two = [await Ware.get(app.scope(), each.id) for each in result.records]
    pairs = [(one, {"level": 3, "most": 0}), (two, {"level": 3, "most": -1})]
    lift: Any = Ware.lift
    lifted = await lift.bulk_rows(app.scope(), pairs, strategy=strategy, on_error="continue")
    assert [each.index for each in lifted.errors] == [1]
    assert [(await Ware.get(app.scope(), each.id)).level for each in (one, two)] == [3, 0]


@pytest.mark.parametrize("strategy", ["batches", "stream"])
async def test_both_branches_of_a_bulk_upsert_ask_related_rows(app: Sorbus, strategy: str) -> None:
    yes, no = [await Basket.take(app.system_scope(), is_open=each) for each in (True, False)]
    put: Any = Ware.put
    await put(app.system_scope(), maker_id=yes.id, code="a", level=1)
    await put(app.system_scope(), maker_id=no.id, code="b", level=1)
    rows = [{"maker_id": yes.id, "code": code, "level": 2} for code in ("new", "a", "b")]
    rows.append({"maker_id": no.id, "code": "c", "level": 2})
    result = await put.bulk(app.scope(), rows, strategy=strategy, on_error="continue")
    assert [each.index for each in result.errors] == [2, 3]
    assert result.count == 2
    for wrong in (2, 3):
        with pytest.raises(ActionForbidden) as caught:
            await put.bulk(app.scope(), [*rows[:2], rows[wrong]], strategy=strategy)
        assert caught.value.path[:2] == ("rows", 2)
    kept = await Ware.query(app.scope()).order_by(Ware.code).all()
    assert [(each.code, each.level) for each in kept] == [("a", 2), ("b", 1), ("new", 2)]


async def test_an_upsert_changes_no_row_that_only_python_could_judge(app: Sorbus) -> None:
    basket = await Basket.take(app.system_scope())
    put: Any = Ware.put_even
    for code, level in (("odd", 3), ("even", 4)):
        await put(app.system_scope(), maker_id=basket.id, code=code, level=level)
    assert (await put(app.scope(), maker_id=basket.id, code="new", level=2)).level == 2
    for code in ("odd", "even"):
        with pytest.raises(ActionForbidden):
            await put(app.scope(), maker_id=basket.id, code=code, level=8)
    assert sorted([each.level for each in await Ware.query(app.scope()).all()]) == [2, 3, 4]


@pytest.mark.parametrize("on_error", ["raise", "continue"])
@pytest.mark.parametrize("name", ["put_new", "put_named"])
async def test_a_taken_value_is_told_to_nobody_who_may_not_write_the_row(
    app: Sorbus, name: str, on_error: str
) -> None:
    yes, no = [await Basket.take(app.system_scope(), is_open=each) for each in (True, False)]
    put: Any = getattr(Ware, name)
    await put(app.system_scope(), maker_id=yes.id, code="taken")
    for maker, code, kind in ((no, "taken", ActionForbidden), (no, "free", ActionForbidden)):
        rows = [{"maker_id": yes.id, "code": "fine"}, {"maker_id": maker.id, "code": code}]
        if on_error == "continue":
            result = await put.bulk(app.scope(), rows, on_error="continue")
            error = result.errors[0].error
            await Ware.pull.bulk(
                app.system_scope(), Ware.query(app.system_scope()).where(Ware.code == "fine")
            )
        else:
            with pytest.raises(SorbusError) as caught:
                await put.bulk(app.scope(), rows)
            error = caught.value
        assert isinstance(error, kind)
        assert error.path[:2] == ("rows", 1)
    with pytest.raises(InvalidAction):
        await put.bulk(app.scope(), [{"maker_id": yes.id, "code": "taken"}])
