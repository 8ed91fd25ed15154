"""Frozen specs: what the declarations say, as data."""

from sorbus.schema.actions import (
    ActionKind,
    ActionSpec,
    HookPoint,
    InputSpec,
    Missing,
    OnSkip,
    TransitionSpec,
    UpsertSpec,
)
from sorbus.schema.fields import (
    AggregateSpec,
    AttributeSpec,
    CalculationSpec,
    Cardinality,
    DefaultKind,
    IdentitySpec,
    JoinSpec,
    OnDelete,
    OnUpdate,
    ReferenceSpec,
    RelationshipSpec,
)
from sorbus.schema.policies import Access, CheckSpec, Effect, FieldPolicySpec, PolicySpec
from sorbus.schema.resource import PRIMARY_READ, AdditionSpec, ApplicationSpec, FieldSpec, ResourceSpec
from sorbus.schema.tenancy import SchemaTenancySpec, TenancyMode, TenancySpec

__all__ = [
    "PRIMARY_READ",
    "Access",
    "ActionKind",
    "ActionSpec",
    "AdditionSpec",
    "AggregateSpec",
    "ApplicationSpec",
    "AttributeSpec",
    "CalculationSpec",
    "Cardinality",
    "CheckSpec",
    "DefaultKind",
    "Effect",
    "FieldPolicySpec",
    "FieldSpec",
    "HookPoint",
    "IdentitySpec",
    "InputSpec",
    "JoinSpec",
    "Missing",
    "OnDelete",
    "OnUpdate",
    "OnSkip",
    "PolicySpec",
    "ReferenceSpec",
    "RelationshipSpec",
    "ResourceSpec",
    "SchemaTenancySpec",
    "TenancyMode",
    "TenancySpec",
    "TransitionSpec",
    "UpsertSpec",
]
