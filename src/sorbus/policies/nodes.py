"""What policies do with conditions: what needs a row, what does not, and simplification by truth tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sorbus.expressions.nodes import (
    FALSE,
    FRAGMENT,
    TRUE,
    Aggregated,
    Call,
    Const,
    Exists,
    Node,
    Ordering,
    Ref,
    walk,
)
from sorbus.schema.policies import Fact, Readable, RuntimeCheck

LOGIC = frozenset({"and", "or", "not", "is_true"})
"""The operators that are simplified once what is known has been put in."""

Known = Mapping[Node, bool | None]


def depends_on_row(node: Node) -> bool:
    """Whether a node's value needs a row, or at least the database."""
    return any(
        isinstance(each, (Ref, Exists, Aggregated, Readable, RuntimeCheck))
        or (isinstance(each, Call) and each.operator == FRAGMENT)
        for each in walk(node)
    )


def has_runtime(node: Node) -> bool:
    """Whether a Python function has to look at the row."""
    return any(isinstance(each, RuntimeCheck) for each in walk(node))


def facts(node: Node) -> Iterator[Fact]:
    """The facts inside a condition."""
    return (each for each in walk(node) if isinstance(each, Fact))


def atoms(node: Node) -> Iterator[Node]:
    """The largest parts of a condition that need no row, and the facts inside those that do."""
    if isinstance(node, Const):
        return
    if not depends_on_row(node):
        yield node
    elif isinstance(node, Call) and node.operator in LOGIC:
        for arg in node.args:
            yield from atoms(arg)
    else:
        yield from facts(node)


def substitute(node: Node, known: Known) -> Node:
    """The condition with what is known put in, simplified."""
    if node in known:
        return Const(known[node])
    if isinstance(node, Call) and node.operator in LOGIC:
        args = tuple(substitute(arg, known) for arg in node.args)
        return SIMPLIFY[node.operator](args)
    return _rebuilt(node, known) if known and any(facts(node)) else node


def _rebuilt(node: Node, known: Known) -> Node:
    """A node with the facts inside it replaced by what is known of them."""

    def inner(child: Node | None) -> Node | None:
        return None if child is None else substitute(child, known)

    match node:
        case Call(operator, args):
            return Call(operator, tuple(substitute(arg, known) for arg in args))
        case Exists(where=where):
            return replace(node, where=inner(where))
        case Aggregated(of=of, where=where, order=order):
            terms = tuple(
                Ordering(substitute(each.node, known), each.descending, each.nulls_first) for each in order
            )
            return replace(node, of=inner(of), where=inner(where), order=terms)
        case _:
            return node


def all_of(args: tuple[Node, ...]) -> Node:
    """`and`, simplified: false wins, true falls away."""
    flat = [each for arg in args for each in _parts("and", arg) if each != TRUE]
    if FALSE in flat:
        return FALSE
    return _joined("and", flat, TRUE)


def any_of(args: tuple[Node, ...]) -> Node:
    """`or`, simplified: true wins, false falls away."""
    flat = [each for arg in args for each in _parts("or", arg) if each != FALSE]
    if TRUE in flat:
        return TRUE
    return _joined("or", flat, FALSE)


def _parts(operator: str, node: Node) -> tuple[Node, ...]:
    return node.args if isinstance(node, Call) and node.operator == operator else (node,)


def _joined(operator: str, parts: list[Node], empty: Node) -> Node:
    distinct = list(dict.fromkeys(parts))
    if not distinct:
        return empty
    return distinct[0] if len(distinct) == 1 else Call(operator, tuple(distinct))


def negated(args: tuple[Node, ...]) -> Node:
    """`not`, simplified."""
    (node,) = args
    if isinstance(node, Const):
        return Const(None if node.value is None else not node.value)
    return Call("not", (node,))


def surely(args: tuple[Node, ...]) -> Node:
    """`is true`: unknown counts as false."""
    (node,) = args
    if isinstance(node, Const):
        return Const(node.value is True)
    return node if isinstance(node, Call) and node.operator == "is_true" else Call("is_true", (node,))


SIMPLIFY: Mapping[str, Callable[[tuple[Node, ...]], Node]] = {
    "and": all_of,
    "or": any_of,
    "not": negated,
    "is_true": surely,
}


def surely_known(node: Node) -> Node:
    """A constant that is unknown allows nothing; a filter drops unknown rows by itself."""
    return FALSE if node == Const(None) else node


def bounded(node: Node, *, upper: bool) -> Node:
    """A condition without Python functions that is true wherever the other may be, or only where it must be.

    Args:
        upper: whether every function may yet say yes, else none does.
    """
    if isinstance(node, RuntimeCheck):
        return Const(upper)
    if isinstance(node, Call) and node.operator in LOGIC:
        towards = (not upper) if node.operator == "not" else upper
        args = tuple(bounded(arg, upper=towards) for arg in node.args)
        return SIMPLIFY[node.operator](args)
    return Const(upper) if has_runtime(node) else node
