"""Hooks hang on the actions that have the steps for them, and grouped actions have none for single rows."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError, HookNeverRuns, HookOfOneRow
from sorbus.schema.actions import HookPoint
from sorbus.schema.resource import ApplicationSpec

_OF_ONE_ROW = (HookPoint.BEFORE_WRITE, HookPoint.AFTER_WRITE, HookPoint.AFTER_TRANSACTION)


def verify_hooks(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The hooks of actions that write no row: nothing would ever call them. And those that keep calls apart."""
    for spec in application.resources.values():
        for action in spec.actions.values():
            if not action.kind.writes:
                for point in action.hooks:
                    yield HookNeverRuns(action.label, kind=action.kind.value, point=point.value)
            elif action.grouped:
                for point in _OF_ONE_ROW:
                    if point in action.hooks:
                        yield HookOfOneRow(action.label, point=point.value)
