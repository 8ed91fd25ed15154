"""As whom a command acts: the actor and the tenant of its scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from sorbus.cli.run import LOCAL
from sorbus.errors.cli import NoSuchResourceName
from sorbus.query.keys import key_of
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope

ACTOR_HELP = "Who acts: a name, or a record as in `User:0190…`."
TENANT_HELP = "The tenant's key."


def caller_options[F: Callable[..., Any]](command: F) -> F:
    """`--actor` and `--tenant`."""
    command = click.option("--tenant", metavar="KEY", default=LOCAL, show_default=True, help=TENANT_HELP)(
        command
    )
    return click.option("--actor", metavar="NAME", default=LOCAL, show_default=True, help=ACTOR_HELP)(command)


async def caller(app: Sorbus, actor: str, tenant: str) -> Scope:
    """The scope of a command; policies hold in it as everywhere.

    Args:
        actor: a name, which is the actor then; or `Resource:key` for a record, which is read without asking policies:
            whoever runs a command here has the whole database anyway.
        tenant: the tenant's key as text; empty for none.

    Raises:
        NoSuchResourceName: the actor is to be a record of a resource that is not there.
        NotFound: there is no such record.
    """
    kept: Any = tenant or None
    resource, colon, key = actor.partition(":")
    if not colon:
        return app.scope(actor=actor or None, tenant=kept)
    spec = app.spec.resources.get(resource)
    if spec is None:
        raise NoSuchResourceName(resource, allowed=app.spec.resources)
    record = await app.engine.get(spec.python, app.system_scope(tenant=kept), key_of(spec, key))
    return app.scope(actor=record, tenant=kept)
