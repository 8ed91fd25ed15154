"""The codes of the errors that a server of ours answers with on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from sorbus.errors import access, authorization, database, flow, http, inputs, states, tenancy
from sorbus.errors.base import SorbusError
from sorbus.http.faults import status_of

_PLACES: tuple[ModuleType, ...] = (access, authorization, database, flow, http, inputs, states, tenancy)
_GENERAL = ("internal-error", "unavailable")


def known_codes() -> tuple[str, ...]:
    """Every code that Sorbus itself gives to an error of a request; an application may have further ones."""
    return tuple(sorted({*_GENERAL, *_codes()}))


def _codes() -> Iterator[str]:
    for place in _PLACES:
        for kind in vars(place).values():
            if isinstance(kind, type) and issubclass(kind, SorbusError) and status_of(kind) < 500:
                yield kind.code
