"""What commands may call: everything that an interface section of the application lists, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sorbus.resource.application import Sorbus
from sorbus.resource.calls import Call, calls_of
from sorbus.resource.sections import Section


def exposed_calls(app: Sorbus) -> Mapping[str, Call]:
    """The calls by their labels, such as `Run.start`, in the order of the declarations."""
    found: dict[str, Call] = {}
    for spec in app.spec.resources.values():
        for section in spec.sections.values():
            for call in calls_of(spec, _listed(section)):
                found.setdefault(call.label, call)
    return MappingProxyType(found)


def _listed(section: Any) -> Iterable[Any]:
    """The actions that a section of an interface lists; those of others list none for outside."""
    if isinstance(section, Section) and section.exposes:
        return section.listed
    return ()
