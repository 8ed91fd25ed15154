"""Binary data in JSON: base64 both ways."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

_ALPHABETS = str.maketrans("-_", "+/")


def from_base64(value: str) -> bytes:
    """The bytes in a base64 text of either alphabet.

    Raises:
        ValueError: it is no base64.
    """
    try:
        plain = value.translate(_ALPHABETS).rstrip("=")
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no base64") from None


class FromBase64:
    """Takes base64 texts for bytes, in `Annotated`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_decoded, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        # The limits count bytes, which are no characters of the text.
        del schema, handler
        return {"type": "string", "contentEncoding": "base64"}


def _decoded(value: Any) -> Any:
    return from_base64(value) if isinstance(value, str) else value


FROM_BASE64 = FromBase64()
"""The one instance that is needed."""
