"""The types of expressions, where no row is there to tell: a sum over nothing is a zero of some type."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sorbus.expressions.nodes import Node
from sorbus.schema.kinds import Stack, kind_of
from sorbus.schema.resource import ApplicationSpec


def zero(application: ApplicationSpec, node: Node, stack: Stack) -> Any:
    """The zero of an expression's type."""
    kind = kind_of(application, node, stack)
    return kind(0) if kind in {Decimal, float, timedelta} else 0
