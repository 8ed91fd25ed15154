"""From declared calculations and aggregates to their specs, with their types."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from sorbus.errors.declaration import (
    BrokenExpression,
    CircularCalculation,
    ForeignField,
    MissingPart,
    NotNumeric,
    WrongCalculation,
)
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Aggregated, AggregateKind, Node, Ref
from sorbus.resource.agg import Agg
from sorbus.resource.assembly.arguments import Signature, samples
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.infer import aggregate_type, can_be_added, infer
from sorbus.resource.calculations import Calc, Calculation, Called, is_calculation, is_called, is_nested
from sorbus.resource.fields import Attr
from sorbus.schema.actions import InputSpec
from sorbus.schema.fields import AggregateSpec, CalculationSpec
from sorbus.types.base import FieldType


class DerivedBuilder:
    """Builds the specs of one class's calculations and aggregates."""

    def __init__(self, cls: type[Any], catalog: ClassCatalog, *, trail: tuple[str, ...] = ()) -> None:
        self.cls = cls
        self.catalog = catalog
        # The calculations whose types are being inferred; one that comes round again needs itself.
        self.trail = trail
        self.lowerer = Lowerer(catalog, (cls,))

    def calculation(self, name: str, member: Calc[Any]) -> CalculationSpec:
        """The spec of a calculation, its type inferred or as its function says."""
        if isinstance(member, Calculation):
            return self._function(name, member)
        if member.expression is None:
            raise MissingPart(
                f"{self.cls.__name__}.{name}", "the calculation has neither expression nor function."
            )
        node = member.expression.lower(self.lowerer)
        return CalculationSpec(
            name=name,
            resource=self.cls.__name__,
            type=self._infer(node),
            node=node,
            description=member.description,
            public=member.public,
        )

    def _infer(self, node: Node) -> FieldType:
        return infer(node, self.type_of_ref, self.type_of_aggregate)

    def _function(self, name: str, member: Calculation[Any, Any]) -> CalculationSpec:
        signature = Signature(self.cls, name, member, self.catalog)
        if inspect.iscoroutinefunction(member.function) and not member.batch:
            raise WrongCalculation(
                signature.label, "only a function for all records may be `async`", hint="Write `batch=True`."
            )
        arguments, kind = signature.arguments(), signature.returns()
        node = self._node(signature, member, arguments, kind)
        loads = tuple(_load_name(each) for each in member.loads)
        self._check_loads(signature.label, member.loads, self.cls)
        if member.function is None and node is not None:
            inferred = self._infer(node)
            kind = FieldType(annotation=kind.annotation, nullable=kind.nullable or inferred.nullable)
        return CalculationSpec(
            name=name,
            resource=self.cls.__name__,
            type=kind,
            # Without arguments it can be used by its name alone.
            node=node if all(not each.required for each in arguments) else None,
            function=member.function,
            maker=member.maker,
            arguments=arguments,
            batch=member.batch,
            is_async=inspect.iscoroutinefunction(member.function),
            loads=loads,
            needs=member.loads,
            description=member.description,
            public=member.public,
        )

    def _node(
        self,
        signature: Signature,
        member: Calculation[Any, Any],
        arguments: tuple[InputSpec, ...],
        declared: FieldType,
    ) -> Node | None:
        """The expression with defaults, or sample values where an argument has none: what is surely wrong shows."""
        tried = samples(arguments)
        if member.maker is None or tried is None:
            return None
        try:
            expression = member.maker(self.cls, **tried)
        except (AttributeError, TypeError):
            raise
        except Exception:
            # What it does with values that nobody chose is its own affair.
            if any(each.required for each in arguments):
                return None
            raise
        if not hasattr(expression, "lower"):
            raise BrokenExpression(signature.label, f"it answers with {expression!r}, which is no expression")
        label = f"{self.cls.__name__}.{signature.name}"
        if label in self.trail:
            raise CircularCalculation(self.cls.__name__, (*self.trail, label))
        node = Called(member, (), tried).lower(self.lowerer)
        inferred = DerivedBuilder(self.cls, self.catalog, trail=(*self.trail, label))._infer(node)
        if Any not in {inferred.annotation, declared.annotation} and inferred.sql != declared.sql:
            raise WrongCalculation(
                signature.label,
                f"its expression is {inferred.describe()}, its annotation says {declared.describe()}",
            )
        return node

    def _check_loads(self, label: str, loads: Iterable[Any], cls: type[Any]) -> None:
        for each in loads:
            target: Any = each.relationship if is_nested(each) else each
            owner: type[Any] | None = getattr(target, "owner", None)
            if owner is None:
                raise WrongCalculation(label, f"it loads {target!r}, which is no field and no relationship")
            if not issubclass(cls, owner):
                raise ForeignField(target.name, of=owner.__name__, seen_from=cls.__name__)
            if is_called(each) and each.calculation.maker is not None:
                each.lower(Lowerer(self.catalog, (cls,)))
            if is_nested(each):
                destination = self.catalog.destination(each.relationship)
                self._check_loads(label, each.targets(destination), destination)

    def aggregate(self, name: str, member: Agg[Any]) -> AggregateSpec:
        """The spec of an aggregate over a relationship of this class."""
        node = member.over(self.lowerer)
        return AggregateSpec(
            name=name,
            type=self.type_of_aggregate(node),
            node=node,
            description=member.description,
            public=member.public,
        )

    def type_of_ref(self, ref: Ref) -> FieldType:
        """The type of a field reached from this class."""
        cls = self.cls
        optional = False
        for step in ref.path:
            cls = self.catalog.reached(cls, step)
            optional = True
        member: Any = cls.__declared__[ref.name]
        if isinstance(member, Attr):
            known = self.catalog.type_of(cls, ref.name)
            kind = known or FieldType(annotation=object)
        else:
            inner = self._further(cls, ref.name)
            if is_calculation(member):
                kind = inner.calculation(ref.name, member).type
            else:
                kind = inner.aggregate(ref.name, member).type
        return FieldType(annotation=kind.annotation, nullable=kind.nullable or optional)

    def _further(self, cls: type[Any], name: str) -> DerivedBuilder:
        step = f"{cls.__name__}.{name}"
        if step in self.trail:
            raise CircularCalculation(cls.__name__, (*self.trail[self.trail.index(step) :], step))
        return DerivedBuilder(cls, self.catalog, trail=(*self.trail, step))

    def type_of_aggregate(self, node: Aggregated) -> FieldType:
        """The type of an aggregate over a relationship of this class."""
        destination = self.catalog.reached(self.cls, node.relationship)
        inner = DerivedBuilder(destination, self.catalog, trail=self.trail)
        of = infer(node.of, inner.type_of_ref, inner.type_of_aggregate) if node.of is not None else None
        if node.kind in {AggregateKind.SUM, AggregateKind.AVG} and not can_be_added(of):
            label = f"{self.cls.__name__}.{node.relationship}"
            shown = of.describe() if of is not None else "nothing"
            raise NotNumeric(label, kind=node.kind.value, found=shown)
        return aggregate_type(node, of)


def _load_name(target: Any) -> str:
    """The name under which what is loaded stands on the record."""
    if is_nested(target):
        return target.relationship.name
    return str((target.alias if is_called(target) else "") or getattr(target, "name", "?"))
