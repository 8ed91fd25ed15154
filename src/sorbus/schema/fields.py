"""Specs of what a resource has: attributes, relationships, calculations, aggregates, identities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sorbus.expressions.nodes import Aggregated, Node, Ordering, Ref, walk
from sorbus.schema.actions import InputSpec
from sorbus.schema.defaults import fresh
from sorbus.types.base import FieldType
from sorbus.types.vector import Hnsw


class DefaultKind(StrEnum):
    """Where a missing value comes from."""

    NONE = "none"
    VALUE = "value"
    FACTORY = "factory"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSpec:
    """A stored field.

    Attributes:
        public: whether interfaces may show, filter and sort by it.
        writable: whether an action may take it as an input.
        sensitive: whether its value is hidden in representations, logs and errors.
        default: the value or the function that makes it, as `default_kind` says.
        touch: whether every update sets it anew (an `updated_at`).
        filterable, sortable: whether somebody outside may filter and sort by it, when it is public.
        column: its name in the table.
        generated: whether the database fills it when no action does.
        filterable, sortable: whether interfaces may filter and sort by it, where its type can be.
        select_by_default: whether a query reads it without being asked to.
        share_default: whether attributes of one record with the same function for a default get one value of it.
        update_default: what an update that changes something sets, as `update_default_kind` says.
        index: whether there is an index on it, or the one for a vector.
    """

    name: str
    type: FieldType
    description: str = ""
    public: bool = False
    writable: bool = True
    primary_key: bool = False
    sensitive: bool = False
    default_kind: DefaultKind = DefaultKind.NONE
    default: Any = None
    touch: bool = False
    column: str = ""
    generated: bool = False
    filterable: bool = True
    sortable: bool = True
    select_by_default: bool = True
    share_default: bool = False
    update_default_kind: DefaultKind = DefaultKind.NONE
    update_default: Any = None
    index: bool | Hnsw = False

    @property
    def has_default(self) -> bool:
        """Whether an absent input gets a value; a nullable attribute's is null, a generated one's the database's."""
        return (self.default_kind is not DefaultKind.NONE or self.type.nullable) and not self.generated

    def make_default(self, made: dict[Any, Any] | None = None) -> Any:
        """The value of an absent input.

        Args:
            made: what functions have made for this record so far, by function; filled for those that share.
        """
        return self._made(self.default_kind, self.default, made)

    def make_update_default(self, made: dict[Any, Any]) -> Any:
        """The value that an update sets which does not set the attribute itself."""
        return self._made(self.update_default_kind, self.update_default, made)

    def _made(self, kind: DefaultKind, default: Any, made: dict[Any, Any] | None) -> Any:
        if kind is not DefaultKind.FACTORY:
            return fresh(default)
        if self.share_default and made is not None:
            if default not in made:
                made[default] = self._cast(default())
            return made[default]
        return self._cast(default())

    def _cast(self, value: Any) -> Any:
        rule = self.type.rule
        return value if rule is None or value is None else rule.cast(value)


class Cardinality(StrEnum):
    """The kinds of relationships."""

    BELONGS_TO = "belongs_to"
    HAS_ONE = "has_one"
    HAS_MANY = "has_many"
    MANY_TO_MANY = "many_to_many"
    THROUGH = "through"
    UNRELATED = "unrelated"
    MANUAL = "manual"


class OnDelete(StrEnum):
    """What the database does with rows that point to a deleted one.

    `RESTRICT` refuses at once, `NOTHING` at the end of the statement, or of the transaction when the
    reference is deferrable.
    """

    NOTHING = "nothing"
    RESTRICT = "restrict"
    CASCADE = "cascade"
    NILIFY = "nilify"


