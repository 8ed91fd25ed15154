"""From a claimed job to its handler, and from what the handler did to an outcome."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import msgspec

from sorbus.data_layers.postgres.json_codec import storable
from sorbus.errors.base import SorbusError, UnknownError
from sorbus.errors.jobs import JobTimedOut, LeaseLost, NoSuchJobHandler, NotAnOutcome
from sorbus.jobs import oban_hooks
from sorbus.jobs.backoff import Backoff
from sorbus.jobs.context import Handler, JobContext
from sorbus.jobs.leases import Lease
from sorbus.jobs.ledger import Entry, Ledger
from sorbus.jobs.new_job import CANCEL_REQUESTED, TIMEOUT, JobState
from sorbus.jobs.outcomes import Cancel, Done, Outcome, Retry, Snooze

if TYPE_CHECKING:
    from oban.job import Job

logger = logging.getLogger(__name__)
_TRACEBACK_LIMIT = 8_000


class Ending(Enum):
    """Why an attempt is made to end early."""

    CANCELLED = "cancelled"
    STOPPED = "stopped"
    LOST = "lost"


class Execution:
    """One running attempt."""

    __slots__ = ("context", "ending", "handler", "is_async", "job", "started", "task", "timeout")

    def __init__(
        self, job: Job, context: JobContext, handler: Handler | None, *, is_async: bool, timeout: float | None
    ) -> None:
        self.job = job
        self.context = context
        self.handler = handler
        self.is_async = is_async
        self.timeout = timeout
        self.started = time.monotonic_ns()
        self.task: asyncio.Task[None] | None = None
        self.ending: Ending | None = None

    def end(self, ending: Ending) -> None:
        """Ask the handler to end; the first reason counts."""
        if self.ending is not None:
            return
        self.ending = ending
        self.context.cancelled.set()
        # a thread cannot be interrupted: its task waits for it
        if self.is_async and self.task is not None:
            self.task.cancel()


class Dispatcher:
    """Runs claimed jobs. Oban calls `dispatch` and `cancel`; everything else is ours.

    Args:
        handlers: what runs each worker name; sync handlers run in a thread.
        ledger: takes the outcomes.
        backoff: how long failed jobs wait.
        timeout: seconds that an attempt may take unless the job says otherwise; None for no limit.
        threads: how many sync handlers run side by side.
    """

    def __init__(
        self,
        *,
        handlers: Mapping[str, Handler],
        ledger: Ledger,
        backoff: Backoff,
        timeout: float | None,
        threads: int,
    ) -> None:
        self._handlers = {name: (handler, _is_async(handler)) for name, handler in handlers.items()}
        self._ledger = ledger
        self._backoff = backoff
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sorbus-job")
        self._emit = oban_hooks.emitter()
        self._closing = False
        self.running: dict[tuple[int, int], Execution] = {}

    async def start(self) -> None:
        """Part of Oban's interface; there is nothing to start."""

    async def stop(self) -> None:
        """Part of Oban's interface: called when the queues have stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def dispatch(self, _producer: Any, job: Job) -> asyncio.Task[None]:
        """Start a claimed job (called by Oban)."""
        execution = self._execution(job)
        context = execution.context
        self.running[context.id, context.attempt] = execution
        self._emit("oban.job.start", {"job": job, "monotonic_time": execution.started})
        execution.task = task = asyncio.get_running_loop().create_task(self._run(execution))
        return task

    def cancel(self, _producer: Any, job: Job) -> None:
        """Somebody cancelled a running job (called by Oban)."""
        self.end(cast("int", job.id), Ending.CANCELLED)

    def end(self, job_id: int, ending: Ending) -> None:
        """End the running attempts of a job early."""
        for execution in [each for each in self.running.values() if each.context.id == job_id]:
            execution.end(ending)

    async def drain(self, grace: float) -> None:
        """Start nothing any more, wait up to `grace` seconds for what runs, then end it and wait a little."""
        self._closing = True
        await self._wait(self.running.values(), grace)
        for execution in list(self.running.values()):
            execution.end(Ending.STOPPED)
        await self._wait(self.running.values(), 5.0)

    async def _wait(self, executions: Iterable[Execution], seconds: float) -> None:
        tasks = [each.task for each in executions if each.task is not None]
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)

    def _execution(self, job: Job) -> Execution:
        timeout = job.meta.get(TIMEOUT, self._timeout)
        node = job.attempted_by[0]
        attempted_at = cast("datetime", job.attempted_at)
        handler, is_async = self._handlers.get(job.worker, (None, True))
        context = JobContext(
            id=cast("int", job.id),
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            args=job.args,
            meta=job.meta,
            queue=job.queue,
            worker=job.worker,
            node=node,
            tags=tuple(job.tags),
            deadline=None if timeout is None else datetime.now(UTC) + timedelta(seconds=timeout),
            lease=Lease(cast("int", job.id), job.attempt, attempted_at, node),
        )
        return Execution(job, context, handler, is_async=is_async, timeout=timeout)

    async def _run(self, execution: Execution) -> None:
        entry: Entry | None = None
        try:
            entry = self._entry(execution, await self._body(execution))
        except asyncio.CancelledError:
            entry = self._interrupted(execution)
        except Exception as error:
            entry = self._failed(execution, error)
        finally:
            del self.running[execution.context.id, execution.context.attempt]
            if entry is not None:
                self._ledger.add(entry)
            _report_end(self._emit, execution, entry)

    async def _body(self, execution: Execution) -> Outcome | None:
        context = execution.context
        if self._closing:
            execution.ending = Ending.STOPPED
            return None
        if CANCEL_REQUESTED in context.meta:
            return Cancel("cancelled before it was started again")
        if execution.handler is None:
            raise NoSuchJobHandler(context.worker, self._handlers)
        if not execution.is_async:
            return await self._in_thread(execution, execution.handler)
        handler = cast("Callable[[JobContext], Awaitable[Outcome | None]]", execution.handler)
        limit = asyncio.timeout(execution.timeout)
        try:
            async with limit:
                return await handler(context)
        except TimeoutError as error:
            if limit.expired():
                raise JobTimedOut(context.worker, cast("float", execution.timeout)) from error
            raise

    async def _in_thread(self, execution: Execution, handler: Handler) -> Outcome | None:
        context = execution.context
        work = self._threads.submit(contextvars.copy_context().run, handler, context)
        limit: asyncio.TimerHandle | None = None
        if execution.timeout is not None:
            limit = asyncio.get_running_loop().call_later(execution.timeout, context.cancelled.set)
        try:
            found = await asyncio.wrap_future(work)
            outcome = await found if inspect.isawaitable(found) else found
        except asyncio.CancelledError:
            # the thread goes on until its body ends, so the job stays this node's until the node itself is
            # gone
            if not work.cancelled():
                execution.ending = Ending.LOST
            raise
        finally:
            if limit is not None:
                limit.cancel()
        if outcome is None and context.cancelled.is_set() and execution.ending is None and not context.acked:
            raise JobTimedOut(context.worker, cast("float", execution.timeout))
        return outcome

    def _entry(self, execution: Execution, outcome: Outcome | None) -> Entry | None:
        context = execution.context
        if context.acked:
            return None
        if outcome is None and execution.ending is not None:
            # it returned because it was asked to end; only an explicit Done() says that it is done all the
            # same
            return self._interrupted(execution)
        return self._written(context, outcome)

    def _written(self, context: JobContext, outcome: object) -> Entry:
        lease = context.lease
        match outcome:
            case None | Done():
                entry = Entry(lease=lease)
            case Snooze(seconds):
                entry = Entry(lease=lease, state=JobState.SCHEDULED, delay=max(seconds, 0.0), counts=False)
            case Cancel(reason):
                entry = Entry(
                    lease=lease, state=JobState.CANCELLED, error=_record(context, {"error": reason})
                )
            case Retry(after, reason):
                entry = self._retry(context, {"error": reason}, after)
            case _:
                error = _record(context, _describe(NotAnOutcome(context.worker, outcome)))
                entry = Entry(lease=lease, state=JobState.DISCARDED, error=error)
        return entry

    def _interrupted(self, execution: Execution) -> Entry | None:
        context = execution.context
        match execution.ending:
            case Ending.LOST:
                return None
            case Ending.CANCELLED:
                error = _record(context, {"error": "cancelled while it ran"})
                return Entry(lease=context.lease, state=JobState.CANCELLED, error=error)
            case None if execution.task is not None and not execution.task.cancelling():
                # nobody cancelled this task: something that the handler waited for was cancelled
                return self._failed(
                    execution, UnknownError("The handler ended with a CancelledError of its own.")
                )
            case _:
                return Entry(lease=context.lease, state=JobState.AVAILABLE, counts=False)

    def _failed(self, execution: Execution, error: Exception) -> Entry:
        context = execution.context
        if isinstance(error, LeaseLost):
            logger.warning("%s", error)
        else:
            logger.warning(
                "attempt %d of job %d (%s) failed: %r", context.attempt, context.id, context.worker, error
            )
        return self._retry(context, _describe(error), None)

    def _retry(self, context: JobContext, error: dict[str, object], after: float | None) -> Entry:
        record = _record(context, error)
        if context.attempt >= context.max_attempts:
            return Entry(lease=context.lease, state=JobState.DISCARDED, error=record)
        delay = self._backoff.seconds(context.attempt) if after is None else max(after, 0.0)
        return Entry(lease=context.lease, state=JobState.RETRYABLE, delay=delay, error=record)


def _report_end(
    emit: Callable[[str, dict[str, Any]], None], execution: Execution, entry: Entry | None
) -> None:
    now = time.monotonic_ns()
    state = JobState.COMPLETED if entry is None else entry.state
    data: dict[str, Any] = {
        "job": execution.job,
        "monotonic_time": now,
        "duration": now - execution.started,
        "queue_time": 0,
        "state": state.value,
    }
    if state in (JobState.RETRYABLE, JobState.DISCARDED):
        found: dict[str, Any] = msgspec.json.decode((entry and entry.error) or "{}")
        data["error_message"] = found.get("error", "")
        data["error_type"] = found.get("type", "")
        data["traceback"] = found.get("traceback", "")
        emit("oban.job.exception", data)
    else:
        emit("oban.job.stop", data)


def _is_async(handler: Handler) -> bool:
    call = getattr(type(handler), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


def _describe(error: Exception) -> dict[str, object]:
    """An exception as data; `error` is the text that Oban's own tools show."""
    data = (
        error.to_dict()
        if isinstance(error, SorbusError)
        else UnknownError(f"{type(error).__name__}: {error}").to_dict()
    )
    trace = "".join(traceback.format_exception(error))
    return {
        "error": str(data["message"]),
        **data,
        "type": type(error).__qualname__,
        "traceback": trace[-_TRACEBACK_LIMIT:],
    }


def _record(context: JobContext, error: dict[str, object]) -> str:
    data = {"attempt": context.attempt, "at": datetime.now(UTC).isoformat(), "node": context.node, **error}
    return msgspec.json.encode(storable(data), enc_hook=str).decode()
