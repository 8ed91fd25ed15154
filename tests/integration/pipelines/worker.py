"""Worker processes that kill themselves at a given point: `worker.py PLAN-AS-JSON`.

The plan names the database, the model, the runs that nobody disturbs, and the cells. Each cell has a queue of its own
with one run in it, and the points at which its workers die, one worker after the other. This process works on the
undisturbed runs itself, so that everything is imported, and then only forks the workers; it prints a JSON object of
their exit codes by queue.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from uuid import UUID

from tests.integration.pipelines.helpers import application, ended

from sorbus.llm.budgets import Need
from sorbus.llm.client import ModelClient
from sorbus.llm.records import CallRecord, CallSink, CallStatus
from sorbus.pipelines import BUILTIN
from sorbus.pipelines.resources.states import StageState
from sorbus.pipelines.running.advance import Advancer
from sorbus.pipelines.running.store import Checkpoint, RunStore, Verdict

SIDE_BY_SIDE = 4
LIFETIME = 40.0


@dataclass(frozen=True, slots=True)
class Knife:
    """Where this worker dies: a point, and the stage at which it counts."""

    point: str
    stage: str

    def cut(self, point: str, stage: str | None = None) -> None:
        """Die without any clean-up, if this is the point."""
        if point == self.point and stage in (None, self.stage):
            os.kill(os.getpid(), signal.SIGKILL)


class CutSink:
    """Around the real sink: before the model is asked, after it answered, after the call is committed."""

    def __init__(self, inner: CallSink, knife: Knife) -> None:
        self.inner = inner
        self.knife = knife

    async def reserve(self, need: Need) -> bool:
        """Reserve as the real one does."""
        return await self.inner.reserve(need)

    async def release(self, call: UUID) -> None:
        """Release as the real one does."""
        await self.inner.release(call)

    async def lookup(self, request_hash: str, run_id: UUID, stage: str | None) -> CallRecord | None:
        """Die before the model is asked."""
        found = await self.inner.lookup(request_hash, run_id, stage)
        if found is None:
            self.knife.cut("asking", stage)
        return found

    async def record(self, record: CallRecord) -> None:
        """Die around the commit of the call."""
        if record.status is CallStatus.OK:
            self.knife.cut("answered", record.stage)
        await self.inner.record(record)
        if record.status is CallStatus.OK:
            self.knife.cut("recorded", record.stage)


def sharpen(knife: Knife) -> None:
    """Put the knife between the steps of the advancer and the store, in this process only."""
    call, begin, save, fetch = Advancer.__call__, RunStore.begin, RunStore.checkpoint, RunStore._fetch

    async def cut_call(self: Advancer, job: Any) -> Any:
        knife.cut("claimed")
        return await call(self, job)

    async def cut_begin(self: RunStore, *args: Any) -> Any:
        found = await begin(self, *args)
        knife.cut("begun")
        return found

    async def cut_save(self: RunStore, checkpoint: Checkpoint) -> Verdict:
        done = [each.stage for each in checkpoint.changes if each.state is StageState.DONE]
        for stage in done:
            knife.cut("saving", stage)
        verdict = await save(self, checkpoint)
        for stage in done:
            knife.cut("saved", stage)
        return verdict

    async def cut_fetch(self: RunStore, name: str, *args: Any) -> Any:
        changes = json.loads(args[1]) if name == "checkpoint" else []
        done = any(each["name"] == knife.stage and each["state"] == "done" for each in changes)
        if done and knife.point == "sent":
            # the statement is on its way: the server may or may not commit it
            sent = asyncio.create_task(fetch(self, name, *args))
            await asyncio.sleep(0.002)
            knife.cut("sent", knife.stage)
            return await sent
        return await fetch(self, name, *args)

    patches: dict[tuple[type, str], Callable[..., Any]] = {
        (Advancer, "__call__"): cut_call,
        (RunStore, "begin"): cut_begin,
        (RunStore, "checkpoint"): cut_save,
        (RunStore, "_fetch"): cut_fetch,
    }
    for (owner, name), patch in patches.items():
        setattr(owner, name, patch)


async def work(url: str, model: str, queue: str, knife: Knife) -> None:
    """Run the jobs of one queue until the knife falls."""
    app = application(
        url,
        pipelines=[replace(each, queue=queue) for each in BUILTIN],
        models=lambda sink: ModelClient(model, sink=CutSink(sink, knife)),
        concurrency=1,
        pool_size=3,
        job_options={"pool_size": 1},
    )
    async with asyncio.timeout(LIFETIME), app:
        await asyncio.Event().wait()


async def calm(url: str, model: str, runs: list[str]) -> None:
    """Work on the undisturbed runs."""
    async with asyncio.timeout(LIFETIME), application(url, models=model, pool_size=3) as app:
        await ended(app.scope(actor="me", tenant="local"), [UUID(run) for run in runs])


def child(plan: dict[str, Any], queue: str, kill: tuple[str, str]) -> NoReturn:
    """One worker; leaves with 3 when it should have died and did not."""
    try:
        knife = Knife(*kill)
        sharpen(knife)
        asyncio.run(work(plan["url"], plan["model"], queue, knife))
    except TimeoutError:
        os._exit(3)
    except BaseException as error:
        print(f"{queue} {kill}: {error!r}", file=sys.stderr, flush=True)
    os._exit(4)


def main(plan: dict[str, Any]) -> None:
    """Fork the workers of all cells, a few at a time, and those of a cell one after the other."""
    asyncio.run(calm(plan["url"], plan["model"], plan["calm"]))
    todo: list[tuple[str, list[tuple[str, str]]]] = [
        (queue, [(point, stage) for point, stage in kills]) for queue, kills in plan["cells"].items()
    ]
    running: dict[int, tuple[str, list[tuple[str, str]]]] = {}
    codes: dict[str, list[int]] = {}
    while todo or running:
        while todo and len(running) < SIDE_BY_SIDE:
            queue, kills = todo.pop(0)
            pid = os.fork()
            if pid == 0:
                child(plan, queue, kills[0])
            running[pid] = (queue, kills[1:])
        pid, status = os.wait()
        queue, rest = running.pop(pid)
        codes.setdefault(queue, []).append(os.waitstatus_to_exitcode(status))
        if rest:
            todo.insert(0, (queue, rest))
    print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
