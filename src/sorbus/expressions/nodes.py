"""Expression nodes: the plain, frozen tree that SQL, in-memory evaluation and descriptions read."""

from __future__ import annotations

from collections.abc import Iterator
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
    python: type


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
    """An attribute of the actor; null when there is no actor. An empty name is the actor's presence."""

    name: str


@dataclass(frozen=True, slots=True)
class TenantRef(Node):
    """The scope's tenant."""


@dataclass(frozen=True, slots=True)
class InputRef(Node):
    """An input of the running action."""

    name: str


@dataclass(frozen=True, slots=True)
class Incoming(Node):
    """A field of the row that an upsert would have inserted."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An operator or function on arguments; `operator` is a name of `sorbus.expressions.operators`."""

    operator: str
    args: tuple[Node, ...]


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
    """An aggregate over the rows of a to-many relationship; `hops` as those of `Exists`."""

    kind: AggregateKind
    relationship: str
    of: Node | None = None
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    hops: Hops | None = None


UNTRUSTED = "untrusted"
"""The form of a call that marks what somebody outside has written; securing a statement takes it away."""

TRUE = Const(True)
FALSE = Const(False)
NULL = Const(None)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node."""
    match node:
        case Call(_, args):
            return args
        case Exists(_, where):
            return (where,) if where is not None else ()
        case Aggregated(of=of, where=where, order=order):
            inner = tuple(each for each in (of, where) if each is not None)
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
