"""A value of the wrong type in a policy."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, Policies, Resource, attribute, authorize_if, policy, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    likes: Attr[int] = attribute()

    policies = Policies(
        policy("read", authorize_if(likes == "many")),  # error: mypy, pyright, assembly wrong-value-type
    )


Mistaken = Domain("mistaken", resources=[Note])
