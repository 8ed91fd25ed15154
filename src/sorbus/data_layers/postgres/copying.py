"""COPY: how many plain rows get into a table, where it does the same as an INSERT and takes less time.

It passes by rules and row-level security, and knows neither RETURNING nor ON CONFLICT, so those statements and tables
are left to INSERT.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from sorbus.data_layers.postgres.compiler import plain
from sorbus.schema.fields import AttributeSpec
from sorbus.types.base import FieldType

FEWEST = 100
"""Rows from which on it is the quicker one."""

_SCALARS = frozenset(
    {
        "uuid", "text", "bigint", "double precision", "boolean", "numeric", "timestamp with time zone", "date",
        "time without time zone", "interval", "bytea",
    }
)  # fmt: skip
"""The column types whose values and arrays the driver sends in binary form as it gets them."""

_TARGET = re.compile(r'INSERT INTO (?:"(?P<schema>(?:[^"]|"")+)"\.)?"(?P<table>(?:[^"]|"")+)" AS ')
_ALLOWED = """
SELECT relkind IN ('r', 'p') AND NOT relhasrules AND NOT row_security_active(oid)
FROM pg_class WHERE oid = $1::text::regclass
"""


@dataclass(frozen=True, slots=True)
class Copying:
    """The other way of an INSERT of many rows.

    Attributes:
        columns: the columns, in the order of the lists.
        convert: from the list of a column's values to what the driver takes, for the columns that need it.
        known: whether a table takes it, by the name that it has in the INSERT.
    """

    columns: tuple[str, ...]
    convert: tuple[tuple[int, Callable[[Sequence[Any]], Sequence[Any]]], ...] = ()
    known: dict[str, bool] = field(default_factory=dict[str, bool])

    async def write(self, session: Any, sql: str, lists: Sequence[Any]) -> bool:
        """Write rows given as one list for each column; False when they are to be written by the INSERT.

        Args:
            session: a connection of the driver.
            sql: the INSERT, which names the table.

        Raises:
            asyncpg.PostgresError: what PostgreSQL or the driver refused, as they would have refused the INSERT;
                nothing is written.
        """
        if not lists or len(lists[0]) < FEWEST:
            return False
        target = _TARGET.match(sql)
        if target is None or not await self._takes(session, target):
            return False
        if self.convert:
            lists = list(lists)
            for index, convert in self.convert:
                lists[index] = convert(lists[index])
        try:
            await session.copy_records_to_table(
                _unquoted(target["table"]),
                schema_name=_unquoted(target["schema"]) if target["schema"] is not None else None,
                columns=self.columns,
                records=zip(*lists, strict=True),
            )
        except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError) as error:
            # Of a parameter the driver says so itself.
            raise asyncpg.DataError(f"a value cannot be sent ({error})") from error
        except Exception:
            # Perhaps the table is not any more what it was: it is looked at again the next time.
            self.known.clear()
            raise
        return True

    async def _takes(self, session: Any, target: re.Match[str]) -> bool:
        name = target[0].removeprefix("INSERT INTO ").removesuffix(" AS ")
        found = self.known.get(name)
        if found is None:
            found = self.known[name] = bool(await session.fetchval(_ALLOWED, name))
        return found


def _unquoted(name: str) -> str:
    return name.replace('""', '"')


def copying_of(attributes: Sequence[AttributeSpec]) -> Copying | None:
    """The other way of an INSERT of these columns; None where a value has no binary form that the driver knows."""
    convert: list[tuple[int, Callable[[Sequence[Any]], Sequence[Any]]]] = []
    for index, attribute in enumerate(attributes):
        if not _travels(attribute.type):
            return None
        enum = attribute.type.enum
        if enum is not None and not issubclass(enum, (str, int)):
            convert.append((index, _plain))
    return Copying(tuple(each.column for each in attributes), tuple(convert))


def _travels(kind: FieldType) -> bool:
    if kind.sql.endswith("[]"):
        return kind.sql.removesuffix("[]") in _SCALARS
    return kind.sql == "jsonb" or kind.sql in _SCALARS


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    return [plain(each) for each in values]
