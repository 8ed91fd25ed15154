"""Behaviours of actions over many rows: strategies, errors, policies, hooks, upserts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.engine.bulk import BulkStatus, Strategy
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.base import SorbusError
from sorbus.errors.framework import BulkInTransaction, NotAtomic, WrongBulkOption
from sorbus.errors.inputs import AlreadyTaken, InvalidAction, NotFound, Rejected, WrongState
from sorbus.testing.conformance.shop import Crate, Item, Shelf
from sorbus.testing.conformance.world import Behaviour, Tenant


async def items(here: Tenant, count: int = 5, **inputs: Any) -> list[Item]:
    """Some new items, `i0`, `i1`…"""
    rows = [{"code": f"i{number}", "stock": number, **inputs} for number in range(count)]
    return (await Item.add.bulk(here.scope, rows, returning=True)).records or []


async def stocks(here: Tenant) -> list[int]:
    """What is in stock, by code."""
    return [each.stock for each in await Item.query(here.system).order_by(Item.code).all()]


class BulkCreates(Behaviour):
    """Many rows of inputs."""

    async def test_the_rows_are_made_in_order(self, here: Tenant) -> None:
        result = await Item.add.bulk(
            here.scope,
            [{"code": f"c{number}", "stock": number} for number in range(7)],
            batch=3,
            returning=True,
        )
        assert (result.count, result.status, result.plan.strategy) == (
            7,
            BulkStatus.SUCCESS,
            Strategy.BATCHES,
        )
        assert [each.code for each in result] == [f"c{number}" for number in range(7)]
        found = await Item.query(here.scope).order_by(Item.code).all()
        assert found == result.records
        assert {each.org_id for each in found} == {here.org.id}

    async def test_without_records_only_the_number_is_answered(self, here: Tenant) -> None:
        result = await Item.add.bulk(here.scope, [{"code": "a"}, {"code": "b"}])
        assert (len(result), result.records) == (2, None)

    async def test_no_rows_are_no_work(self, here: Tenant) -> None:
        result = await Item.add.bulk(here.scope, [], returning=True)
        assert (result.count, result.records, result.status) == (0, [], BulkStatus.SUCCESS)

    async def test_every_kind_of_value_arrives(self, here: Tenant) -> None:
        days = [datetime(2030, 1, 2, 3, 4, 5, 678901, UTC)]
        rows: list[dict[str, Any]] = [
            {
                "code": "a",
                "labels": ["x", 'q"u\\o', "", "{}", "NULL", "ü,"],
                "days": days,
                "meta": [1, [2], {"a": None}],
            },
            {
                "code": "b",
                "labels": [],
                "meta": {"k": [True, 't"\\']},
                "price": Decimal("1.50"),
                "cost": None,
            },
            {"code": "c", "meta": "text", "owner_id": uuid4(), "cost": Decimal("0.1")},
            {"code": "d", "meta": None},
        ]
        made = await Item.add.bulk(here.scope, rows, returning=True)
        assert await Item.query(here.scope).order_by(Item.code).all() == made.records
        assert [each.meta for each in made] == [each.get("meta") for each in rows]

    async def test_an_endless_source_is_taken_as_it_comes(self, here: Tenant) -> None:
        async def source() -> AsyncIterator[dict[str, Any]]:
            for number in range(5):
                yield {"code": f"s{number}"}

        assert (await Item.add.bulk(here.scope, source(), batch=2)).count == 5

    async def test_a_wrong_row_undoes_everything_and_says_where(self, here: Tenant) -> None:
        rows: list[dict[str, Any]] = [{"code": f"c{number}"} for number in range(5)]
        rows[3] = {"code": "c3", "stock": "many"}
        with pytest.raises(InvalidAction) as caught:
            await Item.add.bulk(here.scope, rows, batch=2)
        assert caught.value.errors[0].path == ("rows", 3, "input", "stock")
        assert await Item.query(here.scope).count() == 0

    async def test_an_unknown_input_is_refused(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction, match="no input `stok`"):
            await Item.add.bulk(here.scope, [{"code": "a", "stok": 1}])

    async def test_what_is_taken_undoes_everything(self, here: Tenant) -> None:
        await items(here, 2)
        with pytest.raises(InvalidAction) as caught:
            await Item.add.bulk(here.scope, [{"code": "new"}, {"code": "i1"}])
        assert isinstance(caught.value.errors[0], AlreadyTaken)
        assert await Item.query(here.scope).count() == 2

    async def test_errors_can_be_survived_row_by_row(self, here: Tenant) -> None:
        await items(here, 2)
        rows: list[dict[str, Any]] = [{"code": f"i{number}"} for number in range(5)]
        rows.append({"code": "i5", "name": "x" * 41})
        result = await Item.add.bulk(here.scope, rows, batch=4, on_error="continue", returning=True)
        assert (result.count, result.status) == (3, BulkStatus.PARTIAL)
        assert [each.index for each in result.errors] == [0, 1, 5]
        assert [each.code for each in result] == ["i2", "i3", "i4"]
        assert await Item.query(here.scope).count() == 5

    async def test_nothing_but_errors_is_an_error(self, here: Tenant) -> None:
        result = await Item.add.bulk(here.scope, [{"stock": 1}, {}], on_error="continue")
        assert (result.count, result.status, len(result.errors)) == (0, BulkStatus.ERROR, 2)

    async def test_a_run_can_stop_at_the_first_batch_with_an_error(self, here: Tenant) -> None:
        rows: list[dict[str, Any]] = [{"code": "a"}, {}, {"code": "b"}, {"code": "c"}, {"code": "d"}]
        result = await Item.add.bulk(here.scope, rows, batch=2, on_error="stop")
        assert (result.count, [each.index for each in result.errors]) == (1, [1])
        assert await Item.query(here.scope).count() == 1

    async def test_batches_can_commit_one_by_one(self, here: Tenant) -> None:
        rows: list[dict[str, Any]] = [{"code": "a"}, {"code": "b"}, {"code": "c"}, {}]
        with pytest.raises(InvalidAction):
            await Item.add.bulk(here.scope, rows, batch=2, together="batch")
        assert await Item.query(here.scope).count() == 2

    async def test_bodies_run_for_each_row(self, here: Tenant) -> None:
        result = await Item.add_loudly.bulk(
            here.scope,
            [{"code": "a", "name": "one"}, {"code": "b", "name": "two", "twice": True}],
            returning=True,
        )
        assert [each.name for each in result] == ["ONE", "TWOTWO"]
        with pytest.raises(Rejected) as caught:
            await Item.add_loudly.bulk(
                here.scope, [{"code": "c", "name": "x"}, {"code": "d", "name": "forbidden"}]
            )
        assert caught.value.path == ("rows", 1, "input", "name")

    async def test_an_async_body_makes_it_a_stream(self, here: Tenant) -> None:
        plan = Item.add_slowly.explain(here.scope)
        assert plan.strategy is Strategy.STREAM
        assert "async body" in plan.reason
        result = await Item.add_slowly.bulk(here.scope, [{"code": "a"}, {"code": "b"}], returning=True)
        assert [each.name for each in result] == ["slow", "slow"]
        assert here.visits.names == ["slowly a", "slowly b"]
        with pytest.raises(NotAtomic):
            await Item.add_slowly.bulk(here.scope, [{"code": "c"}], strategy="batches")

    async def test_policies_look_at_each_new_row(self, here: Tenant) -> None:
        mine = {"code": "a", "owner_id": here.ada.id}
        assert (await Item.add_mine.bulk(here.scope, [mine])).count == 1
        with pytest.raises(ActionForbidden):
            await Item.add_mine.bulk(here.scope, [{**mine, "code": "b"}, {"code": "c", "owner_id": uuid4()}])
        result = await Item.add_mine.bulk(
            here.scope, [{**mine, "code": "d"}, {"code": "e", "owner_id": None}], on_error="continue"
        )
        assert (result.count, [each.index for each in result.errors]) == (1, [1])
        assert await Item.query(here.scope).count() == 2

    async def test_nobody_may_do_nothing(self, here: Tenant) -> None:
        with pytest.raises(ActionForbidden):
            await Item.add.bulk(here.as_(None), [{"code": "a"}])
        with pytest.raises(TenantRequired):
            await Item.add.bulk(here.app.scope(actor=here.ada), [{"code": "a"}])

    async def test_a_tenant_cannot_be_given(self, here: Tenant, there: Tenant) -> None:
        with pytest.raises(InvalidAction):
            await Item.add.bulk(here.scope, [{"code": "a", "org_id": there.org.id}])

    async def test_hooks_run_for_rows_and_batches(self, here: Tenant) -> None:
        await Crate.pack.bulk(here.scope, [{"label": "a"}, {"label": "b"}, {"label": "c"}], batch=2)
        names = here.visits.names
        assert names[:4] == ["before batch", "wrote a", "wrote b", "batch of a,b"]
        assert names[4:7] == ["before batch", "wrote c", "batch of c"]
        assert names[7:] == ["committed a", "committed b", "committed c"]

    async def test_no_hook_after_the_commit_runs_when_there_was_none(self, here: Tenant) -> None:
        with pytest.raises(SorbusError):
            await Crate.pack.bulk(here.scope, [{"label": "a"}, {"label": "b", "weight": -1}], batch=1)
        assert not any(each.startswith("committed") for each in here.visits.names)
        assert await Crate.query(here.scope).count() == 0

    async def test_upserts_are_tagged(self, here: Tenant) -> None:
        await Item.put(here.scope, code="a", name="old")
        result = await Item.put.bulk(
            here.scope, [{"code": "a", "name": "new"}, {"code": "b", "name": "new"}], returning=True
        )
        assert [outcome_of(each) for each in result] == [UpsertOutcome.UPDATED, UpsertOutcome.INSERTED]
        assert [each.code for each in result] == ["a", "b"]

    async def test_upserts_that_are_spared_are_counted(self, here: Tenant) -> None:
        await Item.keep_newest(here.scope, code="a", name="kept", version=9)
        rows = [{"code": "a", "name": "old", "version": 1}, {"code": "b", "name": "new", "version": 1}]
        result = await Item.keep_newest.bulk(here.scope, rows, returning=True)
        assert (result.count, result.skipped, [each.code for each in result]) == (1, 1, ["b"])
        assert (await Item.query(here.scope).where(Item.code == "a").one()).name == "kept"


class BulkUpdates(Behaviour):
    """One action over a query, records, keys, or rows with inputs of their own."""

    async def test_a_query_is_one_statement(self, here: Tenant) -> None:
        await items(here)
        query = Item.query(here.scope).where(Item.stock > 1)
        assert Item.rename.explain(here.scope, query, {"name": "new"}).strategy is Strategy.ATOMIC
        result = await Item.rename.bulk(here.scope, query, {"name": "new"})
        assert (result.count, result.plan.strategy) == (3, Strategy.ATOMIC)
        assert await Item.query(here.scope).where(Item.name == "new").count() == 3

    async def test_the_records_are_answered_when_asked_for(self, here: Tenant) -> None:
        made = await items(here, 3)
        result = await Item.sell.bulk(
            here.scope, Item.query(here.scope).where(Item.stock > 0), returning=True
        )
        assert sorted(each.stock for each in result) == [0, 1]
        assert all(each.changed_at > made[0].changed_at for each in result)

    async def test_a_rule_of_an_action_that_changes_nothing_is_asked_of_each_row(self, here: Tenant) -> None:
        made = await items(here, 3)
        with pytest.raises(Rejected, match="there are none"):
            await Item.count_up.bulk(here.scope, Item.query(here.scope))
        with pytest.raises(Rejected, match="there are none"):
            await Item.count_up.bulk(here.scope, made)
        some = Item.query(here.scope).where(Item.stock > 0)
        assert (await Item.count_up.bulk(here.scope, some, returning=True)).count == 2
        assert (await Item.count_up.bulk(here.scope, await some.all())).count == 2

    async def test_a_rule_that_a_row_breaks_undoes_everything(self, here: Tenant) -> None:
        await items(here)
        with pytest.raises(Rejected, match="not so many"):
            await Item.sell.bulk(here.scope, Item.query(here.scope))
        assert await stocks(here) == [0, 1, 2, 3, 4]

    async def test_a_rule_that_a_row_breaks_can_be_survived(self, here: Tenant) -> None:
        await items(here)
        result = await Item.sell.bulk(here.scope, Item.query(here.scope), {"count": 2}, on_error="continue")
        assert (result.count, len(result.errors), result.status) == (3, 2, BulkStatus.PARTIAL)
        assert await stocks(here) == [0, 1, 0, 1, 2]

    async def test_a_body_that_looks_at_the_row_goes_by_batches(self, here: Tenant) -> None:
        await items(here, name="quiet")
        query = Item.query(here.scope)
        plan = Item.shout.explain(here.scope, query)
        assert plan.strategy is Strategy.BATCHES
        assert "`name`" in plan.reason
        result = await Item.shout.bulk(here.scope, query, batch=2)
        assert (result.count, result.plan.strategy) == (5, Strategy.BATCHES)
        assert await Item.query(here.scope).where(Item.name == "QUIET").count() == 5

    async def test_an_async_body_goes_one_by_one(self, here: Tenant) -> None:
        await items(here, 2)
        result = await Item.polish.bulk(here.scope, Item.query(here.scope).order_by(Item.code))
        assert (result.count, result.plan.strategy) == (2, Strategy.STREAM)
        assert here.visits.names == ["polish i0", "polish i1"]

    async def test_a_query_with_a_limit_takes_just_its_rows(self, here: Tenant) -> None:
        await items(here)
        query = Item.query(here.scope).order_by(Item.stock.desc()).limit(2)
        result = await Item.rename.bulk(here.scope, query, {"name": "top"})
        assert (result.count, result.plan.strategy) == (2, Strategy.BATCHES)
        found = await Item.query(here.scope).where(Item.name == "top").all()
        assert sorted(each.stock for each in found) == [3, 4]

    async def test_an_action_that_must_be_atomic_is_refused(self, here: Tenant) -> None:
        await items(here, 2)
        with pytest.raises(NotAtomic, match="price"):
            await Item.cheapen.bulk(here.scope, Item.query(here.scope))
        with pytest.raises(NotAtomic):
            await Item.shout.bulk(here.scope, Item.query(here.scope), strategy="atomic")

    async def test_a_lesser_strategy_can_be_asked_for(self, here: Tenant) -> None:
        await items(here, 3)
        result = await Item.rename.bulk(here.scope, Item.query(here.scope), {"name": "n"}, strategy="stream")
        assert (result.count, result.plan.strategy) == (3, Strategy.STREAM)

    async def test_rows_that_the_actor_may_not_read_or_change_are_left_alone(self, here: Tenant) -> None:
        await Item.add.bulk(
            here.scope, [{"code": "a"}, {"code": "b", "name": "sealed"}, {"code": "c", "name": "secret"}]
        )
        result = await Item.rename.bulk(here.scope, Item.query(here.scope), {"name": "new"})
        assert result.count == 1
        names = [each.name for each in await Item.query(here.system).order_by(Item.code).all()]
        assert names == ["new", "sealed", "secret"]

    async def test_records_that_the_actor_may_not_change_are_errors(self, here: Tenant) -> None:
        await Item.add.bulk(here.scope, [{"code": "a"}, {"code": "b", "name": "sealed"}])
        found = await Item.query(here.scope).order_by(Item.code).all()
        with pytest.raises(ActionForbidden) as caught:
            await Item.rename.bulk(here.scope, found, {"name": "new"})
        assert await Item.query(here.scope).where(Item.name == "new").count() == 0
        assert caught.value.path
        result = await Item.rename.bulk(here.scope, found, {"name": "new"}, on_error="continue")
        assert (result.count, [each.index for each in result.errors]) == (1, [1])

    async def test_keys_that_are_not_there_are_errors(self, here: Tenant) -> None:
        made = await items(here, 2)
        keys = [made[0].id, uuid4(), str(made[1].id)]
        with pytest.raises(NotFound):
            await Item.rename.bulk(here.scope, keys, {"name": "new"})
        result = await Item.rename.bulk(here.scope, keys, {"name": "new"}, on_error="continue")
        assert (result.count, [each.index for each in result.errors]) == (2, [1])

    async def test_rows_can_have_inputs_of_their_own(self, here: Tenant) -> None:
        made = await items(here, 4)
        pairs = [(each, {"name": f"n{number}"}) for number, each in enumerate(made)]
        result = await Item.rename.bulk_rows(here.scope, pairs, returning=True)
        assert [each.name for each in result] == ["n0", "n1", "n2", "n3"]
        assert [each.id for each in result] == [each.id for each in made]
        counted = await Item.sell.bulk_rows(
            here.scope, [(made[3].id, {"count": 3}), (made[2].id, {"count": 1})], returning=True
        )
        assert [each.stock for each in counted] == [0, 1]

    async def test_a_wrong_input_of_one_row_says_where(self, here: Tenant) -> None:
        made = await items(here, 2)
        with pytest.raises(InvalidAction) as caught:
            await Item.rename.bulk_rows(here.scope, [(made[0], {"name": "ok"}), (made[1], {"name": 7})])
        assert caught.value.errors[0].path == ("rows", 1, "input", "name")

    async def test_transitions_in_bulk_guard_every_row(self, here: Tenant) -> None:
        made = await items(here, 3)
        await made[1].put_out(here.scope)
        with pytest.raises(WrongState):
            await Item.put_out.bulk(here.scope, Item.query(here.scope))
        assert await Item.query(here.scope).where(Item.shelf == Shelf.SHOP).count() == 1
        result = await Item.put_out.bulk(here.scope, Item.query(here.scope), on_error="continue")
        assert (result.count, len(result.errors)) == (2, 1)
        assert isinstance(result.errors[0].error, WrongState)

    async def test_optimistic_locks_hold_in_bulk(self, here: Tenant) -> None:
        stale = await items(here, 3)
        await stale[1].edit(here.scope, name="other")
        result = await Item.edit.bulk(here.scope, stale, {"name": "new"}, on_error="continue", returning=True)
        assert (result.count, [each.index for each in result.errors]) == (2, [1])
        assert [each.version for each in result] == [2, 2]

    async def test_nothing_of_another_tenant_is_touched(self, here: Tenant, there: Tenant) -> None:
        await items(here, 2)
        theirs = await items(there, 2)
        result = await Item.rename.bulk(here.scope, Item.query(here.scope), {"name": "mine"})
        assert result.count == 2
        with pytest.raises(NotFound):
            await Item.rename.bulk(here.scope, theirs, {"name": "mine"})
        assert {each.name for each in await Item.query(there.scope).all()} == {"thing"}

    async def test_a_read_action_is_a_query_too(self, here: Tenant) -> None:
        made = await items(here, 3)
        await made[0].put_out(here.scope)
        result = await Item.rename.bulk(
            here.scope, Item.on_shelf(here.scope, shelf=Shelf.STORE), {"name": "stored"}
        )
        assert result.count == 2

    async def test_hooks_inside_the_transaction_make_it_a_stream(self, here: Tenant) -> None:
        await Crate.pack.bulk(here.scope, [{"label": "a"}, {"label": "b"}])
        here.visits.names.clear()
        plan = Crate.fill.explain(here.scope, Crate.query(here.scope), {"weight": 3})
        assert (plan.strategy, "before_write" in plan.reason) == (Strategy.STREAM, True)
        await Crate.fill.bulk(here.scope, Crate.query(here.scope).order_by(Crate.label), {"weight": 3})
        assert here.visits.names == ["loading a", "loading b"]

    async def test_an_update_that_changes_nothing_is_still_authorised(self, here: Tenant) -> None:
        article = await here.article()
        from sorbus.testing.conformance.press import Article

        assert (await Article.nothing.bulk(here.scope, Article.query(here.scope))).count == 1
        assert (await Article.nothing.bulk(here.scope, [article])).count == 1
        with pytest.raises(ActionForbidden):
            await Article.nothing.bulk(here.as_(None), Article.query(here.system))

    async def test_options_are_checked(self, here: Tenant) -> None:
        for options in ({"batch": 0}, {"batch": 10**6}, {"on_error": "ignore"}, {"sometimes": True}):
            with pytest.raises(WrongBulkOption):
                await Item.add.bulk(here.scope, [], **cast("Any", options))
        with pytest.raises(WrongBulkOption):
            await Item.add.bulk(here.scope, [], on_error="continue", together="all")

    async def test_inside_a_transaction_errors_cannot_be_survived(self, here: Tenant) -> None:
        async with here.app.transaction():
            assert (await Item.add.bulk(here.scope, [{"code": "a"}])).count == 1
            with pytest.raises(BulkInTransaction):
                await Item.add.bulk(here.scope, [{"code": "b"}], on_error="continue")

    async def test_a_transaction_that_is_undone_takes_the_rows_along(self, here: Tenant) -> None:
        async def spoilt() -> None:
            async with here.app.transaction():
                await Item.add.bulk(here.scope, [{"code": "a"}])
                await Item.rename.bulk(here.scope, Item.query(here.scope), {"name": "n"})
                raise LookupError

        with pytest.raises(LookupError):
            await spoilt()
        assert await Item.query(here.scope).count() == 0


class BulkDestroys(Behaviour):
    """Destroys over many rows."""

    async def test_a_query_is_destroyed_at_once(self, here: Tenant) -> None:
        await items(here)
        result = await Item.drop.bulk(here.scope, Item.query(here.scope).where(Item.stock == 0))
        assert (result.count, result.plan.strategy) == (1, Strategy.ATOMIC)
        assert await stocks(here) == [1, 2, 3, 4]

    async def test_a_rule_keeps_rows(self, here: Tenant) -> None:
        await items(here)
        with pytest.raises(Rejected, match="some left"):
            await Item.drop.bulk(here.scope, Item.query(here.scope))
        assert len(await stocks(here)) == 5
        result = await Item.drop.bulk(here.scope, Item.query(here.scope), on_error="continue")
        assert (result.count, len(result.errors)) == (1, 4)

    async def test_records_are_destroyed_and_answered(self, here: Tenant) -> None:
        made = await items(here, 3, stock=0)
        result = await Item.drop.bulk(here.scope, made[:2], returning=True)
        assert [each.id for each in result] == [each.id for each in made[:2]]
        assert await Item.query(here.scope).count() == 1

    async def test_soft_destroys_in_bulk_keep_the_rows(self, here: Tenant) -> None:
        await items(here, 3)
        result = await Item.retire.bulk(here.scope, Item.query(here.scope))
        assert (result.count, result.plan.strategy) == (3, Strategy.ATOMIC)
        assert await Item.query(here.scope).where(~Item.gone_at.is_null()).count() == 3

    async def test_rows_that_are_referred_to_stay(self, here: Tenant) -> None:
        from sorbus.testing.conformance.press import Author

        free = await here.author("Free")
        await here.article(author_id=(await here.author("Used")).id)
        with pytest.raises(InvalidAction):
            await Author.leave.bulk(here.scope, Author.query(here.scope))
        result = await Author.leave.bulk(
            here.scope, Author.query(here.scope), on_error="continue", returning=True
        )
        assert [each.id for each in result] == [free.id]
        assert len(result.errors) == 1


class Bulk(BulkCreates, BulkUpdates, BulkDestroys):
    """Everything over many rows."""
