"""Defaults that are values: what a body could change in place is a new one each time."""

from __future__ import annotations

from copy import deepcopy
from typing import Any


def fresh(default: Any) -> Any:
    """A default for one record or call: a list, map or set is copied, as is everything that cannot be hashed."""
    return deepcopy(default) if type(default).__hash__ is None else default
