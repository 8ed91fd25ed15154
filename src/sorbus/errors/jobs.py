"""Errors of the durable jobs."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.base import FrameworkError, Invalid
from sorbus.errors.hints import did_you_mean, listed


class NoSuchJobOption(FrameworkError):
    """A job was described with an option that does not exist."""

    code = "no-such-job-option"

    def __init__(self, name: str, allowed: Iterable[str]) -> None:
        names = list(allowed)
        super().__init__(
            f"A job has no option `{name}`. Options: {listed(names)}.",
            path=(name,),
            hint=did_you_mean(name, names),
        )


class BadJobOption(FrameworkError):
    """An option of a job, a queue or a runner has a value that is not allowed."""

    code = "bad-job-option"

    def __init__(self, option: str, value: object, *, allowed: str) -> None:
        super().__init__(f"`{option}` must be {allowed}, not {value!r}.", path=(option,))


class JobNotJson(Invalid):
    """The arguments or the meta of a job cannot be stored as JSON."""

    code = "job-not-json"

    def __init__(self, worker: str, field: str, reason: str) -> None:
        super().__init__(
            f"The {field} of a `{worker}` job cannot be stored as JSON: {reason}.",
            path=(field,),
            hint="Use text without NUL, numbers, booleans, None, lists and mappings; pass ids, not records.",
        )


class BadCron(FrameworkError):
    """A cron expression cannot be read."""

    code = "bad-cron"

    def __init__(self, name: str, expression: str, reason: str) -> None:
        super().__init__(
            f"The cron `{name}` has the expression `{expression}`, which cannot be read: {reason}.",
            hint="Write five fields (minute hour day month weekday, in UTC) like `*/5 * * * *` or `@hourly`.",
        )


class NoSuchJobHandler(FrameworkError):
    """A job was claimed by a node that has no handler for its worker name."""

    code = "no-such-job-handler"

    def __init__(self, worker: str, handlers: Iterable[str]) -> None:
        names = list(handlers)
        near = did_you_mean(worker, names)
        super().__init__(
            f"No handler is registered for the worker `{worker}`. Handlers: {listed(names)}.",
            hint=near or "Register it in `JobRunner(handlers=…)`; the job is tried again after its back-off.",
        )


class NotAnOutcome(FrameworkError):
    """A handler returned something that is not an outcome."""

    code = "not-an-outcome"

    def __init__(self, worker: str, returned: object) -> None:
        super().__init__(
            f"The handler of `{worker}` returned a `{type(returned).__name__}`. "
            "Allowed: Done, Snooze, Cancel, Retry or None.",
            hint="Its body has run, so the job is not run again; store results in rows of your own.",
        )


class JobTimedOut(FrameworkError):
    """An attempt ran longer than the job's time limit."""

    code = "job-timed-out"

    def __init__(self, worker: str, seconds: float) -> None:
        super().__init__(
            f"An attempt of `{worker}` ran longer than its time limit of {seconds:g} s and was stopped.",
            hint="Raise `NewJob(timeout=…)`, or split the work.",
        )


class LeaseLost(FrameworkError):
    """The job is no longer held by the attempt that wants to complete it."""

    code = "lease-lost"

    def __init__(self, job_id: int, attempt: int) -> None:
        super().__init__(
            f"Attempt {attempt} of job {job_id} no longer holds the job: it was rescued, cancelled "
            "or completed elsewhere.",
            hint="Let this error leave the transaction, so that everything in it is rolled back.",
        )
        self.job_id = job_id
        self.attempt = attempt


class NodeDied(FrameworkError):
    """The node that ran an attempt stopped beating."""

    code = "job-node-died"

    def __init__(self) -> None:
        super().__init__(
            "The node that ran this attempt died or was cut off from the database.",
            hint="Look at that node's log and memory; the job is started again while it has attempts left.",
        )


class ClaimLost(FrameworkError):
    """A node was given a job and is not running it."""

    code = "claim-lost"

    def __init__(self) -> None:
        super().__init__(
            "The job was claimed by a living node that does not run it: the answer to its claim was lost, or "
            "its handler completed it in a transaction that was rolled back and returned as if all was well.",
            hint="Let errors leave the transaction in which `JobContext.ack_in` was called.",
        )


class NoAttemptsLeft(FrameworkError):
    """A job waited although all its attempts were used up."""

    code = "no-attempts-left"

    def __init__(self) -> None:
        super().__init__(
            "The job waited to be started although all its attempts were used up.",
            hint="Another engine on the same tables put it back; run it again with `sorbus jobs retry`.",
        )


class JobsNotInstalled(FrameworkError):
    """The tables of the jobs are missing."""

    code = "jobs-not-installed"

    def __init__(self, missing: Iterable[str]) -> None:
        super().__init__(
            f"The database lacks the tables of the jobs: {listed(missing)}.",
            hint="Run `sorbus migrate`, or call `sorbus.jobs.install(connection)` once.",
        )


class NoSuchJob(Invalid):
    """There is no job with this id."""

    code = "no-such-job"

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"There is no job {job_id}.",
            path=("job_id",),
            hint="Finished jobs are pruned after a day; list the ones that exist with `sorbus jobs list`.",
        )


class DuplicateJob(Invalid):
    """A finished job cannot be run again because another one with its unique key is unfinished."""

    code = "duplicate-job"

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"Job {job_id} cannot be run again: another unfinished job has the same unique key.",
            path=("job_id",),
            hint="Wait for the other job, or cancel it first.",
        )


class JobsNotStarted(FrameworkError):
    """A job was to be enqueued through an application that is not open."""

    code = "jobs-not-started"

    def __init__(self) -> None:
        super().__init__(
            "A job cannot be enqueued before the application is open.",
            hint="Open it with `async with app:`, or insert with `sorbus.jobs.insert_job(connection, job)`.",
        )
