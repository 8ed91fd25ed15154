"""GraphQL, derived from the `graphql` sections."""

from sorbus.apis.graphql.application import PATH, GraphqlInterface, graphql_api, has_graphql
from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.schema import schema_of, sdl
from sorbus.apis.graphql.surface import Exposed, Root, RootKind, Surface, surface_of

__all__ = [
    "PATH",
    "Exposed",
    "GraphqlInterface",
    "Limits",
    "Root",
    "RootKind",
    "Surface",
    "graphql_api",
    "has_graphql",
    "schema_of",
    "sdl",
    "surface_of",
]
