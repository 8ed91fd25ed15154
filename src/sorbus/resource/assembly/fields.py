"""From declared fields and relationships to their specs."""

from __future__ import annotations

from typing import Any

from sorbus.errors.declaration import (
    CircularCalculation,
    MissingPart,
    NotNumeric,
)
from sorbus.expressions.build import Sort
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Aggregated, AggregateKind, Ref
from sorbus.resource.agg import Agg
from sorbus.resource.assembly.catalog import ClassCatalog, namespace, resolved
from sorbus.resource.assembly.infer import aggregate_type, infer
from sorbus.resource.assembly.ways import RelationshipBuilder
from sorbus.resource.fields import Attr, Calc, is_calculation
from sorbus.resource.relationships import Relationship
from sorbus.schema.actions import Missing
from sorbus.schema.fields import (
    AggregateSpec,
    AttributeSpec,
    CalculationSpec,
    DefaultKind,
    RelationshipSpec,
)
from sorbus.types.base import FieldType, field_type


def attribute_spec(name: str, member: Attr[Any], kind: FieldType) -> AttributeSpec:
    """The spec of a stored field."""
    options = member.options
    return AttributeSpec(
        name=name,
        type=kind,
        description=member.description,
        public=member.public,
        writable=options.writable,
        primary_key=options.primary_key,
        sensitive=options.sensitive,
        default_kind=options.default_kind,
        default=_cast_default(name, member, kind, options.default),
        touch=options.touch,
        column=options.column or name,
        generated=options.generated,
        filterable=options.filterable,
        sortable=options.sortable,
        select_by_default=options.select_by_default or options.primary_key,
        share_default=options.share_default,
        update_default_kind=options.update_default_kind,
        update_default=options.update_default,
        index=options.index,
    )


def _cast_default(name: str, member: Attr[Any], kind: FieldType, default: Any) -> Any:
    """A default that is a plain value for a type with a rule, as `"eur"` for a case-insensitive text."""
    if kind.rule is None or member.options.default_kind is not DefaultKind.VALUE or default is None:
        return default
    try:
        return kind.rule.cast(default)
    except ValueError as error:
        label = f"{member.owner.__name__}.{name}"
        raise MissingPart(label, f"the default {default!r} is no {kind.describe()}: {error}.") from None


class FieldBuilder:
    """Builds the specs of one class's relationships, calculations and aggregates."""

    def __init__(
        self,
        cls: type[Any],
        catalog: ClassCatalog,
        keys: dict[type[Any], str],
        *,
        trail: tuple[str, ...] = (),
    ) -> None:
        self.cls = cls
        self.catalog = catalog
        self.keys = keys
        # The calculations whose types are being inferred; one that comes round again needs itself.
        self.trail = trail
        self.lowerer = Lowerer(catalog, (cls,))

    def relationship(self, name: str, member: Relationship[Any]) -> RelationshipSpec:
        """The spec of a relationship, its keys checked on both sides."""
        return RelationshipBuilder(self.cls, self.catalog, self.keys).build(name, member)

    def calculation(self, name: str, member: Calc[Any]) -> CalculationSpec:
        """The spec of a calculation, its type inferred."""
        if member.expression is not None:
            node = member.expression.lower(self.lowerer)
            kind = infer(node, self.type_of_ref, self.type_of_aggregate)
            return CalculationSpec(
                name=name, type=kind, node=node, description=member.description, public=member.public
            )
        function = member.function
        if function is None:
            raise MissingPart(
                f"{self.cls.__name__}.{name}", "the calculation has neither expression nor function."
            )
        label = f"{self.cls.__name__}.{name}"
        annotation = getattr(function, "__annotations__", {}).get("return", Missing.MARK)
        if annotation is Missing.MARK:
            raise MissingPart(label, "the computed method has no return type.", hint="Annotate it: `-> str`.")
        try:
            returns = resolved(annotation, namespace(self.cls, self.catalog.classes))
        except NameError as error:
            raise MissingPart(label, f"the name `{error.name}` in its return type is unknown.") from None
        return CalculationSpec(
            name=name,
            type=field_type(returns),
            function=function,
            loads=tuple(each.name for each in member.loads),
            description=member.description,
            public=member.public,
        )

    def aggregate(self, name: str, member: Agg[Any]) -> AggregateSpec:
        """The spec of an aggregate over a relationship of this class."""
        relation, destination, inner = self.lowerer.into(member.relationship)
        order: tuple[Any, ...] = ()
        if member.order_by is not None:
            term = member.order_by(destination)
            order = ((term if isinstance(term, Sort) else Sort(term)).lower(inner),)
        node = Aggregated(
            member.kind,
            relation,
            member.of(destination).lower(inner) if member.of is not None else None,
            member.where(destination).lower(inner) if member.where is not None else None,
            order,
        )
        kind = self.type_of_aggregate(node)
        return AggregateSpec(
            name=name, type=kind, node=node, description=member.description, public=member.public
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

    def _further(self, cls: type[Any], name: str) -> FieldBuilder:
        step = f"{cls.__name__}.{name}"
        if step in self.trail:
            raise CircularCalculation(cls.__name__, (*self.trail[self.trail.index(step) :], step))
        return FieldBuilder(cls, self.catalog, self.keys, trail=(*self.trail, step))

    def type_of_aggregate(self, node: Aggregated) -> FieldType:
        """The type of an aggregate over a relationship of this class."""
        destination = self.catalog.reached(self.cls, node.relationship)
        inner = FieldBuilder(destination, self.catalog, self.keys, trail=self.trail)
        of = infer(node.of, inner.type_of_ref, inner.type_of_aggregate) if node.of is not None else None
        numeric = of is None or of.sql in {"bigint", "double precision", "numeric", "interval"}
        if node.kind in {AggregateKind.SUM, AggregateKind.AVG} and not numeric:
            label = f"{self.cls.__name__}.{node.relationship}"
            shown = of.describe() if of is not None else "nothing"
            raise NotNumeric(label, kind=node.kind.value, found=shown)
        return aggregate_type(node.kind, of)
