"""Errors of the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import FrameworkError, Invalid
from sorbus.errors.hints import did_you_mean, listed


class ApplicationNotFound(FrameworkError):
    """The application that a command should work on is not there."""

    code = "application-not-found"

    def __init__(self, name: str, *, problem: str, near: Iterable[str] = ()) -> None:
        near = list(near)
        super().__init__(
            f"The application `{name}` cannot be loaded: {problem}."
            + (f" Applications there: {listed(near)}." if near else ""),
            hint=did_you_mean(name.rpartition(":")[2], near)
            or "Write `module:attribute`, as in `shop.app:app`, with `--app`, SORBUS_APP or `[tool.sorbus] app`.",
        )


class NotAnApplication(FrameworkError):
    """What was loaded as an application is something else."""

    code = "not-an-application"

    def __init__(self, name: str, found: str) -> None:
        super().__init__(
            f"`{name}` is a {found}, not a `Sorbus` application.",
            hint="Name a `Sorbus(…)` or a function that makes one.",
        )


class NoSuchResourceName(Invalid):
    """A command was given the name of a resource that the application does not have."""

    code = "no-such-resource-name"

    def __init__(self, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"There is no resource `{name}`. Resources: {listed(allowed)}.", hint=did_you_mean(name, allowed)
        )


class PathNotFound(Invalid):
    """A command was given a path where there is nothing."""

    code = "path-not-found"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is nothing at `{path}`.", hint="Give a file, an mbox, or a folder of messages."
        )


class ProjectExists(Invalid):
    """`sorbus new` would write over files that are there."""

    code = "project-exists"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"`{path}` exists and is not empty.", hint="Choose another name, or remove it first."
        )


class NoPipelines(FrameworkError):
    """The application has no pipelines that a command could run."""

    code = "no-pipelines"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The application `{name}` has no pipelines.",
            hint="Build it with `sorbus.pipelines.pipeline_application(…)`.",
        )


class NoJobs(FrameworkError):
    """The application has no jobs that a worker could run."""

    code = "no-jobs"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The application `{name}` has no jobs to run.",
            hint="Give it the component `Jobs()`, or build it with `sorbus.pipelines.pipeline_application(…)`.",
        )


class BadProjectName(Invalid):
    """A project's name cannot be a Python package."""

    code = "bad-project-name"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{name}` cannot be the name of a project.",
            hint="Use lower-case letters, digits, `-` and `_`, and start with a letter: `ticket-desk`.",
        )


class NoContract(FrameworkError):
    """There is no committed contract to compare the application with."""

    code = "no-contract"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"There is no contract `{file}`.",
            hint="Write it with `sorbus contracts accept`, and commit it.",
        )


class ContractDrift(FrameworkError):
    """The code no longer derives the contract that is committed.

    Attributes:
        changes: what is different, a line each.
    """

    code = "contract-drift"

    def __init__(self, file: str, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        super().__init__(
            f"The code derives another contract than `{file}`.{_lines(changes)}",
            hint="If that is meant, write it with `sorbus contracts accept`.",
        )


class ContractBroken(FrameworkError):
    """The contract breaks clients of the last release.

    Attributes:
        changes: what breaks them, a line each.
    """

    code = "contract-broken"

    def __init__(self, file: str, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        super().__init__(
            f"`{file}` breaks clients of the last release.{_lines(changes)}",
            hint='If that is meant, say why: `sorbus contracts accept --breaking "…"`.',
        )


class NoClient(FrameworkError):
    """The application shows nothing that a client could call."""

    code = "no-client"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The application `{name}` shows nothing by JSON:API, so a client would have nothing to call.",
            hint='List what is served in a resource: `json_api = JsonApi("/notes", "get", "index")`.',
        )


class ClientDrift(FrameworkError):
    """The code no longer derives the client that is in a file.

    Attributes:
        changes: what is different, a line each.
    """

    code = "client-drift"

    def __init__(self, file: str, changes: Sequence[str], *, command: str) -> None:
        self.changes = tuple(changes)
        super().__init__(
            f"The code derives another client than `{file}`.{_lines(changes)}",
            hint=f"Write it anew with `{command}`.",
        )


MOST_CHANGES = 40


def _lines(changes: Sequence[str]) -> str:
    shown = "".join(f"\n  {each}" for each in changes[:MOST_CHANGES])
    more = len(changes) - MOST_CHANGES
    return shown + (f"\n  … and {more} more" if more > 0 else "")


class UnreadableValue(Invalid):
    """The value of an option cannot be read."""

    code = "unreadable-value"

    def __init__(self, name: str, *, problem: str) -> None:
        super().__init__(
            f"`{name}`: {problem}.",
            path=("input", name),
            hint="Structures are JSON; `@file` reads a file, `-` standard input.",
        )


class NothingToCall(Invalid):
    """A command was to call something that no interface section of the application lists."""

    code = "nothing-to-call"

    def __init__(self, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{name}` cannot be called. What can be: {listed(allowed)}.",
            hint=did_you_mean(name, allowed)
            or "An action can be called when an interface section, such as `json_api` or `mcp`, lists it.",
        )
