"""Headers of a message, read so that none of them can stop the reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from sorbus.pipelines.sources.charsets import one_line
from sorbus.types.json import Json

MAX_HEADER = 16_384
"""The longest header that is read, in characters; the standard library's parsers are quadratic."""
MAX_ADDRESSES = 500
MAX_SAME = 8
"""How many headers of one name are read; a sound message has one."""

_ID = re.compile(r"<([^<>\s]{1,500})>")


class TolerantPolicy(EmailPolicy):
    """The standard library's default policy, but a header that its parsers cannot read stays plain text."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """The name and raw value of a header, cut at `MAX_HEADER`."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MAX_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """The parsed header, or its text when the parser gives up, whichever way it does."""
        try:
            return super().header_fetch_parse(name, value)
        except Exception:  # the parsers raise IndexError, AttributeError, RecursionError on odd headers
            return one_line(value, limit=MAX_HEADER)


TOLERANT = TolerantPolicy(raise_on_defect=False, utf8=True)


def text_of(message: EmailMessage, name: str) -> str:
    """A header as one clean line, or an empty string."""
    value = message.get(name)
    return one_line(str(value)) if value is not None else ""


def addresses_of(message: EmailMessage, name: str) -> list[Json]:
    """The people in a header, in order, as `{name, address}`; one with only a name when it does not parse."""
    found: list[Json] = []
    for value in _values(message, name):
        people: tuple[Address, ...] = getattr(value, "addresses", ())
        found += [_person(each) for each in people]
        if not people and one_line(str(value)):
            found.append({"name": one_line(str(value), limit=200), "address": ""})
    return found[:MAX_ADDRESSES]


def _values(message: EmailMessage, name: str) -> Iterator[Any]:
    wanted = name.lower()
    raw = ((key, value) for key, value in message.raw_items() if key.lower() == wanted)
    for key, value in islice(raw, MAX_SAME):
        yield message.policy.header_fetch_parse(key, value)


def _person(address: Address) -> Json:
    spec = f"{address.username}@{address.domain}" if address.domain else address.username
    return {"name": one_line(address.display_name or "", limit=200), "address": one_line(spec, limit=320)}


def date_of(message: EmailMessage) -> str | None:
    """The Date header in ISO 8601 with its offset (UTC where it has none), or None when it cannot be read."""
    value = message.get("date")
    if value is None:
        return None
    moment = getattr(value, "datetime", None)
    if not isinstance(moment, datetime):
        try:
            moment = parsedate_to_datetime(str(value))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def ids_of(message: EmailMessage, name: str) -> list[str]:
    """The Message-IDs in a header, without their angle brackets, each once."""
    found: list[str] = []
    for value in _values(message, name):
        found += [one_line(each, limit=500) for each in _ID.findall(str(value))]
    return list(dict.fromkeys(found))


def message_id_of(message: EmailMessage) -> str:
    """The Message-ID without its angle brackets, or an empty string; odd ones are taken as they stand."""
    bracketed = ids_of(message, "message-id")
    return bracketed[0] if bracketed else text_of(message, "message-id").strip("<> ")[:500]
