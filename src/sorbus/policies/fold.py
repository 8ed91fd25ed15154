"""Folding policies: what is known of the actor decides at once, what depends on the row becomes a filter.

There is no solver: the conditions without a row are evaluated, and the rest is simplified by truth tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sorbus.errors.authorization import ActorProblem
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import FALSE, TRUE, Const, InputRef, Node, walk
from sorbus.policies.nodes import (
    Known,
    all_of,
    any_of,
    atoms,
    bounded,
    facts,
    has_runtime,
    negated,
    substitute,
    surely,
    surely_known,
)
from sorbus.policies.rows import NO_ROWS
from sorbus.schema.policies import (
    NOTHING_WANTED,
    Access,
    Asked,
    CheckSpec,
    Effect,
    Fact,
    PolicySpec,
    Readable,
    RuleSpec,
    Wanted,
)
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

__all__ = [
    "PolicyProgram",
    "Variant",
    "all_of",
    "any_of",
    "fold_checks",
    "fold_rules",
    "negated",
    "substitute",
    "surely",
]

_LARGEST_CACHE = 512

Variant = tuple[bool | None, ...]
"""What is known of a call before any row is seen: the value of each atom."""


def fold_checks(checks: tuple[CheckSpec, ...], known: Known) -> Node:
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


def fold_rules(rules: Sequence[RuleSpec], known: Known) -> Node:
    """The condition under which a list of policies allows.

    Every policy that applies must authorise, and one must apply; where a bypass applies and authorises, the
    later ones are not asked. A policy is out of the way only where its `when` is false, and applies only where
    it is true: the unknown allows nothing.
    """
    folded = [(each, substitute(each.when, known), fold_checks(each.checks, known)) for each in rules]
    applies = (surely((when,)) for each, when, _ in folded if not each.bypass)
    result = any_of(tuple(applies))
    for each, when, authorised in reversed(folded):
        if each.bypass:
            result = any_of((_strictly(each, all_of((when, authorised))), result))
        else:
            own = any_of((surely_known(negated((when,))), authorised))
            result = all_of((_strictly(each, own), result))
    return result


def _strictly(rule: RuleSpec, node: Node) -> Node:
    """What a strict policy leaves to the row it refuses."""
    node = surely_known(node)
    return FALSE if rule.access is Access.STRICT and not isinstance(node, Const) else node


def conditions_of(rules: Iterable[RuleSpec]) -> Iterable[Node]:
    """Every condition in some policies, in written order."""
    for each in rules:
        yield each.when
        for check in each.checks:
            yield check.condition


R = TypeVar("R", bound=RuleSpec)


def simplified(rule: R) -> R:
    """A policy with its conditions simplified, so that each part that needs no row is found again."""
    checks = tuple(replace(each, condition=substitute(each.condition, {})) for each in rule.checks)
    return replace(rule, checks=checks, when=substitute(rule.when, {}))


@dataclass(frozen=True, slots=True)
class Step:
    """One policy, as its conditions are asked in turn.

    Attributes:
        conditions: the places of the atoms in its `when`.
        asked: those of the atoms in its checks.
    """

    when: Node
    conditions: tuple[int, ...]
    asked: tuple[int, ...]


_UNASKED: Any = object()


@dataclass(slots=True)
class Atoms:
    """The conditions of some policies that need no row, and their values for a call.

    Attributes:
        rules: the policies, simplified.
        found: the conditions, each once.
        about_call: whether some are facts about what the call asks for, beyond actor, tenant and inputs.
        about_changes: whether some look at what the action writes.
        about_read: whether some look at what a read asks for.
    """

    rules: Sequence[RuleSpec]
    action: str
    found: tuple[Node, ...] = field(init=False)
    about_call: bool = field(init=False)
    about_changes: bool = field(init=False)
    about_read: bool = field(init=False)
    _steps: tuple[Step, ...] = field(init=False)

    def __post_init__(self) -> None:
        every = tuple(conditions_of(self.rules))
        self.found = tuple(dict.fromkeys(atom for each in every for atom in atoms(each)))
        inside = [fact for each in every for fact in facts(each)]
        self.about_call = bool(inside)
        self.about_changes = any(each.about_changes for each in inside)
        self.about_read = any(each.about_read for each in inside)
        places = {atom: place for place, atom in enumerate(self.found)}
        self._steps = tuple(
            Step(
                each.when,
                tuple(dict.fromkeys(places[atom] for atom in atoms(each.when))),
                tuple(
                    dict.fromkeys(places[atom] for check in each.checks for atom in atoms(check.condition))
                ),
            )
            for each in self.rules
        )

    def values(self, scope: Scope, inputs: dict[str, Any] | None, asked: Asked | None) -> Variant:
        """The value of each condition; each function of the user's runs once.

        Raises:
            ActorFieldNotLoaded, ActorFieldHidden, WrongActor: the decision needs something of the actor that is
                not at hand.
        """
        environment = Environment(rows=NO_ROWS, actor=scope.actor, tenant=scope.tenant, inputs=inputs)
        teller = Teller(environment)
        try:
            if not self.about_call:
                return tuple([teller.value(atom) for atom in self.found])
            teller.asked = asked or Asked(scope, self.action, inputs or {})
            return self._where_they_apply(teller)
        except ActorProblem:
            return self._step_by_step(teller)

    def of_actor(self, scope: Scope) -> Known:
        """The values of the conditions that a scope decides alone, whatever a call may ask for.

        A condition that needs something of the actor that is not at hand is unknown, which allows nothing.
        """
        environment = Environment(rows=NO_ROWS, actor=scope.actor, tenant=scope.tenant)
        teller = Teller(environment, Asked(scope, self.action, {}))
        known: dict[Node, bool | None] = {}
        for atom in self.found:
            if not _of_scope(atom):
                continue
            try:
                known[atom] = teller.value(atom)
            except ActorProblem:
                known[atom] = None
        return known

    def _where_they_apply(self, teller: Teller) -> Variant:
        """The values of what policies ask that apply: functions of the others do not run."""
        found = self.found
        values: list[Any] = [_UNASKED] * len(found)
        for step in self._steps:
            for place in step.conditions:
                if values[place] is _UNASKED:
                    values[place] = teller.value(found[place])
            if step.conditions and self._is_off(step, values):
                continue
            for place in step.asked:
                if values[place] is _UNASKED:
                    values[place] = teller.value(found[place])
        return tuple([None if each is _UNASKED else each for each in values])

    def _is_off(self, step: Step, values: list[Any]) -> bool:
        """Whether a policy surely does not apply."""
        if len(step.conditions) == 1 and self.found[step.conditions[0]] is step.when:
            return values[step.conditions[0]] is False
        known = {self.found[place]: values[place] for place in step.conditions}
        return substitute(step.when, known) == FALSE

    def _step_by_step(self, teller: Teller) -> Variant:
        """The values as far as the decision goes: a check that is not reached asks nothing of the actor."""
        known: dict[Node, bool | None] = {}

        def know(condition: Node) -> None:
            known.update((atom, teller.value(atom)) for atom in atoms(condition) if atom not in known)

        for rule in self.rules:
            know(rule.when)
            when = substitute(rule.when, known)
            if when == FALSE:
                continue
            authorised: Node = FALSE
            for position, check in enumerate(rule.checks, 1):
                know(check.condition)
                asked = rule.checks[:position]
                authorised = fold_checks(asked, known)
                if authorised == fold_checks((*asked, _ALLOWS), known):
                    break  # whatever the checks after it say
            if when == TRUE and authorised == (TRUE if rule.bypass else FALSE):
                break
        return tuple(known.get(atom) for atom in self.found)


def _of_scope(atom: Node) -> bool:
    """Whether a condition that needs no row needs nothing of the call either."""
    return not any(
        isinstance(each, InputRef) or (isinstance(each, Fact) and not each.about_scope) for each in walk(atom)
    )


_ALLOWS = CheckSpec(effect=Effect.AUTHORIZE_IF, condition=TRUE)


class Teller:
    """Tells the values of conditions that need no row; asks each fact once."""

    __slots__ = ("asked", "environment", "told")

    def __init__(self, environment: Environment, asked: Asked | None = None) -> None:
        self.environment = environment
        self.asked = asked
        self.told: dict[Node, bool | None] = {}

    def value(self, atom: Node) -> bool | None:
        """The value of a condition."""
        if self.asked is not None:
            if isinstance(atom, Fact):
                return self._tell(atom, self.asked)
            inside = [each for each in facts(atom) if each not in self.told]
            if inside or self.told:
                self.told.update((each, self._tell(each, self.asked)) for each in inside)
                atom = substitute(atom, self.told)
        value: bool | None = evaluate(atom, None, self.environment)
        return value

    def _tell(self, fact: Fact, asked: Asked) -> bool | None:
        if fact.about_changes:
            return fact.decide(asked)
        if fact not in asked.told:
            asked.told[fact] = fact.decide(asked)
        return asked.told[fact]


@dataclass(slots=True)
class PolicyProgram:
    """The policies of one action, ready to be folded for an actor.

    Attributes:
        policies: those that apply to the action, in written order.
        atoms: the conditions that need no row, evaluated at each call.
        about_call: whether they look at what the call asks for; `variant` then wants an `Asked`.
        about_changes: whether they look at what the action writes, which a body or hook may still change.
        about_read: whether they look at what a read asks for.
        about_readable: whether they ask what the actor may read of related rows.
        runtime: whether Python functions look at rows.
    """

    resource: ResourceSpec
    action: str
    policies: tuple[PolicySpec, ...] = field(init=False)
    atoms: tuple[Node, ...] = field(init=False)
    about_call: bool = field(init=False)
    about_changes: bool = field(init=False)
    about_read: bool = field(init=False)
    about_readable: bool = field(init=False)
    runtime: bool = field(init=False)
    _atoms: Atoms = field(init=False)
    _folded: dict[Variant, Node] = field(default_factory=dict[Variant, Node])

    def __post_init__(self) -> None:
        declared = self.resource.policies or ()
        self.policies = tuple(simplified(each) for each in declared if self.action in each.actions)
        self._atoms = Atoms(self.policies, self.action)
        self.atoms = self._atoms.found
        self.about_call = self._atoms.about_call
        self.about_changes = self._atoms.about_changes
        self.about_read = self._atoms.about_read
        self.about_readable = any(isinstance(each, Readable) for each in self.nodes)
        self.runtime = any(has_runtime(each) for each in conditions_of(self.policies))

    def variant(
        self, scope: Scope, inputs: dict[str, Any] | None = None, asked: Asked | None = None
    ) -> Variant:
        """What is known before any row is seen: the value of each atom.

        Args:
            asked: what the call asks for; needed when `about_call`.

        Raises:
            ActorFieldNotLoaded, ActorFieldHidden, WrongActor: the decision needs something of the actor that is
                not at hand.
        """
        if not self.atoms:
            return ()
        return self._atoms.values(scope, inputs, asked)

    def conceivable(self, scope: Scope) -> bool:
        """Whether an actor may run the action with some inputs and on some row; no function of the user's is asked."""
        return fold_rules(self.policies, self._atoms.of_actor(scope)) != FALSE

    def reading(
        self, scope: Scope, inputs: dict[str, Any] | None, wanted: Wanted = NOTHING_WANTED
    ) -> Variant:
        """The variant of a read that asks for something."""
        if not self.about_call:
            return self.variant(scope, inputs)
        return self.variant(scope, inputs, Asked(scope, self.action, inputs or {}, wanted=wanted))

    def fold(self, variant: Variant) -> Node:
        """The condition that a row must meet: `TRUE`, `FALSE`, or a filter.

        Of a program with `runtime` it may hold checks that only Python can decide: see `bounded`.
        """
        folded = self._folded.get(variant)
        if folded is None:
            if len(self._folded) >= _LARGEST_CACHE:
                self._folded.clear()
            known = dict(zip(self.atoms, variant, strict=True))
            folded = self._folded[variant] = fold_rules(self.policies, known)
        return folded

    def filter(self, variant: Variant, *, surely: bool = False) -> Node:
        """The condition that a data layer can ask of a row.

        Args:
            surely: whether rows that Python has yet to look at are left out, instead of let through.
        """
        folded = self.fold(variant)
        return bounded(folded, upper=not surely) if self.runtime else folded

    @property
    def nodes(self) -> Iterable[Node]:
        """Every node of its conditions."""
        return (node for each in conditions_of(self.policies) for node in walk(each))


def known_of(atoms: Sequence[Node], variant: Variant) -> Mapping[Node, bool | None]:
    """The atoms of a program with their values."""
    return dict(zip(atoms, variant, strict=True))
