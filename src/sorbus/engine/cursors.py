"""Signed page cursors: the sort values of a row, which nobody outside can read meaning into or forge."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from sorbus.errors.inputs import InvalidCursor
from sorbus.expressions.nodes import Call, Node, Ordering, Param
from sorbus.types.base import FieldType

_SIGNATURE = 16
_LONGEST = 4096


def encode(secret: bytes, sort: str, values: Sequence[Any]) -> str:
    """A cursor for the row with these sort values.

    Args:
        sort: what identifies the query's sort; a cursor of another sort is refused.
    """
    payload = msgspec.json.encode(list(values))
    return urlsafe_b64encode(_sign(secret, sort, payload) + payload).rstrip(b"=").decode()


def decode(secret: bytes, sort: str, cursor: str, types: Sequence[FieldType]) -> list[Any]:
    """The sort values in a cursor.

    Raises:
        InvalidCursor: it is broken, forged, or of another sort.
    """
    if len(cursor) > _LONGEST:
        raise InvalidCursor("it is too long")
    try:
        raw = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (ValueError, UnicodeEncodeError):
        raise InvalidCursor("it is not base64") from None
    signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(secret, sort, payload)):
        raise InvalidCursor("its signature does not fit this query")
    values: list[Any] = msgspec.json.decode(payload)
    return [_typed(value, kind) for value, kind in zip(values, types, strict=True)]


def _typed(value: Any, kind: FieldType) -> Any:
    if value is None:
        return None
    typed = FieldType(annotation=kind.annotation, nullable=True).adapter.validate_json(
        msgspec.json.encode(value)
    )
    return kind.stored(typed)


def _sign(secret: bytes, sort: str, payload: bytes) -> bytes:
    return hmac.digest(secret, hashlib.sha256(sort.encode()).digest() + payload, "sha256")[:_SIGNATURE]


def beyond(
    terms: Sequence[Ordering], values: Sequence[Any], nullable: Sequence[bool], params: list[Any]
) -> Node:
    """The condition that a row comes after the row with these sort values, in the order of the terms.

    The values are appended to `params`.
    """
    alternatives: list[Node] = []
    equal: list[Node] = []
    for term, value, may_be_null in zip(terms, values, nullable, strict=True):
        after = _after(term, value, may_be_null, params)
        if after is not None:
            alternatives.append(_all([*equal, after]))
        equal.append(_equal(term.node, value, params))
    if not alternatives:
        return Call("is_null", (terms[-1].node,))
    return alternatives[0] if len(alternatives) == 1 else Call("or", tuple(alternatives))


def _param(value: Any, params: list[Any]) -> Param:
    params.append(value)
    return Param(len(params) - 1, type(cast("object", value)))


def _equal(node: Node, value: Any, params: list[Any]) -> Node:
    if value is None:
        return Call("is_null", (node,))
    return Call("eq", (node, _param(value, params)))


def _after(term: Ordering, value: Any, nullable: bool, params: list[Any]) -> Node | None:
    node, first = term.node, term.puts_nulls_first
    if value is None:
        return Call("not", (Call("is_null", (node,)),)) if first else None
    later = Call("lt" if term.descending else "gt", (node, _param(value, params)))
    if nullable and not first:
        return Call("or", (later, Call("is_null", (node,))))
    return later


def _all(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Call("and", tuple(parts))
