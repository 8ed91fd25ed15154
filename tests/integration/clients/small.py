"""Applications that show next to nothing, so that most of a client's parts are not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    JsonApi,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)

OPEN = Policies(policy("any", authorize_if(True)))


class Box(Resource):
    id: Attr[UUID] = uuid_primary_key()

    @action.create
    def fill(self, scope: Scope) -> None:
        """Fill one."""

    storage = Postgres("small_boxes")
    policies = OPEN
    json_api = JsonApi("/boxes", fill)


class Pair(Resource):
    id: Attr[UUID] = uuid_primary_key()
    left: Attr[int] = attribute(public=True)

    storage = Postgres("small_pairs")
    policies = OPEN
    json_api = JsonApi("/pairs", "index")


class Bell(Resource):
    id: Attr[UUID] = uuid_primary_key()

    @action.generic
    @classmethod
    async def ring(cls, scope: Scope) -> None:
        """Ring it."""

    storage = Postgres("small_bells")
    policies = OPEN
    json_api = JsonApi("/bells", ring)


def _only(resource: type[Resource]) -> Callable[[], Sorbus]:
    def made() -> Sorbus:
        return Sorbus(
            domains=[Domain("small", resources=[resource])],
            name="small",
            database_url="postgresql://127.0.0.1:1/none",
        )

    return made


SMALL: Mapping[str, Callable[[], Sorbus]] = {
    "small_box": _only(Box),
    "small_pair": _only(Pair),
    "small_bell": _only(Bell),
}
