"""A process that works on random graphs until it is killed: `graph_worker PLAN-AS-JSON`.

The plan names the database, the seeds of the graphs and the pace; it may say by how many hours the wall clock of the
process is off, and that it jumps; and how many stages may be under way at once on all nodes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tests.integration.pipelines.helpers import application
from tests.integration.pipelines.random_graphs import CHANCE, Pace, random_pipeline
from tests.integration.pipelines.skew import jumping, shift

from sorbus.pipelines import limit

LIFETIME = 90.0


async def main(plan: dict[str, Any]) -> None:
    """Run the jobs."""
    pipelines = [random_pipeline(seed) for seed in range(*plan["seeds"])]
    app = application(
        plan["url"],
        domains=[CHANCE],
        pipelines=pipelines,
        concurrency=4,
        pool_size=3,
        services={Pace: Pace(plan["pace"])},
        job_options=plan.get("job_options", {}),
        limits=[limit("all", at_once=plan["at_once"])] if "at_once" in plan else [],
    )
    async with asyncio.timeout(plan.get("lifetime", LIFETIME)), app:
        hours = plan.get("hours_off", 0.0)
        if hours:
            shift(jumping(hours) if plan.get("jumps") else lambda: hours * 3600)
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
