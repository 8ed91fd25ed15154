"""Starting, cancelling and resuming runs: what belongs into the action's own transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sorbus.errors.pipelines import PipelinesNotStarted
from sorbus.pipelines.resources.waiting import LimitWait
from sorbus.scope import Scope


@dataclass(frozen=True, slots=True)
class Defined:
    """What a definition is besides what its author wrote."""

    owner: str
    version: int
    edges: list[list[str]]
    stages: list[dict[str, Any]]


class Starter:
    """What the actions of `Run` need from the running pipelines; the component `Pipelines` is the one there is."""

    def version_of(self, pipeline: str) -> int:
        """The current version of a pipeline.

        Raises:
            NoSuchPipeline: the application has none of this name.
        """
        raise PipelinesNotStarted

    def check_input(self, pipeline: str, version: int, value: Any) -> Any:
        """What a run is started with, as plain data.

        Raises:
            InvalidInput: it is not of the type that the pipeline declares.
        """
        raise PipelinesNotStarted

    def refuse_early(self, tenant: Any) -> None:
        """Refuse a run of a tenant where it is known that the backlog is full.

        Raises:
            BacklogFull: it is.
        """
        raise PipelinesNotStarted

    async def admit(self, runs: Sequence[Any]) -> None:
        """Let new runs be started in the open transaction, or none of them.

        Raises:
            BacklogFull: the application has as much unfinished work as it takes.
        """
        raise PipelinesNotStarted

    async def waited[T](self, scope: Scope, start: Callable[[], Awaitable[T]]) -> T:
        """Start a run as soon as the backlog has room for it."""
        raise PipelinesNotStarted

    async def enqueue(self, runs: Sequence[Any]) -> None:
        """Write the stages of new runs, and the jobs that advance them."""
        raise PipelinesNotStarted

    async def enqueue_again(self, run: Any) -> None:
        """Give a run another job; stages that have failed or were cancelled are taken up again."""
        raise PipelinesNotStarted

    async def cancel(self, run: Any) -> None:
        """Cancel a run's job."""
        raise PipelinesNotStarted

    async def defined(self, scope: Scope, name: str, stages: Sequence[Mapping[str, Any]]) -> Defined:
        """Check a pipeline that is given as data, and look for its version; `next_version` decides.

        Raises:
            InvalidInput: it has no name.
            InvalidDefinition: it is no pipeline.
            ReservedPipeline: the application has one of this name in its code.
        """
        raise PipelinesNotStarted

    async def next_version(self, owner: str, name: str) -> int:
        """The version of a definition that is about to be written in the open transaction; it waits for others."""
        raise PipelinesNotStarted

    async def startable(self, scope: Scope, definition_id: Any) -> Any:
        """The definition that a run may be started from.

        Raises:
            NoSuchDefinition: the tenant has none of this id, it is retired, or it is one in code.
        """
        raise PipelinesNotStarted

    async def forkable(self, run: Any, stage: str, outputs: Mapping[str, Any]) -> None:
        """Check that a run can be forked at a stage, with some outputs edited.

        Raises:
            BadFork: it has no such stage, or an output that is not before it.
        """
        raise PipelinesNotStarted

    async def copy_stages(self, run: Any) -> None:
        """Give a fork what it keeps of the run that it comes from."""
        raise PipelinesNotStarted

    async def nudge(self, run: Any) -> None:
        """See to it that a run has a job which is due."""
        raise PipelinesNotStarted

    async def give(self, scope: Scope, run: Any, stage: str, value: Any) -> None:
        """Give a stage of a run the value that it waits for.

        Raises:
            NothingAwaited: the run does not wait for it.
            InvalidInput: the value is not of the declared type.
        """
        raise PipelinesNotStarted

    async def waits(self, run: Any) -> list[LimitWait]:
        """The limits that stages of a run stand before."""
        raise PipelinesNotStarted
