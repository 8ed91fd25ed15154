"""Python's `and` would silently lose a clause."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Policies, Resource, attribute, authorize_if, policy, uuid_primary_key


class Note(Resource):  # error: import expression-truth
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    likes: Attr[int] = attribute()

    policies = Policies(policy("read", authorize_if((likes > 1) and (likes < 3))))
