"""Creating the tables of the jobs."""

from __future__ import annotations

from sorbus.jobs.connection import SqlConnection
from sorbus.jobs.sql import sql


async def install(conn: SqlConnection) -> None:
    """Create or complete the tables of the jobs: Oban's own, then what Sorbus adds. Idempotent.

    Runs in one transaction (the caller's if one is open) under an advisory lock, so that processes which
    start at the same time do not disturb each other. The tables lie in the schema `public`.

    Args:
        conn: an asyncpg connection that may create tables.
    """
    from oban.schema import install_sql

    # several statements in one message are one transaction
    await conn.execute(";\n".join((sql("install_begin"), install_sql(), sql("install"), sql("install_end"))))
