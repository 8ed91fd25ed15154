"""How values of our own types travel: as what the driver knows, and cast by the server where it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import asyncpg

from sorbus.expressions.nodes import Const, Node, Param
from sorbus.expressions.type_rows import OVER_RANGES
from sorbus.types.ranges import ELEMENTS, Range
from sorbus.types.vector import Vector


def _range(value: Range[Any]) -> Any:
    return asyncpg.Range(
        value.lower,
        value.upper,
        lower_inc=value.lower_inclusive,
        upper_inc=value.upper_inclusive,
        empty=value.empty,
    )


DRIVER_FORMS: Mapping[type, Callable[[Any], Any]] = MappingProxyType({Range: _range, Vector: list})
"""What the driver takes for a value of these classes."""

# pgvector converts arrays of 32-bit numbers itself, and the driver sends those in their binary form. So a vector needs
# no codec, which every connection would have to look up, and which could not be set before the extension is there.
_ON_THE_WIRE: Mapping[str, str] = MappingProxyType({"vector": "real[]"})


def wire_cast(sql: str) -> str:
    """The cast behind a parameter's number."""
    inner = _ON_THE_WIRE.get(sql)
    return f"::{sql}" if inner is None else f"::{inner}::{sql}"


def driver_cast(sql: str) -> str:
    """The cast behind an output of this type; empty where the driver reads it as it is."""
    inner = _ON_THE_WIRE.get(sql)
    return "" if inner is None else f"::{inner}"


def beside_range(operator: str, range_type: str | None) -> Callable[[Node], str | None]:
    """The types of bare values beside a range: of another range its own, of anything else that of its ends."""
    if operator not in OVER_RANGES or range_type is None or range_type not in ELEMENTS:
        return lambda _: None
    element = ELEMENTS[range_type]

    def hint(node: Node) -> str | None:
        match node:
            case Param(_, python):
                return range_type if python is Range else element
            case Const(value):
                return range_type if isinstance(value, Range) else element
            case _:
                return None

    return hint
