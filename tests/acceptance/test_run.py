"""`sorbus run` as a user uses it: mixed input, interruptions, a second start."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.acceptance.commands import Shell, finish, mail, until

from sorbus.testing.model_server import ModelServer, Reply, answer_for

SUMMARY = "John Smith asks about an order of his."


def answer(body: dict[str, Any]) -> str:
    text = answer_for(body)
    return SUMMARY if text == "ok" else text


def asked(server: ModelServer) -> Counter[str]:
    """How often each request was answered to the end."""
    return Counter(json.dumps(seen.body, sort_keys=True) for seen in server.seen if seen.finished)


def folder_of_mails(root: Path, count: int) -> Path:
    folder = root / "mails"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:02}.eml").write_bytes(mail(number))
    return folder


async def rows(url: str, query: str) -> list[Any]:
    conn = await asyncpg.connect(url)
    try:
        return await conn.fetch(query)
    finally:
        await conn.close()


async def test_a_folder_with_good_and_bad_items_on_a_fresh_database(
    database_url: str, tmp_path: Path
) -> None:
    folder = folder_of_mails(tmp_path, 2)
    (folder / "empty.eml").write_bytes(b"")
    (folder / "huge.eml").write_bytes(mail(90, body="x" * 21 * 1024 * 1024))
    (folder / "binary.pdf").write_bytes(b"%PDF-1.7\n\x00\x01\x02" + bytes(range(256)) * 20)
    (folder / "no-headers.eml").write_bytes(b"\x80\x81\xfe\xff" * 50)
    (folder / "charset-unknown.eml").write_bytes(mail(3).replace(b"utf-8", b"klingon-8"))
    (folder / "charset-wrong.eml").write_bytes(
        mail(4).replace(b"Thank you", "Grüße, thank you".encode("latin-1"))
    )
    (folder / "base64-broken.eml").write_bytes(
        mail(5).replace(b"8bit", b"base64").replace(b"John Smith", b"@@@ John Smith")
    )
    (folder / "brackets [red] 6.eml").write_bytes(mail(6).replace(b"Order 6", b"[/bold] [red]Order[/] \\[6]"))
    (folder / "nul.eml").write_bytes(mail(7).replace(b"John", b"Jo\x00hn"))
    (folder / "notes.txt").write_text(
        "Meeting notes.\n\nMary Jones of Example Corp will call on Tuesday.\n", encoding="utf-8"
    )
    async with ModelServer(answer=answer) as server:
        shell = Shell(folder=tmp_path, database_url=database_url)
        said = await shell.run("run", "mails", "--model", server.model)
        again = await shell.run("run", "mails", "--model", server.model)
        bodies = asked(server)
    assert (said.code, said.err) == (0, "")
    for name, why in (("empty.eml", "empty"), ("huge.eml", "20"), ("binary.pdf", "PDF")):
        line = next(each for each in said.out.splitlines() if each.startswith("Left out") and name in each)
        assert why.lower() in line.lower()
    assert "Traceback" not in said.text
    left_out = sum(line.startswith("Left out") for line in said.out.splitlines())
    done = len(list(folder.iterdir())) - left_out
    assert 3 <= left_out <= 4
    assert f"{done + left_out} items read, {done} runs started, {left_out} left out." in said.out
    assert f"{done} runs completed, 0 failed" in said.out
    assert "Order 0" in said.out
    assert "[/bold] [red]Order[/]" in said.out
    assert SUMMARY in said.out
    # the second start does nothing again, and says so
    assert again.code == 0
    assert f"{done} done before" in again.out
    assert set(bodies.values()) == {1}
    states = await rows(database_url, "SELECT state, count(*) AS n FROM pipeline_runs GROUP BY state")
    assert [tuple(each.values()) for each in states] == [("completed", done)]
    assert await rows(database_url, "SELECT 1 FROM oban_jobs WHERE state <> 'completed'") == []


async def test_items_that_cannot_be_read_alone_end_without_a_traceback(pg18_url: str, tmp_path: Path) -> None:
    (tmp_path / "empty.eml").write_bytes(b"")
    said = await Shell(folder=tmp_path, database_url=pg18_url).run(
        "run", "empty.eml", "--model", "http://127.0.0.1:9/v1#m"
    )
    assert "Left out empty.eml" in said.out
    assert "0 runs started, 1 left out" in said.out
    assert "Traceback" not in said.text


async def test_a_run_that_fails_is_shown_with_its_reason_and_the_exit_code_is_one(
    pg18_url: str, tmp_path: Path
) -> None:
    folder = folder_of_mails(tmp_path, 1)
    async with ModelServer(default=Reply(status=400)) as server:
        said = await Shell(folder=tmp_path, database_url=pg18_url).run(
            "run", str(folder), "--model", server.model
        )
    assert said.code == 1
    assert "A run of email_analysis failed at extract" in said.out
    assert "status 400" in said.out
    assert "0 runs completed, 1 failed" in said.out
    # a failed run does not stand in the way of a second start
    async with ModelServer(answer=answer) as server:
        said = await Shell(folder=tmp_path, database_url=pg18_url).run(
            "run", str(folder), "--model", server.model
        )
    assert (said.code, "1 runs completed, 0 failed" in said.out) == (0, True)


async def test_an_mbox_and_the_options(pg18_url: str, tmp_path: Path) -> None:
    messages = [
        b"From jane@example.org Mon Oct  5 10:00:00 2026\n" + mail(each).replace(b"\r\n", b"\n")
        for each in range(3)
    ]
    (tmp_path / "box.mbox").write_bytes(b"\n".join(messages))
    shell = Shell(folder=tmp_path, database_url=pg18_url)
    async with ModelServer(answer=answer) as server:
        given = ("run", "box.mbox", "--model", server.model)
        first = await shell.run(*given, "--concurrency", "3")
        again = await shell.run(*given, "--again")
        other = await shell.run(*given, "--pipeline", "document_extraction")
        small = await shell.run(*given, "--max-mb", "0.0001")
    assert "3 runs completed" in first.out
    assert "3 items read, 3 runs started" in again.out
    assert "document_extraction" in other.out
    assert "3 runs completed" in other.out
    assert small.out.count("Left out box.mbox, message") == 3
    found = await rows(pg18_url, "SELECT pipeline, count(*) AS n FROM pipeline_runs GROUP BY 1 ORDER BY 1")
    assert [tuple(each.values()) for each in found] == [("document_extraction", 3), ("email_analysis", 6)]


DONE = "SELECT run_id, name, finished_at FROM stage_runs WHERE state = 'done' ORDER BY run_id, position"
CALLS = "SELECT run_id, stage, request_hash FROM llm_calls WHERE status = 'ok'"


async def interrupted(database_url: str, tmp_path: Path, by: signal.Signals) -> None:
    """A command is interrupted in the middle of its runs; a second start resumes them."""
    folder = folder_of_mails(tmp_path, 6)
    shell = Shell(folder=tmp_path, database_url=database_url)
    async with ModelServer(answer=answer, default=Reply(delay=0.3)) as server:
        first = await shell.start("run", str(folder), "--model", server.model)
        await until(lambda: sum(seen.finished for seen in server.seen) >= 5)
        first.send_signal(by)
        said = await finish(first)
        if by is signal.SIGINT:
            assert said.code == 130, said.text
            assert "the same command goes on from there" in said.err
            assert "Traceback" not in said.text
            held = "SELECT 1 FROM oban_jobs WHERE state = 'executing'"
            assert await rows(database_url, held) == []
            assert await rows(database_url, "SELECT 1 FROM sorbus_nodes") == []
        done, calls = await rows(database_url, DONE), await rows(database_url, CALLS)
        before = asked(server)
        assert 0 < len(done) < 18
        server.default = Reply()
        said = await shell.run("run", str(folder), "--model", server.model)
    assert said.code == 0, said.text
    assert " resumed" in said.out
    after = await rows(database_url, DONE)
    assert (len(after), set(done) <= set(after)) == (18, True)
    times = Counter(map(tuple, await rows(database_url, CALLS)))
    assert (len(times), set(times.values())) == (18, {1})
    assert {tuple(call) for call in calls} <= set(times)
    # what was asked again had been answered, but not committed, when the first start ended
    repeated = [body for body, count in asked(server).items() if count > 1]
    assert len(repeated) <= len(before) - len(calls)
    assert await rows(database_url, "SELECT 1 FROM oban_jobs WHERE state <> 'completed'") == []


async def test_ctrl_c_leaves_nothing_half_done_and_a_second_start_resumes(
    database_url: str, tmp_path: Path
) -> None:
    await interrupted(database_url, tmp_path, signal.SIGINT)


async def test_a_kill_leaves_nothing_half_done_and_a_second_start_resumes(
    pg18_url: str, tmp_path: Path
) -> None:
    await interrupted(pg18_url, tmp_path, signal.SIGKILL)


async def test_at_a_terminal_there_is_a_bar_for_each_stage_and_ctrl_c_works(
    pg18_url: str, tmp_path: Path
) -> None:
    folder = folder_of_mails(tmp_path, 4)
    # where a name with brackets is no markup of the screen
    (folder / "odd [").mkdir()
    (folder / "odd [" / "] name.eml").write_bytes(b"")
    shell = Shell(folder=tmp_path, database_url=pg18_url)
    async with ModelServer(answer=answer, default=Reply(delay=0.2)) as server:
        first = await at_terminal(shell, server, "run", str(folder), press_after=3)
        assert first[0] == 130
        assert "the same command goes on from there" in first[1]
        second = await at_terminal(shell, server, "run", str(folder))
    assert second[0] == 0, second[1]
    for text in ("email_analysis · extract", "email_analysis · summarize", "Left out", "odd [/] name.eml"):
        assert text in second[1], text
    # every bar was filled
    assert re.search(r"\b([1-4])/\1\b", second[1])
    assert "MarkupError" not in first[1] + second[1]
    assert "Traceback" not in first[1] + second[1]


async def at_terminal(shell: Shell, server: ModelServer, *args: str, press_after: int = 0) -> tuple[int, str]:
    """Run a command at a pseudo-terminal; press Ctrl-C after so many answers of the model."""
    ours, theirs = pty.openpty()
    # the settings of a terminal that make Ctrl-C a signal come with a session of its own
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN_AT_TERMINAL, *args, "--model", server.model,
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=shell.folder,
        env={**shell.environment(), "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)
    told = bytearray()
    pressed = not press_after
    try:
        async with asyncio.timeout(60):
            while process.returncode is None:
                await asyncio.sleep(0.05)
                _drain(ours, told)
                if not pressed and sum(seen.finished for seen in server.seen) >= press_after:
                    os.write(ours, b"\x03")
                    pressed = True
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        _drain(ours, told)
        os.close(ours)
    assert process.returncode is not None
    return process.returncode, told.decode(errors="replace")


RUN_AT_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from sorbus.cli.main import main
main(sys.argv[1:])
"""


