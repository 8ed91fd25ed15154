"""A GGUF model inside this process: one at a time, on its own thread, never on the event loop."""

# ruff: noqa: ASYNC109 - the limit begins when the model does, not when the caller does

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sorbus.errors.llm import LocalModelFailed, ModelTimeout, PromptTooLong
from sorbus.llm.messages import ModelRequest
from sorbus.llm.providers.base import Piece
from sorbus.llm.records import Usage
from sorbus.llm.schemas import bounded, token_budget

CONTEXT = 4096
_TEXT_TOKENS = 256
_CACHE_MIB = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaAnswer:
    """What the model said; `seconds` counts its own work, not the wait for the thread."""

    text: str
    usage: Usage
    cut: bool
    seconds: float


class _Job:
    """One request on its way through the thread: how it starts, what it says, whether it is still wanted."""

    def __init__(self, on_piece: Callable[[Piece], None]) -> None:
        self.on_piece = on_piece
        self.started: Future[float] = Future()
        self.unwanted = threading.Event()


class LlamaRuntime:
    """Loads a model when it is first asked, and keeps it until another one is asked or `close` is called.

    Requests run one after the other: on a few cores two at once are no faster and lose the prompt cache.
    Prompts that begin alike (two questions about one mail) share their beginning, so the second costs almost
    no reading.

    Args:
        threads: compute threads; by default the machine's cores, at most eight.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._server: Any = None
        self._loaded: Path | None = None
        self._jobs: set[_Job] = set()

    @property
    def loaded(self) -> Path | None:
        """The file of the model in memory, or None."""
        return self._loaded

    async def ask(
        self,
        file: Path,
        request: ModelRequest,
        *,
        timeout: float | None,
        on_piece: Callable[[Piece], None] = lambda _: None,
    ) -> LlamaAnswer:
        """One answer. `on_piece` is called from the model's thread for every piece of text.

        Cancelling frees the caller at once; the model stops at its next token.

        Raises:
            ModelTimeout: the model worked longer than `timeout` seconds; time in the queue does not count.
            PromptTooLong, LocalModelFailed: see there.
        """
        job = _Job(on_piece)
        self._jobs.add(job)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sorbus-model")
        running = asyncio.get_running_loop().run_in_executor(self._executor, self._work, file, request, job)
        running.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # nobody may be left to read it
        try:
            await asyncio.wrap_future(job.started)
            async with asyncio.timeout(timeout):
                return await asyncio.shield(running)
        except TimeoutError as error:
            raise ModelTimeout(request.name, seconds=timeout or 0) from error
        finally:
            self._jobs.discard(job)
            job.unwanted.set()
            running.cancel()

    async def close(self) -> None:
        """Stop what is running or queued, unload the model and end the thread."""
        for job in self._jobs:
            job.unwanted.set()
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.get_running_loop().run_in_executor(executor, self._unload)
            executor.shutdown(wait=True)

    def _work(self, file: Path, request: ModelRequest, job: _Job) -> LlamaAnswer:
        try:
            self._load(file, request.name)
        except BaseException as error:
            if job.started.set_running_or_notify_cancel():
                job.started.set_exception(error)
            raise
        if job.started.set_running_or_notify_cancel():
            job.started.set_result(time.monotonic())
        if job.unwanted.is_set():
            return LlamaAnswer(text="", usage=Usage(), cut=True, seconds=0)
        return self._answer(request, job)

    def _answer(self, request: ModelRequest, job: _Job) -> LlamaAnswer:
        began = time.monotonic()
        texts: list[str] = []
        last: dict[str, Any] = {}
        fault: dict[str, Any] = {}
        cut = False

        def receive(chunk: dict[str, Any] | list[dict[str, Any]]) -> bool:
            nonlocal cut
            for each in chunk if isinstance(chunk, list) else [chunk]:
                fault.update(each.get("error") or {})
                last.update(each.get("usage") or {})
                choices: list[dict[str, Any]] = each.get("choices") or []
                for choice in choices:
                    cut = cut or choice.get("finish_reason") == "length"
                    delta: dict[str, str | None] = choice.get("delta") or {}
                    if text := delta.get("content"):
                        texts.append(text)
                        job.on_piece(Piece(text=text))
            return job.unwanted.is_set()  # True ends the generation

        whole: dict[str, Any] | None = self._server.handle_chat_completions(_body(request), receive)
        if whole is not None:
            receive(whole)
        _raise_fault(fault, request)
        usage = Usage(
            tokens_in=last.get("prompt_tokens", 0), tokens_out=last.get("completion_tokens", len(texts))
        )
        return LlamaAnswer(text="".join(texts), usage=usage, cut=cut, seconds=time.monotonic() - began)

    def _load(self, file: Path, name: str) -> None:
        if self._loaded == file:
            return
        self._unload()
        xllamacpp: Any = importlib.import_module("xllamacpp")
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx, params.n_parallel, params.warmup = CONTEXT, 1, False
        params.verbosity = -1
        params.cache_ram_mib = _CACHE_MIB  # prompts of runs that take turns stay read
        params.api_keys = [secrets.token_urlsafe(24)]  # its loopback port answers nobody
        # Threads meet after every layer, thousands of times a second, so one that waits for a core stops them
        # all: on two busy cores a tiny model speaks four times slower with two threads than with one.
        cores = self._threads or min(8, os.cpu_count() or 2)
        params.cpuparams.n_threads, params.cpuparams_batch.n_threads = max(1, cores - 1), cores
        try:
            self._server = xllamacpp.Server(params)
        except Exception as error:
            raise LocalModelFailed(name, reason=str(error) or type(error).__name__) from error
        self._loaded = file

    def _unload(self) -> None:
        self._server, self._loaded = None, None
        gc.collect()  # the server's threads end with its last reference


def longest_answer(request: ModelRequest) -> int:
    """The most tokens of an answer to a request that does not say."""
    return _TEXT_TOKENS if request.schema is None else token_budget(bounded(request.schema))


def _body(request: ModelRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens or longest_answer(request),
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,
    }
    if request.schema is not None:
        schema = bounded(request.schema)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        }
    return body


def _raise_fault(fault: dict[str, Any], request: ModelRequest) -> None:
    if not fault:
        return
    if fault.get("type") == "exceed_context_size_error":
        raise PromptTooLong(request.name, tokens=int(fault.get("n_prompt_tokens", 0)), context=CONTEXT)
    raise LocalModelFailed(request.name, reason=str(fault.get("message", fault)))
