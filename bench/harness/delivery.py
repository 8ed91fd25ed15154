"""The suite `delivery`: how long a write takes to 200 subscribers of GraphQL, over HTTP, at 500 writes per second."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from harness.contestants import Contestant
from harness.machine import facts
from harness.outcome import Outcome
from sorbus.data_layers.postgres.database import Database

BUDGET = 100.0
"""Milliseconds for 99 of 100 deliveries."""
RATE = 500.0
SUBSCRIBERS = 200
QUERY = "subscription { ticketsChanged { kind record { number stamp cost title state } id } }"
HEADINGS = ("who subscribes", "delivered/s", "ms p50", "ms p99", "ms max", "µs CPU per delivery", "ratio")
NOTES = """\
One process serves, another node writes by actions (every other write creates, the others update), a third process \
holds 200 connections with a subscription over server-sent events on each. Tenancy, row and field policies are on: a \
ticket is seen by everybody of its organisation when it is open, else by its owner, and its cost by its owner alone.
The time is from the start of the write, before its statement and commit, to the bytes at the subscriber. Every \
subscriber must have been told just what it may see, once, with the cost masked where it must be; else the suite fails.
CPU is that of the serving process, by the number of deliveries.
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who subscribes.

    Attributes:
        tenants: how many organisations they belong to.
        alike: whether all of an organisation are said to see the same.
    """

    name: str
    tenants: int
    alike: bool = False

    def people(self) -> list[tuple[UUID, UUID]]:
        """The organisation and id of each."""
        base = 0 if self.alike else self.tenants << 32
        return [
            (UUID(int=base + 1 + n % self.tenants), UUID(int=base + 1000 + n)) for n in range(SUBSCRIBERS)
        ]


CROWDS = (
    Crowd("shared", tenants=1, alike=True),
    Crowd("actors", tenants=20),
    Crowd("one_tenant", tenants=1),
)
TITLES = {
    "shared": "200 who see the same, one tenant",
    "actors": "200 different actors, 20 tenants",
    "one_tenant": "200 different actors, one tenant",
}


async def delivery(database: Database, *, quick: bool) -> Outcome:
    """Run the suite."""
    async with database.pool.connection() as connection:
        postgres = str(await connection.fetchval("SHOW server_version"))
    outcome = Outcome(
        title="delivery", headings=HEADINGS, machine=facts(postgres=postgres), notes=NOTES.splitlines()
    )
    with ExitStack() as stack:

        def enter(script: str) -> Contestant:
            return stack.enter_context(Contestant(script, script, python=sys.executable, url=database.url))

        server, writer = enter("delivery_sorbus.py"), enter("delivery_writer.py")
        readers = enter("delivery_readers.py")
        urls = server.ask("where")
        for crowd in CROWDS:
            seconds, rounds = (1.0, 1) if quick else (10.0, 3)
            found = [
                await asyncio.to_thread(
                    _measured, server, writer, readers, crowd, urls=urls, count=int(RATE * seconds)
                )
                for _ in range(rounds)
            ]
            _add(outcome, crowd, sorted(found, key=lambda each: each["p99"])[len(found) // 2])
    return outcome


def _measured(
    server: Contestant,
    writer: Contestant,
    readers: Contestant,
    crowd: Crowd,
    *,
    urls: dict[str, str],
    count: int,
) -> dict[str, float]:
    people = crowd.people()
    url = urls["alike" if crowd.alike else "alone"]
    owners = [[str(org), str(person)] for org, person in _owners(crowd)]
    writer.ask("prepare", people=owners, count=count)
    readers.ask("listen", url=url, requests=[_request(*each) for each in people])
    before = server.ask("cpu")["seconds"]
    wrote = writer.ask("write", rate=RATE, count=count)
    expected = _expected(crowd, people, count)
    told = readers.ask("told", expected=expected, patience=20.0)
    used = server.ask("cpu")["seconds"] - before
    rate = count / wrote["seconds"]
    problems = {name: told[name] for name in ("lost", "twice", "wrong", "strange") if told[name]}
    if problems or told["count"] != sum(map(len, expected)):
        raise SystemExit(f"{crowd.name}: not everybody was told what it may see: {problems}")
    if rate < RATE * 0.95:
        raise SystemExit(f"{crowd.name}: only {rate:.0f} writes per second; the machine is too busy")
    return told | {"cpu": used / told["count"] * 1e6, "rate": told["count"] / wrote["seconds"]}


def _owners(crowd: Crowd) -> list[tuple[UUID, UUID]]:
    """Who owns the tickets in turn: the subscribers, or somebody else where all of these see the same."""
    if crowd.alike:
        return [(UUID(int=1), UUID(int=1))]
    return crowd.people()


def _expected(crowd: Crowd, people: list[tuple[UUID, UUID]], count: int) -> list[dict[str, bool]]:
    """For each subscriber what it must be told, and whether it sees the cost."""
    owners = _owners(crowd)
    found: list[dict[str, bool]] = [{} for _ in people]
    places: dict[UUID, list[int]] = {}
    for place, (org, _) in enumerate(people):
        places.setdefault(org, []).append(place)
    for number in range(count):
        org, owner = owners[number % len(owners)]
        is_open = number % 4 < 2
        for place in places[org]:
            mine = people[place][1] == owner
            if is_open or mine:
                found[place][str(number)] = mine
    return found


def _request(org: UUID, person: UUID) -> str:
    body = json.dumps({"query": QUERY})
    return (
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n"
        f"content-type: application/json\r\nx-org: {org}\r\nx-person: {person}\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    )


def _add(outcome: Outcome, crowd: Crowd, found: dict[str, Any]) -> None:
    ratio = BUDGET / found["p99"]
    name = (
        "graphql.delivery.vs_budget" if crowd.name == "actors" else f"graphql.delivery.{crowd.name}.vs_budget"
    )
    outcome.ratios[name] = round(ratio, 2)
    cells = [f"{found['rate']:,.0f}", *(f"{found[each]:.1f}" for each in ("p50", "p99", "max", "cpu"))]
    outcome.rows.append((TITLES[crowd.name], *cells, f"{ratio:.2f} × the budget of {BUDGET:.0f} ms"))
