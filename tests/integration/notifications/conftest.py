"""Two nodes of one application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.integration.notifications.post import application

from sorbus import Sorbus


@pytest.fixture
async def nodes(database_url: str) -> AsyncIterator[tuple[Sorbus, Sorbus]]:
    """Both are open, on one database."""
    async with application(database_url) as first, application(database_url) as second:
        yield first, second
