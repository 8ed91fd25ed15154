"""The provider `local`: packaged models in this process."""

# ruff: noqa: ASYNC109, ARG002 - the contract passes time limits down

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from sorbus.errors.llm import ModelTimeout
from sorbus.llm.catalogue import ModelKind
from sorbus.llm.messages import ModelRequest
from sorbus.llm.providers.base import Completion, Embedding, Piece
from sorbus.llm.providers.llama import LlamaRuntime, longest_answer
from sorbus.llm.providers.minilm import MiniLm
from sorbus.llm.providers.spoken import spoken, understood
from sorbus.llm.store import ModelStore


class LocalProvider:
    """Chat by llama.cpp with constrained decoding, embeddings by MiniLM.

    Args:
        store: finds the files.
        threads: compute threads of the chat model; by default the machine's cores, at most eight.
    """

    small = True

    def __init__(self, store: ModelStore, *, threads: int | None = None) -> None:
        self._store = store
        self._llama = LlamaRuntime(threads=threads)
        self._minilm = MiniLm()

    def canonical(self, model: str) -> str:
        """`default` becomes the name of the embedded model."""
        return self._store.default() if model in ("", "default") else model

    def longest_answer(self, request: ModelRequest) -> int:
        """A short text, or what the longest value of the bounded schema needs."""
        return longest_answer(spoken(request))

    async def complete(self, request: ModelRequest, *, timeout: float) -> Completion:
        """One answer, or one call of a tool."""
        file = self._store.path(request.model)
        answer = await self._llama.ask(file, spoken(request), timeout=timeout)
        said = Completion(text=answer.text, usage=answer.usage, cut=answer.cut, seconds=answer.seconds)
        return understood(request, said)

    async def stream(self, request: ModelRequest, *, timeout: float) -> AsyncGenerator[Piece]:
        """The pieces of an answer as the model says them; the model stops when the consumer leaves."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()

        def put(piece: Piece | None) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        file = self._store.path(request.model)
        asking = asyncio.create_task(self._llama.ask(file, request, timeout=None, on_piece=put))
        asking.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            # The first piece may wait behind other requests, so only the silence after it is limited.
            piece = await pieces.get()
            while piece is not None:
                yield piece
                piece = await asyncio.wait_for(pieces.get(), timeout)
            yield Piece(usage=(await asking).usage)
        except TimeoutError as error:
            waiting = "the next piece of the stream"
            raise ModelTimeout(request.name, seconds=timeout, waiting_for=waiting) from error
        finally:
            asking.cancel()

    async def embed(self, model: str, texts: Sequence[str], *, timeout: float) -> Embedding:
        """MiniLM vectors; `timeout` does not apply, because they are computed here."""
        return await self._minilm.embed(self._store.path(model, kind=ModelKind.EMBED), texts)

    async def close(self) -> None:
        """Unload both models."""
        await self._llama.close()
        await self._minilm.close()
