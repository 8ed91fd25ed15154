"""Every verifier in turn."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError
from sorbus.schema.resource import ApplicationSpec
from sorbus.schema.verifiers.bodies import verify_bodies
from sorbus.schema.verifiers.cycles import verify_cycles
from sorbus.schema.verifiers.hooks import verify_hooks
from sorbus.schema.verifiers.joins import verify_joins
from sorbus.schema.verifiers.names import verify_names
from sorbus.schema.verifiers.tenancy import verify_tenancy
from sorbus.schema.verifiers.transitions import verify_transitions

VERIFIERS = (
    verify_names,
    verify_cycles,
    verify_transitions,
    verify_hooks,
    verify_joins,
    verify_tenancy,
    verify_bodies,
)


def verify(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """Every mistake that only shows when the whole application is seen."""
    for verifier in VERIFIERS:
        yield from verifier(application)
