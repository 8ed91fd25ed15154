"""Frames: the messages of the graphql-transport-ws protocol, and the codes with which a socket is closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, cast

from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.requests import Asked, from_object
from sorbus.apis.graphql.sharing import Told
from sorbus.errors.graphql import MalformedGraphqlRequest
from sorbus.errors.http import MalformedBody
from sorbus.http.bodies import json_of
from sorbus.types.showing import to_json

PROTOCOL = "graphql-transport-ws"
EVENT_ID = "eventId"
LAST_EVENT_ID = "lastEventId"
_WITH_ID = ("subscribe", "complete")
_TYPES = ("connection_init", "ping", "pong", *_WITH_ID)
_LONGEST_ID = 200
_LONGEST_REASON = 123
"""Bytes; a closing frame of WebSocket has no room for more."""


class Code(IntEnum):
    """Why a socket is closed. Those from 4400 on are the protocol's own."""

    GOING_AWAY = 1001
    TOO_BIG = 1009
    FAILED = 1011
    TRY_AGAIN = 1013
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NO_PROTOCOL = 4406
    NOT_INITIALISED = 4408
    ALREADY_SUBSCRIBED = 4409
    INITIALISED_TWICE = 4429


class Ends(Exception):
    """A socket is at its end.

    Attributes:
        code: with which it is closed; None when the client has gone.
        reason: for people; no longer than a closing frame holds.
    """

    def __init__(self, code: Code | None, reason: str = "") -> None:
        self.code = code
        self.reason = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        super().__init__(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A message from a client.

    Attributes:
        id: of the operation that it is about; empty where it is about none.
    """

    type: str
    id: str = ""
    payload: Any = field(default=None)


def frame_of(text: str | None, limits: Limits) -> Frame:
    """The message in a frame.

    Args:
        text: None of a frame that is binary.

    Raises:
        Ends: it is none of the protocol.
    """
    if text is None:
        raise Ends(Code.BAD_REQUEST, "A message is text, and this one is binary.")
    body = text.encode()
    if len(body) > limits.body:
        raise Ends(Code.TOO_BIG, f"A message has {limits.body} bytes at most.")
    try:
        found = json_of(body)
    except MalformedBody as error:
        raise Ends(Code.BAD_REQUEST, error.message) from None
    if not isinstance(found, dict):
        raise Ends(Code.BAD_REQUEST, "A message is an object; several operations are several messages.")
    given = cast("dict[str, Any]", found)
    kind, name, payload = given.get("type"), given.get("id", ""), given.get("payload")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise Ends(Code.BAD_REQUEST, f"A message has a `type`: {', '.join(_TYPES)}.")
    if kind in _WITH_ID and (not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID):
        raise Ends(Code.BAD_REQUEST, f"`{kind}` has an `id`, a text of at most {_LONGEST_ID} characters.")
    if payload is not None and not isinstance(payload, dict):
        raise Ends(Code.BAD_REQUEST, f"The `payload` of `{kind}` is an object.")
    return Frame(type=kind, id=name if kind in _WITH_ID else "", payload=payload)


def asked_of(payload: Any) -> tuple[Asked, int | None]:
    """The request in the payload of `subscribe`, and the position after which its events begin.

    Raises:
        Ends: there is none.
    """
    try:
        asked = from_object(payload, reading=False)
    except MalformedGraphqlRequest as error:
        raise Ends(Code.BAD_REQUEST, error.message) from None
    extensions: dict[str, Any] = payload.get("extensions") or {}
    after = extensions.get(LAST_EVENT_ID)
    if after is None:
        return asked, None
    if not isinstance(after, str) or not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Ends(Code.BAD_REQUEST, f"`extensions.{LAST_EVENT_ID}` is the `{EVENT_ID}` of an event, a text.")
    return asked, int(after)


def headers_of(payload: Any, allowed: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """The headers in the payload of `connection_init` that are taken from there; all others are left alone.

    Raises:
        Ends: they are none.
    """
    members: dict[str, Any] = payload or {}
    headers = members.get("headers")
    if headers is None:
        return []
    if not isinstance(headers, dict):
        raise Ends(Code.BAD_REQUEST, "`headers` in the payload of `connection_init` is an object of texts.")
    found: list[tuple[bytes, bytes]] = []
    for name, value in cast("dict[str, Any]", headers).items():
        if name.lower() in allowed:
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                raise Ends(Code.BAD_REQUEST, f"The header `{name.lower()}` is no printable text in ASCII.")
            found.append((name.lower().encode(), value.encode()))
    return found


# what the server says

ACK = '{"type":"connection_ack"}'
PING = '{"type":"ping"}'


def pong(payload: Any) -> str:
    """The answer to a ping, with what came along."""
    return '{"type":"pong"}' if payload is None else f'{{"type":"pong","payload":{_json(payload)}}}'


def next_(name: str, told: Told) -> str:
    """One response of an operation, with its position where there is one."""
    body = told.body.decode()
    if told.position is not None:
        body = f'{body[:-1]},"extensions":{{"{EVENT_ID}":"{told.position}"}}}}'
    return f'{{"id":{_json(name)},"type":"next","payload":{body}}}'


def error(name: str, errors: list[dict[str, Any]]) -> str:
    """Why an operation was not begun, or goes no further."""
    return f'{{"id":{_json(name)},"type":"error","payload":{_json(errors)}}}'


def complete(name: str) -> str:
    """Nothing comes of an operation any more."""
    return f'{{"id":{_json(name)},"type":"complete"}}'


def _json(value: Any) -> str:
    return to_json(value).decode()
