"""Errors as models see them: the result of a tool that was refused, with what to do about it."""

from __future__ import annotations

from typing import Any

from sorbus.http.refusals import refusals
from sorbus.resource.calls import Call
from sorbus.types.showing import to_json

ERRORS_META = "sorbus/errors"
"""Where in `_meta` of a refused call its errors stand as data."""


def refused(error: BaseException, call: Call) -> dict[str, Any]:
    """The result of a tool that was refused, or that failed."""
    errors = refusals(error, call, where="mcp")
    return {
        "content": [{"type": "text", "text": to_json({"errors": errors}).decode()}],
        "isError": True,
        "_meta": {ERRORS_META: errors},
    }
