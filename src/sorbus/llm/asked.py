"""What a call's record keeps of its question, and how a long one is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sorbus.llm.messages import Message, ModelRequest

KEPT = 65_536
"""The most bytes of a question that are kept, unless a configuration says otherwise."""

_LEAST = 256
_FRAME = 32
"""Bytes that a message takes besides its text."""


def kept(request: ModelRequest, *, limit: int) -> dict[str, Any] | None:
    """A question as plain data of about a number of bytes at most; None where nothing is to be kept.

    It has `messages` (each with `role` and `content`), `parameters` (`max_tokens`, `temperature`) and `schema`, and the
    names of the `tools` where there were any; what an assistant wanted called is JSON in its `content`. The longest
    messages are cut first, in their middle: `content` is then the start, `end` the end, and `left_out` the number of
    characters between them. Of very many messages those in the middle are left out; an entry that has nothing but
    `left_out` stands for so many of them. A schema that takes more than half of it all is left out, and
    `schema_left_out` is the number of its bytes.

    Args:
        limit: bytes of UTF-8, of the texts and the schema together; 0 to keep nothing.
    """
    if limit <= 0:
        return None
    found: dict[str, Any] = {
        "messages": [],
        "parameters": {"max_tokens": request.max_tokens, "temperature": request.temperature},
        "schema": request.schema,
        **({"tools": [each.name for each in request.tools]} if request.tools else {}),
    }
    room = limit
    if request.schema is not None:
        size = len(msgspec.json.encode(request.schema))
        if 2 * size > limit:
            found["schema"], found["schema_left_out"] = None, size
        else:
            room -= size
    found["messages"] = _messages(request.messages, room)
    return found


def _messages(messages: Sequence[Message], room: int) -> list[dict[str, Any]]:
    most = max(room // _LEAST, 2)
    if len(messages) > most:
        first, last = most - most // 2, most // 2
        room -= _FRAME
        return [
            *_texts(messages[:first], room * first // most),
            {"left_out": len(messages) - most},
            *_texts(messages[-last:], room * last // most),
        ]
    return _texts(messages, room)


def _texts(messages: Sequence[Message], room: int) -> list[dict[str, Any]]:
    sizes = [_size(each.text) for each in messages]
    room -= _FRAME * len(messages)
    share = room if sum(sizes) <= room else _share(sizes, room)
    return [
        {"role": each.role, "content": each.text} if size <= share else _cut(each, share)
        for each, size in zip(messages, sizes, strict=True)
    ]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _share(sizes: Sequence[int], room: int) -> int:
    """How long each may be, so that all of them fit; what short ones do not need, the long ones have."""
    left = max(room, 0)
    for place, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - place)
        if size > share:
            return share
        left -= size
    return left


def _cut(message: Message, size: int) -> dict[str, Any]:
    """A message without its middle, of which so many bytes stay."""
    data = message.text.encode()
    behind = size // 3
    start = data[: size - behind].decode(errors="ignore")
    end = data[len(data) - behind :].decode(errors="ignore")
    left_out = len(message.text) - len(start) - len(end)
    return {"role": message.role, "content": start, "left_out": left_out, "end": end}
