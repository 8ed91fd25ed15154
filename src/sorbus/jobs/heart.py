"""The heart of a node: it beats, and takes back the jobs of nodes that do not beat any more."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sorbus.errors.base import SorbusError
from sorbus.errors.jobs import BadJobOption, NoAttemptsLeft, NodeDied
from sorbus.jobs.line import WATCHED
from sorbus.jobs.processes import ProcessId, is_gone, this_process
from sorbus.jobs.sql import sql

if TYPE_CHECKING:
    import psycopg

logger = logging.getLogger(__name__)

_HOUSEKEEPING = 60.0
_PATIENCE = 5.0


class Heart:
    """Beats from a thread with a connection of its own: a blocked event loop is not taken for a dead node.

    Every beat also looks for nodes that stopped: those without a beat for their `dead_after`, and those of
    this machine whose process has provably ended. Their jobs are put back (discarded without attempts left,
    cancelled when somebody asked for that). Any number of nodes may do so side by side; there is no leader.

    Args:
        url: the database.
        node: the name of the node, unique to this start of the process.
        queues: the queues that it runs, for people to see.
        beat_every: seconds between two beats.
        dead_after: seconds without a beat after which the others take this node's jobs; at least three beats.
        living: asked before each beat; when it answers False the heart stops for good.
        rescued: called from the thread with the queues that got jobs back.
        watch_processes: look at the processes of this machine too, instead of only waiting for beats.

    Raises:
        BadJobOption: `dead_after` is shorter than three beats.
    """

    def __init__(
        self,
        url: str,
        *,
        node: str,
        queues: Sequence[str],
        beat_every: float,
        dead_after: float,
        living: Callable[[], bool],
        rescued: Callable[[frozenset[str]], None],
        watch_processes: bool = True,
    ) -> None:
        if beat_every <= 0 or dead_after < 3 * beat_every:
            raise BadJobOption("dead_after", dead_after, allowed=f"at least three beats of {beat_every:g} s")
        self._url = url
        self._node = node
        self._beat_every = beat_every
        self._living = living
        self._rescued = rescued
        self._watch = watch_processes
        self._process = this_process()
        self._beat_args = (
            node,
            self._process.host,
            self._process.pid,
            self._process.start,
            list(queues),
            dead_after,
            beat_every,
        )
        self._conn: psycopg.Connection[Any] | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._housekeeping_due = 0.0
        self._began: float | None = None

    def start(self) -> None:
        """Beat once, so that the node is known before it claims anything, and go on in the thread.

        Raises:
            psycopg.Error: the database cannot be reached or the table is missing.
        """
        self._fetch("beat", *self._beat_args)
        self._thread = threading.Thread(target=self._run, name="sorbus-heart", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop beating and wait for the thread; the node is forgotten when it holds no job any more.

        A database that does not answer is not waited for longer than some seconds.
        """
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is None:
            self._disconnect()
            return
        thread.join(timeout=_PATIENCE)
        if thread.is_alive():
            # Whoever waits for a link that hangs gets an error when its socket is shut.
            _shut(self._conn)
            thread.join(timeout=_PATIENCE)

    def look(self) -> None:
        """Break the link of a beat that takes long, so that the next one has another; called from any thread."""
        began = self._began
        if began is not None and time.monotonic() - began > max(self._beat_every, _PATIENCE):
            _shut(self._conn)

    def _run(self) -> None:
        self._beat_on()
        if self._stopping.is_set():
            self._sign_off()

    def _sign_off(self) -> None:
        """Say in the thread that the node is gone: only this one may wait for a link that hangs."""
        import psycopg

        try:
            self._fetch("forget_nodes", [self._node])
        except psycopg.Error as error:
            logger.warning("node %s could not sign off: %s", self._node, error)
        self._disconnect()

    def _beat_on(self) -> None:
        import psycopg

        due = time.monotonic() + self._beat_every
        while not self._stopping.wait(max(due - time.monotonic(), 0.0)) and self._living():
            # a beat that took long does not put off the next one
            due = max(due, time.monotonic() - self._beat_every / 2) + self._beat_every
            self._began = time.monotonic()
            try:
                self._beat()
            except psycopg.Error as error:
                logger.warning("node %s could not beat: %s", self._node, error)
                self._disconnect()
                due = time.monotonic() + self._beat_every / 5
            except Exception:
                logger.exception("node %s could not beat", self._node)
                self._disconnect()
            finally:
                self._began = None

    def _beat(self) -> None:
        late = self._fetch("beat", *self._beat_args)
        gone = [
            row.node
            for row in late
            if self._watch and is_gone(ProcessId(row.host, row.pid, row.process_start))
        ]
        dead = [row.node for row in late if row.dead]
        if gone or dead:
            self._rescue(dead, gone)
        if time.monotonic() >= self._housekeeping_due:
            self._housekeeping_due = time.monotonic() + _HOUSEKEEPING
            self._fetch("forget_nodes", [])
            self._fetch("discard_spent", _as_json(NoAttemptsLeft()))

    def _rescue(self, dead: Sequence[str], gone: Sequence[str]) -> None:
        rows = self._fetch("rescue", dead, gone, _as_json(NodeDied()))
        if rows:
            logger.warning("took %d jobs back from dead nodes (%s)", len(rows), ", ".join({*dead, *gone}))
            self._rescued(frozenset(row.queue for row in rows if row.state == "available"))
        if gone:
            self._fetch("forget_nodes", gone)

    def _fetch(self, name: str, *args: object) -> list[Any]:
        import psycopg
        from psycopg.rows import namedtuple_row

        if self._conn is None:
            self._conn = psycopg.connect(
                self._url,
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
                row_factory=namedtuple_row,
                application_name="sorbus-heart",
                **WATCHED,
            )
            # A beat or a rescue that is lost in a crash of the server is made again, so neither waits for the
            # disk; plans are cached while the table is small.
            self._conn.execute(
                "SET statement_timeout = '30s'; SET synchronous_commit TO off; SET enable_seqscan TO off"
            )
        cursor = self._conn.execute(sql(name).encode(), args)
        return cursor.fetchall() if cursor.description else []

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()


def _shut(conn: psycopg.Connection[Any] | None) -> None:
    import psycopg

    if conn is not None:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as doubled:
            doubled.shutdown(socket.SHUT_RDWR)


def _as_json(error: SorbusError) -> str:
    return json.dumps({"error": str(error), **error.to_dict()})
