"""Behaviours of transactions: together or not at all, and what comes after."""

# ruff: noqa: PT012 - what is tried here is a whole block

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from sorbus.errors.database import TransactionAborted
from sorbus.errors.framework import TransactionElsewhere
from sorbus.errors.inputs import InvalidAction
from sorbus.testing.conformance.people import Door
from sorbus.testing.conformance.press import Article
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
