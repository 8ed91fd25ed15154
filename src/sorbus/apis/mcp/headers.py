"""The headers of MCP over HTTP: media types, the revision, and what must say the same as the message."""

from __future__ import annotations

import base64
import binascii
import re

from starlette.types import Scope as AsgiScope

from sorbus.apis.mcp.protocol import HEADER_MISMATCH, MODERN_VERSIONS, Request, RpcError, check_version
from sorbus.errors.http import NotAcceptable, UnsupportedMediaType
from sorbus.http.bodies import header
from sorbus.http.media_types import JSON, accepted, media_type_of

VERSION_HEADER = b"mcp-protocol-version"
METHOD_HEADER = b"mcp-method"
NAME_HEADER = b"mcp-name"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that `Mcp-Name` repeats, by method."""

_ENCODED = re.compile(r"=\?base64\?(.*)\?=")


def check_media_types(*, accept: str, content_type: str) -> None:
    """Nothing, when JSON comes in and may go out.

    Raises:
        UnsupportedMediaType: something else comes in; a browser asks before it sends JSON across sites.
        NotAcceptable: JSON may not go out.
    """
    if not media_type_of(content_type).is_json:
        raise UnsupportedMediaType(content_type, allowed=(JSON,))
    if accept and not {each.kind for each in accepted(accept)} & {JSON, "application/*", "*/*"}:
        raise NotAcceptable(accept, offered=JSON)


def check_headers(scope: AsgiScope, request: Request) -> None:
    """Nothing, when the headers say the same as the message.

    Whoever stands between client and server may go by the headers; so they must not differ.

    Raises:
        RpcError: they do, or they name a revision that is not spoken here.
    """
    given = header(scope, VERSION_HEADER)
    if given and not request.modern:
        check_version(given)
        if given in MODERN_VERSIONS and not request.notification:
            _differs(VERSION_HEADER)
    if not request.modern:
        return
    if given != request.version:
        _differs(VERSION_HEADER)
    check_version(given)
    if request.notification:
        return
    if header(scope, METHOD_HEADER) != request.method:
        _differs(METHOD_HEADER)
    name = request.params.get(_NAMED.get(request.method, ""))
    if name is not None and _plain(header(scope, NAME_HEADER)) != name:
        _differs(NAME_HEADER)


def _differs(name: bytes) -> None:
    raise RpcError(HEADER_MISMATCH, f"The header `{name.decode()}` does not say the same as the message.")


def _plain(value: str) -> str | None:
    """The value of a header that may be wrapped in base64; None for a broken one."""
    found = _ENCODED.fullmatch(value)
    if found is None:
        return value
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, ValueError):
        return None
