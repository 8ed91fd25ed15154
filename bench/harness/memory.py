"""The suite `memory`: how long the import takes, and what an idle server holds."""

from __future__ import annotations

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.machine import facts
from harness.outcome import Outcome

IMPORT_BUDGET = 0.3
SERVE_BUDGET = 200.0
SERVE_NOTE = """\
`sorbus serve` after its start, one request and three quiet seconds, without a model loaded: all its processes but \
those of PostgreSQL.\
"""
_IMPORT = "import time; t = time.perf_counter(); import sorbus; print(time.perf_counter() - t)"
_READY = 60.0
_SETTLE = 3.0


def memory(*, quick: bool) -> Outcome:
    """Run the suite."""
    outcome = Outcome(
        title="memory",
        headings=("measure", "Sorbus", "budget", "ratio"),
        machine=facts(),
        notes=["The import is timed inside fresh interpreters, with compiled files at hand: the median."],
    )
    seconds = import_seconds(times=3 if quick else 11)
    outcome.ratios["memory.import.vs_budget"] = round(IMPORT_BUDGET / seconds, 3)
    row = ("import sorbus", f"{seconds * 1e3:.0f} ms", f"{IMPORT_BUDGET * 1e3:.0f} ms")
    outcome.rows.append((*row, f"{IMPORT_BUDGET / seconds:.2f}"))
    held = serve_megabytes()
    if held is None:
        outcome.notes.append("`sorbus serve` could not be started here, so its memory is not in the table.")
        return outcome
    outcome.ratios["memory.serve_rss.vs_budget"] = round(SERVE_BUDGET / held, 3)
    row = ("idle sorbus serve, resident", f"{held:.0f} MB", f"{SERVE_BUDGET:.0f} MB")
    outcome.rows.append((*row, f"{SERVE_BUDGET / held:.2f}"))
    outcome.notes.append(SERVE_NOTE)
    return outcome


def import_seconds(*, times: int) -> float:
    """The median time of `import sorbus` in a fresh interpreter."""
    command = [sys.executable, "-c", _IMPORT]
    runs = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(times + 1)
    ]
    return statistics.median(runs[1:])


def serve_megabytes() -> float | None:
    """The resident memory of an idle server in MB, or None when the command is not there or does not come up."""
    with tempfile.TemporaryDirectory(prefix="sorbus-bench-") as folder, socket.socket() as probe:
        Path(folder).chmod(0o755)
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        environment = {**os.environ, "SORBUS_HOME": f"{folder}/home"}
        environment.pop("DATABASE_URL", None)
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sorbus.cli.main", "serve", "--port", str(port)],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
            try:
                if not _answers(process, port):
                    return None
                time.sleep(_SETTLE)
                return sum(map(_resident, _family(process.pid))) / 1e6
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers a request."""
    deadline = time.monotonic() + _READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(
                    b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                return bool(connection.recv(64))
        except OSError:
            time.sleep(0.1)
    return False


def _family(pid: int) -> list[int]:
    """A process and what it started, without PostgreSQL."""
    found = [pid]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        if "postgres" not in Path(f"/proc/{child}/comm").read_text():
            found += _family(child)
    return found


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return float(match[1]) * 1024 if match else 0.0
