"""The account of the embedded server is made once, however many processes start for the first time together."""

from __future__ import annotations

import pwd
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sorbus.data_layers.postgres import embedded_files


class Machine:
    """A user database whose tool takes a while and, run twice at once, gives the account another number."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.calls = 0
        self.at_work = threading.Semaphore(1)
        self.collided = False

    def useradd(self, *_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        if not self.at_work.acquire(blocking=False):
            self.collided = True
            return subprocess.CompletedProcess([], 1)
        time.sleep(0.02)
        self.number = 990 + self.calls
        self.at_work.release()
        return subprocess.CompletedProcess([], 0)

    def user(self, name: str) -> pwd.struct_passwd:
        if name != "nobody" and self.number is None:
            raise KeyError(name)
        number = 65534 if name == "nobody" else self.number
        return pwd.struct_passwd((name, "x", number, number, "", "/", "/bin/false"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(embedded_files.os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded_files.subprocess, "run", found.useradd)
    monkeypatch.setattr(embedded_files.pwd, "getpwnam", found.user)
    return found


def test_first_starts_at_once_make_one_account(machine: Machine, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def start(_: int) -> embedded_files.Account | None:
        together.wait()
        return embedded_files.find_account(tmp_path / "data")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(start, range(4)))
    assert not machine.collided
    assert machine.calls == 1
    assert found == [embedded_files.Account(991, 991)] * 4


def test_where_no_account_can_be_made_nobody_serves(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_files.shutil, "which", lambda _: None)
    monkeypatch.setattr(embedded_files.time, "sleep", lambda _: None)
    assert embedded_files.find_account(tmp_path / "data") == embedded_files.Account(65534, 65534)
    assert machine.calls == 0
