"""The machine and the versions, as far as they explain the figures."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def facts(*, postgres: str | None = None, **more: str) -> dict[str, str]:
    """The date, the machine, and versions."""
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{_cores()} cores, {_model()}, {platform.system()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
    }
    if postgres is not None:
        found |= {"PostgreSQL": postgres, "asyncpg": version("asyncpg")}
    return found | more


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process and its children have used so far, those that have ended included."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (_used(pid, ended=True) + sum(map(_used, map(int, children)))) / os.sysconf("SC_CLK_TCK")


def _used(pid: int, *, ended: bool = False) -> int:
    """In ticks; with those of the children that it has seen end."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(map(int, fields[11 : 15 if ended else 13]))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
