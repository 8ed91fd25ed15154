"""Two branches of migrations put one after the other, their snapshots merged three ways."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from sorbus.data_layers.postgres.migrations.files import (
    Migration,
    branches,
    chain,
    headed,
    read,
    write,
)
from sorbus.data_layers.postgres.migrations.validate import validate
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.migrations import BrokenMigration, InvalidSchema, MergeConflict

_DRAFTS = ".merging"
_DEPTH = 4  # tables → table → kind of part → part: two changes inside one part are a conflict
_ABSENT = object()


def merge_folder(folder: Path, *, keep: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Make one chain of a folder whose branches were merged, and return the renamed folders as (old, new).

    Of two branches the one that contains a name of `keep` stays where it is, else the first by name. Ids and
    SQL do not change, so databases that have either branch go on from where they are. Raises `MergeConflict`.
    """
    before = read(folder)
    after = merge(before, keep=keep)
    by_id = {each.id: each for each in before}
    moved = [each for each in after if by_id[each.id] != each]
    drafts = folder / _DRAFTS
    if drafts.exists():
        hint = f"Restore the folder from version control and delete `{_DRAFTS}` in it."
        raise BrokenMigration(_DRAFTS, "an earlier merge was interrupted", hint=hint)
    if moved:
        write(drafts, moved)
        for each in moved:
            shutil.rmtree(folder / by_id[each.id].name)
        for each in moved:
            (drafts / each.name).rename(folder / each.name)
        drafts.rmdir()
    return [(by_id[each.id].name, each.name) for each in moved]


def merge(migrations: Sequence[Migration], *, keep: Sequence[str] = ()) -> list[Migration]:
    """The migrations as one chain. Raises `MergeConflict` when two branches changed the same thing."""
    current = list(migrations)
    while True:
        forks = [names for names in branches(current).values() if len(names) > 1]
        # The deepest fork first: a branch that is moved must not fork itself.
        fork = next((names for names in forks if all(_ends(current, each) for each in names)), None)
        if fork is None:
            return chain(current)
        current = _join(current, fork, keep)


def _ends(migrations: Sequence[Migration], first: Migration) -> bool:
    tip = _line(migrations, first)[-1]
    return all(each.parent != tip.id for each in migrations)


def _join(migrations: list[Migration], fork: list[Migration], keep: Sequence[str]) -> list[Migration]:
    lines = [_line(migrations, each) for each in fork]
    lines.sort(key=lambda line: not any(each.name in keep for each in line))
    parent = next((each for each in migrations if each.id == fork[0].parent), None)
    rebased = _rebase(lines[0], lines[1], parent.schema if parent else Schema())
    replaced = {each.id: each for each in rebased}
    return [replaced.get(each.id, each) for each in migrations]


def _line(migrations: Sequence[Migration], first: Migration) -> list[Migration]:
    """A branch up to its end, or up to where it forks itself."""
    line = [first]
    while True:
        following = [each for each in migrations if each.parent == line[-1].id]
        if len(following) != 1:
            return line
        line.append(following[0])


def _rebase(stays: list[Migration], goes: list[Migration], base: Schema) -> list[Migration]:
    tip, rebased = stays[-1], list[Migration]()
    for each in goes:
        previous = rebased[-1] if rebased else tip
        schema = _merged(base, tip, each)
        name = f"{previous.number + 1:04d}_{each.label}"
        rebased.append(headed(each, name=name, parent=previous.id, schema=schema))
    return rebased


def _merged(base: Schema, kept: Migration, moved: Migration) -> Schema:
    conflicts: list[str] = []
    start, ours, theirs = (each.to_data() for each in (base, kept.schema, moved.schema))
    start.pop("extensions")
    extensions = sorted({*ours.pop("extensions"), *theirs.pop("extensions")})
    data = _merge_trees(start, ours, theirs, (), conflicts)
    if conflicts:
        raise MergeConflict(kept.name, moved.name, conflicts)
    schema = Schema.from_data({**data, "extensions": extensions})
    try:
        validate(schema)
    except InvalidSchema as error:
        raise MergeConflict(kept.name, moved.name, error.faults) from error
    return schema


def _merge_trees(
    base: Mapping[str, Any],
    one: Mapping[str, Any],
    two: Mapping[str, Any],
    path: tuple[str, ...],
    conflicts: list[str],
) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key in sorted({*base, *one, *two}):
        was, mine, yours = (each.get(key, _ABSENT) for each in (base, one, two))
        here = (*path, key)
        if yours == was:
            value = mine
        elif mine == was:
            value = yours
        elif len(here) < _DEPTH and isinstance(mine, dict) and isinstance(yours, dict) and _open(was, here):
            start = cast("dict[str, Any]", {} if was is _ABSENT else was)
            ours, theirs = cast("dict[str, Any]", mine), cast("dict[str, Any]", yours)
            value = _merge_trees(start, ours, theirs, here, conflicts)
        else:
            # Also when both made the same change: both scripts would carry it out.
            conflicts.append(" ".join(here[1:]))
            continue
        if value is not _ABSENT:
            merged[key] = value
    return merged


def _open(was: object, path: tuple[str, ...]) -> bool:
    """Whether both sides may add to it: kinds of parts may appear on both, a table may not."""
    return was is not _ABSENT or len(path) != 2
