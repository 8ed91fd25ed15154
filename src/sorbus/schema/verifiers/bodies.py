"""Bodies that were made of a declaration of their own say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError
from sorbus.schema.actions import MadeBody
from sorbus.schema.resource import ApplicationSpec


def verify_bodies(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The mistakes that made bodies find in themselves."""
    for spec in application.resources.values():
        for action in spec.actions.values():
            if isinstance(action.body, MadeBody):
                yield from action.body.mistakes(application, action)
