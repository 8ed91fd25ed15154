"""The suite `pipelines`: shapes of stages without latency against durable peers, a long queue, memory, and mails."""

from __future__ import annotations

from pathlib import Path

from harness.machine import facts
from harness.meter import Meter
from harness.outcome import Outcome
from harness.pipelines_load import claiming, flatness
from harness.pipelines_mail import mails
from harness.pipelines_shapes import NAMES, shapes
from harness.places import version_of

PACKAGES = {
    "Oban": "oban",
    "Procrastinate": "procrastinate",
    "LangGraph": "langgraph",
    "langgraph-checkpoint-postgres": "langgraph-checkpoint-postgres",
    "DBOS": "dbos",
    "Prefect": "prefect",
    "psycopg": "psycopg",
}
NOTES = """\
One server with fsync on for all sides, a database and a process for each, the event loop of the standard library. \
Each side may have as many connections as Sorbus; of ten and twenty in its pool it has what is quicker for it. Sides \
take turns; a ratio is the median of those within the rounds.
`chain3` is three stages, one after the other; `diamond8` is one, six side by side, and one that joins them. A stage \
counts words: what is measured is the engine. Each output is durable before a stage that needs it begins. Before and \
after, what all sides find is compared, and that nothing is left unfinished.
Oban and Procrastinate: a job for each stage, which enqueues the next with what it gave; the join is counted \
in a row. DBOS: workflows of steps, started in the process, without a queue; the chain of plain functions, the diamond \
asynchronous. LangGraph: asynchronous \
nodes, `durability="sync"`, ten savers over one pool, since a saver lets one task at it at a time. Prefect: \
asynchronous flows called in the process, results persisted, its own server beside it as another process. DBOS, \
LangGraph and Prefect are thereby spared what Sorbus, Oban and Procrastinate do: to queue runs that any process may \
take.
Statements are those that `pg_stat_statements` counts in the side's database during one more round: BEGIN, COMMIT, \
heartbeats and starts of the runs included, by the number of stages. Connections are those that are open after it.
`vs_best` is against the quickest durable peer of that shape, `vs_budget` against the aim.
"""


async def pipelines(home: Path, peers: Path, *, quick: bool) -> Outcome:
    """Run the suite.

    Args:
        home: a folder for a server of its own.
        peers: the interpreter of the peers.
        quick: small sizes, to see that it works.
    """
    async with Meter(home) as meter:
        versions = {name: version_of(peers, package) for name, package in PACKAGES.items()}
        outcome = Outcome(
            title="pipelines",
            headings=("measure", *NAMES.values(), "ratios"),
            machine=facts(postgres=meter.postgres, **versions),
            notes=list[str](NOTES.splitlines()),
        )
        await shapes(outcome, meter, peers, quick=quick)
        await claiming(
            outcome, await meter.database("bench_short"), await meter.database("bench_long"), quick=quick
        )
        await flatness(outcome, await meter.database("bench_memory"), quick=quick)
        await mails(outcome, meter, quick=quick)
    return outcome
