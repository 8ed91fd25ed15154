"""Running a script of SQL statement by statement, and saying exactly where it failed."""

from __future__ import annotations

import asyncpg

from sorbus.data_layers.postgres.migrations.catalog import Connection, transaction
from sorbus.data_layers.postgres.migrations.lexer import Statement, meaningful, statements
from sorbus.errors.migrations import MigrationFailed, TransactionControl

_LONG = (
    7 * 24 * 3600.0
)  # seconds: a connection's own time limit for queries must not cut an index build short
_CONTROL = {"BEGIN", "START", "COMMIT", "END", "ABORT", "PREPARE"}


async def run_script(conn: Connection, text: str, *, name: str, file: str, in_transaction: bool) -> None:
    """Run every statement of `text`; with `in_transaction` all of them or none.

    `name` and `file` say in errors where the text comes from. Raises `MigrationFailed`, `TransactionControl`.
    """
    found = statements(text)
    if not in_transaction:
        for each in found:
            await _run(conn, each, text, name=name, file=file, rolled_back=False)
        return
    for each in found:
        if _controls(each):
            raise TransactionControl(f"{name}/{file}", each.text, _place(text, each.start)[0])
    async with transaction(conn):
        for each in found:
            await _run(conn, each, text, name=name, file=file, rolled_back=True)
        # What is deferred to the commit has to fail here, where it can be told.
        last = Statement("SET CONSTRAINTS ALL IMMEDIATE", len(text.rstrip()), "SET")
        await _run(conn, last, text, name=name, file=file, rolled_back=True)


async def run_statements(conn: Connection, text: str, *, name: str, file: str) -> None:
    """Run every statement of `text` in a transaction that the caller has opened and ends.

    Raises `MigrationFailed`, `TransactionControl`; the caller rolls back then.
    """
    for each in statements(text):
        if _controls(each):
            raise TransactionControl(f"{name}/{file}", each.text, _place(text, each.start)[0])
        await _run(conn, each, text, name=name, file=file, rolled_back=True)


def _controls(statement: Statement) -> bool:
    if statement.first_word in _CONTROL:
        words = [each.name for each in meaningful(statement.text)[:2]]
        return statement.first_word != "PREPARE" or words[1:] == ["transaction"]
    if statement.first_word == "ROLLBACK":
        return "to" not in [each.name for each in meaningful(statement.text)]
    return False


async def _run(
    conn: Connection, statement: Statement, text: str, *, name: str, file: str, rolled_back: bool
) -> None:
    try:
        await conn.execute(statement.text, timeout=_LONG)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        at = statement.start
        position = getattr(error, "position", None)
        if position:
            at += int(position) - 1
        line, column = _place(text, at)
        raise MigrationFailed(
            name,
            file=file,
            statement=statement.text,
            line=line,
            column=column,
            message=getattr(error, "message", None) or str(error),
            sqlstate=getattr(error, "sqlstate", None) or "",
            detail=" ".join(
                each for each in (getattr(error, "detail", None), getattr(error, "hint", None)) if each
            ),
            rolled_back=rolled_back,
        ) from error


def _place(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
