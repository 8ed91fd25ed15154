"""What a call costs: USD for a million tokens, from a dated table, applied at the time of the call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from typing import Self

_VERSIONED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest|preview)$")
_MILLION = Decimal(1_000_000)
_FREE = frozenset({"local"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD for a million tokens in, and a million tokens out."""

    tokens_in: Decimal
    tokens_out: Decimal = Decimal(0)

    def cost(self, *, tokens_in: int, tokens_out: int) -> Decimal:
        """The cost of one call in USD, exact."""
        return (self.tokens_in * tokens_in + self.tokens_out * tokens_out) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by `provider:model`.

    A name without an entry takes that of the same model without its version (`gpt-4o-2024-08-06` → `gpt-4o`).
    Local models are free. For any other model there is no price: the call is recorded with a cost of 0 and
    `priced=False`, and a warning is logged once for each model.

    Attributes:
        as_of: the day on which the prices were read, as an ISO date.
        prices: the entries.
    """

    as_of: str
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])

    @classmethod
    def shipped(cls) -> Self:
        """The table that comes with Sorbus (`llm/data/prices.json`). Providers change prices: check it
        yearly.
        """
        data = json.loads(files("sorbus.llm").joinpath("data/prices.json").read_text("utf-8"))
        return cls(as_of=str(data["as_of"]), prices=_prices(data["usd_per_million_tokens"]))

    def with_prices(self, prices: Mapping[str, tuple[str | float, str | float]]) -> Self:
        """The same table with further or other entries: `{"openai:my-model": (in, out)}` in USD for a
        million.
        """
        return type(self)(as_of=self.as_of, prices={**self.prices, **_prices(prices)})

    def price(self, name: str) -> Price | None:
        """The price of `provider:model`, or None when it is not known."""
        if name.partition(":")[0] in _FREE:
            return Price(tokens_in=Decimal(0))
        return self.prices.get(name) or self.prices.get(_VERSIONED.sub("", name))


def _prices(entries: Mapping[str, tuple[str | float, str | float] | list[str | float]]) -> dict[str, Price]:
    return {
        name: Price(tokens_in=Decimal(str(pair[0])), tokens_out=Decimal(str(pair[1])))
        for name, pair in entries.items()
    }
