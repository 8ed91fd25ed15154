"""The two questions of whoever runs the server: does it live, and can it work?"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sorbus.errors.base import SorbusError
from sorbus.errors.framework import ApplicationClosed
from sorbus.http.faults import log
from sorbus.http.sql import sql
from sorbus.resource.application import Sorbus

PATIENCE = 3.0
"""Seconds that the database may take to answer a readiness question."""


class Probes:
    """The answers of one application."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        stored = {each.table for each in app.spec.resources.values() if each.layer == "postgres"}
        columns = [
            (table.name, column.name)
            for table in app.schema().tables
            if table.name in stored
            for column in table.columns
        ]
        self.tables = [table for table, _ in columns]
        self.columns = [column for _, column in columns]

    async def health(self, request: Request) -> Response:
        """200 as long as the process answers at all."""
        del request
        return _answer(200, {"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """200 when the database answers and has every declared column, else 503 with what is not so.

        A server that is about to stop says so, too.
        """
        checks = {"application": "ok", "database": "ok", "migrations": "ok"}
        if getattr(request.app.state, "stopping", False):
            checks["application"] = "stopping"
        try:
            pool = self.app.database.pool if self.columns and self._uses_database() else None
            if pool is not None:
                async with asyncio.timeout(PATIENCE), pool.connection() as connection:
                    missing = await connection.fetchval(sql("missing_columns"), self.tables, self.columns)
                if missing:
                    checks["migrations"] = "pending: run `sorbus migrate`"
        except ApplicationClosed:
            checks["application"] = "not open"
        except (SorbusError, TimeoutError, OSError) as error:
            log.warning("not ready", error=str(error))
            checks["database"] = "unreachable"
        good = all(each == "ok" for each in checks.values())
        return _answer(200 if good else 503, {"status": "ok" if good else "unavailable", "checks": checks})

    def _uses_database(self) -> bool:
        """Whether rows are really in a database. Asks the engine, so that a closed application is noticed."""
        return self.app.engine.layers["postgres"].name == "postgres" if self.columns else False


def _answer(status: int, content: dict[str, object]) -> Response:
    return Response(
        msgspec.json.encode(content),
        status,
        headers={"cache-control": "no-store"},
        media_type="application/json",
    )
