"""The child's half of a bench: a process that answers commands, one JSON line each way.

Needs nothing but the standard library, so that every side can use it in its own environment.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Command = Callable[..., Awaitable[dict[str, Any]]]
Operation = Callable[[], Awaitable[Any]]


class Side(Protocol):
    """One contestant."""

    def commands(self) -> dict[str, Command]:
        """What it answers to, by name."""
        ...

    async def open(self, url: str) -> None:
        """Connect to the database at a `postgresql://` URL and warm up."""
        ...

    async def close(self) -> None:
        """Leave nothing behind."""
        ...


def serve(side: Side) -> None:
    """Open a side with the URL of the command line, answer commands until the input ends, close it."""
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    asyncio.run(_serve(side, sys.argv[1], answers))


async def _serve(side: Side, url: str, answers: Any) -> None:
    loop = asyncio.get_running_loop()
    await side.open(url)
    try:
        commands = side.commands()
        answers.write(json.dumps({"ready": True}) + "\n")
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            request = json.loads(line)
            answer = await commands[request.pop("do")](**request)
            answers.write(json.dumps(answer, default=str) + "\n")
    finally:
        await side.close()


def loads(operations: dict[str, Operation]) -> Command:
    """The command `load`: run one operation from many tasks for some seconds."""

    async def load(*, op: str, seconds: float, tasks: int) -> dict[str, Any]:
        operation = operations[op]
        await asyncio.gather(*(operation() for _ in range(tasks)))
        done = 0
        deadline = time.perf_counter() + seconds

        async def work() -> None:
            nonlocal done
            while time.perf_counter() < deadline:
                await operation()
                done += 1

        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(tasks)))
        elapsed = time.perf_counter() - started
        return {"rate": done / elapsed, "cpu_us": (time.process_time() - cpu) / done * 1e6}

    return load


def once(operations: dict[str, Callable[[], Awaitable[int]]]) -> Command:
    """The command `once`: run an operation over many rows one time; it answers with the number of rows."""

    async def run(*, op: str) -> dict[str, Any]:
        gc.collect()
        started, cpu = time.perf_counter(), time.process_time()
        rows = await operations[op]()
        elapsed = time.perf_counter() - started
        return {"rows": rows, "rate": rows / elapsed, "cpu_us": (time.process_time() - cpu) / rows * 1e6}

    return run


async def burst(chain: Callable[[int], Awaitable[float]], *, runs: int) -> dict[str, Any]:
    """Many chains at once: from the first start to the last completion.

    Args:
        chain: runs one chain to its end and says how many seconds it took.
        runs: how many.
    """
    started, cpu = time.perf_counter(), time.process_time()
    took = await asyncio.gather(*(chain(number) for number in range(runs)))
    elapsed = time.perf_counter() - started
    return {
        "rate": runs / elapsed,
        "p50_ms": statistics.median(took) * 1e3,
        "cpu_us": (time.process_time() - cpu) / runs * 1e6,
    }


async def idle(chain: Callable[[int], Awaitable[float]], *, runs: int) -> dict[str, Any]:
    """One chain at a time: the median time of each."""
    return {"p50_ms": statistics.median([await chain(number) for number in range(runs)]) * 1e3}
