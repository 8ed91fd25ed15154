"""Errors about schemas, migration files and the databases that they are applied to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import FrameworkError
from sorbus.errors.hints import did_you_mean, listed


class MigrationError(FrameworkError):
    """Base of everything that migrations refuse or fail at."""

    code = "migration"


class InvalidSchema(MigrationError):
    """A described schema contradicts itself or breaks a rule of PostgreSQL. All faults are listed at once."""

    code = "invalid-schema"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("The schema cannot be built:" + _lines(faults))
        self.faults = tuple(faults)


class InvalidSnapshot(MigrationError):
    """A snapshot of a schema cannot be read."""

    code = "invalid-snapshot"

    def __init__(self, why: str, *, place: str = "The snapshot") -> None:
        super().__init__(
            f"{place} is no description of a schema: {why}.",
            hint="Restore it from version control, or delete the migration and write it again.",
        )
        self.why = why


class UnansweredRename(MigrationError):
    """Something is gone and something alike is new; nobody said whether it is the same thing."""

    code = "unanswered-rename"

    def __init__(self, questions: Sequence[str]) -> None:
        super().__init__(
            "The change can be a rename or a loss of data:" + _lines(questions),
            hint="Answer with `--rename old:new` (`--rename table.column:new`) or `--no-rename`.",
        )
        self.questions = tuple(questions)


class NoSuchRename(MigrationError):
    """A rename was given that does not fit the change."""

    code = "no-such-rename"

    def __init__(self, rename: str, why: str, *, near: tuple[str, Iterable[str]] = ("", ())) -> None:
        name, allowed = near[0], list(near[1])
        known = f" There are: {listed(allowed)}." if allowed else ""
        super().__init__(
            f"The rename `{rename}` is impossible: {why}.{known}", hint=did_you_mean(name, allowed)
        )


class BackfillNeeded(MigrationError):
    """A column becomes NOT NULL and nobody said what the rows that exist get."""

    code = "backfill-needed"

    def __init__(self, needs: Sequence[tuple[str, str]]) -> None:
        place = needs[0][0]
        super().__init__(
            "A value is needed for rows that exist:" + _lines(f"{at}: {why}" for at, why in needs),
            hint=f"As SQL: `--backfill {place}=\"'value'\"`, `--backfill {place}=` if no row needs it.",
        )
        self.places = tuple(at for at, _ in needs)


class CastNeeded(MigrationError):
    """A column changes to a type that its values cannot become by themselves."""

    code = "cast-needed"

    def __init__(self, needs: Sequence[tuple[str, str]]) -> None:
        place = needs[0][0]
        column = place.rpartition(".")[2]
        super().__init__(
            "It is not known how old values become new ones:" + _lines(f"{at}: {why}" for at, why in needs),
            hint=f"Give an SQL expression over the old value: `--using {place}='{column}::text::…'`.",
        )
        self.places = tuple(at for at, _ in needs)


class NoSuchPlace(MigrationError):
    """A backfill or cast was given for a column that does not need one."""

    code = "no-such-place"

    def __init__(self, option: str, place: str, allowed: Iterable[str]) -> None:
        places = list(allowed)
        super().__init__(
            f"`{option} {place}=…` fits no step of this change. Columns that take one: {listed(places)}.",
            hint=did_you_mean(place, places),
        )


class NothingToMigrate(MigrationError):
    """A migration was asked for although the declarations did not change."""

    code = "nothing-to-migrate"

    def __init__(self) -> None:
        super().__init__(
            "The declarations are what the newest migration describes, so there is nothing to write.",
            hint="For a migration that you write yourself, use `sorbus migrate new NAME --empty`.",
        )


class BrokenMigration(MigrationError):
    """A migration's folder is incomplete, or its header does not fit the other migrations."""

    code = "broken-migration"

    def __init__(self, name: str, why: str, *, hint: str = "") -> None:
        super().__init__(
            f"The migration `{name}` cannot be used: {why}.",
            hint=hint or "Restore the folder from version control.",
        )
        self.name = name


class BranchedMigrations(MigrationError):
    """Two migrations were written on the same parent, as when two branches are merged."""

    code = "branched-migrations"

    def __init__(self, parent: str | None, names: Sequence[str]) -> None:
        on = f"on `{parent}`" if parent else "as the first one"
        super().__init__(
            f"More than one migration was written {on}: {listed(names)}.",
            hint="Run `sorbus migrate --merge` to put one after the other.",
        )
        self.names = tuple(names)


class MergeConflict(MigrationError):
    """Two branches of migrations changed the same thing."""

    code = "merge-conflict"

    def __init__(self, kept: str, moved: str, conflicts: Sequence[str]) -> None:
        super().__init__(
            f"`{moved}` cannot be put after `{kept}`, both changed:" + _lines(conflicts),
            hint=f"Delete the folder `{moved}` and write it again with `sorbus migrate new`.",
        )
        self.conflicts = tuple(conflicts)


class MigrationChanged(MigrationError):
    """The file of a migration that was applied is no longer the one that was applied."""

    code = "migration-changed"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"up.sql changed after it was applied to this database: {listed(names)}.",
            hint="Restore the files from version control, and put the change into a new migration.",
        )
        self.names = tuple(names)


