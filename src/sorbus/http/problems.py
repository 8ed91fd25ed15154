"""Problem details (RFC 9457): how errors look outside the interfaces that have a form of their own."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sorbus.errors.http import (
    BodyTooSlow,
    ChangeNotServed,
    MethodNotAllowed,
    NoSuchRoute,
    PayloadTooLarge,
    Unauthenticated,
)
from sorbus.http.faults import Fault, fault_of
from sorbus.http.replies import PROBLEM, Reply

_WHO = ((b"www-authenticate", b"Bearer"),)


def problem(fault: Fault) -> Reply:
    """A fault as a problem document."""
    document: dict[str, Any] = {
        "type": f"urn:sorbus:error:{fault.code}",
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail,
        "code": fault.code,
    }
    if fault.hint:
        document["hint"] = fault.hint
    if fault.id:
        document["instance"] = f"urn:sorbus:occurrence:{fault.id}"
    return Reply(
        status=fault.status,
        body=msgspec.json.encode(document),
        media_type=PROBLEM,
        headers=(*retry_headers(fault), *(_WHO if fault.status == 401 else ())),
    )


def retry_headers(fault: Fault) -> tuple[tuple[bytes, bytes], ...]:
    """When to come back, for faults that pass."""
    return ((b"retry-after", b"%d" % fault.retry_after),) if fault.retry_after else ()


def refusal_headers(error: BaseException) -> tuple[tuple[bytes, bytes], ...]:
    """What a refusal says in headers: the methods that are taken, how to say who calls, that the connection ends."""
    if isinstance(error, PayloadTooLarge | BodyTooSlow):
        # What is left of the body would be taken for the next request.
        return ((b"connection", b"close"),)
    if isinstance(error, Unauthenticated):
        return _WHO
    if not isinstance(error, MethodNotAllowed | ChangeNotServed):
        return ()
    return ((b"allow", ", ".join(error.allowed).encode()),)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """The routing's own refusals (404, 405) as problems."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    found: Exception = error
    if status == 404:
        found = NoSuchRoute(request.url.path)
    elif status == 405:
        allowed = [each.strip() for each in headers.get("Allow", "").split(",") if each.strip()]
        found = MethodNotAllowed(request.method, request.url.path, allowed=allowed)
    return _response(problem(fault_of(found, where=_where(request))), headers)


async def on_unforeseen(request: Request, error: Exception) -> Response:
    """Anything else: an id for the client, everything for the log."""
    return _response(problem(fault_of(error, where=_where(request))), {})


def _where(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _response(reply: Reply, headers: dict[str, str]) -> Response:
    extra = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(
        reply.body, reply.status, headers={**headers, **extra}, media_type=reply.media_type.decode()
    )
