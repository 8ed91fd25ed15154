"""The section of a state machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Literal, TypeVar, overload

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import listed
from sorbus.errors.states import BadStateMachine, NoSuchState, StateRefused
from sorbus.expressions.build import Expr
from sorbus.extensions.state_machine.graph import Graph, graph_of
from sorbus.resource.actions import Action
from sorbus.resource.extensions import ExtensionContext, Section, change_action, change_attribute
from sorbus.resource.fields import Attr
from sorbus.schema.actions import ActionKind, ActionSpec, TransitionSpec
from sorbus.schema.fields import DefaultKind
from sorbus.schema.resource import ResourceSpec

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A transition that is declared in the section; made by `transition`."""

    action: Action
    sources: tuple[Enum | Literal["*"], ...]
    targets: tuple[Enum, ...]


@overload
def transition(action: Action, *sources: E | Literal["*"], to: E) -> Transition: ...
@overload
def transition(action: Action, *sources: E | Literal["*"], to: list[E]) -> Transition: ...
def transition(action: Action, *sources: Any, to: Any) -> Transition:
    """An update action, or a create with an upsert, that moves the state from one of `sources` to `to`.

    Args:
        sources: where it starts; `"*"` is every state but the final and the deprecated ones.
        to: where it ends; of several the body chooses one with `next_state(self, …)`.
    """
    targets: tuple[Any, ...] = (to,) if isinstance(to, Enum) else tuple(to)
    return Transition(action=action, sources=sources, targets=targets)


def next_state(draft: Any, state: Enum) -> None:
    """In the body of a transition that may end in several states: end in this one.

    Raises:
        StateRefused: the action is no transition. Whether it may end in the state is checked after the body.
    """
    action: ActionSpec = draft.__dict__["__changeset__"].action
    if action.transition is None:
        raise StateRefused(action.label, "state", given=str(state.value), allowed=())
    setattr(draft, action.transition.attribute, state)


