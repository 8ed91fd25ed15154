"""Statements: what a data layer is asked to do, in plain nodes and specs. Layers compile them once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sorbus.expressions.nodes import Hops, Node, Ordering
from sorbus.schema.fields import IdentitySpec, RelationshipSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One value of each row that a statement answers with.

    Attributes:
        type: what the value is brought to; None leaves it as the data layer computes it.
    """

    name: str
    node: Node
    type: FieldType | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A value that needs no escaping, such as a key, between two texts; `null` without a value."""

    before: str
    output: Output
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A text for each value that an output may have; `null` for any other."""

    output: Output
    cases: tuple[tuple[str | int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedText:
    """A text of rows that the same statement reads: those of the nesting at `place`; `empty` without any."""

    place: int
    text: int
    empty: str


TextPart = str | Output | Filled | Chosen | NestedText
Text = tuple[TextPart, ...]
"""A text that a data layer writes of each row: texts as they are, and values as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Only rows that a relationship leads to from some source rows, whose keys are a list of values.

    The key of the source row is put in front of the outputs; `limit` and `offset` count for each source row.

    Attributes:
        keys: None where each row of another select is a source row.
        key: the attribute of the source rows whose values `keys` are.
        hops: what the rows of each hop must meet, as those of `Exists`.
        order: how the relationship sorts its rows, seen from where its own conditions are; before the select's.
        carried: outputs of the row between, put after the others.
        every: whether a row comes once for each row between that leads to it.
        most: the most rows of all source rows together; a layer may answer with more.
    """

    source: ResourceSpec
    relationship: RelationshipSpec
    keys: Node | None
    key: str
    hops: Hops
    order: tuple[Ordering, ...] = ()
    carried: tuple[Output, ...] = ()
    every: bool = False
    most: Node | None = None


class LockMode(StrEnum):
    """How strong the lock on a row is; each conflicts with fewer others than the one before."""

    UPDATE = "update"
    NO_KEY_UPDATE = "no_key_update"
    SHARE = "share"
    KEY_SHARE = "key_share"


class LockWait(StrEnum):
    """What to do about rows that another transaction has locked."""

    WAIT = "wait"
    NOWAIT = "nowait"
    SKIP_LOCKED = "skip_locked"


@dataclass(frozen=True, slots=True)
class Lock:
    """Rows are locked until the end of the transaction."""

    mode: LockMode = LockMode.UPDATE
    wait: LockWait = LockWait.WAIT


class CombineKind(StrEnum):
    """How the rows of two reads become one set. Only `UNION_ALL` keeps a row that both have twice."""

    UNION = "union"
    UNION_ALL = "union_all"
    INTERSECT = "intersect"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The rows of several reads of one resource, combined from left to right.

    The outputs of the parts do not matter: the rows are told apart by their keys.
    """

    first: Select
    steps: tuple[tuple[CombineKind, Select], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """One row for each combination of values: the first in `order`."""

    on: tuple[Node, ...]
    order: tuple[Ordering, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Read rows: those of `within` that meet `where`, made `distinct`, beyond `seek`, in `order`.

    Attributes:
        seek: a condition that picks the rows of a page; `distinct`, `total` and `earlier` do not see it.
        total: whether the number of all rows, whatever `seek`, `limit` and `offset`, stands in each row.
        earlier: whether each row says if there are rows that `seek` has left out in front.
        given: the attributes of one row that is looked at instead of those of the table; what it leaves out is null.
        texts: what is written of each row; only for layers that write JSON.
        gathered: with `related`, whether the texts of all rows of a source row are put together, with commas between
            them. A row of the answer is then the key of a source row, the number of its rows, and the texts.
        nested: related rows of each row whose texts stand in those of the row.

    A row of the answer is the key of its source row (with `related`), `total`, `earlier`, the outputs, the texts, then
    (unless it is gathered) the number of rows of each nesting.
    With `related` and one of the two, a source row without related rows answers with nulls as outputs.
    """

    resource: ResourceSpec
    outputs: tuple[Output, ...]
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    limit: Node | None = None
    offset: Node | None = None
    lock: Lock | None = None
    related: Related | None = None
    within: Combined | None = None
    distinct: Distinct | None = None
    seek: Node | None = None
    total: bool = False
    earlier: bool = False
    given: tuple[tuple[str, Node], ...] | None = None
    texts: tuple[Text, ...] = ()
    gathered: bool = False
    nested: tuple[Nesting, ...] = ()

    @property
    def cut(self) -> bool:
        """Whether it leaves out rows by their number."""
        return self.limit is not None or self.offset is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """Related rows of each row of a select.

    Attributes:
        start: the value of the row by which they are found.
        rows: which they are: `related` without keys, and `gathered`.
    """

    start: Output
    rows: Select


class SummaryKind(StrEnum):
    """What becomes of the values of many rows."""

    COUNT = "count"
    EXISTS = "exists"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    FIRST = "first"
    LIST = "list"

    @property
    def ordered(self) -> bool:
        """Whether the order of the rows matters."""
        return self in {SummaryKind.FIRST, SummaryKind.LIST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One value over many rows.

    Attributes:
        of: the values in question, of those rows that meet `where`.
        order: for the first value and the list of values.
        unique: whether equal values count once.
        type: that of one value; a list is made of such.
    """

    kind: SummaryKind
    type: FieldType
    of: Node | None = None
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarize:
    """Values over the rows of a select; the answer is one row with one value for each summary."""

    rows: Select
    summaries: tuple[Summary, ...]

    @property
    def resource(self) -> ResourceSpec:
        """Whose rows they are."""
        return self.rows.resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What an insert does when a row of the same identity is there: update these attributes, if `where` allows.

    Attributes:
        where: a condition over the row there is; `Incoming` nodes in it are those of the new one.
    """

    identity: IdentitySpec
    update: tuple[str, ...]
    where: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """Write one new row.

    Attributes:
        previous: attributes whose values from before follow the outputs where a row was updated, else null; for
            layers that can (`Capability.UPSERT_OLD`).
        tagged: whether each row ends with whether it was inserted rather than updated.
    """

    resource: ResourceSpec
    values: tuple[tuple[str, Node], ...]
    outputs: tuple[Output, ...] = ()
    conflict: Conflict | None = None
    previous: tuple[str, ...] = ()
    tagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertMany:
    """Write new rows, all or none. Parameter `i` is the list of the values of column `i`, one for each row.

    Attributes:
        previous: as for one row.
        check: a condition; each row of the answer ends with whether its new row meets it.
        tagged: whether each row ends with whether it was inserted rather than updated, after the check.
        conflict: as for one row; no two of the new rows may be the same to its identity.
    """

    resource: ResourceSpec
    columns: tuple[str, ...]
    outputs: tuple[Output, ...] = ()
    check: Node | None = None
    conflict: Conflict | None = None
    previous: tuple[str, ...] = ()
    tagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change the rows that meet `where`; the answer is the rows as they are afterwards.

    Attributes:
        guards: what each of these rows must meet as it was before; one that does not is a `GuardViolation`.
        counted: whether the answer is one row with the number of changed rows.
        previous: attributes whose values from before the change follow the outputs.
        tells: the attribute whose value a `GuardViolation` tells along with the row's key; empty for none.
    """

    resource: ResourceSpec
    assignments: tuple[tuple[str, Node], ...]
    where: Node | None
    outputs: tuple[Output, ...] = ()
    guards: tuple[Node, ...] = ()
    tells: str = ""
    counted: bool = False
    previous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMany:
    """Change rows to values of their own. Parameter `i` is the list of the values of column `i`; the first is the key.

    Attributes:
        assignments: what all of the rows get besides.
        where: what the rows must meet; those that do not are left alone.
        guards, previous: as for `Update`.
    """

    resource: ResourceSpec
    columns: tuple[str, ...]
    assignments: tuple[tuple[str, Node], ...] = ()
    where: Node | None = None
    outputs: tuple[Output, ...] = ()
    guards: tuple[Node, ...] = ()
    previous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove the rows that meet `where`; the answer is the rows as they were.

    Attributes:
        guards, tells, counted: as for `Update`.
    """

    resource: ResourceSpec
    where: Node | None
    outputs: tuple[Output, ...] = ()
    guards: tuple[Node, ...] = ()
    tells: str = ""
    counted: bool = False


Statement = Select | Summarize | Insert | InsertMany | Update | UpdateMany | Delete
