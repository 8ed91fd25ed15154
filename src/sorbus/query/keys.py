"""One record by its key: the key in a text from outside, and the query that finds the record."""

from __future__ import annotations

from typing import Any

from sorbus.errors.inputs import NotFound
from sorbus.query.query import Query
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

_LONGEST = 100


def key_of(spec: ResourceSpec, text: str) -> Any:
    """The primary key in a text, in its declared type. It is always one plain value, never a question.

    Raises:
        NotFound: it can be no key, so that there is no such record either.
    """
    try:
        return spec.primary_key.type.adapter.validate_strings(text)
    except ValueError:
        raise NotFound(spec.name, text[:_LONGEST] or None) from None


def with_key(spec: ResourceSpec, key: Any, scope: Scope) -> Query[Any]:
    """The query of the record with a key, in its declared type."""
    field: Any = getattr(spec.python, spec.primary_key.name)
    return Query(resource=spec.python, scope=scope, conditions=(field == key,))
