"""Metering: every call becomes one priced record, and a committed answer is found again."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sorbus.errors.base import SorbusError
from sorbus.llm.messages import ModelRequest
from sorbus.llm.prices import PriceTable
from sorbus.llm.records import CallRecord, CallSink, CallStatus, Usage

_log = logging.getLogger("sorbus.llm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """On whose behalf a call is made."""

    stage: str | None = None
    run: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a call went, before it is priced.

    Attributes:
        status: how it ended.
        seconds: how long it took.
        attempts: how often the provider was asked.
        usage: its tokens, as far as known.
        response: the answer's text, or what arrived of it.
        error: what ended it.
    """

    status: CallStatus
    seconds: float
    attempts: int
    usage: Usage = field(default_factory=Usage)
    response: str | None = None
    error: BaseException | None = None


def failure(error: BaseException, *, began: float, attempts: int) -> Outcome:
    """The outcome of a call that an error ended."""
    cancelled = isinstance(error, asyncio.CancelledError)
    return Outcome(
        status=CallStatus.CANCELLED if cancelled else CallStatus.FAILED,
        seconds=time.monotonic() - began,
        attempts=attempts,
        error=error,
    )


class Ledger:
    """Writes call records to a sink, with their cost at the price of the moment.

    Args:
        sink: where records go; None keeps none.
        prices: the price table.
        replay: whether a run's stage may be answered from its own earlier records.
    """

    def __init__(self, sink: CallSink | None, *, prices: PriceTable, replay: bool) -> None:
        self._sink = sink
        self._prices = prices
        self._replay = replay
        self._unpriced: set[str] = set()

    async def recall(self, request: ModelRequest, origin: Origin) -> CallRecord | None:
        """The record of the same request in the same stage of the same run, when there is one."""
        if self._sink is None or not self._replay or origin.run is None:
            return None
        return await self._sink.lookup(request.hash, origin.run, origin.stage)

    async def write(self, request: ModelRequest, origin: Origin, outcome: Outcome) -> CallRecord:
        """Price a call and hand its record to the sink; done to the end even when the caller is cancelled."""
        cost, priced = self._cost(request.name, outcome.usage)
        record = CallRecord(
            kind=request.kind,
            provider=request.provider,
            model=request.model,
            request_hash=request.hash,
            status=outcome.status,
            stage=origin.stage,
            run_id=origin.run,
            tokens_in=outcome.usage.tokens_in,
            tokens_out=outcome.usage.tokens_out,
            latency_ms=round(outcome.seconds * 1000),
            cost_usd=cost,
            priced=priced,
            error_code=error_code(outcome.error),
            response=outcome.response,
            attempts=outcome.attempts,
        )
        if self._sink is not None:
            await asyncio.shield(asyncio.ensure_future(self._sink.record(record)))
        return record

    def _cost(self, name: str, usage: Usage) -> tuple[Decimal, bool]:
        price = self._prices.price(name)
        if price is not None:
            return price.cost(tokens_in=usage.tokens_in, tokens_out=usage.tokens_out), True
        if name not in self._unpriced:
            self._unpriced.add(name)
            _log.warning(
                "No price is known for %s: its calls are recorded with a cost of 0 and priced=False. "
                "Give one with PriceTable.with_prices.",
                name,
            )
        return Decimal(0), False


def error_code(error: BaseException | None) -> str | None:
    """The stable code of an error for its record."""
    match error:
        case None:
            return None
        case SorbusError():
            return error.code
        case asyncio.CancelledError():
            return "cancelled"
        case _:
            return "unknown"
