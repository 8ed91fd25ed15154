"""Requests: what GraphQL over HTTP sends, read from bodies and query strings, and what may be answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec

from sorbus.apis.graphql.limits import Limits
from sorbus.errors.graphql import BatchRefused, MalformedGraphqlRequest
from sorbus.errors.http import NotAcceptable, QueryTooLong, UnsupportedMediaType
from sorbus.http.bodies import json_of
from sorbus.http.media_types import JSON, accepted, media_type_of

RESPONSE = b"application/graphql-response+json"
PLAIN = JSON.encode()
EVENTS = b"text/event-stream"

_OFFERED = {
    RESPONSE.decode(): RESPONSE,
    JSON: PLAIN,
    EVENTS.decode(): EVENTS,
    "application/*": RESPONSE,
    "*/*": RESPONSE,
}
_MEMBERS = ("query", "operationName", "variables", "extensions")
_LONGEST_NAME = 200
_MOST_MEMBERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        query: the text of the document; None when only its hash is given.
        sha256: the hash of a persisted document.
        reading: whether nothing may be changed by it, because it came by GET.
    """

    query: str | None = None
    operation: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sha256: str | None = None
    reading: bool = False


def from_body(body: bytes, limits: Limits) -> Asked | list[Asked]:
    """The request in a body, or several where the limits allow it.

    Raises:
        MalformedBody: it is no JSON.
        MalformedGraphqlRequest: it is no request.
        BatchRefused: there are more requests than are taken at once.
    """
    return from_json(json_of(body), limits)


def from_json(found: Any, limits: Limits) -> Asked | list[Asked]:
    """The request that JSON has been read into, or several where the limits allow it.

    Raises:
        MalformedGraphqlRequest: it is no request.
        BatchRefused: there are more requests than are taken at once.
    """
    if isinstance(found, list):
        several: list[Any] = found  # pyright: ignore[reportUnknownVariableType]
        if not 0 < len(several) <= limits.batch:
            raise BatchRefused(len(several), limit=limits.batch)
        return [from_object(each, reading=False) for each in several]
    return from_object(found, reading=False)


def from_query(query: bytes, limits: Limits) -> Asked:
    """The request in a query string.

    Raises:
        QueryTooLong: it is longer than is read.
        MalformedGraphqlRequest: it is no request.
    """
    if len(query) > limits.document * 4:
        raise QueryTooLong(limits.document * 4)
    try:
        text = query.decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_MEMBERS, errors="strict")
    except UnicodeDecodeError:
        raise MalformedGraphqlRequest("its query string is no text in UTF-8") from None
    except ValueError:
        raise QueryTooLong(limits.document * 4) from None
    found: dict[str, Any] = {name: value for name, value in pairs if name in _MEMBERS and value}
    for name in ("variables", "extensions"):
        if name in found:
            try:
                found[name] = msgspec.json.decode(found[name].encode())
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                raise MalformedGraphqlRequest(f"`{name}` is no JSON") from None
    return from_object(found, reading=True)


def from_object(found: Any, *, reading: bool) -> Asked:
    """One request.

    Args:
        reading: whether nothing may be changed by it.

    Raises:
        MalformedGraphqlRequest: it is none.
    """
    if not isinstance(found, dict):
        raise MalformedGraphqlRequest('it is no object; it looks like {"query": "{ … }"}')
    given = cast("dict[str, Any]", found)
    query, name = given.get("query"), given.get("operationName")
    if query is not None and not isinstance(query, str):
        raise MalformedGraphqlRequest("`query` is no text")
    if name is not None and not isinstance(name, str):
        raise MalformedGraphqlRequest("`operationName` is no text")
    variables: Any = given.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise MalformedGraphqlRequest("`variables` is no object")
    sha256 = _hash(given.get("extensions"))
    if query is None and sha256 is None:
        raise MalformedGraphqlRequest("it has no `query`")
    return Asked(
        query=query,
        operation=name[:_LONGEST_NAME] if name else None,
        variables=cast("dict[str, Any]", variables or {}),
        sha256=sha256,
        reading=reading,
    )


def _hash(extensions: Any) -> str | None:
    """The hash of a persisted document, where there is one."""
    if extensions is None:
        return None
    if not isinstance(extensions, dict):
        raise MalformedGraphqlRequest("`extensions` is no object")
    persisted: Any = cast("dict[str, Any]", extensions).get("persistedQuery")
    if persisted is None:
        return None
    found = cast("dict[str, Any]", persisted) if isinstance(persisted, dict) else {}
    sha256 = found.get("sha256Hash")
    if found.get("version") != 1 or not isinstance(sha256, str) or len(sha256) != 64:
        raise MalformedGraphqlRequest("`persistedQuery` has no `version` 1 with a `sha256Hash`")
    return sha256


# negotiation


def media_type(accept: str) -> bytes:
    """What to answer with: the type of GraphQL's own where the client does not ask for another.

    Raises:
        NotAcceptable: the client takes nothing of what there is.
    """
    found = _media_type(accept) if accept else RESPONSE
    if found is None:
        offered = f"{RESPONSE.decode()}, {PLAIN.decode()}"
        raise NotAcceptable(accept, offered=offered)
    return found


@lru_cache(maxsize=256)
def _media_type(accept: str) -> bytes | None:
    best: tuple[float, int, bytes] | None = None
    for place, wanted in enumerate(accepted(accept)):
        offered = _OFFERED.get(wanted.kind)
        if offered is not None and (best is None or (wanted.weight, -place) > best[:2]):
            best = (wanted.weight, -place, offered)
    return best[2] if best else None


def check_content_type(given: str) -> None:
    """Nothing, when a body of this type is read: JSON, which a browser does not send across sites unasked.

    Raises:
        UnsupportedMediaType: it is not.
    """
    if not media_type_of(given).is_json:
        raise UnsupportedMediaType(given, allowed=[JSON])