class OnUpdate(StrEnum):
    """What the database does with rows that point to one whose key changes."""

    NOTHING = "nothing"
    RESTRICT = "restrict"
    CASCADE = "cascade"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSpec:
    """The resource between the two ends of a many_to_many, by name, and its two keys.

    Attributes:
        where: what else its rows must meet, seen from a row of it; one step out lies the source row.
        unique: whether an identity allows at most one row for each pair.
        carried: whether a loaded row carries the row of it that led there.
    """

    resource: str
    source_attribute: str
    destination_attribute: str
    where: Node | None = None
    unique: bool = False
    carried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSpec:
    """The foreign key of a belongs_to.

    Attributes:
        match_tenant: what the declaration says about staying inside the tenant; None leaves it to the tenancies.
        tenant: the tenant's attribute on both sides, when a reference must stay inside the tenant.
        deferrable: whether it is checked at the end of the transaction only.
        index: whether its column gets an index.
    """

    on_delete: OnDelete = OnDelete.RESTRICT
    on_update: OnUpdate = OnUpdate.NOTHING
    deferrable: bool = False
    index: bool = True
    match_tenant: bool | None = None
    tenant: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipSpec:
    """A way to other rows.

    Attributes:
        destination: the name of the other resource.
        source_attribute, destination_attribute: the two attributes that are equal (for many_to_many: the keys
            of the two ends that `join` points to; for a way without keys: the keys of both resources).
        where: what else the related rows must meet, seen from a row of the destination; one step out lies the
            source row, or the row of `join` and behind it the source row.
        order: how related rows are sorted, seen from the same place.
        limit, offset: how many of the sorted rows count for each source row.
        path: the relationships that a `through` goes over, one after the other.
        function: the batch function of a manual one.
        several: whether a way without keys leads to a list.
        reference: the foreign key (belongs_to only), or None.
        authorize_read: what a load does about related rows that the actor may not read: `filter` leaves them out,
            `error` refuses.
    """

    name: str
    cardinality: Cardinality
    destination: str
    source_attribute: str
    destination_attribute: str
    description: str = ""
    public: bool = False
    join: JoinSpec | None = None
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    path: tuple[str, ...] = ()
    function: Callable[..., Any] | None = None
    several: bool = True
    reference: ReferenceSpec | None = None
    authorize_read: str = "filter"

    @property
    def to_many(self) -> bool:
        """Whether it leads to a list."""
        match self.cardinality:
            case Cardinality.BELONGS_TO | Cardinality.HAS_ONE:
                return False
            case Cardinality.HAS_MANY | Cardinality.MANY_TO_MANY:
                return True
            case _:
                return self.several

    @property
    def foreign_key(self) -> bool:
        """Whether the table gets a foreign key."""
        return self.reference is not None

    @property
    def on_delete(self) -> OnDelete:
        """What happens to this row when the one that it points to is deleted."""
        return self.reference.on_delete if self.reference is not None else OnDelete.NOTHING

    @property
    def limited(self) -> bool:
        """Whether only some of the rows that meet its conditions count for each source row."""
        return self.limit is not None or self.offset is not None

    @property
    def writable(self) -> bool:
        """Whether its rows can be written through it: its keys say which rows those are."""
        return not self.limited and self.cardinality not in {
            Cardinality.THROUGH,
            Cardinality.UNRELATED,
            Cardinality.MANUAL,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculationSpec:
    """A value computed from others: by the data layer (`node`), or in Python (`function` after `loads`).

    Attributes:
        node: its expression, with the defaults of its arguments; None where only Python computes it, or where an
            argument has no default.
        function: computes it in Python, of one record or (`batch`) of all.
        maker: makes the expression from the class and the arguments.
        loads: the names of what the function reads; `needs` are the fields, relationships and calls themselves.
    """

    name: str
    type: FieldType
    resource: str = ""
    node: Node | None = None
    function: Callable[..., Any] | None = None
    maker: Callable[..., Any] | None = None
    arguments: tuple[InputSpec, ...] = ()
    batch: bool = False
    is_async: bool = False
    loads: tuple[str, ...] = ()
    needs: tuple[Any, ...] = ()
    description: str = ""
    public: bool = False

    @property
    def label(self) -> str:
        """Resource and calculation, as in `Article.discounted`."""
        return f"{self.resource}.{self.name}"

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """Its arguments, as the inputs of an action; those of an expression must be values that a statement takes."""
        if self.maker is None:
            return self.arguments
        return tuple(replace(each, attribute=True) for each in self.arguments)

    @property
    def plain(self) -> bool:
        """Whether it can be used by its name alone: no argument must be given."""
        return all(not each.required for each in self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateSpec:
    """A value over related rows."""

    name: str
    type: FieldType
    node: Aggregated
    description: str = ""
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySpec:
    """Attributes that together tell rows apart; a unique index keeps it so.

    Attributes:
        keys: the attributes of the index, the tenant's first where rows are told apart in each tenant.
        names: those that a caller gives, without the tenant's.
        early: whether writes ask for such a row before hooks and async bodies run.
        where: the condition, over a row's own attributes, of the rows that it tells apart; None means all rows.
        nulls_distinct: whether rows with a null among the keys are never the same.
    """

    name: str
    keys: tuple[str, ...]
    names: tuple[str, ...] = ()
    message: str = "has already been taken"
    early: bool = False
    where: Node | None = None
    nulls_distinct: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """The attributes that decide: the keys and those of the condition."""
        if self.where is None:
            return self.keys
        return (*self.keys, *(each.name for each in walk(self.where) if isinstance(each, Ref)))
