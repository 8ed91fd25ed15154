"""`core.startup200`: how long an application of two hundred resources takes to be ready, in a fresh process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from harness.outcome import Outcome
from harness.places import SIDES

BUDGET = 1.0
"""Seconds."""


def startup(outcome: Outcome, *, rounds: int) -> None:
    """Measure it some times, each in a process of its own, and add it to the outcome."""
    # The first process compiles what has not been compiled yet, and does not count.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    found: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        command = [sys.executable, str(SIDES / "core_startup.py")]
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        found.append(json.loads(output))
    del found[0]
    middle = {name: statistics.median(each[name] for each in found) for name in found[0]}
    seconds = middle["assemble"] + middle["open"]
    outcome.ratios["core.startup200.vs_budget"] = round(BUDGET / seconds, 3)
    parts = (
        f"assembled in {middle['assemble']:.2f} s, opened in {middle['open']:.2f} s; before, "
        f"declaring takes {middle['declare']:.2f} s and importing {middle['import']:.2f} s"
    )
    blank = [""] * (len(outcome.headings) - 3)
    outcome.rows.append(
        (
            "startup200",
            f"{seconds:.2f} s",
            *blank,
            f"{BUDGET / seconds:.2f} × the budget of {BUDGET:.0f} s; {parts}",
        )
    )
