"""Migrations: from declared tables to SQL files, from files to a database, and the check that all agree."""

from sorbus.data_layers.postgres.migrations.adopt import live_differences
from sorbus.data_layers.postgres.migrations.catalog import Connection, in_catalog_words, read_catalog
from sorbus.data_layers.postgres.migrations.diff import AS_THEY_ARE, diff
from sorbus.data_layers.postgres.migrations.drift import Drift, check
from sorbus.data_layers.postgres.migrations.files import Migration, load, write
from sorbus.data_layers.postgres.migrations.merge import merge, merge_folder
from sorbus.data_layers.postgres.migrations.operations import Operation
from sorbus.data_layers.postgres.migrations.planner import Plan, empty_migration, plan
from sorbus.data_layers.postgres.migrations.push import push
from sorbus.data_layers.postgres.migrations.renames import Answers, Rename, RenameQuestion, rename_questions
from sorbus.data_layers.postgres.migrations.runner import Report, Runner, Standing, State, SystemScript
from sorbus.data_layers.postgres.migrations.tenants import (
    REGISTRY,
    check_tenants,
    migrate_tenants,
    push_tenants,
    revert_tenants,
    tenant_standings,
)
from sorbus.data_layers.postgres.migrations.validate import validate

__all__ = [
    "diff",
    "Operation",
    "Answers",
    "AS_THEY_ARE",
    "Rename",
    "RenameQuestion",
    "rename_questions",
    "plan",
    "Plan",
    "empty_migration",
    "Migration",
    "load",
    "write",
    "merge",
    "merge_folder",
    "Runner",
    "Report",
    "Standing",
    "State",
    "SystemScript",
    "check",
    "Drift",
    "live_differences",
    "push",
    "REGISTRY",
    "push_tenants",
    "migrate_tenants",
    "revert_tenants",
    "tenant_standings",
    "check_tenants",
    "read_catalog",
    "in_catalog_words",
    "Connection",
    "validate",
]
