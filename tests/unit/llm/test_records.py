from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

from sorbus.llm.messages import CallKind
from sorbus.llm.records import CallRecord, CallStatus, MemorySink

RUN = uuid4()
RECORD = CallRecord(
    kind=CallKind.TEXT,
    provider="local",
    model="m",
    request_hash="h",
    status=CallStatus.OK,
    stage="extract",
    run_id=RUN,
    response="yes",
    cost_usd=Decimal("0.5"),
)


async def test_the_newest_answer_of_the_same_stage_is_found() -> None:
    sink = MemorySink()
    await sink.record(RECORD)
    newer = replace(RECORD, response="newer")
    await sink.record(newer)
    assert await sink.lookup("h", RUN, "extract") is newer
    assert sink.cost_usd == 1


async def test_other_runs_stages_and_requests_are_not_answered() -> None:
    sink = MemorySink()
    await sink.record(RECORD)
    assert await sink.lookup("h", uuid4(), "extract") is None
    assert await sink.lookup("h", RUN, "classify") is None
    assert await sink.lookup("other", RUN, "extract") is None


async def test_what_failed_is_never_replayed() -> None:
    sink = MemorySink()
    for status in (CallStatus.FAILED, CallStatus.STOPPED, CallStatus.CANCELLED):
        await sink.record(replace(RECORD, status=status))
    assert await sink.lookup("h", RUN, "extract") is None


def test_each_record_has_an_id_of_its_own() -> None:
    first = CallRecord(kind=CallKind.TEXT, provider="p", model="m", request_hash="h", status=CallStatus.OK)
    second = CallRecord(kind=CallKind.TEXT, provider="p", model="m", request_hash="h", status=CallStatus.OK)
    assert first.id != second.id
    assert first.id.version == 7
