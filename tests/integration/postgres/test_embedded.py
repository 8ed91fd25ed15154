"""The embedded server as processes meet it: starts, company, crashes, and folders that will not do."""

# ruff: noqa: ASYNC220, ASYNC240 - nothing else runs in these event loops

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from sorbus.data_layers.postgres import embedded, embedded_cluster
from sorbus.data_layers.postgres.embedded import EmbeddedServer, sorbus_home, start_embedded
from sorbus.errors.embedded import (
    EmbeddedBusy,
    EmbeddedFolderUnusable,
    EmbeddedStartFailed,
    EmbeddedUnavailable,
    EmbeddedVersionMismatch,
)

FAST = {"fsync": "off"}


@pytest.fixture
def folder(server_folder: Path) -> Path:
    return server_folder / "postgres"


@pytest.fixture(scope="module")
def made(shared_server_folder: Path) -> Path:
    """A folder whose data exists already, to be copied."""
    folder = shared_server_folder / "postgres"

    async def make() -> None:
        await (await start_embedded(folder, settings=FAST)).stop()

    asyncio.run(make())
    return folder


@pytest.fixture
def ready(made: Path, folder: Path) -> Path:
    """A folder of the test's own with data in it, which saves the first start."""
    subprocess.run(["cp", "-a", str(made), str(folder)], check=True)
    return folder


