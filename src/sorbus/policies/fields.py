"""Field policies: for each field of a row the condition under which an actor may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sorbus.expressions.nodes import TRUE, Node
from sorbus.policies.fold import Atoms, Variant, fold_rules, known_of, simplified
from sorbus.policies.nodes import all_of
from sorbus.schema.policies import NOTHING_WANTED, Asked, FieldPolicySpec, Wanted
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

_LARGEST_CACHE = 512

Conditions = Mapping[str, Node]
"""By the names of fields and relationships, when they may be seen; what is not in it may always be."""

EVERYTHING: Conditions = MappingProxyType({})


@dataclass(slots=True)
class FieldProgram:
    """The field policies of one resource, ready to be folded for an actor.

    Attributes:
        policies: all of them, in written order.
        names: the fields and relationships that they are about.
        about_call: whether they look at what the call asks for.
        about_read: whether they look at what a read asks for.
    """

    resource: ResourceSpec
    policies: tuple[FieldPolicySpec, ...] = field(init=False)
    names: tuple[str, ...] = field(init=False)
    about_call: bool = field(init=False)
    about_read: bool = field(init=False)
    _atoms: Atoms = field(init=False)
    _folded: dict[Variant, Conditions] = field(default_factory=dict[Variant, Conditions])

    def __post_init__(self) -> None:
        self.policies = tuple(map(simplified, self.resource.field_policies or ()))
        about = frozenset[str]().union(*(each.fields for each in self.policies))
        self.names = tuple(
            each for each in (*self.resource.fields, *self.resource.relationships) if each in about
        )
        self._atoms = Atoms(self.policies, "read")
        self.about_call = self._atoms.about_call
        self.about_read = self._atoms.about_read

    @property
    def atoms(self) -> tuple[Node, ...]:
        """The conditions that need no row."""
        return self._atoms.found

    def variant(
        self, scope: Scope, inputs: dict[str, Any] | None = None, wanted: Wanted = NOTHING_WANTED
    ) -> Variant:
        """What is known before any row is seen: the value of each atom.

        Raises:
            ActorFieldNotLoaded, ActorFieldHidden, WrongActor: the decision needs something of the actor that is
                not at hand.
        """
        if not self._atoms.found:
            return ()
        asked = Asked(scope, "read", inputs or {}, wanted=wanted) if self.about_call else None
        return self._atoms.values(scope, inputs, asked)

    def conditions(self, variant: Variant) -> Conditions:
        """When each field and relationship may be seen: `FALSE`, or a condition on the row."""
        found = self._folded.get(variant)
        if found is None:
            if len(self._folded) >= _LARGEST_CACHE:
                self._folded.clear()
            found = self._folded[variant] = MappingProxyType(self._fold(variant))
        return found

    def _fold(self, variant: Variant) -> dict[str, Node]:
        known = known_of(self._atoms.found, variant)
        shared: dict[tuple[FieldPolicySpec, ...], Node] = {}
        found: dict[str, Node] = {}
        for name in self.names:
            own = tuple(each for each in self.policies if name in each.fields)
            if own not in shared:
                shared[own] = fold_rules(own, known)
            found[name] = shared[own]
        found.update([(name, self._followed(name, found)) for name in self.resource.relationships])
        return {name: node for name, node in found.items() if node != TRUE}

    def _followed(self, name: str, found: Mapping[str, Node]) -> Node:
        """When a relationship may be followed: not by a key that is hidden in the row, nor past a hidden first step."""
        each = self.resource.relationships[name]
        before = self._followed(each.path[0], found) if each.path else found.get(each.source_attribute, TRUE)
        return all_of((before, found.get(name, TRUE)))
