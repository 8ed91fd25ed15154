"""Requests made from the description by schemathesis, each answer held against it.

`python -m tests.integration.json_api.fuzzing [CASES] [SEED]` serves the application with every type and sends it so
many (10 000 without a number), from up to four processes; it fails with the requests that were answered otherwise
than described.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TOLD_AFTER = 250
"""Requests between two lines of progress."""
MOST_WORKERS = 4
"""What schemathesis makes of a filter's schema to send what does not fit it takes 3 GB in each of them."""


def fuzz(
    url: str,
    *,
    cases: int,
    seed: int,
    seconds: float,
    headers: dict[str, str] | None = None,
    told: Callable[[], object] = lambda: None,
) -> Outcome:
    """Send requests and check the answers.

    Args:
        cases: how many at most.
        seed: the same requests come for the same one.
        seconds: how long at most.
        told: called after each request.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Fuzzer(url, headers or {}, told).run(cases=cases, seed=seed, seconds=seconds)


class Outcome:
    """What has been sent, and what was not as described, each kind once."""

    def __init__(self) -> None:
        self.sent = 0
        self.statuses: Counter[int] = Counter()
        self.operations: Counter[str] = Counter()
        self.failures: dict[str, str] = {}

    def add(self, other: Outcome) -> None:
        """Take in what others have sent."""
        self.sent += other.sent
        self.statuses += other.statuses
        self.operations += other.operations
        self.failures |= other.failures

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        found = "".join(f"\n\n{each}" for each in self.failures.values())
        return f"{self.sent} requests to {len(self.operations)} operations ({statuses}){found}"


class Fuzzer:
    """Knows the operations of one server."""

    def __init__(self, url: str, headers: dict[str, str], told: Callable[[], object]) -> None:
        import requests
        import schemathesis
        from schemathesis.checks import not_a_server_error
        from schemathesis.specs.openapi.checks import (
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            status_code_conformance,
        )

        self.headers = headers
        self.told = told
        self.session = requests.Session()
        schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=headers)
        schema.config.update(base_url=f"{url}/api")
        self.operations = [each.ok() for each in schema.get_all_operations()]
        self.checks = [
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ]
        self.keys: dict[str, list[str]] = {}

    def run(self, *, cases: int, seed: int, seconds: float) -> Outcome:
        """Round after round over all operations, so that a stop leaves none out."""
        outcome = Outcome()
        end = time.monotonic() + seconds
        size = max(1, min(10, cases // (2 * len(self.operations))))
        number = 0
        while outcome.sent < cases and time.monotonic() < end:
            for place, operation in enumerate(self.operations):
                if outcome.sent >= cases or time.monotonic() >= end:
                    break
                negative = number % 3 == 2
                self._some(
                    operation,
                    outcome,
                    size=size,
                    seed=seed * 1_000_003 + number * 1_000 + place,
                    negative=negative,
                )
            number += 1
        return outcome

    def _some(self, operation: Any, outcome: Outcome, *, size: int, seed: int, negative: bool) -> None:
        import hypothesis
        from hypothesis import HealthCheck, Phase, given, settings
        from hypothesis.errors import Unsatisfiable
        from schemathesis import GenerationMode

        mode = GenerationMode.NEGATIVE if negative else GenerationMode.POSITIVE

        @hypothesis.seed(seed)
        @settings(
            max_examples=size,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            self._send(operation, case, outcome)

        try:
            send()
        except Unsatisfiable:
            # Nothing can be wrong about an operation without inputs.
            return

    def _send(self, operation: Any, case: Any, outcome: Outcome) -> None:
        label = f"{operation.method.upper()} {operation.path}"
        # A made up key leads nowhere: every other time it is one that is there.
        known = self.keys.get(operation.path.split("/")[1])
        if known and "id" in (case.path_parameters or {}) and outcome.sent % 2:
            case.path_parameters["id"] = known[outcome.sent % len(known)]
        response = case.call(headers=self.headers, session=self.session)
        outcome.sent += 1
        self.told()
        outcome.statuses[response.status_code] += 1
        outcome.operations[label] += 1
        if response.status_code == 201:
            made = response.json()["data"]
            if made is not None:
                self.keys.setdefault(made["type"], []).append(made["id"])
        if response.status_code == 414 and not response.content:
            # A request line that the HTTP server itself does not read.
            return
        try:
            case.validate_response(response, checks=self.checks)
        except BaseExceptionGroup as group:
            for error in group.exceptions:
                kind = f"{label} {type(error).__name__} {str(error)[:120]}"
                outcome.failures.setdefault(kind, f"{label}\n{error}\n{case.as_curl_command()[:2000]}")


def main(cases: int, seed: int) -> int:
    """Serve the application on an embedded database, and send it requests."""
    with tempfile.TemporaryDirectory(prefix="sorbus-fuzz-") as home:
        command = [sys.executable, "-W", "ignore", "-m", "tests.integration.json_api.every_type", home]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                url = process.stdout.readline().strip()
                started = time.monotonic()
                outcome = together(url, cases=cases, seed=seed)
                passed = time.monotonic() - started
            finally:
                process.terminate()
    print(f"{outcome}\n{len(outcome.failures)} answered otherwise than described, {passed:.0f} seconds")
    return 1 if outcome.failures or outcome.statuses[500] else 0


def together(url: str, *, cases: int, seed: int) -> Outcome:
    """Send requests from several processes, for making them up takes longer than the answers do."""
    workers = max(1, min(os.cpu_count() or 1, MOST_WORKERS, cases // TOLD_AFTER))
    shares = [cases // workers + (number < cases % workers) for number in range(workers)]
    whole, started = Outcome(), time.monotonic()
    spawned = multiprocessing.get_context("spawn")
    with spawned.Manager() as manager, ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        progress: Any = manager.Queue()
        running: list[Future[Outcome]] = [
            pool.submit(_share, url, share, seed * workers + number, progress)
            for number, share in enumerate(shares)
        ]
        sent, ended = 0, 0
        while ended < workers:
            count = progress.get()
            sent, ended = sent + count, ended + (count == 0)
            if count:
                passed = time.monotonic() - started
                print(f"{sent} of {cases} requests, {passed:.0f} seconds", file=sys.stderr, flush=True)
        for each in running:
            whole.add(each.result())
    return whole


def _share(url: str, cases: int, seed: int, progress: Any) -> Outcome:
    """The requests of one process; it says how many it has sent since it last did, and 0 at the end."""
    sent = 0

    def told() -> None:
        nonlocal sent
        sent += 1
        if sent % TOLD_AFTER == 0:
            progress.put(TOLD_AFTER)

    try:
        return fuzz(url, cases=cases, seed=seed, seconds=3600, told=told)
    finally:
        progress.put(0)


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in [*sys.argv[1:], "10000", "1"][:2])))
