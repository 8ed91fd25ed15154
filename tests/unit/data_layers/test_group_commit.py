"""Group commit: what comes while one group is written travels in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from sorbus.data_layers.group_commit import GroupCommit


class Book:
    """Writes groups when it is let, and remembers them."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self.at_once = 0
        self.most_at_once = 0

    async def write(self, items: list[int]) -> list[str]:
        self.groups.append(items)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            await self.open.wait()
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return [f"answer {item}" for item in items]


def limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(20):
            await test(*args, **kwargs)

    return run


@limited
async def test_one_item_is_written_at_once_and_answered() -> None:
    book = Book()
    assert await GroupCommit(book.write).submit(7) == "answer 7"
    assert book.groups == [[7]]


@limited
async def test_what_is_ready_together_shares_the_first_group() -> None:
    book = Book()
    commits = GroupCommit(book.write)
    answers = await asyncio.gather(*(commits.submit(number) for number in range(10)))
    assert answers == [f"answer {number}" for number in range(10)]
    assert book.groups == [list(range(10))]


@limited
async def test_under_load_the_next_group_holds_what_came_meanwhile_in_order() -> None:
    book = Book()
    book.open.clear()
    commits = GroupCommit(book.write)
    first = asyncio.create_task(commits.submit(0))
    while not book.groups:
        await asyncio.sleep(0)
    rest = [asyncio.create_task(commits.submit(number)) for number in range(1, 6)]
    await asyncio.sleep(0.01)
    assert book.groups == [[0]]
    book.open.set()
    assert await asyncio.gather(first, *rest) == [f"answer {number}" for number in range(6)]
    assert book.groups == [[0], [1, 2, 3, 4, 5]]
    # one statement at a time: a later group never overtakes an earlier one
    assert book.most_at_once == 1


@limited
async def test_a_group_has_a_largest_size() -> None:
    book = Book()
    commits = GroupCommit(book.write, largest=4)
    assert await asyncio.gather(*(commits.submit(number) for number in range(10))) == [
        f"answer {number}" for number in range(10)
    ]
    assert book.groups == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@limited
async def test_an_error_reaches_every_submitter_of_its_group_and_nobody_else() -> None:
    book = Book()
    commits = GroupCommit(book.write, largest=3)
    book.error = OSError("away")
    failing = [asyncio.create_task(commits.submit(number)) for number in range(3)]
    while not book.groups:
        await asyncio.sleep(0)
    later = asyncio.create_task(commits.submit(3))
    answers = await asyncio.gather(*failing, return_exceptions=True)
    book.error = None
    assert [str(each) for each in answers] == ["away"] * 3
    assert await later == "answer 3"
    assert await commits.submit(4) == "answer 4"


@limited
async def test_a_submitter_that_is_cancelled_disturbs_nobody_and_its_item_is_written() -> None:
    book = Book()
    book.open.clear()
    commits = GroupCommit(book.write)
    first = asyncio.create_task(commits.submit(0))
    while not book.groups:
        await asyncio.sleep(0)
    second, third = (asyncio.create_task(commits.submit(number)) for number in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    await asyncio.sleep(0)
    book.open.set()
    assert await third == "answer 2"
    assert first.cancelled()
    assert second.cancelled()
    assert book.groups == [[0], [1, 2]]


@limited
async def test_drain_waits_for_everything_that_was_submitted() -> None:
    book = Book()
    commits = GroupCommit(book.write, largest=1)
    await commits.drain()
    submitted = [asyncio.create_task(commits.submit(number)) for number in range(3)]
    await asyncio.sleep(0)
    await commits.drain()
    assert book.groups == [[0], [1], [2]]
    assert await asyncio.gather(*submitted) == ["answer 0", "answer 1", "answer 2"]


@limited
async def test_a_drain_that_is_cancelled_stops_no_write() -> None:
    book = Book()
    book.open.clear()
    commits = GroupCommit(book.write)
    submitted = asyncio.create_task(commits.submit(1))
    while not book.groups:
        await asyncio.sleep(0)
    drain = asyncio.create_task(commits.drain())
    await asyncio.sleep(0)
    drain.cancel()
    await asyncio.sleep(0)
    book.open.set()
    assert await submitted == "answer 1"


@limited
async def test_a_writer_that_is_cancelled_leaves_no_submitter_waiting() -> None:
    book = Book()
    book.open.clear()
    commits = GroupCommit(book.write)
    first = asyncio.create_task(commits.submit(0))
    while not book.groups:
        await asyncio.sleep(0)
    second = asyncio.create_task(commits.submit(1))
    await asyncio.sleep(0)
    assert commits._task is not None
    commits._task.cancel()
    done, waiting = await asyncio.wait([first, second], timeout=5)
    assert ([each.cancelled() for each in done], waiting) == ([True, True], set())
    book.open.set()
    assert await commits.submit(2) == "answer 2"


@limited
async def test_a_writer_with_too_few_answers_leaves_no_submitter_waiting() -> None:
    async def forgetful(items: list[int]) -> list[str]:
        return ["answer"] * (len(items) - 1)

    commits = GroupCommit(forgetful)
    answers = await asyncio.gather(*(commits.submit(number) for number in range(3)), return_exceptions=True)
    assert answers[:2] == ["answer", "answer"]
    assert isinstance(answers[2], ValueError)


@limited
async def test_thousands_of_items_share_few_writes() -> None:
    book = Book()
    commits = GroupCommit(book.write)

    async def worker(number: int) -> None:
        for at in range(20):
            assert await commits.submit(number * 100 + at) == f"answer {number * 100 + at}"

    await asyncio.gather(*(worker(number) for number in range(100)))
    assert sum(map(len, book.groups)) == 2000
    assert len(book.groups) <= 200
