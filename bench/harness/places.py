"""Where things are, and the peers' environment."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
SIDES = BENCH / "sides"
LOCK = ROOT / "requirements" / "bench.txt"
ENVIRONMENT = ROOT / ".venv-bench"


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is made from the lock when it is missing or another one's."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / "lock.sha256"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing the peers into {ENVIRONMENT.name} …", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)]
    subprocess.run([str(python), "-m", "pip", "install", *options], check=True)
    stamp.write_text(wanted)
    return python


def version_of(python: Path, package: str) -> str:
    """The version of a package in an interpreter's environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
