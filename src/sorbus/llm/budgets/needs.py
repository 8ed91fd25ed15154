"""What a call may cost at most, before it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec

from sorbus.llm.messages import ModelRequest
from sorbus.llm.prices import Price

# A token is at least one byte of text. What a provider puts around the texts is not: roles, separators, and the frame
# that asks for JSON (Anthropic's tool frame alone has some 350 tokens).
_AROUND_REQUEST = 64
_AROUND_MESSAGE = 16
_AROUND_SCHEMA = 600
_SCHEMA_COPIES = 2  # made strict, it grows


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one call may cost at most.

    Attributes:
        call: the id that its record will have.
        run: on whose behalf it is made.
        tenant: whose it is when it is made for no run.
        model: as `provider:model`.
        tokens: in and out together.
        usd: at the price of the moment; 0 where no price is known.
    """

    call: UUID
    model: str
    tokens: int
    usd: Decimal
    run: UUID | None = None
    tenant: str | None = None


def need_of(
    call: UUID,
    request: ModelRequest,
    *,
    texts: Iterable[str],
    answer: int,
    price: Price | None,
    run: UUID | None,
    tenant: str | None = None,
) -> Need:
    """The most that a request may cost.

    Args:
        texts: everything that the model is to read.
        answer: the most tokens that it may answer with.
        price: of the model, if it is known.
    """
    read = _AROUND_REQUEST
    read += sum(len(text.encode("utf-8", "surrogatepass")) + _AROUND_MESSAGE for text in texts)
    if request.schema is not None:
        read += _SCHEMA_COPIES * len(msgspec.json.encode(request.schema)) + _AROUND_SCHEMA
    for tool in request.tools:
        read += _SCHEMA_COPIES * len(msgspec.json.encode(tool)) + _AROUND_MESSAGE
    usd = Decimal(0) if price is None else price.cost(tokens_in=read, tokens_out=answer)
    return Need(call=call, run=run, tenant=tenant, model=request.name, tokens=read + answer, usd=usd)
