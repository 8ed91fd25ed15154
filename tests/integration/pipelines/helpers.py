"""Applications with pipelines for the tests, a journal of commits, and waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sorbus import Scope, Sorbus
from sorbus.jobs import Backoff
from sorbus.llm.client import ModelClient
from sorbus.llm.config import ModelConfig
from sorbus.llm.records import CallSink
from sorbus.pipelines import Content, Run, RunState, StageState, pipeline_application
from sorbus.pipelines.sources import SourceType
from sorbus.testing.model_server import answer_for
from sorbus.testing.scripted import ScriptedProvider

QUICK: dict[str, Any] = {
    "beat_every": 0.3,
    "dead_after": 1.5,
    "poll": 0.1,
    "backoff": Backoff(base=0.05, jitter=0.0),
}
"""Short options of the job runner."""

TENANT = "local"

MAIL = (
    "Dear team,\n\nJohn Smith of Example Corp asks whether the order arrived on Monday. "
    "Please send the invoice by Friday.\n\nRegards\nJane Doe"
)

# What a stage or a result may do once only is written down by the database itself.
JOURNAL = """
CREATE TABLE journal (id bigserial PRIMARY KEY, run_id uuid NOT NULL, event text NOT NULL, pid int NOT NULL);
CREATE FUNCTION note_stage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (run_id, event, pid) VALUES (NEW.run_id, 'stage ' || NEW.name, pg_backend_pid());
    RETURN NULL;
END $$;
CREATE FUNCTION note_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (run_id, event, pid) VALUES (NEW.run_id, 'result', pg_backend_pid());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE ON stage_runs FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION note_stage();
CREATE TRIGGER note AFTER INSERT OR UPDATE ON results FOR EACH ROW EXECUTE FUNCTION note_result();
"""


def scripted(provider: ScriptedProvider | None = None) -> Callable[[CallSink], ModelClient]:
    """A model without latency, for `pipeline_application(models=…)`."""
    used = provider or ScriptedProvider()
    config = ModelConfig(model="scripted:any", embed_model="scripted:any")
    return lambda sink: ModelClient(config, sink=sink, providers={"scripted": used})


def answer(body: dict[str, Any]) -> str:
    """The same answer to the same question, whoever asks."""
    text = answer_for(body)
    return "John Smith asks about an order. The invoice is due." if text == "ok" else text


def application(url: str, **options: Any) -> Sorbus:
    """An application on a database that has the tables already, with short settings."""
    given: dict[str, Any] = {"models": scripted(), "auto_migrate": False, "secret": b"k" * 32, **options}
    given["job_options"] = {**QUICK, "grace": 0.5, **options.get("job_options", {})}
    return pipeline_application(database_url=url, **given)


async def ingest(
    scope: Scope, name: str, *, text: str = MAIL, source_type: SourceType = SourceType.EMAIL
) -> Content:
    """One piece of content."""
    return await Content.ingest(
        scope,
        source_type=source_type,
        external_id=name,
        title="The order",
        text=text,
        metadata={"from": "Jane Doe <jane@example.org>"},
    )


async def start(scope: Scope, name: str, *, pipeline: str = "email_analysis", text: str = MAIL) -> Run:
    """A run on content of its own."""
    content = await ingest(scope, name, text=text)
    return await Run.start(scope, content_id=content.id, pipeline=pipeline)


async def until(ready: Callable[[], Awaitable[object] | object], *, seconds: float = 30.0) -> None:
    """Wait until a condition holds; fails when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = ready()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        assert time.monotonic() < end, "the condition did not come true in time"
        await asyncio.sleep(0.03)


async def waits_for_a_lock(conn: Any) -> None:
    """Wait until somebody waits for another transaction in this database."""
    async with asyncio.timeout(30):
        while not await conn.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.02)


async def ended(scope: Scope, runs: Sequence[UUID], *, seconds: float = 30.0) -> dict[UUID, Run]:
    """Wait until runs are over, and their rows by id, with stages, result and calls."""
    ids = list(runs)
    unfinished = Run.query(scope).where(
        Run.id.is_in(ids), Run.state.is_in([RunState.PENDING, RunState.RUNNING])
    )

    async def over() -> bool:
        return await unfinished.count() == 0

    await until(over, seconds=seconds)
    return {run.id: run for run in await rows(scope, ids)}


async def rows(scope: Scope, ids: Sequence[UUID]) -> list[Run]:
    """Runs with everything about them."""
    return (
        await Run.query(scope)
        .where(Run.id.is_in(list(ids)))
        .load(Run.stages, Run.result, Run.llm_calls)
        .all()
    )


async def marked(scope: Scope, run: Run, stage: str) -> None:
    """Wait until a stage has lasted so long that it is said to be running."""

    async def is_marked() -> bool:
        found = next(each for each in (await row(scope, run)).stages if each.name == stage)
        return found.state is StageState.RUNNING

    await until(is_marked)


async def row(scope: Scope, run: Run | UUID) -> Run:
    """One run with everything about it."""
    return (await rows(scope, [run if isinstance(run, UUID) else run.id]))[0]


def error_of(run: Run) -> dict[str, Any]:
    """The error of a failed run, as data."""
    assert isinstance(run.error, dict), run.error
    return run.error


def job_states(sql_rows: Sequence[Any]) -> list[str]:
    """The states of job rows, in order."""
    return [each["state"] for each in sql_rows]


JOBS = """
SELECT id, state::text AS state, attempt::int AS attempt, meta, errors, args ->> 'run_id' AS run
FROM oban_jobs WHERE worker = 'pipelines.advance' ORDER BY id
"""
"""Every job of a run, oldest first."""

COUNTS = """
SELECT (SELECT count(*) FROM pipeline_runs) AS runs, (SELECT count(*) FROM stage_runs) AS stages,
       (SELECT count(*) FROM oban_jobs) AS jobs, (SELECT count(*) FROM results) AS results
"""


async def counts(conn: Any) -> tuple[int, ...]:
    """How many runs, stages, jobs and results there are."""
    found = await conn.fetchrow(COUNTS)
    return tuple(found.values())
