"""A state that transitions guard is changed by transitions only."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError, WrongInput
from sorbus.schema.actions import ActionKind
from sorbus.schema.resource import ApplicationSpec


def verify_transitions(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The updates that take a guarded state as a plain input and so would walk around its transitions."""
    for spec in application.resources.values():
        guarded = {action.transition.attribute for action in spec.actions.values() if action.transition}
        for action in spec.actions_of(ActionKind.UPDATE):
            for each in action.inputs:
                if each.attribute and each.name in guarded:
                    yield WrongInput(
                        action.label,
                        each.name,
                        f"the state `{each.name}` is changed by transitions only; it cannot be an input.",
                        hint="Declare an `@action.transition(…, to=…)`.",
                    )
