"""Between a call and the driver there are few hops, so that a traceback can be read."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import sorbus
from sorbus import Sorbus
from sorbus.data_layers.postgres.migrations import push
from sorbus.testing.conformance.people import Visits
from sorbus.testing.conformance.press import DOMAINS, Article, Author
from sorbus.testing.conformance.world import Tenant, new_tenant

PACKAGE = str(Path(sorbus.__file__).parent)
BUDGET = 10


@pytest.fixture
async def here(pg18_url: str) -> AsyncIterator[Tenant]:
    app = Sorbus(domains=DOMAINS, database_url=pg18_url, secret=b"test")
    connection = await asyncpg.connect(pg18_url)
    try:
        await push(connection, app.schema())
    finally:
        await connection.close()
    async with app:
        yield await new_tenant(app, Visits())


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Our frames on the stack of each statement, outermost first."""
    found: list[list[str]] = []

    def watch(name: str) -> None:
        original = getattr(asyncpg.Connection, name)

        async def watched(self: Any, *args: Any, **options: Any) -> Any:
            frames: list[str] = []
            frame = sys._getframe(1)
            while frame is not None:
                if frame.f_code.co_filename.startswith(PACKAGE):
                    frames.insert(0, f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_qualname}")
                frame = frame.f_back
            found.append(frames)
            return await original(self, *args, **options)

        monkeypatch.setattr(asyncpg.Connection, name, watched)

    watch("fetch")
    watch("execute")
    return found


async def test_the_hops_of_get_create_and_list_stay_in_the_budget(
    here: Tenant, hops: list[list[str]]
) -> None:
    author = await Author.enrol(here.scope, name="Ann")
    article = await Article.draft(here.scope, author_id=author.id, title="x")
    hops.clear()
    calls = {
        "create": Author.enrol(here.scope, name="Bob"),
        "get": Article.get(here.scope, article.id),
        "list": Article.query(here.scope).where(Article.title == "x").limit(50).all(),
        "update": article.revise(here.scope, title="y"),
    }
    for name, call in calls.items():
        await call
        assert len(hops) == 1, f"{name} is one statement: {hops}"
        assert 0 < len(hops[0]) <= BUDGET, f"{name} has {len(hops[0])} hops:\n" + "\n".join(hops[0])
        hops.clear()


async def test_a_load_costs_one_statement_more(here: Tenant, hops: list[list[str]]) -> None:
    await here.comment(await here.article())
    hops.clear()
    await Article.query(here.scope).load(Article.comments, Article.author, Article.comment_count).all()
    assert len(hops) == 3
