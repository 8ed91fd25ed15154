"""The driver's exceptions as typed leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import asyncpg

from sorbus.errors.base import SorbusError
from sorbus.errors.database import (
    CheckViolation,
    DatabaseFull,
    DatabaseLoginFailed,
    DatabaseReadOnly,
    DatabaseUnavailable,
    Deadlock,
    ExclusionViolation,
    ForeignKeyViolation,
    GuardViolation,
    LockNotAvailable,
    NoSuchDatabase,
    NotNullViolation,
    NumericOutOfRange,
    PermissionMissing,
    QueryCanceled,
    SerializationFailure,
    StalePlan,
    TextNotStorable,
    TextTooLong,
    UndefinedColumn,
    UndefinedTable,
    UniqueViolation,
    ValueNotStorable,
)
from sorbus.errors.tenancy import RowSecurityRefused

# "Key (org_id, lower(email))=(…) already exists." The words around it are in the server's language.
_KEY = re.compile(r"\((?P<key>.*?)\)=\((?P<values>.*)\)", re.DOTALL)
_QUOTED = re.compile(r"[\"»“„«](?P<name>[^\"»”“«]+)[\"»”“«]")

_GUARD = re.compile(r"sorbus:rule:(?P<index>\d+):(?P<key>[^\"»”“«\x1f]*)(?:\x1f(?P<told>[^\"»”“«]*))?")

Fault = asyncpg.PostgresError

# Everything that the driver and the socket under it raise. Broader than what `translate` has leaves for.
DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def translate(exc: BaseException) -> SorbusError | None:
    """The typed leaf for an exception of the driver, or None for a cause that has none.

    Raise it with `raise leaf from exc`. Exceptions that did not come from the driver (an OSError of the
    user's own code, say) are never taken for the database's: `translate_connect` is for what opening a
    connection raises.
    """
    if isinstance(exc, asyncpg.InvalidCachedStatementError):
        return StalePlan(sqlstate="0A000")
    if isinstance(exc, asyncpg.OutdatedSchemaCacheError):
        return StalePlan()
    if isinstance(exc, asyncpg.PostgresError):
        state = exc.sqlstate or ""
        build = _LEAVES.get(state) or _CLASSES.get(state[:2])
        return build(exc) if build is not None else None
    if isinstance(exc, asyncpg.InterfaceError) and "closed" in str(exc):
        return DatabaseUnavailable("the connection is closed")
    if isinstance(exc, asyncpg.InternalClientError) and "cannot switch to state" in str(exc):
        # The server said goodbye while the connection was idle, and its end has not been noticed yet.
        return DatabaseUnavailable("the server has ended the connection")
    return None


def translate_limited(exc: BaseException) -> SorbusError | None:
    """As `translate`, for statements on a pool with a `statement_timeout`: no answer in time is an outage."""
    if isinstance(exc, TimeoutError):
        return DatabaseUnavailable("a statement was not answered in time")
    return translate(exc)


def translate_connect(exc: BaseException, *, where: str, waited: float | None = None) -> SorbusError | None:
    """The typed leaf for what opening a connection raised, or None for a foreign exception.

    Args:
        where: host, port and name of the database, for the message.
        waited: seconds spent trying.
    """
    if isinstance(exc, TimeoutError) and not exc.args:
        return DatabaseUnavailable("the server does not answer", where=where, waited=waited)
    if isinstance(exc, OSError):
        return DatabaseUnavailable(exc.strerror or str(exc), where=where, waited=waited)
    found = translate(exc)
    if isinstance(found, DatabaseUnavailable):
        return DatabaseUnavailable(_plain(exc), where=where, waited=waited, sqlstate=found.sqlstate)
    return found


def _plain(exc: BaseException) -> str:
    """The driver's message as a part of a sentence, on one line."""
    return " ".join(str(exc.args[0] if exc.args else exc).split()).rstrip(".")


def _state(exc: Fault) -> str:
    return exc.sqlstate or ""


def _columns(exc: Fault) -> tuple[str, ...]:
    found = _KEY.search(exc.detail or "")
    return _split_key(found["key"]) if found else ()


def _values(exc: Fault) -> str:
    found = _KEY.search(exc.detail or "")
    return found["values"] if found else ""


def _split_key(key: str) -> tuple[str, ...]:
    """The parts of an index key, at the commas outside parentheses and quotes."""
    parts: list[str] = [""]
    depth, quoted = 0, False
    for each in key:
        if each == '"':
            quoted = not quoted
        depth += 0 if quoted else (each == "(") - (each == ")")
        if each == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += each
    return tuple(part.strip().strip('"') for part in parts)


def _unique(exc: Fault) -> SorbusError:
    return UniqueViolation(
        constraint=exc.constraint_name or "",
        schema=exc.schema_name or "",
        table=exc.table_name or "",
        columns=_columns(exc),
        values=_values(exc),
    )


def _exclusion(exc: Fault) -> SorbusError:
    return ExclusionViolation(
        constraint=exc.constraint_name or "",
        schema=exc.schema_name or "",
        table=exc.table_name or "",
        columns=_columns(exc),
    )


def _foreign_key(exc: Fault) -> SorbusError:
    """Both ends raise the same code. On the deleting side the message quotes three names, in any language:
    the table of the row that stays, the constraint, and the referring table, which is the one that the server
    reports as the table.
    """
    quoted = [each["name"] for each in _QUOTED.finditer(str(exc.args[0] if exc.args else ""))]
    table = exc.table_name or ""
    still_used = len(quoted) > 2
    referenced = (
        quoted[0] if still_used else next((e["name"] for e in _QUOTED.finditer(exc.detail or "")), "")
    )
    return ForeignKeyViolation(
        constraint=exc.constraint_name or "",
        schema=exc.schema_name or "",
        table=table,
        columns=_columns(exc),
        values=_values(exc),
        referenced=referenced,
        still_used=still_used,
    )


def _not_null(exc: Fault) -> SorbusError:
    return NotNullViolation(
        schema=exc.schema_name or "", table=exc.table_name or "", column=exc.column_name or ""
    )


def _check(exc: Fault) -> SorbusError:
    return CheckViolation(
        constraint=exc.constraint_name or "", schema=exc.schema_name or "", table=exc.table_name or ""
    )


def _value(exc: Fault) -> SorbusError:
    """What the driver could not encode tells its cause; the server's own codes have entries of their own."""
    match exc.__cause__:
        case UnicodeEncodeError() as cause:
            return TextNotStorable(str(cause))
        case OverflowError():
            return NumericOutOfRange(_plain(exc))
        case _:
            return ValueNotStorable(_plain(exc))


def _plan(build: Callable[..., SorbusError]) -> Callable[[Fault], SorbusError]:
    """A leaf that needs the message and the code."""
    return lambda exc: build(_plain(exc), sqlstate=_state(exc))


def _bare(build: Callable[..., SorbusError]) -> Callable[[Fault], SorbusError]:
    """A leaf that needs the code only."""
    return lambda exc: build(sqlstate=_state(exc))


def _input(build: Callable[[str], SorbusError]) -> Callable[[Fault], SorbusError]:
    """A leaf about a value, which needs the message and what the server said in detail."""
    return lambda exc: build("; ".join(filter(None, (_plain(exc), (exc.detail or "").rstrip(".")))))


def _representation(exc: Fault) -> SorbusError:
    """A value that is none of its type; the rules of a statement raise one on purpose (see `writes.guarded`)."""
    found = _GUARD.search(str(exc.args[0] if exc.args else ""))
    if found is not None:
        return GuardViolation(index=int(found["index"]), key=found["key"], told=found["told"] or "")
    return _input(ValueNotStorable)(exc)


def _permission(exc: Fault) -> SorbusError:
    """A policy that refuses a row has the code of a missing permission; only the server's function tells."""
    if getattr(exc, "server_source_function", None) == "ExecWithCheckOptions":
        return RowSecurityRefused()
    return PermissionMissing(_plain(exc), sqlstate=_state(exc))


_LEAVES: Mapping[str, Callable[[Fault], SorbusError]] = {
    "22001": _input(TextTooLong),
    "22003": _input(NumericOutOfRange),
    "22021": _input(TextNotStorable),
    "22P02": _representation,
    "22P05": _input(TextNotStorable),
    "22000": _value,
    "23001": _foreign_key,
    "23502": _not_null,
    "23503": _foreign_key,
    "23505": _unique,
    "23514": _check,
    "23P01": _exclusion,
    "25006": _plan(DatabaseReadOnly),
    "25P03": _plan(DatabaseUnavailable),
    "25P04": _plan(QueryCanceled),
    "3D000": _plan(NoSuchDatabase),
    "40001": _bare(SerializationFailure),
    "40P01": _bare(Deadlock),
    "42501": _permission,
    "42P01": _plan(UndefinedTable),
    "3F000": _plan(UndefinedTable),
    "42703": _plan(UndefinedColumn),
    "42704": _plan(UndefinedColumn),
    "42883": _plan(UndefinedColumn),
    "53300": _plan(DatabaseUnavailable),
    "55P03": _bare(LockNotAvailable),
    "57014": _plan(QueryCanceled),
    "57P01": _plan(DatabaseUnavailable),
    "57P02": _plan(DatabaseUnavailable),
    "57P03": _plan(DatabaseUnavailable),
    "57P04": _plan(DatabaseUnavailable),
    "57P05": _plan(DatabaseUnavailable),
}
# By class, where the code itself has no entry.
_CLASSES: Mapping[str, Callable[[Fault], SorbusError]] = {
    "08": _plan(DatabaseUnavailable),
    "22": _input(ValueNotStorable),
    "28": _plan(DatabaseLoginFailed),
    "53": _plan(DatabaseFull),
}
