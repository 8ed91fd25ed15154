from __future__ import annotations

import re
from decimal import Decimal

import pytest

from sorbus.llm.prices import PriceTable

TABLE = PriceTable.shipped()


def test_a_call_costs_its_tokens_exactly() -> None:
    price = TABLE.price("openai:gpt-4o-mini")
    assert price is not None
    assert price.cost(tokens_in=1_000, tokens_out=500) == Decimal("0.00045")


@pytest.mark.parametrize(
    "name",
    ["openai:gpt-4o-2024-08-06", "openai:gpt-4o-latest", "anthropic:claude-sonnet-4-5-20250929"],
)
def test_a_version_has_the_price_of_its_model(name: str) -> None:
    plain = re.sub(r"-(2024-08-06|latest|20250929)$", "", name)
    assert TABLE.price(name) == TABLE.price(plain)
    assert TABLE.price(name) is not None


def test_another_model_with_a_longer_name_has_not() -> None:
    assert TABLE.price("openai:gpt-4o-audio") is None


def test_local_models_are_free() -> None:
    price = TABLE.price("local:smollm2")
    assert price is not None
    assert price.cost(tokens_in=10**9, tokens_out=10**9) == 0


def test_own_prices_override() -> None:
    table = TABLE.with_prices({"openai:gpt-4o": ("1", "2"), "http://h/v1:m": (0.5, 0)})
    assert table.price("openai:gpt-4o") != TABLE.price("openai:gpt-4o")
    own = table.price("http://h/v1:m")
    assert own is not None
    assert own.cost(tokens_in=2_000_000, tokens_out=1) == Decimal(1)


def test_the_table_says_when_it_was_read() -> None:
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", TABLE.as_of)
