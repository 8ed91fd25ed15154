"""The folder of migrations: each has `up.sql`, `down.sql`, `snapshot.json` and its parent's id."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.hints import did_you_mean, listed
from sorbus.errors.migrations import BranchedMigrations, BrokenMigration, InvalidSnapshot, NoSuchMigration

UP, DOWN, SNAPSHOT = "up.sql", "down.sql", "snapshot.json"
ZERO = "zero"
"""The name of the state before the first migration."""
_FOLDER = re.compile(r"(?P<number>\d{4,})_(?P<label>[a-z0-9_]+)\Z")
_HEADER = re.compile(r"--\s*sorbus:\s*(?P<key>[a-z-]+)\s*(?P<value>.*?)\s*\Z")
_NO_TRANSACTION = "no-transaction"
_KEYS = ("migration", "id", "parent", "snapshot", _NO_TRANSACTION)


@dataclass(frozen=True)
class Migration:
    """One migration as it lies in the folder.

    `id` names it for good, also when it gets another number; `parent` is the id of the one before, None for
    the first.
    """

    name: str
    id: str
    parent: str | None
    up: str
    down: str
    schema: Schema

    @property
    def number(self) -> int:
        """The number that its name begins with."""
        return int(self.name.partition("_")[0])

    @property
    def label(self) -> str:
        """Its name without the number."""
        return self.name.partition("_")[2]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of up.sql without its header and trailing blanks: a new number changes nothing."""
        lines = (line.rstrip() for line in body(self.up).splitlines())
        return sha256("\n".join(lines).strip().encode()).hexdigest()

    @property
    def up_in_transaction(self) -> bool:
        """Whether up.sql runs in one transaction."""
        return _NO_TRANSACTION not in header(self.up)

    @property
    def down_in_transaction(self) -> bool:
        """Whether down.sql runs in one transaction."""
        return _NO_TRANSACTION not in header(self.down)


def header(text: str) -> dict[str, str]:
    """The `-- sorbus: key value` lines at the top of a script."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("--"):
            break
        match = _HEADER.match(line)
        if match:
            found[match["key"]] = match["value"]
    return found


def body(text: str) -> str:
    """A script without the `-- sorbus:` lines at its top, but for `no-transaction`."""
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    for place, line in enumerate(lines):
        if line.strip() and not line.startswith("--"):
            return "".join([*kept, *lines[place:]])
        match = _HEADER.match(line.rstrip("\n"))
        if match is None or match["key"] == _NO_TRANSACTION:
            kept.append(line)
    return "".join(kept)


def make(
    label: str, parent: Migration | None, schema: Schema, *, up: str, down: str, plain: bool
) -> Migration:
    """A migration after `parent`; the same arguments give the same migration, id included.

    Args:
        label: its name without the number, of letters, digits and underscores.
        parent: the migration before, or None.
        schema: the whole schema once it is applied.
        up: the statements of up.sql with their comments.
        down: the same for down.sql.
        plain: whether both run outside a transaction.
    """
    parent_id = parent.id if parent else None
    key = "\0".join([parent_id or "", label, up, down, schema.to_json()])
    name = f"{(parent.number if parent else 0) + 1:04d}_{label}"
    draft = Migration(name, sha256(key.encode()).hexdigest()[:16], parent_id, up, down, schema)
    marker = f"-- sorbus: {_NO_TRANSACTION}\n" if plain else ""
    return headed(draft, name=name, parent=parent_id, schema=schema, marker=marker)


def headed(
    migration: Migration, *, name: str, parent: str | None, schema: Schema, marker: str = ""
) -> Migration:
    """The migration under this name and parent, with headers that say so and bodies as they are."""
    lines = [
        f"-- sorbus: migration {name}",
        f"-- sorbus: id {migration.id}",
        f"-- sorbus: parent {parent or ZERO}",
        f"-- sorbus: snapshot sha256:{schema.checksum}",
    ]
    top = "\n".join(lines) + "\n"
    first = f"-- sorbus: migration {name}\n"
    return Migration(
        name,
        migration.id,
        parent,
        f"{top}{marker}{body(migration.up)}",
        f"{first}{marker}{body(migration.down)}",
        schema.canonical(),
    )


def write(folder: Path, migrations: Iterable[Migration]) -> None:
    """Write each migration into its folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in migrations:
        draft = folder / f".{each.name}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for file, text in ((UP, each.up), (DOWN, each.down), (SNAPSHOT, each.schema.to_json())):
            (draft / file).write_text(text, encoding="utf-8", newline="\n")
        draft.rename(folder / each.name)


