"""Bulk runs: one action over many rows."""

from sorbus.engine.bulk.choosing import plan_for_rows
from sorbus.engine.bulk.creates import bulk_create
from sorbus.engine.bulk.result import (
    BulkFailure,
    BulkOptions,
    BulkPlan,
    BulkResult,
    BulkStatus,
    Strategy,
)
from sorbus.engine.bulk.updates import bulk_change, bulk_change_rows, plan_bulk

__all__ = [
    "BulkFailure",
    "BulkOptions",
    "BulkPlan",
    "BulkResult",
    "BulkStatus",
    "Strategy",
    "bulk_change",
    "bulk_change_rows",
    "bulk_create",
    "plan_bulk",
    "plan_for_rows",
]
