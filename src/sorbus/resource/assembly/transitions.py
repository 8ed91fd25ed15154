"""From the states of a transition to its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Literal

from sorbus.errors.declaration import WrongTransition
from sorbus.errors.hints import listed
from sorbus.schema.actions import TransitionSpec
from sorbus.schema.fields import AttributeSpec

Source = Enum | Literal["*"]


def transition_spec(
    label: str,
    resource: str,
    attributes: Mapping[str, AttributeSpec],
    sources: Sequence[Source],
    to: Enum | Sequence[Enum],
) -> TransitionSpec:
    """The spec of a transition; its states tell which attribute it moves.

    Raises:
        WrongTransition: no attribute or several hold these states, or they are of several kinds.
    """
    targets = (to,) if isinstance(to, Enum) else tuple(to)
    if not targets or not sources:
        side = "ends in" if sources else "starts from"
        raise WrongTransition(label, f"it {side} no state.", hint="Write `transition(A, to=B)`.")
    kind: type[Enum] = type(targets[0])
    holders = [each for each in attributes.values() if each.type.enum is kind]
    if len(holders) != 1:
        several = f"several attributes ({listed(each.name for each in holders)})"
        found = several if holders else "no attribute"
        raise WrongTransition(
            label,
            f"{found} of `{resource}` holds {kind.__name__}.",
            hint="A transition needs exactly one attribute of the state's enumeration.",
        )
    for each in (*targets, *sources):
        if each != "*" and type(each) is not kind:
            raise WrongTransition(
                label,
                f"it goes to {targets[0]!r}, but {each!r} is no {kind.__name__}.",
                hint=f"States: {listed(each.name for each in kind)}.",
            )
    single = len(targets) == 1
    return TransitionSpec(
        attribute=holders[0].name,
        sources=expanded(sources, kind),
        target=targets[0] if single else None,
        choices=() if single else targets,
    )


def expanded(sources: Sequence[Any], kind: type[Enum]) -> tuple[Any, ...]:
    """The states that a transition starts from, with `"*"` spelt out."""
    return tuple(kind) if "*" in [each for each in sources if isinstance(each, str)] else tuple(sources)
