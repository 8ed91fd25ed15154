"""Reading the body of a request, never more of it than is allowed, and what it says as JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.types import Receive, Scope

from sorbus.errors.http import BodyTooSlow, MalformedBody, PayloadTooLarge

PATIENCE = 30.0
"""Seconds that a body may take, besides those for its bytes."""
SLOWEST = 2_000
"""Bytes that have to come in each second more: clients that send nothing must not take the room of all others."""
_MOST_DIGITS = 20


def header(scope: Scope, name: bytes) -> str:
    """The value of a request header, or an empty string; repeated ones are joined by commas."""
    found = [value for key, value in scope["headers"] if key == name]
    return b", ".join(found).decode("latin-1")


def json_of(body: bytes) -> Any:
    """A body as JSON.

    Raises:
        MalformedBody: it is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = str(error)
        raise MalformedBody(text[:1].lower() + text[1:]) from None
    except RecursionError:
        raise MalformedBody("it is nested too deeply") from None


async def read_body(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLarge: it is larger than `limit` bytes; the rest is not read.
        BodyTooSlow: it does not come at the slowest rate that is waited for.
        MalformedBody: it breaks off, since the client went away or what it sends is no HTTP.
    """
    announced = header(scope, b"content-length")
    if announced.isascii() and announced.isdigit() and int(announced[:_MOST_DIGITS]) > limit:
        raise PayloadTooLarge(limit)
    parts: list[bytes] = []
    size = 0
    begun = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise MalformedBody("it breaks off")
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise PayloadTooLarge(limit)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
                patience.reschedule(begun + PATIENCE + size / SLOWEST)
    except TimeoutError:
        raise BodyTooSlow(seconds=PATIENCE, rate=SLOWEST) from None
