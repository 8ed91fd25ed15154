"""The typed steps of a migration: each knows its SQL forward and backward."""

from sorbus.data_layers.postgres.migrations.operations.base import (
    Need,
    Operation,
    Sql,
)
from sorbus.data_layers.postgres.migrations.operations.columns import (
    AddColumn,
    AlterType,
    DropColumn,
    DropExpression,
    DropNotNull,
    RenameColumn,
    SetComment,
    SetDefault,
    SetIdentity,
    SetNotNull,
)
from sorbus.data_layers.postgres.migrations.operations.constraints import (
    AddConstraint,
    AddPrimaryKey,
    CreateIndex,
    DropConstraint,
    DropIndex,
    DropPrimaryKey,
    RenameConstraint,
    RenameIndex,
)
from sorbus.data_layers.postgres.migrations.operations.policies import EnforcePolicies, ReleasePolicies
from sorbus.data_layers.postgres.migrations.operations.tables import (
    CreateExtension,
    CreateTable,
    DropTable,
    ReleaseExtension,
    RenameTable,
)

__all__ = [
    "Need",
    "Operation",
    "Sql",
    "CreateExtension",
    "ReleaseExtension",
    "CreateTable",
    "DropTable",
    "RenameTable",
    "RenameColumn",
    "AddColumn",
    "DropColumn",
    "DropExpression",
    "AlterType",
    "SetNotNull",
    "DropNotNull",
    "SetDefault",
    "SetIdentity",
    "SetComment",
    "EnforcePolicies",
    "ReleasePolicies",
    "AddPrimaryKey",
    "DropPrimaryKey",
    "CreateIndex",
    "DropIndex",
    "RenameIndex",
    "RenameConstraint",
    "AddConstraint",
    "DropConstraint",
]
