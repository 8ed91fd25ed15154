"""Proof that a process has ended."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

import pytest

from sorbus.jobs.processes import ProcessId, _start, is_gone, this_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


async def test_a_running_process_is_there_and_an_ended_one_is_gone_even_before_it_is_reaped() -> None:
    child = await asyncio.create_subprocess_exec("sleep", "60")
    process = replace(this_process(), pid=child.pid, start=_start(child.pid) or "")
    assert process.start
    assert not is_gone(process)
    child.kill()
    while not is_gone(process):
        await asyncio.sleep(0.01)
    await child.wait()
    assert is_gone(process)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    assert is_gone(replace(this_process(), start="1"))


def test_nothing_is_said_about_other_machines() -> None:
    assert not is_gone(ProcessId("another machine", 999_999_999, "1"))
    assert not is_gone(ProcessId("", 999_999_999, "1"))