def _drain(descriptor: int, told: bytearray) -> None:
    try:
        while data := os.read(descriptor, 65536):
            told += data
    except (BlockingIOError, OSError):
        return


@pytest.mark.slow
async def test_two_starts_at_the_same_time_do_not_disturb_each_other(pg18_url: str, tmp_path: Path) -> None:
    folder = folder_of_mails(tmp_path, 6)
    shell = Shell(folder=tmp_path, database_url=pg18_url)
    async with ModelServer(answer=answer, default=Reply(delay=0.1)) as server:
        both = await asyncio.gather(
            *(shell.run("run", str(folder), "--model", server.model) for _ in range(2))
        )
    assert [said.code for said in both] == [0, 0], both[0].text + both[1].text
    assert await rows(pg18_url, "SELECT 1 FROM contents OFFSET 6") == []
    assert await rows(pg18_url, "SELECT 1 FROM pipeline_runs WHERE state <> 'completed'") == []


async def test_a_budget_for_each_run_stops_it_and_shows_what_was_spent(
    database_url: str, tmp_path: Path
) -> None:
    folder_of_mails(tmp_path, 1)
    async with ModelServer(answer=answer) as server:
        shell = Shell(folder=tmp_path, database_url=database_url)
        small = await shell.run("run", "mails", "--model", server.model, "--budget-tokens", "100")
        assert (small.code, len(server.seen)) == (1, 0)
        assert "of 100 tokens" in small.out
        ample = await shell.run(
            "run", "mails", "--model", server.model, "--budget-tokens", "100000", "--budget-usd", "0.5"
        )
    assert (ample.code, ample.err) == (0, "")
    calls = await rows(database_url, "SELECT sum(tokens_in + tokens_out)::int AS tokens FROM llm_calls")
    assert f"$0.0000 of $0.5, {calls[0]['tokens']} of 100000 tokens" in re.sub(r"\s+", " ", ample.out)
