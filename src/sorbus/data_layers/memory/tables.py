"""A table in memory: rows by their key, and the indexes that identities and relationships look rows up by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

Row = Mapping[str, Any]
"""The attributes of one stored row by name. Never changed in place: a write puts a new one."""

Names = tuple[str, ...]


def frozen(value: Any) -> Any:
    """A value that can be looked up: JSON documents become tuples."""
    if isinstance(value, dict):
        items = cast("Mapping[Any, Any]", value)
        return tuple(sorted((key, frozen(each)) for key, each in items.items()))
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen, cast("Sequence[Any]", value)))
    return value


class Table:
    """The rows of one resource.

    Args:
        key: the attribute that is the primary key.
        indexed: the attributes, alone or together, that rows are looked up by.
    """

    __slots__ = ("indexes", "key", "rows")

    def __init__(self, key: str, indexed: Iterable[Names]) -> None:
        self.key = key
        self.rows: dict[Any, Row] = {}
        self.indexes: dict[Names, dict[tuple[Any, ...], dict[Any, Row]]] = {names: {} for names in indexed}
        self.indexes.pop((key,), None)

    def copy(self) -> Table:
        """A table that can be written without touching this one; the rows themselves are shared."""
        made = Table(self.key, ())
        made.rows = dict(self.rows)
        made.indexes = {
            names: {value: dict(rows) for value, rows in index.items()}
            for names, index in self.indexes.items()
        }
        return made

    def put(self, row: Row) -> None:
        """Add a row, or replace the one with its key."""
        key = frozen(row[self.key])
        if key in self.rows:
            self.remove(key)
        self.rows[key] = row
        for names, index in self.indexes.items():
            index.setdefault(_value(row, names), {})[key] = row

    def remove(self, key: Any) -> None:
        """Take the row with a key away."""
        row = self.rows.pop(key)
        for names, index in self.indexes.items():
            value = _value(row, names)
            del index[value][key]
            if not index[value]:
                del index[value]

    def can_find(self, names: Names) -> bool:
        """Whether `find` needs no pass over all rows for these attributes."""
        return names == (self.key,) or names in self.indexes

    def find(self, names: Names, values: tuple[Any, ...], *, nulls_equal: bool = False) -> Iterator[Row]:
        """The rows with these values; as in SQL, null equals nothing unless it is said to equal null."""
        if None in values and not nulls_equal:
            return iter(())
        wanted = tuple(map(frozen, values))
        if names == (self.key,):
            row = self.rows.get(wanted[0])
            return iter(() if row is None else (row,))
        index = self.indexes.get(names)
        if index is not None:
            return iter(tuple(index.get(wanted, {}).values()))
        return (row for row in tuple(self.rows.values()) if _value(row, names) == wanted)


def _value(row: Row, names: Names) -> tuple[Any, ...]:
    return tuple(frozen(row[name]) for name in names)
