"""From a changed declaration to the migrations that are written for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sorbus.data_layers.postgres.migrations.diff import diff
from sorbus.data_layers.postgres.migrations.files import Migration, labelled, make, newest_schema
from sorbus.data_layers.postgres.migrations.operations import (
    CreateIndex,
    CreateTable,
    DropTable,
    Operation,
)
from sorbus.data_layers.postgres.migrations.renames import Answers
from sorbus.data_layers.postgres.migrations.validate import validate
from sorbus.data_layers.postgres.tables import Index, Schema
from sorbus.errors.migrations import BackfillNeeded, CastNeeded, NoSuchPlace


@dataclass(frozen=True, slots=True)
class Plan:
    """The migrations to write (none when nothing changed) and the steps that they consist of."""

    migrations: tuple[Migration, ...]
    operations: tuple[Operation, ...]

    @property
    def losses(self) -> tuple[str, ...]:
        """The steps that throw stored data away, in words."""
        return tuple(each.describe() for each in self.operations if each.loses_data)


def plan(
    existing: Sequence[Migration],
    declared: Schema,
    *,
    name: str = "",
    answers: Answers | None = None,
    concurrently: bool = False,
) -> Plan:
    """What has to be written so that the folder describes the declarations.

    Args:
        existing: the chain of the folder.
        declared: the schema of the declarations.
        name: free text for the new migration; derived from its steps when empty.
        answers: what is a rename, backfills and casts.
        concurrently: build indexes of tables that exist in a second migration, outside a transaction, without
            blocking writers.

    Raises `InvalidSchema`, `UnansweredRename`, `NoSuchRename`, `BackfillNeeded`, `CastNeeded`, `NoSuchPlace`.
    """
    validate(declared)
    said = answers or Answers()
    old, new = newest_schema(existing), declared.canonical()
    steps = diff(old, declared, answers=said)
    refuse_needs(steps)
    _refuse_idle_answers(steps, said)
    if not steps and old == new:
        return Plan((), ())
    quick, later = _split(steps) if concurrently else (steps, [])
    label = labelled(name or derived_name(steps, first=not existing))
    parent = existing[-1] if existing else None
    between = _without(new, later)
    made = [make(label, parent, between, up=up_text(quick), down=down_text(quick), plain=False)]
    if later:
        texts = {"up": up_text(later), "down": down_text(later)}
        made.append(make(f"{label}_indexes", made[0], new, plain=True, **texts))
    return Plan(tuple(made), (*quick, *later))


def empty_migration(existing: Sequence[Migration], *, name: str) -> Migration:
    """A migration that changes no table, for SQL that the developer writes."""
    up = "\n-- Write SQL here. Each statement ends with a semicolon.\n"
    down = "\n-- Write SQL here that undoes up.sql.\n"
    parent = existing[-1] if existing else None
    return make(labelled(name), parent, newest_schema(existing), up=up, down=down, plain=False)


def refuse_needs(steps: Sequence[Operation]) -> None:
    """Raise `BackfillNeeded` or `CastNeeded` when a step waits for a word of the developer."""
    needs = [each.need for each in steps if each.need is not None]
    for kind, error in (("backfill", BackfillNeeded), ("cast", CastNeeded)):
        places = [(each.place, each.why) for each in needs if each.kind == kind]
        if places:
            raise error(places)


def _refuse_idle_answers(steps: Sequence[Operation], answers: Answers) -> None:
    """A misspelt place must not pass silently."""
    taken = [each.accepts for each in steps if each.accepts is not None]
    for option, given, kind in (
        ("--backfill", answers.backfills, "backfill"),
        ("--using", answers.casts, "cast"),
    ):
        places = [each.place for each in taken if each.kind == kind]
        for place in given:
            if place not in places:
                raise NoSuchPlace(option, place, places)


def _split(steps: Sequence[Operation]) -> tuple[list[Operation], list[Operation]]:
    """Index builds on tables that exist go apart, unless a foreign key of this migration needs the index."""
    created = {each.table for each in steps if isinstance(each, CreateTable)}
    later = [
        each
        for each in steps
        if isinstance(each, CreateIndex) and each.table not in created and isinstance(each.index, Index)
    ]
    quick = [each for each in steps if each not in later]
    return quick, [replace(each, concurrently=True) for each in later]


def _without(schema: Schema, later: Sequence[Operation]) -> Schema:
    names = {each.index.name for each in later if isinstance(each, CreateIndex)}
    tables = (
        replace(each, indexes=tuple(index for index in each.indexes if index.name not in names))
        for each in schema.tables
    )
    return Schema(tuple(tables), schema.extensions)


def derived_name(steps: Sequence[Operation], *, first: bool) -> str:
    """A name that says what the steps do."""
    if first:
        return "initial"
    if not steps:
        return "change"
    lead = next((each for each in steps if isinstance(each, CreateTable | DropTable)), steps[0])
    words = " ".join(lead.describe().split()[:5])
    tables = {each.table for each in steps if isinstance(each, CreateTable)} or {each.table for each in steps}
    return words if len(tables) < 2 else f"{words} and {len(tables) - 1} more"


def up_text(steps: Sequence[Operation]) -> str:
    """The body of up.sql: each step's statements under a line that says what it does."""
    parts: list[str] = []
    for each in steps:
        notes = [f"-- {each.describe()}"]
        if each.loses_data:
            notes.append("-- DESTRUCTIVE: stored values are lost")
        if each.locks:
            notes.append(f"-- LOCKS: {each.locks}")
        parts.append(_part(notes, each.forward()))
    return "".join(parts)


def down_text(steps: Sequence[Operation]) -> str:
    """The body of down.sql: the steps undone, last one first."""
    return "".join(_part([f"-- undo: {each.describe()}"], each.backward()) for each in reversed(steps))


def _part(notes: Sequence[str], statements: Sequence[str]) -> str:
    one_line = [" ".join(each.splitlines()) for each in notes]
    return "\n" + "".join(f"{each}\n" for each in one_line) + "".join(f"{each};\n" for each in statements)
