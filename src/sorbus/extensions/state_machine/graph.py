"""The graph of a state machine: its states and the transitions between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sorbus.errors.states import BadStateMachine
from sorbus.schema.resource import ResourceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One way from a state to another."""

    action: str
    source: Enum
    target: Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """States in the order of their enumeration, and edges in the order of the actions.

    Attributes:
        initial: the states of new records.
        final: the states that nothing leaves, on purpose.
        deprecated: the states that old rows may still have; nothing leads there.
    """

    name: str
    attribute: str
    states: tuple[Enum, ...]
    edges: tuple[Edge, ...]
    initial: tuple[Enum, ...] = ()
    final: tuple[Enum, ...] = ()
    deprecated: tuple[Enum, ...] = ()

    def reachable(self) -> frozenset[Enum]:
        """The states that a record can come into."""
        found: set[Enum] = set()
        waiting = [*self.initial, *self.deprecated]
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting.extend(edge.target for edge in self.edges if edge.source == state)
        return frozenset(found)

    def leaving(self, state: Enum) -> tuple[Edge, ...]:
        """The edges that leave a state."""
        return tuple(edge for edge in self.edges if edge.source == state)

    def merged(self) -> list[tuple[Enum, Enum, list[str]]]:
        """Source, target and the actions between them."""
        found: dict[tuple[Enum, Enum], list[str]] = {}
        for edge in self.edges:
            found.setdefault((edge.source, edge.target), []).append(edge.action)
        return [(source, target, actions) for (source, target), actions in found.items()]


def graph_of(
    spec: ResourceSpec,
    attribute: str | None = None,
    *,
    initial: Iterable[Enum] = (),
    final: Iterable[Enum] = (),
    deprecated: Iterable[Enum] = (),
) -> Graph:
    """The graph of a resource's transitions, with or without a state machine.

    Args:
        attribute: the state attribute, where the resource has several.

    Raises:
        BadStateMachine: the resource has no transitions, or several state attributes to choose from.
    """
    moved = list(
        dict.fromkeys(each.transition.attribute for each in spec.actions.values() if each.transition)
    )
    if attribute is None and len(moved) != 1:
        found = f"several state attributes ({', '.join(moved)})" if moved else "no transitions"
        raise BadStateMachine(spec.name, f"it has {found}, so there is no one chart.")
    name = attribute or moved[0]
    edges = tuple(
        Edge(action=each.name, source=source, target=target)
        for each in spec.actions.values()
        if each.transition is not None and each.transition.attribute == name
        for source in each.transition.sources
        for target in each.transition.targets
    )
    attribute_spec = spec.attributes[name]
    default = attribute_spec.default
    first = tuple(initial) or ((default,) if isinstance(default, Enum) else ())
    return Graph(
        name=spec.name,
        attribute=name,
        states=tuple(attribute_spec.type.enum or ()),
        edges=edges,
        initial=first,
        final=tuple(final),
        deprecated=tuple(deprecated),
    )
