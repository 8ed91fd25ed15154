"""Sorbus before a queue: runs are started by a process that works on none, then worked off by one that starts none."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from serving import Command, serve
from shapes import CHAIN, TEXT
from shapes_sorbus import application

from sorbus.pipelines import Content, Pipelines, Run
from sorbus.pipelines.running.events import EventKind, RunEvent


class SorbusBacklog:
    """Sorbus."""

    async def open(self, url: str) -> None:
        """Open an application that leaves the work to others."""
        self.url = url
        self.app = application(url, run_jobs=False)
        await self.app.open()
        self.scope = self.app.scope(actor="bench", tenant="bench")
        self.content = await Content.ingest(self.scope, source_type="text", external_id="1", text=TEXT)

    async def close(self) -> None:
        """Close it."""
        await self.app.close()

    def commands(self) -> dict[str, Command]:
        """`enqueue` and `drain`."""
        return {"enqueue": self.enqueue, "drain": self.drain}

    async def enqueue(self, *, runs: int) -> dict[str, Any]:
        """Start runs that wait, and name the last."""
        started = [
            await Run.start(self.scope, content_id=self.content.id, pipeline=CHAIN) for _ in range(runs)
        ]
        return {"run": str(started[-1].id)}

    async def drain(self, *, warm: int, runs: int) -> dict[str, Any]:
        """Work on what is queued.

        Args:
            warm: so many completions are not measured.
            runs: so many are.
        """
        times: list[float] = []
        enough = asyncio.get_running_loop().create_future()

        def note(event: RunEvent) -> None:
            if event.kind is EventKind.FAILED and not enough.done():
                enough.set_exception(RuntimeError(event.error))
            if event.kind is EventKind.COMPLETED:
                times.append(time.perf_counter())
                if len(times) >= warm + runs and not enough.done():
                    enough.set_result(None)

        app = application(self.url)
        await app.open()
        try:
            app.service(Pipelines).observe(note)
            await enough
        finally:
            await app.close()
        # Completions come in groups; a line through all of them does not care where one begins.
        return {"rate": statistics.linear_regression(times[warm : warm + runs], range(runs)).slope}


if __name__ == "__main__":
    serve(SorbusBacklog())
