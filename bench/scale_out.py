"""Runs per second with one, two and three worker processes: `python bench/scale_out.py [--quick] [--runs 2000]`.

Chains of three stages wait in the queue of an embedded server made for the occasion; `sorbus work` processes with 50
runs in hand each are started, and then the queue is opened. Some rows have stages without latency, which the processors
bound; others have stages of 200 ms, as of calls to a model, which the number of runs in hand bounds. Beside them: the
CPU time of a run in the workers, and the connections that they hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from harness.machine import cpu_seconds, facts
from harness.outcome import table

SIDES = Path(__file__).parent / "sides"
APP = "scale_out_app:app"
TENANT = "bench"
PER_TRANSACTION = 200

CLOSE = """
UPDATE oban_jobs SET state = 'scheduled', scheduled_at = timezone('UTC', now()) + interval '1 day'
WHERE state = 'available'
"""
OPEN = "UPDATE oban_jobs SET state = 'available', scheduled_at = timezone('UTC', now()) WHERE state = 'scheduled'"
LEFT = "SELECT count(*) FROM pipeline_runs WHERE state <> 'completed'"
SPAN = "SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8 FROM pipeline_runs"
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


async def main(*, runs: int, quick: bool) -> None:
    """Measure and print."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="sorbus-bench-") as name:
        # The account of the server enters it, too.
        os.chmod(name, 0o755)  # noqa: PTH101
        os.environ["SORBUS_HOME"] = name
        for seconds in (0.0, 0.2):
            number = runs if seconds == 0 else runs // 2
            for workers in (1, 2) if quick else (1, 2, 3):
                rows.append(await one(seconds=seconds, workers=workers, runs=number))
                print("·", *rows[-1], flush=True)
    print("\n" + table(HEADINGS, rows))
    print(", ".join(f"{key}: {value}" for key, value in facts().items()))


HEADINGS = ["stages", "workers", "runs per second", "CPU ms per run", "connections"]


async def one(*, seconds: float, workers: int, runs: int) -> list[str]:
    """One row of the table."""
    from sorbus.data_layers.postgres.database import Database

    name = f"bench_{int(seconds * 1000)}_{workers}"
    async with Database.from_environment(name=name) as database:
        await queue_up(database.url, runs)
        async with fleet(database.url, seconds, workers) as processes:
            conn = await asyncpg.connect(database.url)
            used = sum(cpu_seconds(each.pid) for each in processes)
            await conn.execute(OPEN)
            while await conn.fetchval(LEFT):  # noqa: ASYNC110  # other processes do the work
                await asyncio.sleep(0.1)  # other processes do the work
            used = sum(cpu_seconds(each.pid) for each in processes) - used
            span, held = await conn.fetchval(SPAN), await conn.fetchval(CONNECTIONS)
            await conn.close()
    stages = "no latency" if seconds == 0 else f"{seconds * 1000:.0f} ms each"
    # The bench's own pool has one connection.
    return [stages, str(workers), f"{runs / span:.0f}", f"{used * 1000 / runs:.1f}", str(held - 1)]


async def queue_up(url: str, runs: int) -> None:
    """Start runs, and keep the workers from them for now."""
    os.environ["SORBUS_AUTO_MIGRATE"] = "1"
    sys.path.insert(0, str(SIDES))
    from scale_out_app import Chain, chain

    from sorbus import Domain
    from sorbus.pipelines import Content, Run, pipeline_application

    app = pipeline_application(
        domains=[Domain("bench", resources=[Chain])], pipelines=[chain], run_jobs=False, database_url=url
    )
    async with app:
        scope = app.scope(actor="bench", tenant=TENANT)
        for begin in range(0, runs, PER_TRANSACTION):
            async with app.transaction():
                for number in range(begin, min(begin + PER_TRANSACTION, runs)):
                    content = await Content.ingest(
                        scope, source_type="text", external_id=str(number), text="a text of a few words"
                    )
                    await Run.start(scope, content_id=content.id, pipeline="chain")
    conn = await asyncpg.connect(url)
    await conn.execute(CLOSE)
    await conn.execute("VACUUM ANALYZE")
    await conn.close()


@asynccontextmanager
async def fleet(url: str, seconds: float, workers: int) -> AsyncGenerator[list[Any]]:
    """Workers that have begun, ended afterwards."""
    environment = {**os.environ, "DATABASE_URL": url, "BENCH_STAGE_SECONDS": str(seconds)}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sorbus.cli.main", "work", "--app", APP,
            cwd=SIDES, env=environment, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(workers)
    ]  # fmt: skip
    try:
        for each in processes:
            assert each.stdout is not None
            line = (await each.stdout.readline()).decode()
            if not line.startswith("Working"):
                raise SystemExit(f"a worker did not begin: {line}")
        await asyncio.sleep(1)
        yield processes
    finally:
        for each in processes:
            if each.returncode is None:
                each.terminate()
            await each.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Runs per second with 1, 2 and 3 worker processes.")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="a few runs, to see that it works")
    options = parser.parse_args()
    began = time.monotonic()
    asyncio.run(main(runs=200 if options.quick else options.runs, quick=options.quick))
    print(f"{time.monotonic() - began:.0f} seconds")