class MigrationFailed(MigrationError):
    """A statement of a migration was refused by PostgreSQL.

    `name` is the migration, `file` the file in its folder, `statement` the statement's text, `line` and
    `column` count from 1 in the file, `sqlstate` is PostgreSQL's code. `rolled_back` says whether the
    database is as it was before.
    """

    code = "migration-failed"

    def __init__(
        self,
        name: str,
        *,
        file: str,
        statement: str,
        line: int,
        column: int,
        message: str,
        sqlstate: str = "",
        detail: str = "",
        rolled_back: bool = True,
    ) -> None:
        said = f"{message}{f' ({sqlstate})' if sqlstate else ''}{f' {detail}' if detail else ''}"
        state = (
            "Nothing of this migration was kept"
            if rolled_back
            else "It runs outside a transaction, so its earlier statements were kept"
        )
        super().__init__(
            f"{name}/{file} failed at line {line}, column {column}: {said}\n"
            f"  {_shortened(statement)}\n{state}.",
            hint="Mend the file or the data, then run `sorbus migrate up` again.",
        )
        self.name, self.file, self.statement = name, file, statement
        self.line, self.column = line, column
        self.sqlstate, self.postgres_message, self.rolled_back = sqlstate, message, rolled_back


class TransactionControl(MigrationError):
    """A migration that runs in a transaction of ours tries to begin or end one itself."""

    code = "transaction-control"

    def __init__(self, name: str, statement: str, line: int) -> None:
        super().__init__(
            f"{name}, line {line}: `{_shortened(statement)}` would end the migration's own transaction.",
            hint="Take it out, or put `-- sorbus: no-transaction` into the header.",
        )


class NoSuchMigration(MigrationError):
    """A migration was named that does not exist."""

    code = "no-such-migration"

    def __init__(self, wanted: str, names: Sequence[str]) -> None:
        super().__init__(
            f"There is no migration `{wanted}`. Migrations: {listed(names)}.",
            hint=did_you_mean(wanted, names)
            or "A number such as 0003 is enough, `zero` is before the first.",
        )


class UnknownAppliedMigration(MigrationError):
    """The database has a migration that the folder has not."""

    code = "unknown-applied-migration"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"The database has migrations that are not in the folder: {listed(names)}.",
            hint="Update your checkout; the code is older than the database, or another branch was applied.",
        )
        self.names = tuple(names)


class PushRefused(MigrationError):
    """Bringing the database straight to the declarations would lose data or needs an answer."""

    code = "push-refused"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "The database was not changed, for this needs your word:" + _lines(reasons),
            hint="Write a migration (`sorbus migrate new NAME`), or allow destructive changes for this push.",
        )
        self.reasons = tuple(reasons)


class ManagedByFiles(MigrationError):
    """A push was asked for on a database that has been migrated by files."""

    code = "managed-by-files"

    def __init__(self, newest: str, changes: Sequence[str]) -> None:
        super().__init__(
            f"This database is migrated by files (newest: `{newest}`) and differs from the declarations:"
            + _lines(changes),
            hint="Run `sorbus migrate`.",
        )


class CannotAdopt(MigrationError):
    """A database that was brought up by push is not what any of the migrations describes."""

    code = "cannot-adopt"

    def __init__(self, newest: str, differences: Sequence[str]) -> None:
        super().__init__(
            f"This database was brought up without migrations and differs from `{newest}`:"
            + _lines(differences),
            hint="Run the code that belongs to these migrations once, which pushes the database there, "
            "or use an empty database.",
        )
        self.differences = tuple(differences)


class MigrationLockTimeout(MigrationError):
    """Another process was migrating the same database for longer than we were ready to wait."""

    code = "migration-lock-timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Another process has been migrating this database for more than {seconds:g} s.",
            hint="Look at it in pg_stat_activity (it holds an advisory lock), or wait longer.",
        )


class CatalogForbidden(MigrationError):
    """The database role may not build the scratch schema that declarations are compared with."""

    code = "catalog-forbidden"

    def __init__(self, message: str) -> None:
        super().__init__(
            f"The declarations cannot be compared with the database: {message}.",
            hint="Grant CREATE on the database to this role; what is built is rolled back at once.",
        )


class CannotBuildSchema(MigrationError):
    """PostgreSQL refuses a part of the declared schema."""

    code = "cannot-build-schema"

    def __init__(self, statement: str, message: str) -> None:
        super().__init__(
            f"PostgreSQL refuses a part of the declared schema: {message}\n  {_shortened(statement)}",
            hint="Mend the default, check, index or type in the declaration.",
        )
        self.statement = statement


def _lines(each: Iterable[str]) -> str:
    return "".join(f"\n  - {one}" for one in each)


def _shortened(statement: str) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= 300 else text[:297] + "…"


class ExtensionUnavailable(MigrationError):
    """The declarations need an extension of PostgreSQL that this server does not have."""

    code = "extension-unavailable"

    def __init__(self, names: Sequence[str], *, version: str) -> None:
        super().__init__(
            f"This application needs of PostgreSQL the extension {listed(names)}, and the server "
            f"(PostgreSQL {version}) does not have it.",
            hint="Install its package on the server (pgvector for `vector`, the contrib modules for `citext`), or use "
            "the embedded server, which has both.",
        )
        self.names = tuple(names)
