"""The record of a call to a model, and where records go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from sorbus.llm.budgets.needs import Need
from sorbus.llm.messages import CallKind
from sorbus.types.uuid7 import uuid7


class CallStatus(StrEnum):
    """How a call ended."""

    OK = "ok"
    INVALID = "invalid"  # answered, but the answer does not fit the declared type
    FAILED = "failed"
    STOPPED = "stopped"  # the consumer of a stream left early
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, as the provider counts them."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One logical call to one model: its retries are counted in it, a repair or a fallback is a record of its
    own.

    Attributes:
        id: UUIDv7, made when the call begins.
        kind: what was asked.
        provider, model: who was asked.
        stage, run_id: on whose behalf, when the caller said.
        tenant: whose it is when it was made for no run and the caller said.
        request_hash: SHA-256 (hex) of the request; equal requests have equal hashes.
        tokens_in, tokens_out: as the provider counts them, 0 when the call failed before an answer;
            estimated for a stream that was cut or left.
        latency_ms: from the first attempt to the end, without the time spent queued for a local model.
        cost_usd: by the price table, at the time of the call; 0 for local models.
        priced: False when no price is known for the model, so that `cost_usd` is 0 for want of knowledge.
        status: how it ended.
        error_code: the code of the error that ended it, or None.
        request: what was asked, as `sorbus.llm.asked.kept` cuts it; None where nothing is kept of it, and for a record
            that was read to answer a call again.
        response: the answer's text (for a cut or stopped stream, what arrived; for a turn with tools JSON, as
            `sorbus.llm.messages.turn_text` writes it), or None.
        attempts: how many times the provider was asked.
        inserted_at: when the record was made (UTC).
    """

    kind: CallKind
    provider: str
    model: str
    request_hash: str
    status: CallStatus
    stage: str | None = None
    run_id: UUID | None = None
    tenant: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    latency_ms: int = 0
    cost_usd: Decimal = Decimal(0)
    priced: bool = True
    error_code: str | None = None
    request: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    response: str | None = None
    attempts: int = 1
    id: UUID = field(default_factory=uuid7)
    inserted_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        return Usage(tokens_in=self.tokens_in, tokens_out=self.tokens_out)


class CallSink(Protocol):
    """Where call records go. What `record` accepted, `lookup` may hand to a later attempt of the same
    stage.

    It also keeps to the budgets, if there are any. A sink around another one hands all four on.
    """

    async def reserve(self, need: Need) -> bool:
        """Called before a provider is asked; False when no budget holds for the call, which is then not bounded.

        Raises:
            BudgetExceeded: a budget has not enough left; the provider is not asked.
        """
        ...

    async def record(self, record: CallRecord) -> None:
        """Keep a record. Called once for every call, also for a failed, stopped or cancelled one.

        What was reserved for the call, under the record's id, is given back with it. An exception from here
        fails the call: what cannot be metered is not answered.
        """
        ...

    async def release(self, call: UUID) -> None:
        """Give back what was reserved for a call that was not recorded."""
        ...

    async def lookup(self, request_hash: str, run_id: UUID, stage: str | None) -> CallRecord | None:
        """The newest record with status `ok` or `invalid` of that request in that run and stage, or None.

        Called before a provider is asked, and only for calls made on behalf of a run.
        """
        ...


class MemorySink:
    """Keeps records in a list, for tests, scripts and notebooks."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    async def reserve(self, need: Need) -> bool:
        """There are no budgets here."""
        del need
        return False

    async def release(self, call: UUID) -> None:
        """Nothing is reserved here."""

    async def record(self, record: CallRecord) -> None:
        """Append the record."""
        self.records.append(record)

    async def lookup(self, request_hash: str, run_id: UUID, stage: str | None) -> CallRecord | None:
        """The newest answered record of that request in that run and stage."""
        wanted = (request_hash, run_id, stage)
        answered = (CallStatus.OK, CallStatus.INVALID)
        for record in reversed(self.records):
            if record.status in answered and (record.request_hash, record.run_id, record.stage) == wanted:
                return record
        return None

    @property
    def cost_usd(self) -> Decimal:
        """What all recorded calls cost together."""
        return sum((record.cost_usd for record in self.records), Decimal(0))
