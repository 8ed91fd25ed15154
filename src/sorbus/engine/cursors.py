"""Page cursors: the sort values of a row, sealed, so that nobody outside can read, change or borrow them.

A cursor is bound to its query (resource, action, conditions, sort, distinct rows, combination, relationship), to the
values in that sort, and to the tenant: with a cursor of another query one could compare rows with values that one has
never seen. It is not bound to the values of conditions nor to the actor, so that a page can be handed on.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID

import msgspec

from sorbus.errors.inputs import InvalidCursor, InvalidPage
from sorbus.expressions.nodes import Call, Node, Ordering, Param

_SIGNATURE = 16
_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Seal:
    """What the cursors of one query are sealed with.

    Args:
        secret: the application's key.
        bound: what a cursor is good for, as `binding` makes it.
    """

    secret: bytes
    bound: bytes

    def close(self, payload: bytes) -> str:
        """A payload as a cursor: its signature, and the payload hidden under a stream that depends on it."""
        signature = self._signature(payload)
        return (
            urlsafe_b64encode(signature + _hidden(payload, self._stream(signature, len(payload))))
            .rstrip(b"=")
            .decode()
        )

    def open(self, cursor: object) -> bytes:
        """The payload of a cursor.

        Raises:
            InvalidCursor: it is broken, forged, or of another query or tenant.
        """
        if not isinstance(cursor, str) or not cursor.isascii():
            raise InvalidCursor("it is not base64")
        if len(cursor) > _LONGEST:
            raise InvalidCursor("it is too long")
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raise InvalidCursor("it is not base64") from None
        signature, hidden = raw[:_SIGNATURE], raw[_SIGNATURE:]
        payload = _hidden(hidden, self._stream(signature, len(hidden)))
        if not hmac.compare_digest(signature, self._signature(payload)):
            raise InvalidCursor("its signature does not fit this query")
        # Decoding skips what is not base64: only the very text that was given out is a cursor.
        if self.close(payload) != cursor:
            raise InvalidCursor("it is not base64")
        return payload

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self.secret, b"sign" + self.bound + payload, "sha256")[:_SIGNATURE]

    def _stream(self, signature: bytes, length: int) -> bytes:
        return hashlib.shake_256(hmac.digest(self.secret, b"hide" + signature, "sha256")).digest(length)


def _hidden(payload: bytes, stream: bytes) -> bytes:
    found = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return found.to_bytes(len(payload), "big")


def binding(query: bytes, values: Sequence[Any], tenant: Any) -> bytes:
    """What binds a cursor: a digest of the query's shape, the values in its sort, the tenant."""
    return hashlib.sha256(b"%b\0%b" % (query, repr((*values, tenant)).encode())).digest()


def encode(seal: Seal, values: Sequence[Any]) -> str:
    """The cursor of a row with these sort values, as the data layer keeps them.

    Raises:
        InvalidPage: a value has no order that a cursor could follow, as a list.
    """
    return seal.close(msgspec.json.encode([_plain(value) for value in values]))


def decode(seal: Seal, cursor: object, count: int) -> list[Any]:
    """The sort values in a cursor.

    Raises:
        InvalidCursor: it is broken, forged, or of another query or tenant.
    """
    payload = seal.open(cursor)
    try:
        found: Any = msgspec.json.decode(payload)
        values = [_value(each) for each in found]
    except (ValueError, TypeError, KeyError, InvalidOperation):
        raise InvalidCursor("it was made by another version") from None
    if len(values) != count:
        raise InvalidCursor("it was made by another version")
    return values


def _iso(value: Any) -> str:
    text: str = value.isoformat()
    return text


def _span(value: timedelta) -> str:
    return f"{value.days},{value.seconds},{value.microseconds}"


def _read_span(text: str) -> timedelta:
    days, seconds, microseconds = map(int, text.split(","))
    return timedelta(days, seconds, microseconds)


_KINDS: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = MappingProxyType(
    {
        float: ("f", repr, float),
        Decimal: ("n", str, Decimal),
        UUID: ("u", str, UUID),
        datetime: ("t", _iso, datetime.fromisoformat),
        date: ("d", _iso, date.fromisoformat),
        time: ("c", _iso, time.fromisoformat),
        timedelta: ("i", _span, _read_span),
        bytes: ("b", bytes.hex, bytes.fromhex),
    }
)
_READERS = {tag: read for tag, _, read in _KINDS.values()}
_LARGEST = 2**63


def _plain(value: Any) -> Any:
    """A value as JSON: numbers, texts and truth values as they are, others as a pair of kind and text."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)  # also of a text with a class of its own
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else ["n", str(value)]
    # A driver may answer with a class of its own: its UUID is a subclass.
    found = next((each for kind, each in _KINDS.items() if isinstance(value, kind)), None)
    if found is None:
        raise InvalidPage(
            "sort",
            type(cast("object", value)).__name__,
            allowed="texts, numbers, times and the like; use `offset_page` for others",
        )
    tag, write, _ = found
    return [tag, write(value)]


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        tag, text = cast("list[str]", plain)
        return _READERS[tag](text)
    return plain


def beyond(
    terms: Sequence[Ordering], values: Sequence[Any], nullable: Sequence[bool], params: list[Any]
) -> Node:
    """The condition that a row comes after the row with these sort values, in the order of the terms.

    The values are appended to `params`.
    """
    alternatives: list[Node] = []
    equal: list[Node] = []
    bound: Node | None = None
    for place, (term, value, may_be_null) in enumerate(zip(terms, values, nullable, strict=True)):
        param = None if value is None else _param(value, params)
        after = _after(term, param, nullable=may_be_null)
        if after is not None:
            alternatives.append(_all([*equal, after]))
        if place == 0 and param is not None and len(terms) > 1:
            bound = _bound(term, param, nullable=may_be_null)
        equal.append(_equal(term.node, param))
    if not alternatives:
        return Call("is_null", (terms[-1].node,))
    found = alternatives[0] if len(alternatives) == 1 else Call("or", tuple(alternatives))
    return found if bound is None else Call("and", (bound, found))


def _param(value: Any, params: list[Any]) -> Param:
    params.append(value)
    return Param(len(params) - 1, type(cast("object", value)))


def _equal(node: Node, param: Param | None) -> Node:
    return Call("is_null", (node,)) if param is None else Call("eq", (node, param))


def _after(term: Ordering, param: Param | None, *, nullable: bool) -> Node | None:
    node, first = term.node, term.puts_nulls_first
    if param is None:
        return Call("not", (Call("is_null", (node,)),)) if first else None
    later = Call("lt" if term.descending else "gt", (node, param))
    if nullable and not first:
        return Call("or", (later, Call("is_null", (node,))))
    return later


def _bound(term: Ordering, param: Param, *, nullable: bool) -> Node | None:
    """What follows for the first term alone: an index on it can then begin where the page does."""
    if nullable and not term.puts_nulls_first:
        return None
    return Call("le" if term.descending else "ge", (term.node, param))


def _all(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Call("and", tuple(parts))
