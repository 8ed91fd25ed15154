"""The types of values over many rows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sorbus.engine.shapes import SummaryShape
from sorbus.errors.declaration import NotNumeric
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.describe import describe
from sorbus.expressions.nodes import Node, Ref
from sorbus.query.statements import Summary, SummaryKind
from sorbus.schema.kinds import kind_of
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import FieldType, field_type

_NUMBERS = frozenset({"bigint", "double precision", "numeric", "interval"})


def value_type(application: ApplicationSpec, node: Node, spec: ResourceSpec) -> FieldType:
    """The type of an expression's values.

    Raises:
        NotCompilable: it cannot be told.
    """
    if isinstance(node, Ref) and node.outer == 0:
        for step in node.path:
            spec = application.destination(spec.relationships[step])
        return spec.field(node.name).type
    kind = kind_of(application, node, (spec,))
    if kind is None:
        raise NotCompilable(describe(node))
    return FieldType(annotation=kind, nullable=True)


def summary_of(application: ApplicationSpec, shape: SummaryShape, spec: ResourceSpec) -> Summary:
    """The summary of a statement.

    Raises:
        NotNumeric: a sum or mean of what cannot be added.
        NotCompilable: a list of lists.
    """
    kind = field_type(int if shape.kind is SummaryKind.COUNT else bool)
    if shape.of is not None and shape.kind is not SummaryKind.COUNT:
        kind = _type(application, shape, shape.of, spec)
    return Summary(
        kind=shape.kind, type=kind, of=shape.of, where=shape.where, order=shape.order, unique=shape.unique
    )


def _type(application: ApplicationSpec, shape: SummaryShape, of: Node, spec: ResourceSpec) -> FieldType:
    found = value_type(application, of, spec)
    if shape.kind in {SummaryKind.SUM, SummaryKind.AVG}:
        if found.sql not in _NUMBERS:
            label = f"{spec.name}.{describe(of)}"
            raise NotNumeric(label, kind=shape.kind.value, found=found.describe())
        if shape.kind is SummaryKind.AVG and found.annotation not in {float, timedelta}:
            return field_type(Decimal)
    elif found.sql.endswith("[]"):
        raise NotCompilable(f"{shape.kind.value} of {describe(of)}")
    return found
