"""The expression language: nodes, operators, evaluation in memory, descriptions."""

from sorbus.expressions.build import Built, Expr, Lowering, Sort, coalesce, concat, if_, now, tenant
from sorbus.expressions.describe import describe
from sorbus.expressions.evaluate import Environment, Unevaluable, actor_value, evaluate
from sorbus.expressions.nodes import (
    FALSE,
    NULL,
    TRUE,
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    InputRef,
    Node,
    Ordering,
    Param,
    Ref,
    TenantRef,
    children,
    conjunction,
    walk,
)

__all__ = [
    "Built", "Expr", "Lowering", "Sort", "coalesce", "concat", "if_", "now", "tenant",
    "FALSE", "NULL", "TRUE", "ActorRef", "AggregateKind", "Aggregated", "Call", "Const", "Environment", "Exists",
    "InputRef", "Node", "Ordering", "Param", "Ref", "TenantRef", "Unevaluable", "actor_value", "children",
    "conjunction", "describe", "evaluate", "walk",
]
