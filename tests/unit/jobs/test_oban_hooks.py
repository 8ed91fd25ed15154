"""What Sorbus uses of Oban is still as it was. When one of these fails, read `oban_hooks.py` first."""

from __future__ import annotations

import inspect
import re
from importlib.resources import files

import oban
from oban import Oban, telemetry
from oban._lifeline import Lifeline
from oban._notifier import PostgresNotifier, decode_payload
from oban._producer import LocalDispatcher, Producer
from oban._pruner import Pruner
from oban._scheduler import Expression
from oban._stager import Stager
from oban.job import Job, JobState
from oban.schema import install_sql

from sorbus.jobs import JobState as OurJobState
from sorbus.jobs.dispatch import Dispatcher
from sorbus.jobs.oban_hooks import SIGNAL_CHANNEL
from sorbus.jobs.sql import sql
from sorbus.jobs.waker import INSERT_CHANNEL


def parameters(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


def test_oban_takes_our_options() -> None:
    wanted = {
        "pool",
        "dispatcher",
        "name",
        "node",
        "queues",
        "lifeline",
        "pruner",
        "stager",
        "shutdown_grace_period",
    }
    assert set(wanted) <= set(parameters(Oban.__init__))
    assert {"interval", "rescue_after"} <= set(parameters(Lifeline.__init__))
    assert "max_age" in parameters(Pruner.__init__)
    assert "interval" in parameters(Stager.__init__)


def test_our_dispatcher_has_the_shape_of_obans() -> None:
    for name in ("dispatch", "cancel"):
        assert len(parameters(getattr(Dispatcher, name))) == len(parameters(getattr(LocalDispatcher, name)))
    source = inspect.getsource(Oban)
    assert "await self._dispatcher.start()" in source
    assert "await self._dispatcher.stop()" in source
    # the task that `dispatch` returns is all that Oban waits for; outcomes of ours never reach its own ack
    assert "task = self._dispatcher.dispatch(self, job)" in inspect.getsource(Producer._produce)
    assert "_pending_acks.append" not in inspect.getsource(Producer).replace(
        inspect.getsource(Producer._execute), ""
    )


def test_producers_are_found_and_woken_as_before() -> None:
    assert "self._producers = {" in inspect.getsource(Oban.__init__)
    assert parameters(Producer.notify) == ["self"]
    assert parameters(Producer.pause) == ["self"]


def test_a_claimed_job_has_the_fields_that_we_read() -> None:
    wanted = {
        "id",
        "attempt",
        "max_attempts",
        "args",
        "meta",
        "queue",
        "worker",
        "tags",
        "attempted_by",
        "attempted_at",
    }
    assert wanted <= set(Job.__slots__)


def test_a_claim_sets_what_the_fence_compares() -> None:
    claim = files("oban.queries").joinpath("fetch_jobs.sql").read_text()
    for part in ("attempt = oj.attempt + 1", "attempted_at = timezone('UTC', now())", "state = 'executing'"):
        assert part in claim
    assert '"attempted_by": [node, uuid]' in inspect.getsource(oban._query.Query.fetch_jobs)


def test_queues_claim_through_the_extension_that_we_take_the_place_of() -> None:
    assert 'use_ext("producer.get_jobs", _get_jobs, self)' in inspect.getsource(Producer._get_jobs)
    kept = inspect.getsource(Producer.__init__)
    for name in ("_limit", "_node", "_queue", "_running_jobs", "_uuid"):
        assert f"self.{name} = " in kept
    assert "self._running_jobs[job.id] = (job, task)" in inspect.getsource(Producer._produce)
    ours = sql("claim")
    theirs = files("oban.queries").joinpath("fetch_jobs.sql").read_text()
    fields = re.findall(r"oj\.(\w+)", theirs.partition("RETURNING")[2])
    assert re.findall(r"j\.(\w+)", ours.partition("RETURNING")[2]) == fields
    for part in ("attempted_at = timezone('UTC', now())", "state = 'executing'", "attempt < "):
        assert part in ours
        assert part in theirs


def test_channels_and_payloads_are_the_same() -> None:
    notifier = PostgresNotifier(query=None)  # type: ignore[arg-type]
    assert notifier._to_full_channel("insert") == INSERT_CHANNEL
    assert notifier._to_full_channel("signal") == SIGNAL_CHANNEL
    assert decode_payload('{"queue": "a"}') == {"queue": "a"}
    signals = inspect.getsource(Producer._on_signal)
    assert 'case "pkill":' in signals
    assert "self._dispatcher.cancel(self, job)" in signals


def test_states_schema_cron_and_telemetry_are_there() -> None:
    assert {state.value for state in JobState} == {state.value for state in OurJobState}
    assert "CREATE TABLE IF NOT EXISTS public.oban_jobs" in install_sql()
    assert parameters(Expression.is_now) == ["self", "time"]
    assert parameters(telemetry.execute) == ["name", "metadata"]
