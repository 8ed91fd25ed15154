"""What the resources of most worlds have in common."""

from __future__ import annotations

from uuid import UUID

from sorbus import (
    Attr,
    Policies,
    Resource,
    Tenancy,
    actor_present,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)


class OfOrg(Resource):
    """What belongs to an organisation; unless it says otherwise, whoever acts there may do everything with it.

    It is in no domain, so it is no resource itself.
    """

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()

    tenancy = Tenancy(org_id)
    policies = Policies(policy("any", authorize_if(actor_present())))