def read(folder: Path) -> list[Migration]:
    """All migrations of the folder, in no particular order of the chain. Raises `BrokenMigration`."""
    if not folder.is_dir():
        return []
    found = [
        _read_one(each) for each in sorted(folder.iterdir()) if each.is_dir() and _FOLDER.match(each.name)
    ]
    seen: dict[str, str] = {}
    for each in found:
        if each.id in seen:
            raise BrokenMigration(each.name, f"it has the id of `{seen[each.id]}`", hint="Delete the copy.")
        seen[each.id] = each.name
    return found


def _read_one(folder: Path) -> Migration:
    name = folder.name
    missing = [each for each in (UP, DOWN, SNAPSHOT) if not (folder / each).is_file()]
    if missing:
        raise BrokenMigration(name, f"its folder has no {' and no '.join(missing)}")
    up, down, snapshot = ((folder / each).read_text(encoding="utf-8") for each in (UP, DOWN, SNAPSHOT))
    said = header(up)
    for key in {**header(down), **said}:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS)
            raise BrokenMigration(name, f"its header says `{key}`; known are {listed(_KEYS)}", hint=hint)
    lacking = [each for each in ("id", "parent", "snapshot") if each not in said]
    if lacking:
        raise BrokenMigration(name, f"the header of up.sql has no {', '.join(lacking)}")
    try:
        schema = Schema.from_json(snapshot)
    except InvalidSnapshot as error:
        raise InvalidSnapshot(error.why, place=f"{name}/{SNAPSHOT}") from error
    if said["snapshot"] != f"sha256:{schema.checksum}":
        raise BrokenMigration(name, f"{SNAPSHOT} is not the one that it was written with")
    parent = None if said["parent"] == ZERO else said["parent"]
    return Migration(name, said["id"], parent, up, down, schema)


def chain(migrations: Sequence[Migration]) -> list[Migration]:
    """The migrations from first to newest. Raises `BranchedMigrations`, `BrokenMigration`."""
    by_id = {each.id: each for each in migrations}
    for parent, names in branches(migrations).items():
        if len(names) > 1:
            raise BranchedMigrations(by_id[parent].name if parent else None, [each.name for each in names])
    after = {each.parent: each for each in migrations}
    ordered: list[Migration] = []
    current = after.get(None)
    while current is not None:
        ordered.append(current)
        current = after.get(current.id)
    for each in migrations:
        if each not in ordered:
            raise BrokenMigration(each.name, f"its parent {each.parent} is not in the folder")
    return ordered


def branches(migrations: Sequence[Migration]) -> dict[str | None, list[Migration]]:
    """The migrations by their parent, in order of names."""
    found: dict[str | None, list[Migration]] = {}
    for each in sorted(migrations, key=lambda each: each.name):
        found.setdefault(each.parent, []).append(each)
    return found


def load(folder: Path) -> list[Migration]:
    """The chain of a folder. Raises `BranchedMigrations`, `BrokenMigration`, `InvalidSnapshot`."""
    return chain(read(folder))


def newest_schema(migrations: Sequence[Migration]) -> Schema:
    """The schema after the newest migration, empty when there is none."""
    return migrations[-1].schema if migrations else Schema()


def find(migrations: Sequence[Migration], wanted: str) -> int:
    """How many migrations are applied when `wanted` is the newest: its place counted from 1, 0 for `zero`.

    `wanted` is a name, a number (`0003` or `3`), an id, or `zero`. Raises `NoSuchMigration`.
    """
    if wanted == ZERO:
        return 0
    for place, each in enumerate(migrations, start=1):
        if wanted in {each.name, each.id, each.label} or (wanted.isdigit() and int(wanted) == each.number):
            return place
    raise NoSuchMigration(wanted, [each.name for each in migrations])


def labelled(text: str) -> str:
    """Free text as a label: lower case, underscores, at most 60 characters."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60].strip("_") or "change"
