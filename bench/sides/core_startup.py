"""An application of two hundred generated resources: prints how many seconds each part of its start takes, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from types import ModuleType

DOMAINS, EACH = 10, 20
RESOURCE = '''
class Thing{n}(Resource):
    """Thing number {n}."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    owner_id: Attr[UUID] = attribute(public=True)
    parent_id: Attr[UUID | None] = attribute(public=True, default=None)
    name: Attr[str] = attribute(public=True, min_length=1, max_length=80)
    state: Attr[State] = attribute(public=True, default=State.NEW)
    amount: Attr[Decimal] = attribute(public=True, default=Decimal(0), ge=0)
    tries: Attr[int] = attribute(public=True, default=0)
    labels: Attr[list[str]] = attribute(public=True, default=list)
    inserted_at: Attr[datetime] = timestamp(public=True)

    owner: One[User] = belongs_to(via=owner_id)
    parent: One[Thing{before} | None] = belongs_to(via=parent_id)
    children: Many[Thing{after}] = has_many(via="parent_id")

    @action.create
    def add(self, scope: Scope, owner_id: UUID, name: str, parent_id: UUID | None = None) -> None:
        """Add one."""

    @action.update
    def rename(self, scope: Scope, name: str, shout: Arg[bool] = False) -> None:
        """Rename it."""
        if shout:
            self.name = name.upper()

    @action.transition(State.NEW, to=State.DONE)
    def finish(self, scope: Scope) -> None:
        """Finish it."""

    @action.destroy
    def drop(self, scope: Scope) -> None:
        """Forget it."""

    storage = Postgres("startup_things_{n}")
    tenancy = Tenancy(org_id)
    policies = Policies(
        policy("read", authorize_if(org_id == actor(User.org_id))),
        policy("create", authorize_if(org_id == actor(User.org_id))),
        policy(["update", "destroy"], authorize_if(owner_id == actor(User.id)), authorize_if(state == State.NEW)),
    )
'''
HEAD = '''
from __future__ import annotations
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID
from sorbus import Arg, Attr, Many, One, Policies, Postgres, Resource, Scope, Tenancy, actor, attribute
from sorbus import action, authorize_if, belongs_to, has_many, policy, timestamp, uuid_primary_key

class State(StrEnum):
    NEW = "new"
    DONE = "done"

class User(Resource):
    """Somebody who acts."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
'''


def source() -> str:
    """The module of the declarations."""
    count = DOMAINS * EACH
    parts = [RESOURCE.format(n=n, before=(n - 1) % count, after=(n + 1) % count) for n in range(count)]
    return HEAD + "".join(parts)


def main() -> None:
    """Import, declare, put together, open."""
    code = compile(source(), "things.py", "exec", dont_inherit=True)
    marks = [time.perf_counter()]
    from sorbus import Domain, Sorbus

    marks.append(time.perf_counter())
    module = ModuleType("things")
    sys.modules["things"] = module
    exec(code, vars(module))
    things = [getattr(module, f"Thing{n}") for n in range(DOMAINS * EACH)]
    domains = [
        Domain(f"part{n}", resources=[*things[n * EACH : (n + 1) * EACH], *([module.User] if n == 0 else [])])
        for n in range(DOMAINS)
    ]
    marks.append(time.perf_counter())
    with tempfile.TemporaryDirectory() as home:
        app = Sorbus(domains=domains, storage="memory", home=Path(home))
        marks.append(time.perf_counter())

        async def once() -> None:
            await app.open()
            marks.append(time.perf_counter())
            await app.close()

        asyncio.run(once())
    names = ("import", "declare", "assemble", "open")
    took = (later - earlier for earlier, later in pairwise(marks))
    print(json.dumps(dict(zip(names, took, strict=True))))


if __name__ == "__main__":
    main()
