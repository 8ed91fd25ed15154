"""The suite `graphql`: a list of fifty with nested rows over HTTP, against Strawberry and SQLAlchemy."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from harness.contestants import Contestant, take_turns
from harness.machine import facts
from harness.outcome import Outcome
from harness.places import version_of
from sorbus.data_layers.postgres.database import Database

ORG = UUID(int=7)
QUERY = """query List($n: Int!) { articles(limit: $n) {
  id title summary kind words starred createdAt remarks { id author text } } }"""
BODY = json.dumps({"query": QUERY, "variables": {"n": 50}}).encode()
HEADERS = {"content-type": "application/json", "accept": "application/json", "x-org": str(ORG)}
TASKS = 8
SIDES = {"sorbus": "graphql_sorbus.py", "strawberry": "graphql_strawberry.py"}
HEADINGS = ("operation", "Sorbus, /s (ms CPU)", "Strawberry, /s (ms CPU)", "ratios")
NOTES = """\
Fifty articles of one tenant with three remarks each: 850 values. One process for each side behind granian, 8 \
connections, the event loop of the standard library. Sorbus has tenancy and policies on; Strawberry filters by hand, \
keeps parsed and validated documents, loads remarks by a data loader in one statement, and writes its answers with \
orjson. Both answers are compared before they are measured. CPU is that of the serving process, per request.
"""
SEED = """
    INSERT INTO bench_articles (id, org_id, title, summary, kind, words, starred, hidden, created_at)
    SELECT gen_random_uuid(), ('00000000-0000-0000-0000-' || lpad(to_hex(n % 20), 12, '0'))::uuid, 'Title ' || n,
        repeat('words ', 20), CASE n % 2 WHEN 0 THEN 'news' ELSE 'essay' END, n, n % 3 = 0, false,
        timestamptz '2026-01-01' + n * interval '1.5 s'
    FROM generate_series(1, 4000) AS n
"""
SEED_REMARKS = """
    INSERT INTO bench_remarks (id, org_id, article_id, author, text)
    SELECT gen_random_uuid(), a.org_id, a.id, 'Author ' || n, repeat('said ', 10)
    FROM bench_articles AS a, generate_series(1, 3) AS n
"""


async def graphql(database: Database, peers: Path, *, quick: bool) -> Outcome:
    """Run the suite."""
    with ExitStack() as stack:
        sides = {"sorbus": stack.enter_context(_side("sorbus", sys.executable, database))}
        async with database.pool.connection() as connection:
            postgres = str(await connection.fetchval("SHOW server_version"))
            for statement in (SEED, SEED_REMARKS, "ANALYZE"):
                await connection.execute(statement)
        sides["strawberry"] = stack.enter_context(_side("strawberry", peers, database))
        machine = facts(postgres=postgres) | {"Strawberry": version_of(peers, "strawberry-graphql")}
        outcome = Outcome(
            title="graphql", headings=HEADINGS, machine=machine, notes=list[str](NOTES.splitlines())
        )
        urls = {name: str(each.ask("where")["url"]) for name, each in sides.items()}
        await _compare(urls)
        seconds, rounds = (0.5, 2) if quick else (1.0, 9)
        load = partial(_measured, sides, urls, seconds)
        samples = await asyncio.to_thread(take_turns, list(sides), load, rounds=rounds)
    rate = samples.ratio("sorbus", "strawberry", "rate", more_is_better=True)
    cpu = samples.ratio("sorbus", "strawberry", "cpu_ms", more_is_better=False)
    outcome.ratios["graphql.list50_nested.vs_strawberry"] = round(rate, 3)
    outcome.ratios["graphql.list50_nested.cpu.vs_strawberry"] = round(cpu, 3)
    cells = [f"{samples.median(each, 'rate'):.0f} ({samples.median(each, 'cpu_ms'):.2f})" for each in sides]
    outcome.rows.append(("list50_nested", *cells, f"{rate:.2f} × ({cpu:.2f} × by CPU)"))
    return outcome


def _side(name: str, python: Path | str, database: Database) -> Contestant:
    return Contestant(name, SIDES[name], python=python, url=database.url)


async def _compare(urls: dict[str, str]) -> None:
    """Both sides answer alike."""
    answers: list[Any] = []
    async with aiohttp.ClientSession() as session:
        for url in urls.values():
            async with session.post(url, data=BODY, headers=HEADERS) as reply:
                text = (await reply.text()).replace("+00:00", "Z")
            rows = json.loads(text)["data"]["articles"]
            for each in rows:
                each["remarks"].sort(key=lambda remark: remark["id"])
            answers.append(rows)
    if answers[0] != answers[1] or len(answers[0]) != 50 or len(answers[0][0]["remarks"]) != 3:
        raise SystemExit(f"the sides do not answer alike:\n{answers[0][:1]}\n{answers[1][:1]}")


def _measured(
    sides: dict[str, Contestant], urls: dict[str, str], seconds: float, name: str
) -> dict[str, float]:
    before = sides[name].ask("cpu")["seconds"]
    count, took = asyncio.run(_load(urls[name], seconds))
    used = sides[name].ask("cpu")["seconds"] - before
    return {"rate": count / took, "cpu_ms": used / count * 1000}


async def _load(url: str, seconds: float) -> tuple[int, float]:
    """Ask as often as possible for some seconds: the number of answers, and the time that they took."""
    count = 0
    began = time.perf_counter()

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal count
        while time.perf_counter() - began < seconds:
            async with session.post(url, data=BODY, headers=HEADERS) as reply:
                body = await reply.read()
                if reply.status != 200 or b'"errors"' in body:
                    raise SystemExit(body.decode())
            count += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TASKS)) as session:
        await asyncio.gather(*(ask(session) for _ in range(TASKS)))
    return count, time.perf_counter() - began
