"""Behaviours of transactions: together or not at all, and what comes after."""

# ruff: noqa: PT012 - what is tried here is a whole block

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

import pytest

from sorbus.errors.database import TransactionAborted
from sorbus.errors.framework import TransactionElsewhere, TransactionSpoilt
from sorbus.errors.inputs import InvalidAction, NotFound, WrongState
from sorbus.testing.conformance.notices_world import Parcel
from sorbus.testing.conformance.people import Door
from sorbus.testing.conformance.press import Article
from sorbus.testing.conformance.shop import Crate
from sorbus.testing.conformance.world import Behaviour, Tenant


class Spoilt(Exception):
    """What a test raises inside a transaction."""


class Transactions(Behaviour):
    """Everything about transactions."""

    async def test_actions_commit_together(self, here: Tenant) -> None:
        async with here.app.transaction():
            first = await here.article("a")
            assert await Article.get(here.scope, first.id) == first, "a transaction sees its own writes"
            await first.revise(here.scope, title="b")
        assert [each.title for each in await Article.query(here.scope).all()] == ["b"]

    async def test_an_error_undoes_all_of_them(self, here: Tenant) -> None:
        kept = await here.article("kept")
        gone = await here.article("gone")
        with pytest.raises(Spoilt):
            async with here.app.transaction():
                await here.article("new")
                await kept.revise(here.scope, title="spoilt")
                await gone.remove(here.scope)
                raise Spoilt
        assert await Article.query(here.scope).all() == [kept, gone]

    async def test_nested_blocks_join(self, here: Tenant) -> None:
        with pytest.raises(Spoilt):
            async with here.app.transaction():
                async with here.app.transaction():
                    await here.article("inner")
                raise Spoilt
        assert await Article.query(here.scope).count() == 0

    async def test_others_see_nothing_before_the_commit(self, here: Tenant) -> None:
        written, looked = asyncio.Event(), asyncio.Event()

        async def write() -> None:
            async with here.app.transaction():
                await here.article("new")
                written.set()
                await looked.wait()

        async def look() -> int:
            await written.wait()
            found = await Article.query(here.scope).count()
            looked.set()
            return found

        _, seen = await asyncio.wait_for(asyncio.gather(write(), look()), 10)
        assert seen == 0
        assert await Article.query(here.scope).count() == 1

    async def test_a_failed_statement_undoes_the_whole_transaction(self, here: Tenant) -> None:
        await here.article(slug="same")
        with pytest.raises(TransactionAborted):
            async with here.app.transaction():
                await here.article("lost")
                with pytest.raises(InvalidAction):
                    await here.article(slug="same")
        assert await Article.query(here.scope).count() == 1

    # actions that fail inside

    async def test_an_action_that_fails_halfway_spoils_the_whole_transaction(self, here: Tenant) -> None:
        with pytest.raises(TransactionSpoilt) as caught:
            async with here.app.transaction():
                await here.article("lost")
                with pytest.raises(LookupError):
                    await Parcel.pack_with_sticker(here.scope, room="fail")
                await here.article("lost too")
        assert (caught.value.by, str(caught.value.cause)) == ("`Parcel.pack_with_sticker`", "fail")
        assert caught.value.__cause__ is caught.value.cause
        assert await Article.query(here.scope).count() == 0
        assert await Parcel.query(here.system).count() == 0
        assert (await here.article()).title == "Bugs", "the session is fit for use"

    async def test_what_fails_halfway_can_be_undone_alone(self, here: Tenant) -> None:
        async with here.app.transaction():
            await here.article("kept")
            with pytest.raises(LookupError):
                async with here.app.transaction(nested=True):
                    await Parcel.pack_with_sticker(here.scope, room="fail")
        assert await Parcel.query(here.system).count() == 0
        assert await Article.query(here.scope).count() == 1

    async def test_a_part_that_swallows_the_error_is_undone(self, here: Tenant) -> None:
        async with here.app.transaction():
            await here.article("kept")
            with pytest.raises(TransactionSpoilt):
                async with here.app.transaction(nested=True):
                    with pytest.raises(LookupError):
                        await Parcel.pack_with_sticker(here.scope, room="fail")
        assert await Parcel.query(here.system).count() == 0
        assert await Article.query(here.scope).count() == 1

    async def test_a_refusal_before_the_write_leaves_the_transaction_as_it_is(self, here: Tenant) -> None:
        made = await Parcel.pack(here.scope)
        async with here.app.transaction():
            await made.send(here.scope)
            with pytest.raises(WrongState):
                await made.send(here.scope)
            with pytest.raises(NotFound):
                await Parcel.send.by_key(uuid4(), here.scope)
            with pytest.raises(InvalidAction):
                await made.weigh(here.scope, weight=cast("Any", "heavy"))
        assert await Parcel.query(here.system).count() == 1

    async def test_a_bulk_run_or_block_that_fails_spoils_the_whole_transaction(self, here: Tenant) -> None:
        rows: list[dict[str, Any]] = [{"label": "a"}, {"label": "b"}, {"label": "c", "weight": -1}]
        with pytest.raises(TransactionSpoilt, match=r"Crate\.pack"):
            async with here.app.transaction():
                with pytest.raises(InvalidAction):
                    await Crate.pack.bulk(here.scope, rows, batch=1)
        with pytest.raises(TransactionSpoilt, match="a block"):
            async with here.app.transaction():
                with pytest.raises(Spoilt):
                    async with here.app.transaction():
                        await Crate.pack(here.scope, label="d")
                        raise Spoilt
        assert await Crate.query(here.scope).count() == 0

    async def test_an_action_whose_hook_answers_for_it_is_undone_alone(self, here: Tenant) -> None:
        made = await Crate.pack(here.scope, label="a")
        async with here.app.transaction():
            instead = await made.ship(here.scope, weight=7)
        assert instead.label == "instead of a"
        found = {each.label: each.weight for each in await Crate.query(here.scope).all()}
        assert found == {"a": 1, "instead of a": 1}

    async def test_cancelled_work_that_is_not_let_go_spoils_the_transaction(self, here: Tenant) -> None:
        started = asyncio.Event()

        async def wait() -> None:
            started.set()
            await asyncio.sleep(60)

        async def stubborn() -> None:
            async with here.app.transaction():
                await here.article("lost")
                with suppress(asyncio.CancelledError):
                    async with here.app.transaction():
                        await wait()

        task = asyncio.create_task(stubborn())
        await started.wait()
        task.cancel()
        with pytest.raises(TransactionSpoilt, match="CancelledError"):
            await task
        assert await Article.query(here.scope).count() == 0

    async def test_two_writers_of_one_row_come_one_after_the_other(self, here: Tenant) -> None:
        made = await here.article()

        async def twice() -> None:
            async with here.app.transaction():
                await made.retry(here.scope)
                await asyncio.sleep(0)
                await made.retry(here.scope)

        await asyncio.wait_for(asyncio.gather(*(twice() for _ in range(5))), 10)
        assert (await Article.get(here.scope, made.id)).tries == 10

    async def test_locked_rows_wait_for_the_one_who_locked_them(self, here: Tenant) -> None:
        made = await here.article(tries=1)

        async def double() -> None:
            async with here.app.transaction():
                found = await Article.query(here.scope).where(Article.id == made.id).lock().one()
                await asyncio.sleep(0.01)
                for _ in range(found.tries):
                    await found.retry(here.scope)

        await asyncio.wait_for(asyncio.gather(*(double() for _ in range(4))), 10)
        assert (await Article.get(here.scope, made.id)).tries == 16

    async def test_callbacks_run_after_the_commit_in_order(self, here: Tenant) -> None:
        async with here.app.transaction():
            await Door.build(here.scope, name="a")
            await Door.build(here.scope, name="b")
            assert "build.after_commit" not in here.visits.names
        assert here.visits.names[-2:] == ["build.after_commit", "build.after_commit"]

    async def test_callbacks_never_run_after_a_rollback(self, here: Tenant) -> None:
        with pytest.raises(Spoilt):
            async with here.app.transaction():
                await Door.build(here.scope, name="a")
                raise Spoilt
        assert "build.after_write" in here.visits.names
        assert "build.after_commit" not in here.visits.names

    async def test_a_callback_sees_what_was_committed_and_may_write(self, here: Tenant) -> None:
        found: list[int] = []

        async def again() -> None:
            found.append(await Door.query(here.scope).count())
            await Door.build(here.scope, name="again")

        async with here.app.transaction() as opened:
            await Door.build(here.scope, name="first")
            opened.on_commit.append(again)
        assert found == [1]
        assert await Door.query(here.scope).count() == 2

    async def test_an_action_with_nested_actions_is_one_transaction(self, here: Tenant) -> None:
        assert await Door.build_two(here.scope, first="a", second="b") == 2
        with pytest.raises(LookupError):
            await Door.build_two(here.scope, first="c", second="")
        assert [each.name for each in await Door.query(here.scope).all()] == ["a", "b"]

    async def test_a_refused_action_leaves_nothing_behind(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction):
            await here.article(author_id=uuid4())
        assert await Article.query(here.scope).count() == 0
        assert (await here.article()).title == "Bugs", "the session is fit for use"

    async def test_a_task_started_inside_cannot_use_the_transaction(self, here: Tenant) -> None:
        async with here.app.transaction():
            await here.article()
            with pytest.raises(TransactionElsewhere):
                await asyncio.create_task(Article.query(here.scope).count())
