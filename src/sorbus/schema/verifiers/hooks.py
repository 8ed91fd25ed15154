"""Hooks hang on the actions that have the steps for them."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError, HookNeverRuns
from sorbus.schema.resource import ApplicationSpec


def verify_hooks(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The hooks of actions that write no row: nothing would ever call them."""
    for spec in application.resources.values():
        for action in spec.actions.values():
            if not action.kind.writes:
                for point in action.hooks:
                    yield HookNeverRuns(action.label, kind=action.kind.value, point=point.value)
