"""The page of behaviours names tests that there are, sixty of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sorbus.testing.data_layer_suite import DataLayerSuite

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "conformance.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| .+ \| `([^`]+)` \|$", PAGE, re.MULTILINE)
NAMED = sorted({name for name in re.findall(r"`([^`]+)`", PAGE) if name.startswith("test")})


def test_sixty_behaviours_are_listed() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 61))


@pytest.mark.parametrize("name", NAMED)
def test_each_has_a_test(name: str) -> None:
    if name.startswith("tests/"):
        assert (ROOT / name).exists()
    else:
        assert callable(getattr(DataLayerSuite, name, None)), name
