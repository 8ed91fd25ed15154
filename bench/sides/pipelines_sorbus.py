"""The pipelines suite on Sorbus: `email_analysis` as it ships, every checkpoint and model call recorded."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any
from uuid import UUID

from mail import METADATA, TEXT, TITLE, scripted_client
from serving import Command, burst, idle, serve

from sorbus.pipelines import Content, Pipelines, Run, pipeline_application
from sorbus.pipelines.running.events import EventKind, RunEvent
from sorbus.pipelines.sources import SourceType


class SorbusPipelines:
    """Sorbus."""

    async def open(self, url: str) -> None:
        """Open the application with its jobs, and ingest the mails."""
        self.app = pipeline_application(
            database_url=url, auto_migrate=True, models=scripted_client, concurrency=200
        )
        await self.app.open()
        self.ended: dict[UUID, asyncio.Future[None]] = {}
        self.app.service(Pipelines).observe(self.note)
        self.scope = self.app.scope(actor="bench", tenant="bench")

    async def close(self) -> None:
        """Stop the jobs and close the application."""
        await self.app.close()

    def note(self, event: RunEvent) -> None:
        """An observer: wake who waits for the run."""
        if event.kind in (EventKind.COMPLETED, EventKind.FAILED):
            waiting = self.ended.setdefault(event.run_id, asyncio.get_running_loop().create_future())
            if event.kind is EventKind.FAILED:
                waiting.set_exception(RuntimeError(event.error))
            else:
                waiting.set_result(None)

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check`, `burst` and `idle`."""
        return {
            "prepare": self.prepare,
            "check": self.check,
            "burst": partial(burst, self.chain),
            "idle": partial(idle, self.chain),
        }

    async def prepare(self, *, contents: int) -> dict[str, Any]:
        """Ingest the mails."""
        self.contents = [
            await Content.ingest(
                self.scope,
                source_type=SourceType.EMAIL,
                external_id=f"mail-{number}",
                title=TITLE,
                text=TEXT,
                metadata=METADATA,
            )
            for number in range(contents)
        ]
        return {}

    async def chain(self, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        started = time.perf_counter()
        content = self.contents[number % len(self.contents)]
        run = await Run.start(self.scope, content_id=content.id, pipeline="email_analysis")
        # It may have ended before the start returned.
        waiting = self.ended.setdefault(run.id, asyncio.get_running_loop().create_future())
        await waiting
        del self.ended[run.id]
        return time.perf_counter() - started

    async def check(self) -> dict[str, Any]:
        """What one run finds, and whether all that were started are complete."""
        await self.chain(0)
        runs = await Run.query(self.scope).load(Run.result).order_by(Run.inserted_at.desc()).all()
        result = runs[0].result
        return {"result": result and result.data, "unfinished": sum(run.state != "completed" for run in runs)}


if __name__ == "__main__":
    serve(SorbusPipelines())
