"""A misspelt section must never mean that there are no policies."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Policies, Resource, attribute, authorize_if, policy, uuid_primary_key


class Note(Resource):  # error: import unknown-member
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute()

    polices = Policies(policy("read", authorize_if(True)))
