"""One server for all tests here, and the clients that are generated from its application."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from tests.conftest import Databases
from tests.integration.clients.strange import BREAKING_OUT, Strange
from tests.integration.json_api.atlas import Atlas
from tests.integration.json_api.every_type import Every

from sorbus import Sorbus
from sorbus.apis.clients import client_model, python_client, typescript_client
from sorbus.apis.json_api import json_api
from sorbus.data_layers.postgres.migrations import push
from sorbus.http import http_app, serving

URL_OF_NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


def application(database_url: str = URL_OF_NO_DATABASE) -> Sorbus:
    return Sorbus(
        domains=[Atlas, Every, Strange], name=BREAKING_OUT, database_url=database_url, secret=b"k" * 32
    )


@dataclass(frozen=True)
class Generated:
    """The texts of the clients."""

    python: str
    typescript: str


@pytest.fixture(scope="session")
def generated() -> Generated:
    model = client_model(application())
    return Generated(
        python=python_client(model, command="sorbus client python"),
        typescript=typescript_client(model, command="sorbus client typescript"),
    )


@pytest.fixture(scope="session")
def shop(generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the Python client, imported as a user imports it."""
    path = tmp_path_factory.mktemp("python") / "generated_shop.py"
    path.write_text(generated.python, encoding="utf-8")
    module = imported(path)
    yield module
    del sys.modules[module.__name__]


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Served:
    app: Sorbus
    url: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(pg18: Databases) -> AsyncIterator[Served]:
    with pg18.fresh() as database_url:
        app = application(database_url)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            async with serving(http_app(app, interfaces=[json_api], body_limit=200_000)) as url:
                yield Served(app, url)
