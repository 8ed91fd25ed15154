"""Folding policies: what is known of the actor decides at once, what depends on the row becomes a filter.

There is no solver: the conditions without a row are evaluated, and the rest is simplified by truth tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import FALSE, FRAGMENT, TRUE, Aggregated, Call, Const, Exists, Node, Ref, walk
from sorbus.policies.rows import NO_ROWS
from sorbus.schema.policies import CheckSpec, Effect, PolicySpec
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

_LOGIC = frozenset({"and", "or", "not", "is_true"})
_LARGEST_CACHE = 512

Variant = tuple[bool | None, ...]


def depends_on_row(node: Node) -> bool:
    """Whether a node's value needs a row, or at least the database."""
    return any(
        isinstance(each, (Ref, Exists, Aggregated)) or (isinstance(each, Call) and each.operator == FRAGMENT)
        for each in walk(node)
    )


def atoms(node: Node) -> Iterator[Node]:
    """The conditions inside a condition that need no row."""
    if isinstance(node, Call) and node.operator in _LOGIC:
        for arg in node.args:
            yield from atoms(arg)
    elif not isinstance(node, Const) and not depends_on_row(node):
        yield node


def substitute(node: Node, known: dict[Node, bool | None]) -> Node:
    """The condition with what is known put in, simplified."""
    if node in known:
        return Const(known[node])
    if isinstance(node, Call) and node.operator in _LOGIC:
        args = tuple(substitute(arg, known) for arg in node.args)
        return _SIMPLIFY[node.operator](args)
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
    return Const(node.value is True) if isinstance(node, Const) else Call("is_true", (node,))


_SIMPLIFY = {"and": all_of, "or": any_of, "not": negated, "is_true": surely}


def fold_checks(checks: tuple[CheckSpec, ...], known: dict[Node, bool | None]) -> Node:
    """The condition under which a policy authorises: the first check that decides wins, none means no."""
    result: Node = FALSE
    for check in reversed(checks):
        condition = substitute(check.condition, known)
        match check.effect:
            case Effect.AUTHORIZE_IF:
                result = any_of((surely_known(condition), result))
            case Effect.FORBID_IF:
                result = all_of((negated((surely((condition,)),)), result))
            case Effect.AUTHORIZE_UNLESS:
                result = any_of((surely_known(negated((condition,))), result))
            case Effect.FORBID_UNLESS:
                result = all_of((surely_known(condition), result))
    return result


def surely_known(node: Node) -> Node:
    """A constant that is unknown allows nothing; a filter drops unknown rows by itself."""
    return FALSE if node == Const(None) else node


@dataclass(slots=True)
class PolicyProgram:
    """The policies of one action, ready to be folded for an actor.

    Attributes:
        atoms: the conditions that need no row, evaluated at each call.
        policies: those that apply to the action, in written order.
    """

    resource: ResourceSpec
    action: str
    policies: tuple[PolicySpec, ...] = field(init=False)
    atoms: tuple[Node, ...] = field(init=False)
    _folded: dict[Variant, Node] = field(default_factory=dict[Variant, Node])

    def __post_init__(self) -> None:
        declared = self.resource.policies or ()
        self.policies = tuple(each for each in declared if self.action in each.actions)
        found = (atom for each in self.policies for check in each.checks for atom in atoms(check.condition))
        self.atoms = tuple(dict.fromkeys(found))

    def variant(self, scope: Scope, inputs: dict[str, Any] | None = None) -> Variant:
        """What is known before any row is seen: the value of each atom."""
        if not self.atoms:
            return ()
        environment = Environment(rows=NO_ROWS, actor=scope.actor, tenant=scope.tenant, inputs=inputs)
        return tuple(evaluate(atom, None, environment) for atom in self.atoms)

    def fold(self, variant: Variant) -> Node:
        """The condition that a row must meet: `TRUE`, `FALSE`, or a filter."""
        folded = self._folded.get(variant)
        if folded is None:
            if len(self._folded) >= _LARGEST_CACHE:
                self._folded.clear()
            folded = self._folded[variant] = self._fold(dict(zip(self.atoms, variant, strict=True)))
        return folded

    def _fold(self, known: dict[Node, bool | None]) -> Node:
        plain = [each for each in self.policies if not each.bypass]
        result: Node = TRUE if plain else FALSE
        for policy in reversed(self.policies):
            authorised = fold_checks(policy.checks, known)
            result = any_of((authorised, result)) if policy.bypass else all_of((authorised, result))
        return result
