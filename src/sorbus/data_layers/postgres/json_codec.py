"""JSON between Python and PostgreSQL: msgspec on both ways, plain Python values on the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


def _encode_other(value: Any) -> Any:
    """What msgspec does not know: Pydantic models, and anything else that can be dumped the same way."""
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    raise NotImplementedError(f"a `{type(value).__name__}` cannot be stored as JSON")


_encode = msgspec.json.Encoder(enc_hook=_encode_other).encode
_decode: Callable[[bytes | memoryview], Any] = msgspec.json.Decoder().decode


def encode_json(value: object) -> bytes:
    """A value as JSON text.

    Takes what msgspec takes (plain values, UUID, datetime, Decimal, Enum, dataclasses, structs) and Pydantic
    models. Dates become ISO 8601, Decimals strings, NaN and infinities null.

    Raises:
        NotImplementedError, TypeError: the value has no JSON form.
    """
    return _encode(value)


def decode_json(data: bytes) -> Any:
    """The plain Python value of a JSON text."""
    return _decode(data)


def storable(value: Any) -> Any:
    """A JSON value as PostgreSQL can hold it: NUL characters and lone surrogates in its texts become U+FFFD."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # Asking the class leaves the value an Any, whose keys and items may be anything.
    kind = value.__class__
    if issubclass(kind, Mapping):
        return {storable(key): storable(each) for key, each in value.items()}
    if issubclass(kind, (list, tuple)):
        return [storable(each) for each in value]
    return value


def encode_jsonb(value: object) -> bytes:
    """A value in PostgreSQL's binary form of jsonb: a version byte, then the text."""
    return b"\x01" + _encode(value)


def decode_jsonb(data: bytes) -> Any:
    """The plain Python value of PostgreSQL's binary form of jsonb."""
    return _decode(memoryview(data)[1:])
