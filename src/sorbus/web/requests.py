"""What a page was asked for: who asks, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.datastructures import FormData
from starlette.requests import Request

from sorbus.errors.http import MalformedForm, UnsupportedMediaType
from sorbus.errors.inputs import NotFound
from sorbus.http.application import HttpSettings
from sorbus.http.bodies import read_body
from sorbus.http.callers import scope_of
from sorbus.scope import Scope
from sorbus.web.security import check_same_origin

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


def is_partial(request: Request) -> bool:
    """Whether a script of the page asks, which takes parts of a page for an answer."""
    return request.headers.get("hx-request") == "true"


def key_in(request: Request, name: str, resource: str) -> UUID:
    """The key in the path of a request.

    Raises:
        NotFound: it is none.
    """
    given = request.path_params[name]
    try:
        return UUID(given)
    except ValueError:
        raise NotFound(resource, given[:100]) from None


async def sent(request: Request, settings: HttpSettings) -> tuple[Scope, FormData]:
    """Who sends a form, and its fields.

    Raises:
        CrossOrigin: it was not sent from a page of this server.
        UnsupportedMediaType, MalformedForm, PayloadTooLarge: it is no form, or too large.
    """
    check_same_origin(request)
    # Who sends it is found out before a large body is read for them.
    scope = await scope_of(settings.scope_from, request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {FORM, ""}:
        raise UnsupportedMediaType(media_type, allowed=[FORM])
    body = await read_body(request.scope, request.receive, limit=settings.body_limit)
    try:
        pairs: Sequence[tuple[str, str]] = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise MalformedForm(str(error)) from error
    # Browsers send the ends of lines as CR LF.
    return scope, FormData([(name, value.replace("\r\n", "\n")) for name, value in pairs])
