"""Putting resources together in a test, and the mistakes that are told of them."""

from __future__ import annotations

from typing import Any

import pytest

from sorbus import Domain
from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.resource.assembly import assemble
from sorbus.schema.resource import ApplicationSpec


def put_together(*resources: type[Any]) -> ApplicationSpec:
    """The specs of a domain of these."""
    return assemble("test", [Domain("test", resources=resources)])


def mistakes(*resources: type[Any]) -> list[DeclarationError]:
    """What is told when an application of these is put together."""
    with pytest.raises(DefinitionErrors) as caught:
        put_together(*resources)
    return list(caught.value.errors)


def only(*resources: type[Any]) -> DeclarationError:
    """The one mistake that is told."""
    found = mistakes(*resources)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]
