"""Metering: every call becomes one priced record, and a committed answer is found again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Self
from uuid import UUID

from sorbus.errors.base import SorbusError
from sorbus.llm.asked import KEPT, kept
from sorbus.llm.budgets.needs import need_of
from sorbus.llm.messages import ModelRequest
from sorbus.llm.prices import PriceTable
from sorbus.llm.records import CallRecord, CallSink, CallStatus, Usage
from sorbus.types.uuid7 import uuid7

_log = logging.getLogger("sorbus.llm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """On whose behalf a call is made. The scope of a stage has that of the stage among its services.

    Attributes:
        stage: the stage's name; the label of a prompted action that runs in none.
        tenant: whose call it is when it is made for no run; a run's own is known by the sink.
    """

    stage: str | None = None
    run: UUID | None = None
    tenant: str | None = None


NOBODY = Origin()


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
        keep_requests: the most bytes of a question that its record keeps.
    """

    def __init__(
        self, sink: CallSink | None, *, prices: PriceTable, replay: bool, keep_requests: int = KEPT
    ) -> None:
        self._sink = sink
        self._prices = prices
        self._replay = replay
        self._keep_requests = keep_requests
        self._unpriced: set[str] = set()

    async def recall(self, request: ModelRequest, origin: Origin) -> CallRecord | None:
        """The record of the same request in the same stage of the same run, when there is one."""
        if self._sink is None or not self._replay or origin.run is None:
            return None
        return await self._sink.lookup(request.hash, origin.run, origin.stage)

    async def book(
        self, request: ModelRequest, origin: Origin, *, answer: int = 0, texts: Iterable[str] | None = None
    ) -> Booking:
        """Reserve what a call may cost, where a budget holds for it.

        Args:
            answer: the most tokens of its answer, which then bound it.
            texts: what the model is to read, when that is more than the messages.

        Raises:
            BudgetExceeded: a budget has not enough left.
        """
        booking = Booking(self, request, origin)
        if self._sink is None:
            return booking
        need = need_of(
            booking.call,
            request,
            texts=(turn.text for turn in request.messages) if texts is None else texts,
            answer=answer,
            price=self._prices.price(request.name),
            run=origin.run,
            tenant=origin.tenant,
        )
        booking.reserved = await self._sink.reserve(need)
        if booking.reserved and answer:
            booking.asked = replace(request, max_tokens=answer)
        return booking

    async def release(self, call: UUID) -> None:
        """Give back what was reserved for a call without a record."""
        if self._sink is not None:
            await self._sink.release(call)

    async def write(
        self,
        call: UUID,
        request: ModelRequest,
        origin: Origin,
        outcome: Outcome,
        *,
        asked: ModelRequest | None = None,
    ) -> CallRecord:
        """Price a call and hand its record to the sink; done to the end even when the caller is cancelled.

        Args:
            asked: the question as the provider got it, where that differs.
        """
        cost, priced = self._cost(request.name, outcome.usage)
        record = CallRecord(
            id=call,
            kind=request.kind,
            provider=request.provider,
            model=request.model,
            request_hash=request.hash,
            status=outcome.status,
            stage=origin.stage,
            run_id=origin.run,
            tenant=origin.tenant,
            tokens_in=outcome.usage.tokens_in,
            tokens_out=outcome.usage.tokens_out,
            latency_ms=round(outcome.seconds * 1000),
            cost_usd=cost,
            priced=priced,
            error_code=error_code(outcome.error),
            request=None if self._sink is None else kept(asked or request, limit=self._keep_requests),
            response=outcome.response,
            attempts=outcome.attempts,
        )
        if self._sink is not None:
            await asyncio.shield(asyncio.ensure_future(self._record(self._sink, record)))
        return record

    async def _record(self, sink: CallSink, record: CallRecord) -> None:
        try:
            await sink.record(record)
        except BaseException:
            await sink.release(record.id)
            raise

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


class Booking:
    """One call on its way, from what is reserved for it to its record.

    Use it as an async context manager: what was reserved for a call that left no record is given back.

    Attributes:
        call: the id that the record will have.
        request: the question, by which its answer is found again.
        asked: the question as the provider gets it: under a budget its answer has a longest length.
        reserved: whether a budget holds for it.
    """

    def __init__(self, ledger: Ledger, request: ModelRequest, origin: Origin) -> None:
        self.call = uuid7()
        self.request = request
        self.asked = request
        self.reserved = False
        self._ledger = ledger
        self._origin = origin
        self._written = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.reserved and not self._written:
            await self._ledger.release(self.call)

    async def write(self, outcome: Outcome) -> CallRecord:
        """Record how the call went."""
        self._written = True
        return await self._ledger.write(self.call, self.request, self._origin, outcome, asked=self.asked)


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
