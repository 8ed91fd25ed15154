"""Digests of plain data: equal data has one digest, whatever the order of its members."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from hashlib import sha256
from typing import Any


def digest(value: Any) -> str:
    """The SHA-256 of a value as canonical JSON, as 64 hexadecimal digits.

    Members of objects are sorted. `1` and `1.0` are different: to take equal values for different ones only costs
    some work, and the other mistake gives a wrong answer.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
