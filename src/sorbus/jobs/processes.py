"""Is a process on this machine still there? Proof of death, where the operating system can give it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """What tells a process from every other one, also after its number is used again.

    Attributes:
        host: the boot of the machine and the pid namespace, or "" where that cannot be told.
        pid: the process number.
        start: the kernel's time of its start, or "".
    """

    host: str
    pid: int
    start: str


def this_process() -> ProcessId:
    """The calling process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return ProcessId("", os.getpid(), "")
    start = _start(os.getpid())
    return ProcessId(f"{boot}/{namespace}" if start else "", os.getpid(), start or "")


def is_gone(process: ProcessId) -> bool:
    """True only when the process provably ended: same machine, and none or a later one has its number."""
    here = this_process()
    if not process.host or process.host != here.host:
        return False
    start = _start(process.pid)
    return start != process.start if start is not None else False


def _start(pid: int) -> str | None:
    """The start of a process in ticks since boot; "" when it has ended, None when that cannot be told."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return _absent(pid)
    # the name stands in parentheses and may hold spaces; state is the first field after it, the start the
    # twentieth
    after = stat.rpartition(")")[2].split()
    return "" if after[0] in "ZX" else after[19]


def _absent(pid: int) -> str | None:
    # /proc may hide the processes of other users, a signal does not
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return None
    return None
