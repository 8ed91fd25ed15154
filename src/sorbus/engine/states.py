"""States: an action may give some attributes certain values only, and a transition names where it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sorbus.errors.inputs import WrongState
from sorbus.errors.states import NoStateChosen, StateRefused
from sorbus.expressions.build import Expr
from sorbus.schema.actions import ActionSpec, TransitionSpec
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.changeset.changeset import Changeset


def check_bounds(changeset: Changeset) -> None:
    """What a body, change or hook has set is what the action may set.

    Raises:
        StateRefused: it is not; also an expression, which nobody has seen yet.
    """
    if changeset.errors:
        return  # what is no state at all has been refused already
    for name, allowed in changeset.action.bounds:
        if name not in changeset.changes:
            continue
        value = changeset.changes[name]
        if isinstance(value, Expr) or value not in allowed:
            given = "an expression" if isinstance(value, Expr) else shown(value)
            raise StateRefused(
                changeset.action.label, name, given=given, allowed=[shown(each) for each in allowed]
            )


def check_choice(changeset: Changeset) -> None:
    """A transition that may end in several states has chosen one.

    Raises:
        NoStateChosen: it has not.
    """
    transition = changeset.action.transition
    if transition is not None and transition.attribute not in changeset.changes:
        raise NoStateChosen(
            changeset.action.label, transition.attribute, allowed=[shown(each) for each in transition.targets]
        )


def wrong_state(spec: ResourceSpec, action: ActionSpec, record: Any, *, key: str = "") -> WrongState | None:
    """The error of a transition that does not start from a record's state; None when it does.

    Args:
        key: the record's key where it is not clear which one is meant.
    """
    transition = action.transition
    if transition is None or not transition.sources:
        return None
    state = record.__dict__[transition.attribute]
    if state in transition.sources:
        return None
    return starts_elsewhere(spec, action, transition, shown(state), key=key)


def starts_elsewhere(
    spec: ResourceSpec, action: ActionSpec, transition: TransitionSpec, state: str, *, key: str = ""
) -> WrongState:
    """The error of a transition that does not start from a state.

    Args:
        state: as messages show it.
        key: the record's key where it is not clear which one is meant.
    """
    return WrongState(
        action.label,
        current=state,
        sources=[shown(each) for each in transition.sources],
        target=" or ".join(shown(each) for each in transition.targets),
        possible=[each.name for each in transitions_from(spec, transition.attribute, state)],
        key=key,
    )


def transitions_from(spec: ResourceSpec, attribute: str, state: str) -> list[ActionSpec]:
    """The actions that start from a state, which is given as messages show it."""
    return [
        each
        for each in spec.actions.values()
        if each.transition is not None
        and each.transition.attribute == attribute
        and state in map(shown, each.transition.sources)
    ]


def shown(state: Any) -> str:
    """A state as messages show it."""
    return str(getattr(state, "value", state))


def chooses(transition: TransitionSpec | None) -> bool:
    """Whether the body must choose among several states."""
    return transition is not None and transition.target is None
