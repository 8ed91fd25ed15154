"""Warnings: declarations that mean what they say, and hardly what was meant."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.hints import listed


class SorbusWarning(UserWarning):
    """Base of every warning of Sorbus; filter them as any other with the module `warnings`."""


class NothingAllowed(SorbusWarning):
    """An interface lists the actions of a resource that has no policies: every call will be refused."""

    def __init__(self, resource: str, sections: Iterable[str]) -> None:
        super().__init__(
            f"{resource} is served ({listed(sections)}) but has no policies, so every call will be refused. "
            'Write `policies = Policies(…)`; `policy("any", authorize_if(True))` allows everything to everybody.'
        )
