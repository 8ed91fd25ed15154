"""HTTP: the ASGI application and the server."""

from sorbus.http.api_keys import ApiKey, KeyLookup, api_keys, digest_of, new_api_key
from sorbus.http.application import BODY_LIMIT, HttpSettings, Interface, http_app
from sorbus.http.callers import ScopeSource, anonymous, local_only, scope_of
from sorbus.http.server import serve, serving

__all__ = [
    "BODY_LIMIT",
    "ApiKey",
    "HttpSettings",
    "Interface",
    "KeyLookup",
    "ScopeSource",
    "anonymous",
    "api_keys",
    "digest_of",
    "http_app",
    "local_only",
    "new_api_key",
    "scope_of",
    "serve",
    "serving",
]