async def ask(server: EmbeddedServer, query: str = "SELECT 1") -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def alive(pid: int) -> bool:
    """Whether a process lives; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


class Other:
    """Another process that uses the server of a folder until it is told to end."""

    def __init__(self, folder: Path) -> None:
        program = """
            import asyncio, sys
            from pathlib import Path
            from sorbus.data_layers.postgres.embedded import start_embedded

            async def main():
                server = await start_embedded(Path(sys.argv[1]), settings={"fsync": "off"})
                print(server.pid, server.owned, server.url, flush=True)
                await asyncio.to_thread(sys.stdin.readline)
                await server.stop()

            asyncio.run(main())
        """
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(program), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def started(self) -> tuple[int, bool]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().split()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        return int(line[0]), line[1] == "True"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> None:
        _, errors = self.process.communicate("\n", timeout=30)
        assert (self.process.returncode, errors) == (0, "")


@pytest.fixture
def others() -> Iterator[list[Other]]:
    known: list[Other] = []
    yield known
    for each in known:
        if each.process.poll() is None:
            each.kill()


class TestStart:
    async def test_the_first_start_makes_the_data_and_a_later_one_keeps_it(self, folder: Path) -> None:
        async with await start_embedded(folder) as server:
            assert server.owned
            assert alive(server.pid)
            assert str(await ask(server, "SHOW server_version")).startswith("18.")
            await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            first = server.pid
        assert gone(first)
        async with await start_embedded(folder) as server:
            assert server.pid != first
            assert await ask(server, "SELECT answer FROM kept") == 42

    async def test_the_server_fits_a_small_machine_and_listens_on_no_network(self, ready: Path) -> None:
        async with await start_embedded(ready) as server:
            found = {
                name: await ask(server, f"SHOW {name}")
                for name in (
                    "shared_buffers",
                    "listen_addresses",
                    "jit",
                    "TimeZone",
                    "server_encoding",
                    "fsync",
                )
            }
        assert found == {
            "shared_buffers": "64MB",
            "listen_addresses": "",
            "jit": "off",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
            "fsync": "off",
        }

    async def test_nobody_else_on_the_machine_may_enter(self, ready: Path) -> None:
        async with await start_embedded(ready) as server:
            assert (server.folder / "run" / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
            assert (server.folder / "data").stat().st_mode & 0o077 == 0

    async def test_text_sorts_by_code_point_and_folds_beyond_ascii(self, ready: Path) -> None:
        async with await start_embedded(ready) as server:
            assert await ask(server, "SELECT lower('ÄÉ')") == "äé"
            assert await ask(server, "SELECT 'Z' < 'a'") is True

    async def test_starting_does_not_block_the_event_loop(self, folder: Path) -> None:
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - before)

        watcher = asyncio.create_task(watch())
        started = time.monotonic()
        async with await start_embedded(folder, settings=FAST):
            took = time.monotonic() - started
        watcher.cancel()
        assert took > 0.2
        assert longest < took / 2

    async def test_a_path_too_long_for_a_socket_gets_a_short_one(
        self, server_folder: Path, ready: Path
    ) -> None:
        deep = server_folder / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        moved = ready.rename(deep / "postgres")
        async with await start_embedded(moved) as server:
            assert "/d/" not in server.url
            first = server.url
            assert await ask(server) == 1
        async with await start_embedded(moved) as server:
            assert server.url == first

    @pytest.mark.parametrize("name", ["with space", "ümläut", "comma,quote'\"$HOME`", "per%cent&and?"])
    async def test_a_path_with_odd_characters_works(
        self, server_folder: Path, ready: Path, name: str
    ) -> None:
        (server_folder / name).mkdir()
        moved = ready.rename(server_folder / name / "postgres")
        async with await start_embedded(moved) as server:
            assert await ask(server) == 1

    async def test_the_environment_of_another_postgresql_does_not_leak_in(
        self, ready: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGDATA", "/nowhere")
        monkeypatch.setenv("PGPORT", "6000")
        monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
        async with await start_embedded(ready) as server:
            monkeypatch.delenv("PGPORT")
            assert await ask(server) == 1

    async def test_a_cancelled_start_leaves_nothing_running(self, folder: Path) -> None:
        task = asyncio.create_task(start_embedded(folder, settings=FAST))
        while not list(folder.glob("data*")):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not (folder / "data" / "postmaster.pid").exists()
        async with await start_embedded(folder, settings=FAST) as server:
            assert server.owned


class TestCompany:
    async def test_a_second_process_finds_the_server_and_the_last_one_stops_it(
        self, ready: Path, others: list[Other]
    ) -> None:
        server = await start_embedded(ready)
        others.append(Other(ready))
        assert await asyncio.to_thread(others[0].started) == (server.pid, False)
        await server.stop()
        assert alive(server.pid)
        await asyncio.to_thread(others[0].end)
        assert gone(server.pid)

    async def test_two_handles_in_one_process_count_as_two(self, ready: Path) -> None:
        first, second = await asyncio.gather(start_embedded(ready), start_embedded(ready))
        assert first.pid == second.pid
        assert first.owned != second.owned
        await first.stop()
        await first.stop()
        assert await ask(second) == 1
        await second.stop()
        assert gone(second.pid)

    async def test_processes_that_start_at_the_same_moment_share_one_new_server(
        self, folder: Path, others: list[Other]
    ) -> None:
        others.extend(Other(folder) for _ in range(4))
        found = await asyncio.gather(*(asyncio.to_thread(each.started) for each in others))
        assert len({pid for pid, _ in found}) == 1
        assert sorted(owned for _, owned in found) == [False, False, False, True]
        await asyncio.gather(*(asyncio.to_thread(each.end) for each in others))
        assert gone(found[0][0])

    async def test_a_killed_process_does_not_count_as_a_user(self, ready: Path, others: list[Other]) -> None:
        others.append(Other(ready))
        pid, _ = await asyncio.to_thread(others[0].started)
        others[0].kill()
        assert alive(pid)
        server = await start_embedded(ready)
        assert (server.pid, server.owned) == (pid, False)
        await server.stop()
        assert gone(pid)

    async def test_a_process_that_forgets_to_stop_leaves_in_order(self, ready: Path) -> None:
        program = (
            "import asyncio, sys\nfrom pathlib import Path\n"
            "from sorbus.data_layers.postgres.embedded import start_embedded\n"
            "server = asyncio.run(start_embedded(Path(sys.argv[1])))\nprint(server.pid)"
        )
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-W", "error", "-c", program, str(ready)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert gone(int(done.stdout))
        assert done.stderr == ""
        assert "database system is shut down" in (ready / "postgres.log").read_text()

    async def test_a_folder_deleted_under_the_server_is_left_in_peace(self, ready: Path) -> None:
        server = await start_embedded(ready)
        shutil.rmtree(ready)
        await server.stop()
        os.kill(server.pid, signal.SIGQUIT)
        assert gone(server.pid)

    async def test_a_lock_that_is_never_given_up_is_reported(
        self, ready: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "LOCK_SECONDS", 0.1)
        with (ready / "start.lock").open("r+") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)
            with pytest.raises(EmbeddedBusy, match=r"more than 0\.1 s"):
                await start_embedded(ready)


@pytest.fixture
async def crashed(ready: Path) -> AsyncIterator[EmbeddedServer]:
    """A server that was killed with a committed row in its log and a client at work."""
    server = await start_embedded(ready)
    await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    worker = await asyncpg.connect(server.url)
    # Works without looking up, so that it outlives its server for a while.
    busy = asyncio.create_task(worker.fetchval("SELECT count(*) FROM generate_series(1, 40000000) a"))
    await asyncio.sleep(0.2)
    os.kill(server.pid, signal.SIGKILL)
    assert gone(server.pid)
    yield server
    worker.terminate()
    await asyncio.gather(busy, return_exceptions=True)
    await server.stop()


class TestCrash:
    async def test_a_killed_server_is_started_again_with_what_was_committed(
        self, crashed: EmbeddedServer
    ) -> None:
        before, url = crashed.pid, crashed.url
        assert (crashed.folder / "data" / "postmaster.pid").exists()
        await crashed.ensure_running()
        assert crashed.pid != before
        assert crashed.url == url
        assert await ask(crashed, "SELECT answer FROM kept") == 42

    async def test_a_new_process_recovers_it_too(self, crashed: EmbeddedServer, others: list[Other]) -> None:
        others.append(Other(crashed.folder))
        pid, owned = await asyncio.to_thread(others[0].started)
        assert owned
        assert pid != crashed.pid
        assert await ask(crashed, "SELECT answer FROM kept") == 42

    async def test_a_pid_that_belongs_to_somebody_else_now_is_no_obstacle(self, ready: Path) -> None:
        server = await start_embedded(ready)
        pid_file = ready / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        owner = pid_file.stat()
        os.kill(server.pid, signal.SIGKILL)
        assert gone(server.pid)
        # As after a restart of the machine: the number is in use again, by a process of the same user.
        stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid, group=owner.st_gid, extra_groups=[])
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            await server.ensure_running()
            assert await ask(server) == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()
            await server.stop()

    async def test_a_socket_that_was_cleaned_away_is_made_again(self, ready: Path) -> None:
        server = await start_embedded(ready)
        before = server.pid
        (ready / "run" / ".s.PGSQL.5432").unlink()
        await server.ensure_running()
        assert gone(before)
        assert await ask(server) == 1
        await server.stop()

    @pytest.mark.parametrize("after", [0.05, 0.15, 0.3, 0.5])
    async def test_a_first_start_killed_half_way_is_begun_afresh(
        self, folder: Path, others: list[Other], after: float
    ) -> None:
        others.append(Other(folder))
        deadline = time.monotonic() + 20
        while not list(folder.glob("data*")) and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        await asyncio.sleep(after)
        others[0].kill()
        async with await start_embedded(folder, settings=FAST) as server:
            assert await ask(server) == 1
        assert list(folder.glob("data.partial-*")) == []

    async def test_a_server_that_was_told_to_wait_for_its_clients_is_not_waited_for(
        self, ready: Path
    ) -> None:
        server = await start_embedded(ready)
        client = await asyncpg.connect(server.url)
        before = server.pid
        os.kill(before, signal.SIGTERM)
        await asyncio.sleep(0.2)
        async with asyncio.timeout(20):
            await server.ensure_running()
        assert server.pid != before
        assert await ask(server) == 1
        client.terminate()
        await server.stop()


class TestUnusable:
    async def test_data_of_another_major_version_is_left_alone_and_explained(self, ready: Path) -> None:
        (ready / "data" / "PG_VERSION").write_text("17\n")
        with pytest.raises(
            EmbeddedVersionMismatch, match=r"made by PostgreSQL 17; the installed one is 18.*pg_dump"
        ):
            await start_embedded(ready)
        assert (ready / "data" / "PG_VERSION").read_text() == "17\n"

    async def test_a_folder_that_is_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "postgres").write_text("")
        with pytest.raises(EmbeddedFolderUnusable, match="SORBUS_HOME"):
            await start_embedded(tmp_path / "postgres")

    async def test_a_folder_that_cannot_be_written_is_refused(self) -> None:
        # Root may write everywhere but here.
        with pytest.raises(EmbeddedFolderUnusable, match="/proc/sorbus"):
            await start_embedded(Path("/proc/sorbus/postgres"))

    async def test_data_that_is_not_postgresql_is_not_touched(self, folder: Path) -> None:
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "thesis.tex").write_text("dear")
        with pytest.raises(EmbeddedFolderUnusable, match="holds no PostgreSQL data"):
            await start_embedded(folder)
        assert (folder / "data" / "thesis.tex").read_text() == "dear"

    async def test_a_server_that_does_not_start_shows_the_end_of_its_log(self, ready: Path) -> None:
        with (ready / "data" / "postgresql.conf").open("a") as file:
            file.write("no_such_setting = 1\n")
        with pytest.raises(EmbeddedStartFailed) as caught:
            await start_embedded(ready)
        assert "no_such_setting" in str(caught.value)
        assert str(ready / "postgres.log") in str(caught.value)

    async def test_bad_settings_for_the_first_start_are_shown_and_leave_nothing(self, folder: Path) -> None:
        with pytest.raises(EmbeddedStartFailed, match="initdb"):
            await start_embedded(folder, settings={"shared_buffers": "much"})
        assert list(folder.glob("data*")) == []

    async def test_a_missing_wheel_is_explained(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(embedded_cluster, "find_spec", lambda name: None)
        with pytest.raises(EmbeddedUnavailable, match="DATABASE_URL"):
            await start_embedded(folder)

    async def test_a_socket_folder_of_a_stranger_is_not_used(
        self, server_folder: Path, ready: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = server_folder / "shared"
        shared.mkdir()
        deep = server_folder / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        moved = ready.rename(deep / "postgres")
        monkeypatch.setattr("tempfile.tempdir", str(shared))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        async with await start_embedded(moved):
            (made,) = shared.glob("sorbus-*")
        made.chmod(0o777)
        with pytest.raises(EmbeddedFolderUnusable, match="belongs to somebody else"):
            await start_embedded(moved)


class TestHome:
    def test_the_home_is_in_the_nearest_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SORBUS_HOME", raising=False)
        (tmp_path / "pyproject.toml").write_text("")
        (tmp_path / "a" / "b").mkdir(parents=True)
        assert sorbus_home(tmp_path / "a" / "b") == tmp_path / ".sorbus"
        (tmp_path / "a" / ".sorbus").mkdir()
        assert sorbus_home(tmp_path / "a" / "b") == tmp_path / "a" / ".sorbus"

    def test_the_environment_decides_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SORBUS_HOME", str(tmp_path / "x"))
        assert sorbus_home() == tmp_path / "x"


def test_a_pid_file_is_believed_only_when_the_socket_answers(tmp_path: Path) -> None:
    found = embedded_cluster.Postmaster(os.getpid(), tmp_path, "ready")
    assert not found.answers()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / ".s.PGSQL.5432"))
        server.listen()
        assert found.answers()
