"""Errors of the flow of work: stages that work on many items at once, and more work than an application takes."""

from __future__ import annotations

from sorbus.errors.base import FrameworkError, UnknownError


class StageNotBatched(FrameworkError):
    """A stage works on many items at once, and its action does not take or return lists."""

    code = "stage-not-batched"

    def __init__(self, pipeline: str, stage: str, place: str, given: str, *, drawing: str) -> None:
        what = "returns" if place == "return" else f"takes `{place}` as"
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` has a `batch`, and its action {what} {given}. "
            f"Allowed: a `list[…]`, with a member for each item.\n{drawing}",
            path=(pipeline, stage, place),
            hint="Make it a list, or leave out `batch=`.",
        )


class BatchAnswersWrong(FrameworkError):
    """A stage that works on many items at once has returned another number of answers than it got items."""

    code = "batch-answers-wrong"

    def __init__(self, pipeline: str, stage: str, *, items: int, answers: int) -> None:
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` got {items} items and returned {answers} answers.",
            path=(pipeline, stage),
            hint="Return a list with one answer for each item, in their order.",
        )


class BacklogFull(UnknownError):
    """The application has as much unfinished work as it takes, so it starts no further run for now.

    Attributes:
        retry_after: seconds after which it makes sense to try again.
    """

    code = "backlog-full"
    retryable = True

    def __init__(self, *, limit: int, tenant: str | None = None, retry_after: float = 1.0) -> None:
        whose = "The application" if tenant is None else f"The tenant `{tenant}`"
        super().__init__(
            f"No further run can be started now. {whose} has {limit} unfinished runs, which is all it may have.",
            hint="Try again in a moment, or wait for room: `await when_free(scope, lambda: Run.start(…))`.",
        )
        self.limit = limit
        self.retry_after = retry_after


class BadBacklog(FrameworkError):
    """The bound on unfinished work has a value that is not allowed."""

    code = "bad-backlog"

    def __init__(self, option: str, value: object, *, allowed: str) -> None:
        super().__init__(f"The backlog has {option}={value!r}. Allowed: {allowed}.", path=(option,))
