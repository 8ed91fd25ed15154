"""A resource whose bodies and hooks write down that they ran, one action of each kind with every hook."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Policies,
    Postgres,
    Resource,
    Scope,
    action,
    actor,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)


class Log:
    """What ran, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name: str) -> None:
        self.names.append(name)


class Light(StrEnum):
    RED = "red"
    GREEN = "green"


class Actor(Resource):
    id: Attr[UUID] = uuid_primary_key()
    trusted: Attr[bool] = attribute(default=False)


class Stage(Resource):
    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(default="")
    light: Attr[Light] = attribute(default=Light.RED)

    @action.create
    def make(self, scope: Scope, name: str) -> None:
        scope.get(Log).add("body")

    @action.create
    async def make_slowly(self, scope: Scope, name: str) -> None:
        scope.get(Log).add("async body")

    @action.update
    def rename(self, scope: Scope, name: str) -> None:
        scope.get(Log).add("body")

    @action.update
    async def rename_slowly(self, scope: Scope, name: str) -> None:
        scope.get(Log).add("async body")

    @action.transition(Light.RED, to=Light.GREEN)
    def go(self, scope: Scope) -> None:
        scope.get(Log).add("body")

    @action.transition(Light.RED, to=Light.GREEN)
    async def go_slowly(self, scope: Scope) -> None:
        scope.get(Log).add("async body")

    @action.destroy
    def drop(self, scope: Scope) -> None:
        scope.get(Log).add("body")

    @action.destroy
    async def drop_slowly(self, scope: Scope) -> None:
        scope.get(Log).add("async body")

    @action.generic
    @classmethod
    async def count_to(cls, scope: Scope, number: int) -> int:
        scope.get(Log).add("async body")
        return number

    @action.generic(transaction=True)
    @classmethod
    async def count_together(cls, scope: Scope, number: int) -> int:
        scope.get(Log).add("async body")
        return number

    for _each in (make, make_slowly, rename, rename_slowly, go, go_slowly, drop, drop_slowly):

        @_each.before_transaction
        async def _before_transaction(self, scope: Scope) -> None:
            scope.get(Log).add("before_transaction hook")

        @_each.before_write
        def _before_write(self, scope: Scope) -> None:
            scope.get(Log).add("before_write hook")

        @_each.after_write
        async def _after_write(self, scope: Scope) -> None:
            scope.get(Log).add("after_write hook")

        @_each.after_commit
        def _after_commit(self, scope: Scope) -> None:
            scope.get(Log).add("after_commit hook")

    del _each

    storage = Postgres("stages")
    policies = Policies(
        policy("any", authorize_if(actor(Actor.trusted) == True)),  # noqa: E712
        policy(["update", "destroy"], authorize_if(name != "sealed")),
    )


class Belt(Resource):
    """Its calls are grouped, and a hook keeps them apart."""

    id: Attr[UUID] = uuid_primary_key()

    @action.create(grouped=True)
    def put(self, scope: Scope) -> None:
        """Put something on it."""

    @put.after_write
    def _alone(self, scope: Scope) -> None: ...

    @put.after_commit
    def _anyway(self, scope: Scope) -> None: ...


class Report(Resource):
    """A hook on an action that has no step for it."""

    id: Attr[UUID] = uuid_primary_key()

    @action.generic
    @classmethod
    async def build(cls, scope: Scope) -> str:
        return "x"

    @build.after_commit
    async def _tell(self, scope: Scope) -> None: ...

    policies = Policies(policy("any", authorize_if(True)))


Stages = Domain("stages", resources=[Actor, Stage])
