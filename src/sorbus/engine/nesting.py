"""Nested reads: when the statement of a query can read related rows along."""

from __future__ import annotations

from typing import Any

from sorbus.engine.tenants import reaching
from sorbus.query.query import LoadItem, Query
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.scope import Scope


def is_nested(item: LoadItem) -> bool:
    """Whether a query has related rows written by its own statement."""
    templates = item.query.templates if item.query is not None else None
    return templates is not None and templates.gathered


def nests(application: ApplicationSpec, query: Query[Any], scope: Scope) -> bool:
    """Whether one statement can read a query with everything that is nested in it, for this caller.

    All of it has to lie in one data layer and to belong to the same tenants. Where a relationship refuses what may not
    be read, the related rows are asked about before they are read.
    """
    spec = application.by_class[query.resource]
    scope = reaching(spec, (query.action,), scope)
    return all(_nests(application, spec, each, scope) for each in query.loads if is_nested(each))


def _nests(application: ApplicationSpec, source: ResourceSpec, item: LoadItem, scope: Scope) -> bool:
    relationship = source.relationships[item.target.name]
    destination = application.destination(relationship)
    if destination.layer != source.layer or relationship.authorize_read == "error":
        return False
    if scope.tenant is None and (destination.tenancy or destination.schema_tenancy):
        return False
    alike = reaching(destination, (item.query.action,), scope) is scope
    return alike and nests(application, item.query, scope)
