"""The suite `http`: JSON:API against the frameworks of Python, and against a server by hand, over loopback."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sides.rows import BODY, METADATA, TITLE

from harness.contestants import Contestant, Samples, must_agree, take_turns
from harness.core_rows import Seeded, seed
from harness.machine import facts
from harness.outcome import Outcome
from harness.places import version_of
from sorbus.data_layers.postgres.database import Database

OPERATIONS = ("get", "list50", "list50_include", "create")
PEERS = {
    "fastapi": "FastAPI + SQLAlchemy",
    "litestar": "Litestar + advanced-alchemy",
    "drf": "Django REST Framework",
    "ninja": "django-ninja",
    "floor": "Starlette + asyncpg + orjson",
}
SIDES = ("sorbus", *PEERS)
NAMES = {"sorbus": "Sorbus", **PEERS}
VERSIONS = (
    "fastapi", "SQLAlchemy", "litestar", "advanced-alchemy", "Django", "djangorestframework", "django-ninja",
    "psycopg", "starlette", "granian",
)  # fmt: skip
HEADINGS = ("operation", *(f"{name}, /s (p50/p99 ms, µs CPU)" for name in NAMES.values()), "ratios")
CONNECTIONS = 16
NOTES = """\
Each side is one process with granian on loopback, over the same rows in the same server and with 8 connections to it; \
a further process sends requests over 16 connections, one on its way on each. The sides take turns, and ratios are the \
medians of those within a turn. CPU is that of the serving process. Before they are measured, the answers of all sides \
are compared.
Sorbus answers with JSON:API documents, with tenancy, policies and field visibility on; a page of 50 carries signed \
cursors. FastAPI with Pydantic, Litestar with msgspec, Django REST Framework with its serializers and django-ninja \
with Pydantic validate what comes, give what goes its declared form, and filter by the tenant; the server by hand does \
nothing but that filter.
Django is served by WSGI from 8 threads that keep their connections, and both of its frameworks write JSON with \
orjson; all others run on the event loop of the standard library.
"""


async def http(database: Database, peers: Path, *, quick: bool) -> Outcome:
    """Run the suite."""
    async with database.pool.connection() as connection:
        postgres = str(await connection.fetchval("SHOW server_version"))
    machine = facts(postgres=postgres) | {name: version_of(peers, name) for name in VERSIONS}
    outcome = Outcome(title="http", headings=HEADINGS, machine=machine, notes=NOTES.splitlines())
    with ExitStack() as stack:

        def enter(name: str, script: str, python: Path | str) -> Contestant:
            return stack.enter_context(Contestant(name, script, python=python, url=database.url))

        # The declaration of the core suite makes the tables.
        maker = Contestant("core", "core_sorbus.py", python=sys.executable, url=database.url)
        with maker:
            seeded = await seed(database)
        sides = {
            name: enter(name, f"http_{name}.py", sys.executable if name == "sorbus" else peers)
            for name in SIDES
        }
        clients = enter("clients", "http_load.py", sys.executable)
        ports = {name: int(side.ask("where")["port"]) for name, side in sides.items()}
        requests = {name: _requests(name, seeded) for name in sides}
        _compare(clients, ports, requests)
        seconds, rounds = (0.5, 1) if quick else (1.5, 7)
        for operation in OPERATIONS:

            def measure(name: str, operation: str = operation) -> dict[str, float]:
                before = sides[name].ask("cpu")["seconds"]
                found = clients.ask(
                    "load",
                    port=ports[name],
                    requests=requests[name][operation],
                    seconds=seconds,
                    connections=CONNECTIONS,
                )
                spent = sides[name].ask("cpu")["seconds"] - before
                return {**found, "cpu": spent / found["count"] * 1e6}

            samples = await asyncio.to_thread(take_turns, SIDES, measure, rounds=rounds)
            _add(outcome, operation, samples)
    return outcome


def _requests(side: str, seeded: Seeded) -> dict[str, list[str]]:
    """The requests of each operation as bytes on the wire."""
    content = {"kind": "email", "title": TITLE, "body": BODY, "metadata": METADATA}
    prefix, include, body = "", "/contents?include=runs", content
    if side == "sorbus":
        prefix, include = "/api", "/api/contents?include=runs"
        body = {"data": {"type": "contents", "attributes": content}}
    elif side != "floor":
        include = "/contents-with-runs"
    who = f"{seeded.owner} {seeded.org}"
    kind = "application/vnd.api+json" if side == "sorbus" else "application/json"

    def request(method: str, path: str, data: Any = None) -> str:
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-user: {who}\r\naccept: */*\r\n"
        if data is None:
            return head + "\r\n"
        text = json.dumps(data)
        return f"{head}content-type: {kind}\r\ncontent-length: {len(text.encode())}\r\n\r\n{text}"

    return {
        "get": [request("GET", f"{prefix}/contents/{key}") for key in seeded.keys[:500]],
        "list50": [request("GET", f"{prefix}/contents")],
        "list50_include": [request("GET", include)],
        "create": [request("POST", f"{prefix}/contents", body)],
    }


def _compare(clients: Contestant, ports: dict[str, int], requests: dict[str, dict[str, list[str]]]) -> None:
    """All sides answer alike."""
    answers: dict[str, dict[str, Any]] = {}
    for side, port in ports.items():
        answers[side] = {}
        for operation in OPERATIONS:
            found = clients.ask("ask", port=port, request=requests[side][operation][0])
            if found["status"] >= 300:
                raise SystemExit(f"{side} answers to `{operation}` with {found}")
            shown = _plain(json.loads(found["body"]))
            if operation == "create":
                for name in ("id", "inserted_at"):
                    shown.pop(name)
            answers[side][operation] = (found["status"], shown)
    must_agree(answers)


def _plain(document: Any) -> Any:
    """What a document says, without the form of JSON:API."""
    included: dict[str, Any] = {each["id"]: _plain({"data": each}) for each in document.get("included", ())}
    data = document.get("data", document)
    if isinstance(data, list):
        return [_plain({"data": each, "included": document.get("included", ())}) for each in data]
    found = {**data.get("attributes", data)}
    found.setdefault("id", data.get("id"))
    linked = data.get("relationships", {}).get("runs", {}).get("data")
    if linked is not None:
        found["runs"] = [included[each["id"]] for each in linked]
    return json.loads(json.dumps(found).replace("+00:00", "Z"))


def _add(outcome: Outcome, operation: str, samples: Samples) -> None:
    cells = [
        f"{samples.median(side, 'rate'):,.0f} ({samples.median(side, 'p50'):.1f}/"
        f"{samples.median(side, 'p99'):.1f}, {samples.median(side, 'cpu'):,.0f})"
        for side in SIDES
    ]
    told: list[str] = []
    for peer in PEERS:
        name = f"http.{operation}.vs_{peer}"
        outcome.ratios[name] = round(samples.ratio("sorbus", peer, "rate", more_is_better=True), 2)
        cpu = samples.ratio("sorbus", peer, "cpu", more_is_better=False)
        told.append(f"vs_{peer} {outcome.ratios[name]:.2f} (CPU {cpu:.2f})")
    outcome.rows.append((operation, *cells, "; ".join(told)))
