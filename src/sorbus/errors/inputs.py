"""Errors in what a caller sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sorbus.errors.base import Invalid
from sorbus.errors.hints import did_you_mean, listed


class NoSuchInput(Invalid):
    """An action was given an input that it does not have."""

    code = "no-such-input"

    def __init__(self, action: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"{action} has no input `{name}`. Inputs: {listed(allowed)}.",
            path=("input", name),
            hint=did_you_mean(name, allowed),
        )


class Required(Invalid):
    """An input or attribute has no value and must have one."""

    code = "required"

    def __init__(self, action: str, name: str, *, expected: str = "") -> None:
        shape = f" ({expected})" if expected else ""
        super().__init__(f"{action} needs `{name}`{shape}, and it was not given.", path=("input", name))


class InvalidInput(Invalid):
    """An input has a value that its type or constraints do not allow."""

    code = "invalid-input"

    def __init__(
        self,
        action: str,
        name: str,
        *,
        problem: str,
        expected: str = "",
        at: tuple[str | int, ...] = (),
        hint: str = "",
    ) -> None:
        shape = f" It takes {expected}." if expected else ""
        super().__init__(f"{action}: `{name}`: {problem}.{shape}", path=("input", name, *at), hint=hint)


class AlreadyTaken(Invalid):
    """Another row has the same values in an identity's attributes."""

    code = "already-taken"

    def __init__(self, action: str, names: Sequence[str], *, message: str) -> None:
        self.names = tuple(names)
        super().__init__(f"{action}: {listed(names)} {message}.", path=("input", *names[:1]))


class RelatedMissing(Invalid):
    """A reference points to a row that does not exist, or is still pointed to."""

    code = "related-missing"

    def __init__(self, action: str, name: str, *, destination: str, still_used: bool = False) -> None:
        self.still_used = still_used
        problem = (
            f"{destination} records still refer to it"
            if still_used
            else f"there is no {destination} with this key, or the actor may not refer to it"
        )
        super().__init__(f"{action}: `{name}`: {problem}.", path=("input", name))


class Rejected(Invalid):
    """An action's own rule, written with `require`, does not hold."""

    code = "rejected"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message, path=("input", field) if field else ())


class InvalidAction(Invalid):
    """Everything that is wrong with the inputs of one call.

    Attributes:
        errors: the single errors.
    """

    code = "invalid-action"

    def __init__(self, action: str, errors: Sequence[Invalid]) -> None:
        self.action = action
        self.errors = tuple(errors)
        super().__init__(
            f"{action} was refused: " + " ".join(str(each) for each in self.errors),
            path=self.errors[0].path if self.errors else (),
        )

    def to_dict(self) -> dict[str, object]:
        """The error as plain data, with the single errors."""
        return {**super().to_dict(), "errors": [each.to_dict() for each in self.errors]}


class NotFound(Invalid):
    """There is no such record, or none that the actor may see."""

    code = "not-found"

    def __init__(self, resource: str, key: Any = None, *, where: str = "") -> None:
        shown = f" with the key {key}" if key is not None else where and f" {where}"
        super().__init__(f"There is no {resource}{shown} that the actor may see.", path=(resource,))


class NotUnique(Invalid):
    """More rows met a condition than the one that was asked for."""

    code = "not-unique"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"More than one {resource} meets the condition.", path=(resource,), hint="Use `.all()`."
        )


class WrongState(Invalid):
    """A transition was tried from a state that it does not start from.

    Attributes:
        current: the record's state.
        possible: the actions that start from it.
        key: the record's key, as text; empty where one record was asked for, so that it is clear which one.
    """

    code = "wrong-state"

    def __init__(
        self,
        action: str,
        *,
        current: str,
        sources: Sequence[str],
        target: str,
        possible: Sequence[str] = (),
        key: str = "",
    ) -> None:
        self.current = current
        self.possible = tuple(possible)
        self.key = key
        record = f"the record {key}" if key else "the record"
        super().__init__(
            f"{action} goes from {listed(sources)} to {target}; {record} is {current}.",
            path=("state",),
            hint=f"Possible from {current}: {listed(possible)}.",
        )


class StaleRecord(Invalid):
    """A record was changed by somebody else after it was read."""

    code = "stale-record"

    def __init__(self, action: str, *, version: object) -> None:
        self.version = version
        super().__init__(
            f"{action}: the record was read at version {version} and has been changed since.",
            hint="Read it again, and repeat the change on what it is now.",
        )


class UpsertSkipped(Invalid):
    """An upsert found a row that its condition does not let it update."""

    code = "upsert-skipped"

    def __init__(self, action: str, *, identity: str) -> None:
        super().__init__(
            f"{action}: a row with the same `{identity}` is there, and the condition leaves it as it is.",
            hint='Declare `skipped="return"` to be answered with the row that is there.',
        )


class NoLongerApplies(Invalid):
    """A row changed before a triggered action could run on it."""

    code = "no-longer-applies"

    def __init__(self, action: str, *, condition: str) -> None:
        super().__init__(f"{action} was to run where {condition}; the record does not meet that any more.")


class InvalidCursor(Invalid):
    """A page cursor is broken, forged, or belongs to another query."""

    code = "invalid-cursor"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The page cursor is not valid: {reason}.",
            path=("page", "cursor"),
            hint="Start again from the first page.",
        )


class InvalidPage(Invalid):
    """A page was asked for in a way that cannot be."""

    code = "invalid-page"

    def __init__(self, name: str, value: object, *, allowed: str) -> None:
        super().__init__(f"The page's `{name}` is {value!r}; allowed: {allowed}.", path=("page", name))


class PageRequired(Invalid):
    """The rows of an action are read in pages only, and all of them were asked for."""

    code = "page-required"

    def __init__(self, action: str, *, largest: int) -> None:
        super().__init__(
            f"{action} is read in pages of at most {largest} rows.",
            path=("page", "limit"),
            hint=f"Use `.page()` or `.stream()`, or a `.limit()` of at most {largest}.",
        )


class TooManyRelated(Invalid):
    """More related rows would have to be loaded along than one read may bring."""

    code = "too-many-related"

    def __init__(self, relationship: str, *, most: int) -> None:
        super().__init__(
            f"`{relationship}` leads to more than {most} rows from the records that were asked for.",
            path=("load", relationship.rpartition(".")[2]),
            hint="Ask for fewer records at a time, or for a filter or a page of their related rows.",
        )


class InvalidFilter(Invalid):
    """A filter or sort from outside names what it may not, or compares what cannot be."""

    code = "invalid-filter"

    def __init__(self, resource: str, name: str, *, allowed: Iterable[str], problem: str = "") -> None:
        allowed = list(allowed)
        what = problem or f"`{name}` is no public field"
        super().__init__(
            f"{resource}: {what}. Allowed: {listed(allowed)}.",
            path=("filter", *name.split(".")),
            hint=did_you_mean(name, allowed),
        )


class InvalidAnswer(Invalid):
    """A generic action answered with something that it does not declare."""

    code = "invalid-answer"

    def __init__(self, action: str, *, problem: str, expected: str) -> None:
        super().__init__(f"{action} answers with {expected}; its body returned something else: {problem}.")
