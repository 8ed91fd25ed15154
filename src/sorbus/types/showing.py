"""Values as interfaces show them: one encoder that knows our own types and what Pydantic knows."""

from __future__ import annotations

from typing import Any

import msgspec

from sorbus.types.hidden import HIDDEN
from sorbus.types.rules import ON_CLASS
from sorbus.types.rules import shown as shown_value


def _other(value: Any) -> Any:
    """What msgspec does not know: what the caller may not see is null; our own types, and what Pydantic knows."""
    from pydantic_core import to_jsonable_python

    if value is HIDDEN:
        return None
    return shown_value(value) if hasattr(value, ON_CLASS) else to_jsonable_python(value)


_encoder = msgspec.json.Encoder(enc_hook=_other)


def to_json(value: Any) -> bytes:
    """A value as JSON; what the caller may not see is null."""
    return _encoder.encode(value)
