"""Jobs as a part of an application: the handlers that others register, and the runner that runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.postgres.migrations import SystemScript
from sorbus.errors.jobs import JobsNotStarted
from sorbus.jobs.context import Handler
from sorbus.jobs.cron import Cron
from sorbus.jobs.insert import insert_jobs
from sorbus.jobs.install import install
from sorbus.jobs.new_job import JobRef, NewJob
from sorbus.jobs.runner import JobRunner
from sorbus.jobs.triggers import TriggerRunner
from sorbus.jobs.waker import Waker

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

DEFAULT_QUEUES: Mapping[str, int] = {"default": 10}


class Jobs:
    """The jobs of an application; give it as the last of its components, so that the others have registered.

    Args:
        run: whether this process runs jobs; one that only inserts them says False.
        queues: how many jobs of each queue run at once in this process, on top of what parts register.
        grace: seconds that running jobs get to end when the application closes; then they are put back.
        options: further options of `JobRunner`.
    """

    def __init__(
        self,
        *,
        run: bool = True,
        queues: Mapping[str, int] | None = None,
        crons: Sequence[Cron] = (),
        grace: float = 15.0,
        **options: Any,
    ) -> None:
        self._run = run
        self._queues: dict[str, int] = {**DEFAULT_QUEUES, **(queues or {})}
        self._given = dict(queues or {})
        self._crons: list[Cron] = list(crons)
        self._grace = grace
        self._options = options
        self._handlers: dict[str, Handler] = {}
        self._waker: Waker | None = None
        self._app: Sorbus | None = None
        self.runner: JobRunner | None = None

    @property
    def runs(self) -> bool:
        """Whether this process runs jobs."""
        return self._run

    @property
    def queues(self) -> Mapping[str, int]:
        """How many jobs of each queue run at once in this process."""
        return dict(self._queues)

    def configure(self, *, run: bool, grace: float | None = None) -> None:
        """Decide what this process does, before the application is opened; commands use it.

        Args:
            run: whether it runs jobs.
            grace: seconds that running jobs get to end; None leaves them as they are.
        """
        self._run = run
        if grace is not None:
            self._grace = grace

    def register(self, worker: str, handler: Handler, *, queue: str = "default", limit: int = 10) -> None:
        """Have jobs of a worker name run by a handler, in a queue of at least this size."""
        self._handlers[worker] = handler
        if queue not in self._given:
            self._queues[queue] = max(limit, self._queues.get(queue, 0))

    def schedule(self, cron: Cron) -> None:
        """Add a job by the clock."""
        self._crons.append(cron)

    async def start(self, app: Sorbus) -> None:
        """Open the waker and, unless this process only inserts, the runner."""
        self._app = app
        TriggerRunner(app, self).install()
        self._waker = Waker(app.database.url)
        if self._run:
            self.runner = JobRunner(
                app.database.url,
                handlers=self._handlers,
                queues=self._queues,
                crons=self._crons,
                waker=self._waker,
                **self._options,
            )
            await self.runner.start()

    async def stop(self) -> None:
        """Stop claiming, wait for what runs, put the rest back."""
        runner, self.runner = self.runner, None
        if runner is not None:
            await runner.stop(self._grace)
        waker, self._waker = self._waker, None
        if waker is not None:
            await waker.close()

    async def enqueue(self, *jobs: NewJob) -> list[JobRef]:
        """Insert jobs: in the task's open transaction, else at once. The queues are woken after the commit.

        Raises:
            JobsNotStarted: the application is not open.
        """
        app = self._app
        if app is None:
            raise JobsNotStarted
        queues = {job.queue for job in jobs}
        opened = app.engine.transaction_of_task()
        if opened is not None:
            refs = await insert_jobs(await opened.session(app.engine.layers["postgres"]), jobs)
            opened.on_commit.append(lambda: self._wake(queues))
            return refs
        async with app.database.pool.connection() as connection:
            refs = await insert_jobs(connection, jobs)
        await self._wake(queues)
        return refs

    async def _wake(self, queues: set[str]) -> None:
        self.wake(queues)

    def wake(self, queues: set[str]) -> None:
        """Say that queues have work, after a commit."""
        if self._waker is not None:
            self._waker.wake(queues)

    def system_scripts(self) -> tuple[SystemScript, ...]:
        """The tables of the jobs."""
        return (SystemScript("jobs", 1, install), SystemScript("jobs", 2, install))
