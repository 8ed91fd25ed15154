"""The in-memory layer does what every data layer must do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sorbus import Sorbus
from sorbus.testing.data_layer_suite import DOMAINS, DataLayerSuite


class TestMemory(DataLayerSuite):
    @pytest.fixture
    async def app(self) -> AsyncIterator[Sorbus]:
        async with Sorbus(domains=DOMAINS, storage="memory", secret=b"suite") as app:
            yield app