class StateMachine(Section, Generic[E]):
    """States that change by transitions only.

    `machine = StateMachine(state, transition(send, State.DRAFT, to=State.SENT), initial=[State.DRAFT])`.
    Transitions that are declared by `@action.transition` belong to it as well. No other action may change the
    state: new records begin in an initial one, and every statement of a transition is guarded by its sources.

    Args:
        state: the attribute; its enumeration is the set of states.
        transitions: transitions of plain update actions.
        initial: the states that new records may have; the first is the default.
        final: the states that nothing leaves.
        deprecated: the states that old rows may have; nothing leads there.
    """

    section_name = "machine"

    def __init__(
        self,
        state: Attr[E],
        *transitions: Transition,
        initial: Sequence[E],
        final: Sequence[E] = (),
        deprecated: Sequence[E] = (),
    ) -> None:
        self.state = state
        self.transitions = transitions
        self.initial = tuple(initial)
        self.final = tuple(final)
        self.deprecated = tuple(deprecated)

    # questions

    def possible_next_states(self, record: Any) -> list[E]:
        """The states that a record may come into by one transition, in the order of the enumeration."""
        state = record.__dict__[self.state.name]
        moves = self._moves(record.__class__)
        found = {target for _, sources, targets in moves if state in sources for target in targets}
        return [each for each in self._kind if each in found]

    def possible_actions(self, record: Any) -> list[str]:
        """The names of the transitions that start from a record's state, in the order of their declaration."""
        state = record.__dict__[self.state.name]
        return [name for name, sources, _ in self._moves(record.__class__) if state in sources]

    def can_transition(self, record: Any, to: E | Action) -> bool:
        """Whether a record may come into a state, or take a transition, as far as its state is concerned.

        Raises:
            NoSuchState: it is no state or transition of this machine.
        """
        cls: type[Any] = record.__class__
        if isinstance(to, Action):
            names = [name for name, _, _ in self._moves(cls)]
            if to.name not in names:
                raise NoSuchState(cls.__name__, to.name, allowed=names)
            return to.name in self.possible_actions(record)
        if type(to) is not self._kind:
            raise NoSuchState(cls.__name__, str(to), allowed=[each.name for each in self._kind])
        return to in self.possible_next_states(record)

    def allows(self, action: Action) -> Expr[bool]:
        """The condition that an action starts from a row's state, for queries and policies."""
        cls: type[Any] = action.owner
        for name, sources, _ in self._moves(cls):
            if name == action.name:
                return self.state.is_in(list(sources))
        raise NoSuchState(cls.__name__, action.name, allowed=[name for name, _, _ in self._moves(cls)])

    def graph(self, spec: ResourceSpec) -> Graph:
        """The graph of the machine in a finished spec."""
        return graph_of(
            spec, self.state.name, initial=self.initial, final=self.final, deprecated=self.deprecated
        )

    @property
    def _kind(self) -> type[E]:
        return type(self.initial[0])

    def _moves(self, cls: type[Any]) -> Iterator[tuple[str, tuple[E, ...], tuple[E, ...]]]:
        """Every transition of a class: name, sources, targets."""
        kind = self._kind
        listed_here = {each.action.name: each for each in self.transitions}
        for name, member in cls.__declared__.items():
            if name in listed_here:
                here: Any = listed_here[name]
                yield name, self._sources(here.sources, kind), here.targets
            elif isinstance(member, Action) and "target" in member.options:
                to = member.options["target"]
                targets: tuple[Any, ...] = (to,) if isinstance(to, Enum) else tuple(to)
                if isinstance(targets[0], kind):
                    yield name, self._sources(member.options["sources"], kind), targets

    def _sources(self, sources: Sequence[Any], kind: type[E]) -> tuple[E, ...]:
        if any(isinstance(each, str) and not isinstance(each, Enum) for each in sources):
            return tuple(each for each in kind if each not in self.final and each not in self.deprecated)
        return tuple(sources)

    # the door

    def transform(self, spec: ResourceSpec, context: ExtensionContext) -> ResourceSpec:
        """The state gets its default, transitions their guards, and every other action its limits."""
        name = self.state.name
        attribute = spec.attributes.get(name)
        if attribute is None or attribute.type.enum is None:
            what = "is no attribute of this resource" if attribute is None else "holds no enumeration"
            raise BadStateMachine(f"{spec.name}.machine", f"`{name}` {what}.")
        if not self.initial:
            raise BadStateMachine(
                f"{spec.name}.machine", "it has no initial state.", hint="Write `initial=[…]`."
            )
        wrong = self._foreign(attribute.type.enum)
        if wrong:
            raise BadStateMachine(
                f"{spec.name}.machine",
                f"{listed(wrong)} is no {attribute.type.enum.__name__}.",
                hint=f"States: {listed(each.name for each in attribute.type.enum)}.",
            )
        if attribute.default_kind is DefaultKind.NONE:
            spec = change_attribute(spec, name, default_kind=DefaultKind.VALUE, default=self.initial[0])
        spec = self._move(spec, context, attribute.type.enum)
        return self._bound(spec)

    def _foreign(self, kind: type[Enum]) -> list[str]:
        given: list[Any] = [*self.initial, *self.final, *self.deprecated]
        for each in self.transitions:
            given += [*(source for source in each.sources if source != "*"), *each.targets]
        return [str(each) for each in given if not isinstance(each, kind)]

    def _move(self, spec: ResourceSpec, context: ExtensionContext, kind: type[Any]) -> ResourceSpec:
        """The transitions of the section, and those of decorators with their wildcards spelt out."""
        label = f"{spec.name}.machine"
        here = {each.action.name: each for each in self.transitions}
        for each in self.transitions:
            found = spec.actions.get(each.action.name)
            problem = _unfit(each, found, spec)
            if problem:
                context.errors.append(BadStateMachine(label, problem))
        for action in tuple(spec.actions.values()):
            member = here.get(action.name)
            declared: Any = getattr(spec.python, action.name, None)
            if member is not None and _unfit(member, action, spec) == "":
                made = self._transition(member.sources, member.targets, kind)
            elif action.transition is not None and action.transition.attribute == self.state.name:
                made = self._transition(declared.options["sources"], action.transition.targets, kind)
            else:
                continue
            spec = change_action(spec, action.name, transition=made)
        return spec

    def _transition(
        self, sources: Sequence[Any], targets: tuple[Any, ...], kind: type[Any]
    ) -> TransitionSpec:
        single = len(targets) == 1
        return TransitionSpec(
            attribute=self.state.name,
            sources=self._sources(sources, kind),
            target=targets[0] if single else None,
            choices=() if single else targets,
        )

    def _bound(self, spec: ResourceSpec) -> ResourceSpec:
        """What each action may set the state to."""
        name = self.state.name
        for action in tuple(spec.actions.values()):
            if not action.kind.writes:
                continue
            moved = action.transition is not None and action.transition.attribute == name
            if moved and action.transition is not None:
                allowed = action.transition.targets
            else:
                allowed = self.initial if action.kind is ActionKind.CREATE else ()
            others = tuple(each for each in action.bounds if each[0] != name)
            spec = change_action(spec, action.name, bounds=(*others, (name, allowed)))
        return spec

    def verify(self, spec: ResourceSpec) -> Iterator[DeclarationError]:
        """Every state can be reached and left, unless it is final; nothing goes round the machine."""
        label = f"{spec.name}.machine"
        graph = self.graph(spec)
        reachable = graph.reachable()
        default = spec.attributes[graph.attribute].default
        if default not in self.initial:
            yield BadStateMachine(
                label,
                f"the default of `{graph.attribute}` is {_names([default])}, which is no initial state.",
            )
        for state in graph.states:
            yield from self._state_errors(label, graph, state, reachable)
        for action in spec.actions.values():
            yield from self._action_errors(label, graph.attribute, action)

    def _state_errors(
        self, label: str, graph: Graph, state: Enum, reachable: frozenset[Enum]
    ) -> Iterator[DeclarationError]:
        leaving, final = graph.leaving(state), state in self.final
        if state not in reachable:
            yield BadStateMachine(
                label,
                f"no transition leads to {state.name}.",
                hint="Add one, or name it among `initial` or `deprecated`.",
            )
        if state in self.deprecated:
            leading = sorted({edge.action for edge in graph.edges if edge.target == state})
            if leading or state in self.initial:
                what = f"{listed(leading)} leads there" if leading else "it is initial"
                yield BadStateMachine(label, f"{state.name} is deprecated, but {what}.")
        elif final and leaving:
            yield BadStateMachine(
                label, f"{state.name} is final, but {listed({edge.action for edge in leaving})} leaves it."
            )
        elif not final and not leaving:
            yield BadStateMachine(
                label,
                f"nothing leaves {state.name}.",
                hint=f"Add a transition, or mark it: `final=[{type(state).__name__}.{state.name}]`.",
            )

    def _action_errors(self, label: str, name: str, action: ActionSpec) -> Iterator[DeclarationError]:
        accepts = any(each.attribute and each.name == name for each in action.inputs)
        upsert = action.upsert
        if upsert is None:
            return
        guarded = action.transition is not None and action.transition.attribute == name
        if not guarded and (accepts or name in (upsert.fields or ())):
            yield BadStateMachine(
                label,
                f"{action.label} would set the state of a row that is there, whatever state that is in.",
                hint=f"Declare where it may do so: `transition({action.name}, …, to=…)`.",
            )
        outside = (
            [each for each in action.transition.targets if each not in self.initial]
            if (guarded and action.transition is not None)
            else []
        )
        if outside:
            yield BadStateMachine(
                label,
                f"{action.label} may insert a record that is {_names(outside)}, which is no initial state.",
            )


def _unfit(each: Transition, action: ActionSpec | None, spec: ResourceSpec) -> str:
    """Why an action cannot be a transition; empty when it can."""
    name = each.action.name
    if action is None or not issubclass(spec.python, each.action.owner):
        return f"`{each.action.owner.__name__}.{name}` is no action of `{spec.name}`."
    if not each.sources or not each.targets:
        return f"the transition `{name}` {'ends in' if each.sources else 'starts from'} no state."
    if action.transition is not None:
        return f"`{name}` is declared as a transition twice: by its decorator and in the section."
    if action.kind is ActionKind.UPDATE or (action.kind is ActionKind.CREATE and action.upsert is not None):
        return ""
    return f"`{name}` is a {action.kind.value} action; a transition is an update, or a create with an upsert."


def _names(states: Sequence[Any]) -> str:
    return listed(getattr(each, "name", str(each)) for each in states)
