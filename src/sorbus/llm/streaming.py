"""A streamed answer between its first piece and its record."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from sorbus.llm.ledger import Ledger, Origin, Outcome, failure
from sorbus.llm.messages import ModelRequest
from sorbus.llm.providers.base import Piece
from sorbus.llm.records import CallStatus, Usage
from sorbus.llm.retrying import Attempts


class OpenStream:
    """A stream whose first piece has arrived, and the bookkeeping until its end."""

    def __init__(self, request: ModelRequest, origin: Origin, ledger: Ledger) -> None:
        self.attempts = Attempts()
        self.began = time.monotonic()
        self.first: Piece | None = None
        self._request = request
        self._origin = origin
        self._ledger = ledger
        self._rest: AsyncGenerator[Piece] | None = None
        self._usage = Usage()
        self._texts: list[str] = []

    async def open(self, source: AsyncGenerator[Piece]) -> None:
        """Wait for the first piece, so that a failure before it can be tried again."""
        self.first = await anext(source, Piece())
        self._rest = source

    async def pieces(self) -> AsyncGenerator[str]:
        """The texts, recorded at the end however it comes. A replayed stream records nothing."""
        if self._rest is None:
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
            await self._ledger.write(self._request, self._origin, outcome)

    def _took(self, piece: Piece) -> str:
        if piece.usage is not None:
            self._usage = piece.usage
        if piece.text:
            self._texts.append(piece.text)
        return piece.text

    def _estimate(self) -> Usage:
        """Tokens that the provider had no time to count: one for a piece out, one for four characters in."""
        characters = sum(len(turn.content) for turn in self._request.messages)
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
