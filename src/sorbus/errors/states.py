"""Errors of states and transitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import FrameworkError, Invalid
from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import did_you_mean, listed


class StateRefused(Invalid):
    """An action tried to set a state that it must not set."""

    code = "state-refused"

    def __init__(self, action: str, attribute: str, *, given: str, allowed: Sequence[str]) -> None:
        what = f"sets it to {listed(allowed)} only" if allowed else "must leave it alone"
        super().__init__(
            f"{action} cannot set `{attribute}` to {given}: it {what}.",
            path=("input", attribute),
            hint=did_you_mean(given, allowed) or ("" if allowed else "States change by transitions only."),
        )


class NoStateChosen(FrameworkError):
    """A transition that may end in several states ended in none."""

    code = "no-state-chosen"

    def __init__(self, action: str, attribute: str, *, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{action} may end in {listed(allowed)}, and its body chose none of them.",
            path=(attribute,),
            hint="Choose in the body: `next_state(self, …)`.",
        )


class BadStateMachine(DeclarationError):
    """The states and transitions of a state machine do not fit together."""

    code = "bad-state-machine"

    def __init__(self, where: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{where}: {message}", path=tuple(where.split(".")), hint=hint)


class NoSuchState(Invalid):
    """A state machine was asked about something that is none of its states or transitions."""

    code = "no-such-state"

    def __init__(self, resource: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{name}` is no state or transition of `{resource}`. There are: {listed(allowed)}.",
            path=(resource,),
            hint=did_you_mean(name, allowed),
        )
