"""What keeps a page from being used against its reader."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from starlette.requests import Request

from sorbus.errors.http import CrossOrigin

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing comes from elsewhere, nothing is written into the page that runs or styles it."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
)
"""The headers of every page."""


def check_same_origin(request: Request) -> None:
    """Refuse a change that a page of somebody else has asked the reader's browser for.

    A browser says where a request comes from by `Sec-Fetch-Site`, and where it does not (without TLS, to another
    machine) by `Origin`. What says neither is no browser that is known, and refused too.

    Raises:
        CrossOrigin: it does not come from a page of this server.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise CrossOrigin(site)
        return
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "").lower()
    if not host or _authority(origin) != host:
        raise CrossOrigin(origin)


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
