"""A database with the tables of the pipelines, on PostgreSQL 18; the pages add no statement that knows a version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import Databases
from tests.integration.pipelines.conftest import pipelines_pg18

__all__ = ["pipelines_pg18", "url"]


@pytest.fixture
def url(pipelines_pg18: tuple[Databases, str]) -> Iterator[str]:
    """A fresh database with the tables of the pipelines."""
    databases, template = pipelines_pg18
    with databases.fresh(template=template) as found:
        yield found
