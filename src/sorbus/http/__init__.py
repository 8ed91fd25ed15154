"""HTTP: the ASGI application and the server."""

from sorbus.http.application import BODY_LIMIT, HttpSettings, Interface, http_app
from sorbus.http.callers import ScopeSource, anonymous, local_only, scope_of
from sorbus.http.server import serve, serving

__all__ = [
    "BODY_LIMIT",
    "HttpSettings",
    "Interface",
    "ScopeSource",
    "anonymous",
    "http_app",
    "local_only",
    "scope_of",
    "serve",
    "serving",
]
