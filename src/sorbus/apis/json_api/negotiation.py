"""Content negotiation, as JSON:API 1.1 has it: one media type, without parameters but `profile`."""

from __future__ import annotations

from functools import lru_cache

from sorbus.errors.http import NotAcceptable, UnsupportedMediaType
from sorbus.http.media_types import JSON, MediaType, accepted, media_type_of
from sorbus.http.replies import Header

MEDIA_TYPE = "application/vnd.api+json"
HEADERS: tuple[Header, ...] = ((b"vary", b"accept"), (b"cache-control", b"no-store"))
"""What every answer says. What it shows depends on who asks, and nothing in between knows how they say so."""

_READ = (MEDIA_TYPE, JSON)


def check_accept(accept: str) -> None:
    """Nothing, when the client takes what is answered with.

    Raises:
        NotAcceptable: it does not.
    """
    if accept and not _acceptable(accept):
        raise NotAcceptable(accept, offered=MEDIA_TYPE)


def check_content_type(given: str) -> None:
    """Nothing, when a body of this type is read.

    Plain `application/json` is read too; a browser asks before it sends either across sites.

    Raises:
        UnsupportedMediaType: it is not.
    """
    if not _readable(given):
        raise UnsupportedMediaType(given, allowed=_READ)


@lru_cache(maxsize=256)
def _acceptable(accept: str) -> bool:
    return any(map(_offered, accepted(accept)))


def _offered(wanted: MediaType) -> bool:
    # An instance with `ext`, or with parameters of its own, asks for what is not offered.
    return wanted.kind in {"*/*", "application/*", JSON} or _is_document(wanted)


@lru_cache(maxsize=256)
def _readable(given: str) -> bool:
    found = media_type_of(given)
    return found.is_json or _is_document(found)


def _is_document(found: MediaType) -> bool:
    return found.kind == MEDIA_TYPE and found.parameters.keys() <= {"profile"}
