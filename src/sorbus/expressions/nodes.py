"""Expression nodes: the plain, frozen tree that SQL, in-memory evaluation and descriptions read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Node:
    """One node of an expression. Frozen and hashable, so that a tree can be the key of a plan."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Const(Node):
    """A value fixed in a declaration."""

    value: Any


@dataclass(frozen=True, slots=True)
class Param(Node):
    """A value given when the plan runs: the position in its values, and the Python type it has."""

    index: int
    python: Any


@dataclass(frozen=True, slots=True)
class Ref(Node):
    """A field of the row in question, reached over to-one relationships.

    Attributes:
        name: the field's name.
        path: the names of the relationships on the way, outermost first.
        outer: how many enclosing `Exists` or `Aggregated` to step out of first.
    """

    name: str
    path: tuple[str, ...] = ()
    outer: int = 0


@dataclass(frozen=True, slots=True)
class ActorRef(Node):
    """An attribute of the actor; null when there is no actor. An empty name is the actor's presence.

    `owner` is the class that declares the attribute, where it is known.
    """

    name: str
    owner: type[Any] | None = None


@dataclass(frozen=True, slots=True)
class TenantRef(Node):
    """The scope's tenant.

    Attributes:
        cast: from the tenant to the value that is meant; None means the tenant's key.
    """

    cast: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class InputRef(Node):
    """An input of the running action."""

    name: str


@dataclass(frozen=True, slots=True)
class Incoming(Node):
    """A field of the row that an upsert would have inserted."""

    name: str


@dataclass(frozen=True, slots=True)
class Lazy(Node):
    """A value that a Python function gives each time the statement runs; `annotation` is its type, if known."""

    function: Callable[[], Any]
    annotation: Any = None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An operator, function or form on arguments.

    `operator` is a name of `sorbus.expressions.operators`, or one of the forms `PARENT`, `NAMED`, `CAST`, `PATH`,
    `FRAGMENT` and `COLLATE`, which keep what is no value (a type, a template, a name) in a `Const`.
    """

    operator: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class As:
    """A type, where a form needs one."""

    annotation: Any
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Template:
    """SQL with places for arguments: the texts between them, and which argument stands at each place."""

    texts: tuple[str, ...]
    places: tuple[int, ...]

    def fill(self, arguments: Sequence[str]) -> str:
        """The SQL with the arguments' SQL put in."""
        parts = [self.texts[0]]
        for place, text in zip(self.places, self.texts[1:], strict=True):
            parts += (arguments[place], text)
        return "".join(parts)


PARENT = "parent"
"""The form of `parent(x)`: its argument is seen from the enclosing row."""

NAMED = "named"
"""The form of a calculation with arguments: its name, as `Article.discounted`, and what it comes to."""

CAST, PATH, FRAGMENT, COLLATE = "cast", "path", "fragment", "collate"


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """Whether a related row exists that meets `where`.

    Attributes:
        hops: what the rows of each hop of the way must meet, seen from there, in place of what the relationship
            itself says; None where nobody has added to that.
    """

    relationship: str
    where: Node | None = None
    hops: Hops | None = None


Hops = tuple[Node | None, ...]


class AggregateKind(StrEnum):
    """What an aggregate does with the related rows."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    FIRST = "first"
    EXISTS = "exists"
    LIST = "list"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Custom:
    """An aggregate of the user's own: SQL over `{0}`, and the same in Python over values that are not null."""

    template: Template
    fold: Callable[[Sequence[Any]], Any]
    annotation: Any


@dataclass(frozen=True, slots=True)
class Ordering:
    """One term of a sort; nulls come last when ascending and first when descending, as in PostgreSQL."""

    node: Node
    descending: bool = False
    nulls_first: bool | None = None

    @property
    def puts_nulls_first(self) -> bool:
        """Where the nulls really go."""
        return self.descending if self.nulls_first is None else self.nulls_first


@dataclass(frozen=True, slots=True)
class Aggregated(Node):
    """An aggregate over the rows of a to-many relationship.

    Attributes:
        of: the value of each row; for a count None counts the rows, otherwise the values that are not null.
        unique: whether equal values count once (count and list).
        limit: how many values at most (list).
        skip_null: whether `first` leaves out rows whose value is null.
        default: what stands for null; for a sum or list, instead of zero or the empty list over no rows.
        authorize: whether only rows count that the actor may read; the tenancy holds in any case.
        hops: as those of `Exists`.
    """

    kind: AggregateKind
    relationship: str
    of: Node | None = None
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    unique: bool = False
    limit: Node | None = None
    skip_null: bool = False
    default: Node | None = None
    authorize: bool = True
    custom: Custom | None = None
    hops: Hops | None = None


UNTRUSTED = "untrusted"
"""The form of a call that marks what somebody outside has written; securing a statement takes it away."""

TRUSTED = "trusted"
"""The form of a call that marks a condition of Sorbus' own inside that; securing a statement leaves it alone."""

TRUE = Const(True)
FALSE = Const(False)
NULL = Const(None)


def outward(node: Node, steps: int = 1) -> Node:
    """A node as it is seen from inside so many enclosed rows."""
    if isinstance(node, Ref):
        return Ref(node.name, node.path, node.outer + steps)
    for _ in range(steps):
        node = Call(PARENT, (node,))
    return node


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node."""
    match node:
        case Call(_, args):
            return args
        case Exists(_, where):
            return (where,) if where is not None else ()
        case Aggregated(of=of, where=where, order=order, limit=limit, default=default):
            inner = tuple(each for each in (of, where, limit, default) if each is not None)
            return inner + tuple(each.node for each in order)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def conjunction(*nodes: Node | None) -> Node | None:
    """All of the conditions at once; None when there is none."""
    parts = [node for node in nodes if node is not None and node != TRUE]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Call("and", tuple(parts))
