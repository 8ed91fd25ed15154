"""JSON:API 1.1, derived from the `json_api` sections."""

from sorbus.apis.json_api.application import PREFIX, json_api
from sorbus.apis.json_api.openapi import openapi, openapi_bytes
from sorbus.apis.json_api.routes import RouteKind, RouteSpec, routes_of
from sorbus.apis.json_api.surface import Exposed, Surface, surface_of

__all__ = [
    "PREFIX",
    "Exposed",
    "RouteKind",
    "RouteSpec",
    "Surface",
    "json_api",
    "openapi",
    "openapi_bytes",
    "routes_of",
    "surface_of",
]
