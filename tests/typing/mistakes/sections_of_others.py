"""Sections that name what they may not."""

from __future__ import annotations

from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    JsonApi,
    Many,
    Policies,
    Resource,
    Scope,
    Tenancy,
    action,
    attribute,
    authorize_if,
    has_many,
    policy,
    uuid_primary_key,
)


class Line(Resource):
    """A line of a note."""

    id: Attr[UUID] = uuid_primary_key()
    note_id: Attr[UUID] = attribute()

    @action.destroy
    def strike(self, scope: Scope) -> None:
        """Strike a line."""


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID | None] = attribute(default=None)

    lines: Many[Line] = has_many()

    @action.destroy
    def burn(self, scope: Scope) -> None:
        """Burn a note."""

    identities = Identities(lines=[lines])  # error: mypy, pyright, assembly no-such-field
    tenancy = Tenancy(org_id)  # error: assembly wrong-section
    policies = Policies(policy(Line.strike, authorize_if(True)))  # error: assembly wrong-section
    json_api = JsonApi("/notes", lines)  # error: mypy, pyright


Mistaken = Domain("mistaken", resources=[Note, Line])
