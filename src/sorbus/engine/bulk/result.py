"""What a bulk run is told, and what it answers with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from sorbus.errors.base import SorbusError
from sorbus.errors.framework import WrongBulkOption

R_co = TypeVar("R_co", covariant=True)

BATCH, PLAIN_BATCH, LARGEST_BATCH = 1000, 10_000, 30_000
"""Rows in one statement: usually, of a create that only takes its inputs, and at most."""

OnError = Literal["raise", "continue", "stop"]
Together = Literal["all", "batch"]


class Strategy(StrEnum):
    """How a bulk run writes its rows."""

    ATOMIC = "atomic"
    BATCHES = "batches"
    STREAM = "stream"


class BulkStatus(StrEnum):
    """How a bulk run ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPlan:
    """How a bulk run of an action would go.

    Attributes:
        strategy: `atomic` is one statement over a query, `batches` one for each batch, `stream` one action each.
        reason: why it is not a better one, or what makes it possible.
    """

    strategy: Strategy
    reason: str

    def __str__(self) -> str:
        return f"{self.strategy.value}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """What a caller may choose about a bulk run.

    Attributes:
        batch: rows in one statement, 1 to 30 000; None for what suits the action.
        together: what commits at once; by default everything when the first error raises, else each batch.
        on_error: raise the first error and undo everything; or go on without the rows that failed; or stop there.
        returning: whether the result holds the records.
        strategy: the strategy that it must be, or None for the best that the action can.
    """

    batch: int | None = None
    together: Together | None = None
    on_error: OnError = "raise"
    returning: bool = False
    strategy: Strategy | None = None

    @classmethod
    def chosen(cls, choices: dict[str, Any]) -> BulkOptions:
        """The options from what a caller has chosen, checked.

        Raises:
            WrongBulkOption: there is no such option, or not with this value.
        """
        for name, value in choices.items():
            allowed = _CHOICES.get(name)
            if allowed is None:
                raise WrongBulkOption(name, value, allowed=f"no such option, but {', '.join(_CHOICES)}")
            if allowed and value not in allowed:
                raise WrongBulkOption(name, value, allowed=", ".join(map(repr, allowed)))
        batch = choices.get("batch", 1)
        if not isinstance(batch, int) or not 1 <= batch <= LARGEST_BATCH:
            raise WrongBulkOption("batch", batch, allowed=f"1 to {LARGEST_BATCH}")
        strategy = choices.pop("strategy", None)
        return cls(**choices, strategy=None if strategy is None else Strategy(strategy))

    def size(self, *, plain: bool = False) -> int:
        """Rows in one statement.

        Args:
            plain: whether the rows are prepared and written column by column, and fail together anyway.
        """
        if self.batch is not None:
            return self.batch
        return PLAIN_BATCH if plain and self.one_transaction and self.on_error == "raise" else BATCH

    @property
    def one_transaction(self) -> bool:
        """Whether the whole run commits at once."""
        return self.together == "all" or (self.together is None and self.on_error == "raise")


_CHOICES: dict[str, tuple[Any, ...]] = {
    "batch": (),
    "together": ("all", "batch"),
    "on_error": ("raise", "continue", "stop"),
    "returning": (True, False),
    "strategy": tuple(each.value for each in Strategy),
}
"""The options and their values; no values mean that the option is checked by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFailure:
    """One row that was not written.

    Attributes:
        index: its position in what was given; None where a query gave the rows.
        key: the key of the row, for updates and destroys.
        error: why.
    """

    index: int | None
    key: Any = None
    error: SorbusError


@dataclass(slots=True, kw_only=True)
class BulkResult(Generic[R_co]):
    """What a bulk run has done.

    Attributes:
        count: how many rows were written.
        records: the written records in the order of what was given, when they were asked for.
        errors: the rows that were not written, when errors do not raise.
        skipped: how many upserts left the row there as it was.
        plan: how it was done, and why so.
    """

    plan: BulkPlan
    count: int = 0
    skipped: int = 0
    records: list[R_co] | None = None
    errors: list[BulkFailure] = field(default_factory=list[BulkFailure])

    @property
    def status(self) -> BulkStatus:
        """Success, error, or partial success."""
        if not self.errors:
            return BulkStatus.SUCCESS
        return BulkStatus.PARTIAL if self.count else BulkStatus.ERROR

    def __iter__(self) -> Iterator[R_co]:
        return iter(self.records or ())

    def __len__(self) -> int:
        return self.count


def at_row(error: SorbusError, index: int | None) -> SorbusError:
    """The error with the row's position at the front of its path, and of those of the errors inside it."""
    if index is not None:
        for each in (error, *getattr(error, "errors", ())):
            if each.path[:1] != ("rows",):
                each.path = ("rows", index, *each.path)
    return error
