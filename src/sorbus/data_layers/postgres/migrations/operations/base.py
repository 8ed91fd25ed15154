"""What every step of a migration can tell about itself."""

from __future__ import annotations

from dataclasses import dataclass

type Sql = tuple[str, ...]
"""Statements in the order in which they run, without semicolons."""


@dataclass(frozen=True, slots=True)
class Need:
    """What the developer has to say before a step may run on a table that has rows.

    `kind` is `backfill` (a value for the rows that have none) or `cast` (how old values become new ones),
    `place` is `table.column`.
    """

    kind: str
    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One step. Backward undoes exactly what forward did to the tables (not what it did to rows)."""

    table: str

    def forward(self) -> Sql:
        """The statements that carry the step out."""
        raise NotImplementedError

    def backward(self) -> Sql:
        """The statements that undo it."""
        raise NotImplementedError

    def describe(self) -> str:
        """The step in words, as in `add column runs.state`."""
        raise NotImplementedError

    @property
    def loses_data(self) -> bool:
        """Whether carrying it out throws stored values away."""
        return False

    @property
    def locks(self) -> str:
        """Why the step keeps others waiting for long on a big table; empty when it is quick."""
        return ""

    @property
    def accepts(self) -> Need | None:
        """What may be said about the rows that exist, or None."""
        return None

    @property
    def need(self) -> Need | None:
        """What has to be said before this may run on a table with rows, or None."""
        return None
