"""The benches of Sorbus: `python bench/run.py [--only core|http|graphql|delivery|pipelines|flow|memory] [--quick]`.

Run it with the interpreter of Sorbus' own environment. The peers get theirs, `.venv-bench`, from a lock with hashes.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from harness.core import core
from harness.delivery import delivery
from harness.flow import flow
from harness.graphql import graphql
from harness.http import http
from harness.memory import memory
from harness.outcome import Outcome, keep, table
from harness.pipelines import pipelines
from harness.places import peers_python

from sorbus.data_layers.postgres.database import Database

SUITES = ("core", "http", "graphql", "delivery", "pipelines", "flow", "memory")


def main() -> None:
    """Run the suites, print their tables, and write `results.json` and `RESULTS.md`."""
    parser = argparse.ArgumentParser(description="Measure Sorbus against its peers on this machine.")
    parser.add_argument("--only", choices=SUITES, help="run one suite; the figures of the others are kept")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, to see that it works; writes nothing"
    )
    options = parser.parse_args()
    started = time.monotonic()
    wanted = (options.only,) if options.only else SUITES
    outcomes = asyncio.run(measure(wanted, quick=options.quick))
    for outcome in outcomes.values():
        print(f"\n{outcome.title}\n{table(outcome.headings, outcome.rows)}")
    if options.quick:
        print("\nA quick run proves that the bench works; its figures mean little and are not kept.")
    else:
        keep(outcomes)
    print(f"\n{time.monotonic() - started:.0f} seconds")


@contextmanager
def home_for_a_server() -> Generator[Path]:
    """A folder for the time of the benches that the server's account may enter, too."""
    with tempfile.TemporaryDirectory(prefix="sorbus-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        yield home


async def measure(wanted: tuple[str, ...], *, quick: bool) -> dict[str, Outcome]:
    """The outcomes of the suites, on embedded servers made for the occasion."""
    outcomes: dict[str, Outcome] = {}
    async with AsyncExitStack() as stack:
        home = stack.enter_context(home_for_a_server())

        async def database(name: str) -> Database:
            return await stack.enter_async_context(Database(None, home=home, name=name, pool={"size": 2}))

        peers = (
            await asyncio.to_thread(peers_python)
            if set(wanted) & {"core", "http", "graphql", "pipelines"}
            else Path()
        )
        if "core" in wanted:
            outcomes["core"] = await core(await database("bench_core"), peers, quick=quick)
        if "http" in wanted:
            outcomes["http"] = await http(await database("bench_http"), peers, quick=quick)
        if "graphql" in wanted:
            outcomes["graphql"] = await graphql(await database("bench_graphql"), peers, quick=quick)
        if "delivery" in wanted:
            outcomes["delivery"] = await delivery(await database("bench_delivery"), quick=quick)
        if "pipelines" in wanted:
            outcomes["pipelines"] = await pipelines(
                stack.enter_context(home_for_a_server()), peers, quick=quick
            )
        if "flow" in wanted:
            outcomes["flow"] = await flow(stack.enter_context(home_for_a_server()), quick=quick)
    if "memory" in wanted:
        outcomes["memory"] = await asyncio.to_thread(memory, quick=quick)
    return outcomes


if __name__ == "__main__":
    main()
