"""A streamed answer between its first piece and its record."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from sorbus.llm.ledger import Booking, Outcome, failure
from sorbus.llm.providers.base import Piece
from sorbus.llm.records import CallStatus, Usage
from sorbus.llm.retrying import Attempts


class OpenStream:
    """A stream whose first piece has arrived, and the bookkeeping until its end.

    Args:
        booking: the call; None for one that is replayed.
        first: the whole answer of one that is replayed.
    """

    def __init__(self, booking: Booking | None, *, first: Piece | None = None) -> None:
        self.attempts = Attempts()
        self.began = time.monotonic()
        self.first = first
        self._booking = booking
        self._rest: AsyncGenerator[Piece] | None = None
        self._usage = Usage()
        self._texts: list[str] = []

    async def open(self, source: AsyncGenerator[Piece]) -> None:
        """Wait for the first piece, so that a failure before it can be tried again."""
        self.first = await anext(source, Piece())
        self._rest = source

    async def pieces(self) -> AsyncGenerator[str]:
        """The texts, recorded at the end however it comes. A replayed stream records nothing."""
        if self._rest is None or self._booking is None:
            yield self.first.text if self.first else ""
            return
        outcome = self._outcome(CallStatus.STOPPED)
        try:
            async with aclosing(self._rest) as rest:
                if (text := self._took(self.first or Piece())) != "":
                    yield text
                async for piece in rest:
                    if (text := self._took(piece)) != "":
                        yield text
            outcome = self._outcome(CallStatus.OK)
        except GeneratorExit:
            outcome = self._outcome(CallStatus.STOPPED)
            raise
        except BaseException as error:
            failed = failure(error, began=self.began, attempts=self.attempts.count)
            outcome = replace(self._outcome(failed.status), error=error)
            raise
        finally:
            await self._booking.write(outcome)

    def _took(self, piece: Piece) -> str:
        if piece.usage is not None:
            self._usage = piece.usage
        if piece.text:
            self._texts.append(piece.text)
        return piece.text

    def _estimate(self) -> Usage:
        """Tokens that the provider had no time to count: one for a piece out, one for four characters in."""
        turns = self._booking.request.messages if self._booking is not None else ()
        characters = sum(len(turn.content) for turn in turns)
        return Usage(
            tokens_in=self._usage.tokens_in or characters // 4,
            tokens_out=max(self._usage.tokens_out, len(self._texts)),
        )

    def _outcome(self, status: CallStatus) -> Outcome:
        return Outcome(
            status=status,
            seconds=time.monotonic() - self.began,
            attempts=self.attempts.count,
            usage=self._usage if status is CallStatus.OK else self._estimate(),
            response="".join(self._texts),
        )
