"""What a database can refuse or fail at, one class per cause.

The constraint errors are `Invalid`: the caller sent a value that the schema does not allow. They carry the
names that the server gave, so that the engine can point at the attribute. Everything else is `DatabaseFault`:
the developer or the environment has to act, or the caller may simply try again (`retryable`).
"""

from __future__ import annotations

from typing import ClassVar

from sorbus.errors.base import FrameworkError, Invalid
from sorbus.errors.hints import listed


class ConstraintViolation(Invalid):
    """Base of the rows that a constraint of the database refused.

    Attributes:
        constraint: the constraint's name, or an empty string when the server named none.
        schema: the schema of the table.
        table: the table whose constraint refused the row.
        columns: the columns (or index expressions) of the constraint, as far as the server named them.
        values: the refused row's values in them, as `key_text` writes them, as far as the server named them.
    """

    def __init__(
        self,
        message: str,
        *,
        constraint: str = "",
        schema: str = "",
        table: str = "",
        columns: tuple[str, ...] = (),
        values: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.constraint = constraint
        self.schema = schema
        self.table = table
        self.columns = columns
        self.values = values


class GuardViolation(Invalid):
    """A row does not meet a rule that its statement checks; the engine answers with the rule's own message.

    Attributes:
        index: which of the statement's rules.
        key: the key of the row, as text.
        told: the value of the attribute that the statement tells along with it, as text.
    """

    code = "guard-violation"

    def __init__(self, *, index: int, key: str, told: str = "") -> None:
        self.index, self.key, self.told = index, key, told
        super().__init__(f"The row {key} does not meet rule {index} of the statement that writes it.")


class UniqueViolation(ConstraintViolation):
    """Another row already has this value."""

    code = "unique-violation"

    def __init__(
        self, *, constraint: str, schema: str, table: str, columns: tuple[str, ...], values: str = ""
    ) -> None:
        super().__init__(
            f"`{table}` already has a row with the same {listed(columns, none='value')} "
            f"(unique constraint `{constraint}`).",
            constraint=constraint,
            schema=schema,
            table=table,
            columns=columns,
            values=values,
            hint="Send another value, or use an upsert on this identity.",
        )


class ExclusionViolation(ConstraintViolation):
    """Another row conflicts with this one under an exclusion constraint."""

    code = "exclusion-violation"

    def __init__(self, *, constraint: str, schema: str, table: str, columns: tuple[str, ...]) -> None:
        message = (
            f"A row of `{table}` conflicts with this one in {listed(columns, none='its values')} "
            f"(exclusion constraint `{constraint}`)."
        )
        super().__init__(message, constraint=constraint, schema=schema, table=table, columns=columns)


class ForeignKeyViolation(ConstraintViolation):
    """A row refers to one that does not exist, or is still referred to.

    Attributes:
        table: the table that refers.
        referenced: the table that is referred to, or an empty string when the server named none.
        still_used: True when the referred row may not go (the columns are then its own), False when it is
            missing.
    """

    code = "foreign-key-violation"

    def __init__(
        self,
        *,
        constraint: str,
        schema: str,
        table: str,
        columns: tuple[str, ...],
        referenced: str,
        still_used: bool,
        values: str = "",
    ) -> None:
        names = listed(columns, none="a column")
        message = (
            f"A row of `{referenced or 'a table'}` cannot go, or its key cannot change, because rows of "
            f"`{table}` still refer to it (foreign key `{constraint}`)."
            if still_used
            else f"`{table}` refers by {names} to a row of `{referenced or 'another table'}` that does not "
            f"exist (foreign key `{constraint}`)."
        )
        super().__init__(
            message,
            constraint=constraint,
            schema=schema,
            table=table,
            columns=columns,
            values=values,
            hint="Destroy or move the referring rows first." if still_used else "Create that row first.",
        )
        self.referenced = referenced
        self.still_used = still_used


class NotNullViolation(ConstraintViolation):
    """A column that needs a value got none."""

    code = "not-null-violation"

    def __init__(self, *, schema: str, table: str, column: str) -> None:
        super().__init__(
            f"`{table}.{column}` needs a value and got none.",
            schema=schema,
            table=table,
            columns=(column,) if column else (),
            hint="Send a value, declare a default, or let the attribute be None.",
        )


class CheckViolation(ConstraintViolation):
    """A value does not satisfy a check constraint."""

    code = "check-violation"

    def __init__(self, *, constraint: str, schema: str, table: str) -> None:
        message = f"A row of `{table}` does not satisfy the check constraint `{constraint}`."
        super().__init__(message, constraint=constraint, schema=schema, table=table)


class NumericOutOfRange(Invalid):
    """A number does not fit into its column."""

    code = "numeric-out-of-range"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"A number does not fit into its column: {detail}.",
            hint="Send a smaller one, or declare a wider type.",
        )


