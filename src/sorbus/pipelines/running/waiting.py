"""What a run waits for under the limits of its application, as people are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from sorbus.pipelines.definition.limits import Gate, Limit
from sorbus.pipelines.resources.waiting import LimitWait
from sorbus.pipelines.running.permits import name_of
from sorbus.pipelines.running.sql import sql

COUNTED = 1000
"""The most that wait for a limit which are counted."""


async def waits_of(connection: Any, run_id: UUID, limits: Mapping[str, Limit]) -> list[LimitWait]:
    """The limits that stages of a run stand before, who has waited longest first.

    Args:
        limits: those of the application by name; what waits for another one is about to be let in.
    """
    rows = await connection.fetch(sql("waits_of_run"), run_id, COUNTED)
    return [_told(row, limits[name]) for row in rows if (name := name_of(row["key"])) in limits]


def _told(row: Any, limit: Limit) -> LimitWait:
    gate = Gate(limit, {"": row["held"]}, row["full_at"], row["now"])
    parts = (each.partition("=") for each in row["key"].split(";")[1:])
    return LimitWait(
        stage=row["stage"],
        limit=limit.name,
        apart={unquote(name): unquote(value) for name, _, value in parts},
        places=row["places"],
        since=row["since"],
        held=row["held"],
        waiting=row["waiting"],
        at_once=limit.at_once,
        rate=None if limit.rate is None else limit.rate.count,
        seconds=None if limit.rate is None else limit.rate.seconds,
        opens_at=gate.opens_at,
    )
