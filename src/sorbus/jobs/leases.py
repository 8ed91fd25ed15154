"""The lease: what an attempt must still hold to write a job's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sorbus.errors.jobs import LeaseLost
from sorbus.jobs.connection import SqlConnection
from sorbus.jobs.sql import sql


@dataclass(frozen=True, slots=True)
class Lease:
    """One attempt's hold on a job. It is lost when the job is rescued, cancelled or completed by anyone.

    Attributes:
        id: the job.
        attempt: the number of the attempt, from 1.
        attempted_at: when it was claimed, by the clock of the database.
        node: the process that claimed it.
    """

    id: int
    attempt: int
    attempted_at: datetime
    node: str


def lease_columns(leases: Sequence[Lease]) -> tuple[list[int], list[int], list[datetime], list[str]]:
    """The four array parameters of every statement over leases: ids, attempts, times of claim, nodes.

    They are given in the order of the ids, so that concurrent statements lock rows in one order.
    """
    ordered = sorted(leases, key=lambda each: each.id)
    return (
        [each.id for each in ordered],
        [each.attempt for each in ordered],
        [each.attempted_at for each in ordered],
        [each.node for each in ordered],
    )


async def ack_many(conn: SqlConnection, leases: Sequence[Lease]) -> frozenset[int]:
    """Complete many jobs in the caller's transaction, each only if its lease still holds: one statement.

    Returns:
        The ids that were completed. The caller must undo or leave out the work of the others.
    """
    rows = await conn.fetch(sql("ack_leases"), *lease_columns(leases))
    return frozenset(row["id"] for row in rows)


async def held(conn: SqlConnection, leases: Sequence[Lease]) -> frozenset[int]:
    """The ids of the leases that still hold, locked against a rescue until the caller's transaction ends."""
    rows = await conn.fetch(sql("hold_leases"), *lease_columns(leases))
    return frozenset(row["id"] for row in rows)


async def ack(conn: SqlConnection, lease: Lease) -> None:
    """Complete one job in the caller's transaction.

    Raises:
        LeaseLost: the lease no longer holds; let it leave the transaction, so that all is rolled back.
    """
    row = await conn.fetchval(sql("ack_lease"), lease.id, lease.attempt, lease.attempted_at, lease.node)
    if row is None:
        raise LeaseLost(lease.id, lease.attempt)


async def hold(conn: SqlConnection, lease: Lease) -> None:
    """Check one lease and lock its job against a rescue until the caller's transaction ends.

    Raises:
        LeaseLost: the lease no longer holds; let it leave the transaction, so that all is rolled back.
    """
    row = await conn.fetchval(sql("hold_lease"), lease.id, lease.attempt, lease.attempted_at, lease.node)
    if row is None:
        raise LeaseLost(lease.id, lease.attempt)