class TextTooLong(Invalid):
    """A text is longer than its column."""

    code = "text-too-long"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"A text is longer than its column: {detail}.",
            hint="Send a shorter one, or declare a larger `max_length`.",
        )


class TextNotStorable(Invalid):
    """A text has a character that PostgreSQL cannot store: NUL, or half of a surrogate pair."""

    code = "text-not-storable"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"A text has a character that PostgreSQL cannot store: {detail}.",
            hint="Remove NUL characters (U+0000) and lone surrogates before sending it.",
        )


class ValueNotStorable(Invalid):
    """A value is not of the type that its column or parameter needs."""

    code = "value-not-storable"

    def __init__(self, detail: str) -> None:
        super().__init__(f"A value does not fit the type of its column or parameter: {detail}.")


class DatabaseFault(FrameworkError):
    """Base of what goes wrong between Sorbus and the database.

    Attributes:
        retryable: the same work may succeed when it is tried again from its beginning, in a new transaction.
        sqlstate: the server's five-character code, or an empty string when the server did not answer.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", sqlstate: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate


class DatabaseUnavailable(DatabaseFault):
    """The database cannot be reached, or went away in the middle of the work."""

    code = "database-unavailable"
    retryable = True

    def __init__(
        self, detail: str, *, where: str = "", waited: float | None = None, sqlstate: str = ""
    ) -> None:
        self.detail = detail
        self.where = where
        self.waited = waited
        place = f" at {where}" if where else ""
        time = f" after {waited:.1f} s" if waited is not None else ""
        super().__init__(
            f"The database{place} cannot be reached{time}: {detail}.",
            hint="Nothing that was not committed is kept. Check that the server runs and try again.",
            sqlstate=sqlstate,
        )


class DatabaseLoginFailed(DatabaseFault):
    """The server does not let this user in."""

    code = "database-login-failed"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database server refused the login: {detail}.",
            hint="Check user and password in DATABASE_URL, and the server's pg_hba.conf.",
            sqlstate=sqlstate,
        )


class NoSuchDatabase(DatabaseFault):
    """The server runs but has no database of this name."""

    code = "no-such-database"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database does not exist: {detail}.",
            hint="Create it (`createdb NAME`) or name another one in DATABASE_URL.",
            sqlstate=sqlstate,
        )


class DatabaseTooOld(DatabaseFault):
    """The server is older than Sorbus needs."""

    code = "database-too-old"

    def __init__(self, *, version: str, needed: int, where: str) -> None:
        super().__init__(
            f"The server at {where} is PostgreSQL {version}; Sorbus needs {needed} or newer.",
            hint="Upgrade it, or unset DATABASE_URL to use the embedded PostgreSQL.",
        )


class BadDatabaseUrl(DatabaseFault):
    """DATABASE_URL is not the URL of a PostgreSQL database."""

    code = "bad-database-url"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The database URL cannot be used: {detail}.",
            hint="It looks like `postgresql://user:password@host:5432/name`; unset it for the embedded one.",
        )


class PoolExhausted(DatabaseFault):
    """No connection became free in time."""

    code = "pool-exhausted"
    retryable = True

    def __init__(self, *, size: int, waited: float, waiting: int) -> None:
        super().__init__(
            f"None of the {size} database connections became free within {waited:g} s "
            f"({waiting} more were waiting).",
            hint="Do slow work outside the transaction, raise the pool's `size`, or lower the load.",
        )


class PoolClosed(DatabaseFault):
    """The pool was used after it had been closed."""

    code = "pool-closed"

    def __init__(self) -> None:
        super().__init__(
            "The connection pool is closed.",
            hint="Use the database inside its `async with`, and let tasks end before it closes.",
        )


class PoolForeignConnection(DatabaseFault):
    """A connection was given back that this pool has not lent, or twice."""

    code = "pool-foreign-connection"

    def __init__(self) -> None:
        super().__init__(
            "A connection was released that this pool has not lent out, or that was released before.",
            hint="Use `async with pool.connection()`, which releases exactly once.",
        )


class PoolForeignLoop(DatabaseFault):
    """A pool was used from another event loop than the one it was first used in."""

    code = "pool-foreign-loop"

    def __init__(self) -> None:
        super().__init__(
            "This connection pool belongs to another event loop.",
            hint="Open one database per event loop; do not carry it across `asyncio.run` calls or threads.",
        )


class DatabaseNotOpen(DatabaseFault):
    """A database was used before it was opened."""

    code = "database-not-open"

    def __init__(self) -> None:
        super().__init__(
            "The database is not open.",
            hint="Use it inside `async with database:`, or call `await database.open()`.",
        )


class SerializationFailure(DatabaseFault):
    """Two transactions could not be put into one order."""

    code = "serialization-failure"
    retryable = True

    def __init__(self, *, sqlstate: str = "") -> None:
        super().__init__(
            "The transaction conflicts with another one that ran at the same time.",
            hint="Try the whole action again.",
            sqlstate=sqlstate,
        )


class TransactionAborted(DatabaseFault):
    """A transaction was to be committed in which a statement had failed, so the server rolled it back."""

    code = "transaction-aborted"

    def __init__(self) -> None:
        super().__init__(
            "The transaction was rolled back instead of committed: a statement in it had failed before.",
            hint="Do not swallow a database error inside a transaction, or use a savepoint to go on.",
        )


class Deadlock(DatabaseFault):
    """Two transactions waited for each other and the server ended this one."""

    code = "deadlock"
    retryable = True

    def __init__(self, *, sqlstate: str = "") -> None:
        super().__init__(
            "The transaction and another one waited for each other's rows, and the server ended this one.",
            hint="Try the whole action again; lock rows in one order (by id) to avoid it.",
            sqlstate=sqlstate,
        )


class LockNotAvailable(DatabaseFault):
    """A row or table is locked by another transaction."""

    code = "lock-not-available"
    retryable = True

    def __init__(self, *, sqlstate: str = "") -> None:
        super().__init__(
            "A row or table is locked by another transaction, and the time to wait for it is over.",
            hint="Try the whole action again later.",
            sqlstate=sqlstate,
        )


class QueryCanceled(DatabaseFault):
    """The server stopped a statement: its time limit passed, or somebody cancelled it."""

    code = "query-canceled"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The statement was stopped: {detail}.",
            hint="Raise the time limit, narrow the filter, or add an index.",
            sqlstate=sqlstate,
        )


class UndefinedTable(DatabaseFault):
    """The database lacks a table that the declarations have."""

    code = "undefined-table"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database lacks a table: {detail}.",
            hint="Run `sorbus migrate` to bring it up to the declarations.",
            sqlstate=sqlstate,
        )


class UndefinedColumn(DatabaseFault):
    """The database lacks a column, type or function that the declarations have."""

    code = "undefined-column"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database lacks a column, type or function: {detail}.",
            hint="Run `sorbus migrate` to bring it up to the declarations.",
            sqlstate=sqlstate,
        )


class StalePlan(DatabaseFault):
    """A table changed while a transaction was using a plan made before."""

    code = "stale-plan"
    retryable = True

    def __init__(self, *, sqlstate: str = "") -> None:
        super().__init__(
            "A table was altered after its statement had been prepared, so the transaction could not go on.",
            hint="Try the whole action again; the plans are fresh now.",
            sqlstate=sqlstate,
        )


class PermissionMissing(DatabaseFault):
    """The database user may not do this."""

    code = "database-permission-missing"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database user lacks a permission: {detail}.",
            hint="Grant it, or connect as the owner of the tables.",
            sqlstate=sqlstate,
        )


class DatabaseReadOnly(DatabaseFault):
    """A write was sent to a server or transaction that only reads."""

    code = "database-read-only"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database takes no writes: {detail}.",
            hint="Point DATABASE_URL at the primary server.",
            sqlstate=sqlstate,
        )


class DatabaseFull(DatabaseFault):
    """The server has run out of disk or memory."""

    code = "database-full"

    def __init__(self, detail: str, *, sqlstate: str = "") -> None:
        super().__init__(
            f"The database server has run out of space: {detail}.",
            hint="Free disk or memory on the server; nothing of this transaction was kept.",
            sqlstate=sqlstate,
        )
