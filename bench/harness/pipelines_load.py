"""Sorbus under load: claiming before a long queue, and memory over many runs."""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial

from harness.contestants import Contestant, Samples, take_turns
from harness.outcome import Outcome
from harness.pipelines_shapes import row
from sorbus.data_layers.postgres.database import Database

LONG, REST = 100_000, 400
"""Queued runs at the start of a turn, and what is left of a short queue at its end."""
WARM, MEASURED = 400, 2_000
CLAIM_NOTE = """\
`claim_100k`: a process works off {measured:,} runs of `chain3` while between {long:,} and {less:,} are queued, \
and while between {short:,} and {few:,} are; the rate there by the rate here, the aim is above 0.83 (at most 20 % \
longer). One run is started through the API; the others are copies of its rows.\
"""
MEMORY_NOTE = """\
`memory`: what the process holds after a warm-up of {warm:,} runs of `chain3`, by what it holds after {runs:,} more \
(as many as {rate:.0f} in a second make in an hour), 200 at once; 1 is flat.\
"""
_MORE = "CREATE TEMP TABLE more AS SELECT n, uuidv7() AS id FROM generate_series(1, {}) AS n"
_COPY = (
    """
    INSERT INTO pipeline_runs
    SELECT x.* FROM pipeline_runs AS r CROSS JOIN more AS m
    CROSS JOIN LATERAL jsonb_populate_record(r, jsonb_build_object('id', m.id)) AS x
    WHERE r.id = $1
    """,
    """
    INSERT INTO stage_runs
    SELECT x.* FROM stage_runs AS s CROSS JOIN more AS m
    CROSS JOIN LATERAL jsonb_populate_record(s, jsonb_build_object('id', uuidv7(), 'run_id', m.id)) AS x
    WHERE s.run_id = $1
    ORDER BY m.id
    """,
    """
    INSERT INTO oban_jobs OVERRIDING SYSTEM VALUE
    SELECT x.* FROM oban_jobs AS j CROSS JOIN more AS m
    CROSS JOIN LATERAL jsonb_populate_record(j, jsonb_build_object(
        'id', nextval(pg_get_serial_sequence('oban_jobs', 'id')), 'args', jsonb_build_object('run_id', m.id),
        'scheduled_at', j.scheduled_at + m.n * interval '1 microsecond'
    )) AS x
    WHERE j.args ->> 'run_id' = $1::text
    """,
)


async def claiming(outcome: Outcome, short: Database, long: Database, *, quick: bool) -> None:
    """Compare the rates before a short and a long queue."""
    rounds, depth = (1, 5_000) if quick else (5, LONG)
    warm, measured = (200, 600) if quick else (WARM, MEASURED)
    depths = {"short": (short, warm + measured + REST), "long": (long, depth)}
    print(f"pipelines: a queue of {depth:,} runs", flush=True)
    sides = {
        name: Contestant(name, "backlog_sorbus.py", python=sys.executable, url=database.url)
        for name, (database, _) in depths.items()
    }
    loop = asyncio.get_running_loop()
    with sides["short"], sides["long"]:
        for name, (database, runs) in depths.items():
            await _fill(database, sides[name], runs)

        def turn(name: str) -> dict[str, float]:
            found = sides[name].ask("drain", warm=warm, runs=measured)
            database, runs = depths[name]
            asyncio.run_coroutine_threadsafe(_fill(database, sides[name], runs), loop).result()
            return found

        samples: Samples = await asyncio.to_thread(
            partial(take_turns, ("short", "long"), turn, rounds=rounds)
        )
    ratio = samples.ratio("long", "short", "rate", more_is_better=True)
    outcome.ratios["pipelines.claim_100k"] = round(ratio, 3)
    shown = f"{samples.median('long', 'rate'):,.0f}"
    against = f"{ratio:.2f} × {samples.median('short', 'rate'):,.0f} runs/s before an almost empty queue"
    outcome.rows.append(row(f"chain3: runs/s with {depth:,} queued", {"sorbus": shown}, against))
    outcome.notes.append(
        CLAIM_NOTE.format(
            measured=measured, long=depth, less=depth - warm - measured, short=depths["short"][1], few=REST
        )
    )


async def _fill(database: Database, side: Contestant, runs: int) -> None:
    """Bring the queue to a length: one run through the API, the others as its copies."""
    async with database.pool.connection() as connection:
        waiting = "SELECT count(*) FROM pipeline_runs WHERE state IN ('pending', 'running')"
        missing = runs - int(await connection.fetchval(waiting)) - 1
    key = (await asyncio.to_thread(side.ask, "enqueue", runs=1))["run"]
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute(_MORE.format(missing))
        for statement in _COPY:
            await connection.execute(statement, key)
        await connection.execute("DROP TABLE more")


async def flatness(outcome: Outcome, database: Database, *, quick: bool) -> None:
    """Compare what the process holds before and after many runs."""
    at_once, warm, seconds = (50, 200, 3.0) if quick else (200, 4_000, 50.0)
    print(f"pipelines: memory over {seconds:.0f} seconds of load", flush=True)

    def load() -> tuple[float, float, int]:
        with Contestant("sorbus", "shapes_sorbus.py", python=sys.executable, url=database.url) as side:
            for _ in range(warm // at_once):
                side.ask("burst", shape="chain3", runs=at_once)
            before, runs, deadline = float(side.ask("resident")["megabytes"]), 0, time.monotonic() + seconds
            while time.monotonic() < deadline:
                side.ask("burst", shape="chain3", runs=at_once)
                runs += at_once
            return before, float(side.ask("resident")["megabytes"]), runs

    before, after, runs = await asyncio.to_thread(load)
    outcome.ratios["pipelines.memory"] = round(before / after, 3)
    shown = f"{before / after:.2f} × the {before:.1f} MB after the warm-up"
    outcome.rows.append(row(f"chain3: MB after {runs:,} runs", {"sorbus": f"{after:.1f}"}, shown))
    outcome.notes.append(MEMORY_NOTE.format(warm=warm, runs=runs, rate=runs / 3600))
