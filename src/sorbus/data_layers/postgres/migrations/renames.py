"""Possible renames: found, asked as questions, and applied to the old schema before it is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sorbus.data_layers.postgres.migrations.casts import parse_type, same_type
from sorbus.data_layers.postgres.migrations.lexer import renamed
from sorbus.data_layers.postgres.migrations.operations import Operation, RenameColumn, RenameTable
from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    Expression,
    ForeignKey,
    Index,
    Schema,
    Table,
    Unique,
)
from sorbus.errors.migrations import NoSuchRename

_ALIKE = 0.5  # share of equal columns from which a new table may be an old one under another name


@dataclass(frozen=True, slots=True)
class Rename:
    """One thing under a new name: a column of `table`, or a table itself (`table` None)."""

    table: str | None
    old: str
    new: str

    @classmethod
    def parse(cls, text: str) -> Rename:
        """Read `table:new`, `table.column:new` or `table.column:table.new`. Raises `NoSuchRename`."""
        before, colon, after = text.partition(":")
        table, dot, column = before.rpartition(".")
        new = after.rpartition(".")[2]
        if not (colon and new and before.strip(".")):
            raise NoSuchRename(text, "write `table:new` or `table.column:new`")
        return cls(table if dot else None, column, new)

    def __str__(self) -> str:
        return f"{self.old}:{self.new}" if self.table is None else f"{self.table}.{self.old}:{self.new}"


@dataclass(frozen=True, slots=True)
class RenameQuestion:
    """Something is gone and something alike is new: is it the same thing?"""

    table: str | None
    old: str
    candidates: tuple[str, ...]

    @property
    def place(self) -> str:
        """What is gone, as `table` or `table.column`."""
        return self.old if self.table is None else f"{self.table}.{self.old}"

    def __str__(self) -> str:
        what = "table" if self.table is None else "column"
        names = " or ".join(f"`{each}`" for each in self.candidates)
        return f"Was the {what} `{self.place}` renamed to {names}?"


def _no_texts() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the developer said about a change that can be read in more than one way.

    Args:
        renames: these are renames.
        not_renamed: places (`table`, `table.column`) that are really gone.
        no_renames: nothing else is a rename.
        backfills: `table.column` to an SQL expression for the rows without a value; an empty text: there are
        none. casts: `table.column` to an SQL expression that makes the new value of the old one.
    """

    renames: tuple[Rename, ...] = ()
    not_renamed: frozenset[str] = frozenset()
    no_renames: bool = False
    backfills: Mapping[str, str] = field(default_factory=_no_texts)
    casts: Mapping[str, str] = field(default_factory=_no_texts)

    def says(self, question: RenameQuestion, new: str | None) -> Answers:
        """These answers and one more: the thing asked about is now called `new`, or is gone (None)."""
        if new is None:
            return replace(self, not_renamed=self.not_renamed | {question.place})
        return replace(self, renames=(*self.renames, Rename(question.table, question.old, new)))


def rename_questions(old: Schema, new: Schema, answers: Answers) -> list[RenameQuestion]:
    """What has to be asked before old and new can be compared; tables first, then columns.

    Raises `NoSuchRename` when an answer names what is not there.
    """
    if answers.no_renames:
        return []
    moved, _ = apply_renames(old, new, answers)
    return _table_questions(moved, new, answers) or _column_questions(moved, new, answers)


def _table_questions(old: Schema, new: Schema, answers: Answers) -> list[RenameQuestion]:
    added = [each for each in new.tables if each.name not in old.names]
    asked: list[RenameQuestion] = []
    for table in old.tables:
        if table.name in new.names or table.name in answers.not_renamed:
            continue
        alike = tuple(each.name for each in added if _likeness(table, each) >= _ALIKE)
        if alike:
            asked.append(RenameQuestion(None, table.name, alike))
    return asked


def _likeness(one: Table, other: Table) -> float:
    mine, theirs = ({(each.name, parse_type(each.type)) for each in table.columns} for table in (one, other))
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0


def _column_questions(old: Schema, new: Schema, answers: Answers) -> list[RenameQuestion]:
    asked: list[RenameQuestion] = []
    for table in new.tables:
        if table.name not in old.names:
            continue
        before = {each.name: each for each in old.table(table.name).columns}
        after = {each.name: each for each in table.columns}
        added = [each for name, each in after.items() if name not in before and each.generated is None]
        for name, column in before.items():
            gone = name not in after and column.generated is None
            if not gone or f"{table.name}.{name}" in answers.not_renamed:
                continue
            alike = tuple(each.name for each in added if same_type(each.type, column.type))
            if alike:
                asked.append(RenameQuestion(table.name, name, alike))
    return asked


def apply_renames(old: Schema, new: Schema, answers: Answers) -> tuple[Schema, list[Operation]]:
    """The old schema under its new names, and the steps that get it there. Raises `NoSuchRename`."""
    moved, steps = old, list[Operation]()
    names: dict[str, str] = {}
    for each in answers.renames:
        if each.table is None:
            _check(each, moved.names, new.names, old.names)
            keyed = bool(moved.table(each.old).primary_key)
            steps.append(RenameTable(each.old, each.new, keyed))
            moved = _with_table(moved, each.old, each.new)
            names[each.old] = each.new
    for each in answers.renames:
        if each.table is not None:
            table = names.get(each.table, each.table)
            if table not in moved.names or table not in new.names:
                raise NoSuchRename(str(each), f"there is no table `{table}` before and after the change")
            before = _column_names(moved.table(table))
            _check(each, before, _column_names(new.table(table)), before)
            steps.append(RenameColumn(table, each.old, each.new))
            moved = _with_column(moved, table, each.old, each.new)
    return moved.canonical(), steps


def _column_names(table: Table) -> frozenset[str]:
    return frozenset(each.name for each in table.columns)


def _check(rename: Rename, before: frozenset[str], after: frozenset[str], taken: frozenset[str]) -> None:
    if rename.old not in before:
        raise NoSuchRename(str(rename), f"there was no `{rename.old}`", near=(rename.old, before))
    if rename.old in after:
        raise NoSuchRename(str(rename), f"`{rename.old}` is still declared")
    if rename.new not in after:
        raise NoSuchRename(str(rename), f"no `{rename.new}` is declared", near=(rename.new, after))
    if rename.new in taken or rename.new in before:
        raise NoSuchRename(str(rename), f"`{rename.new}` existed before")


def _with_table(schema: Schema, old: str, new: str) -> Schema:
    def moved(table: Table) -> Table:
        keys = tuple(
            replace(each, references=new) if each.references == old else each for each in table.foreign_keys
        )
        return replace(table, name=new if table.name == old else table.name, foreign_keys=keys)

    return replace(schema, tables=tuple(moved(each) for each in schema.tables))


def _with_column(schema: Schema, table: str, old: str, new: str) -> Schema:
    def in_names(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(new if each == old else each for each in names)

    def in_sql(sql: str) -> str:
        return renamed(sql, old, new)

    def moved(each: Table) -> Table:
        keys = tuple(_foreign_key(key, each.name, table, in_names) for key in each.foreign_keys)
        return replace(_own_parts(each, in_names, in_sql) if each.name == table else each, foreign_keys=keys)

    return replace(schema, tables=tuple(moved(each) for each in schema.tables))


type _Names = Callable[[Iterable[str]], tuple[str, ...]]
type _Text = Callable[[str], str]


def _foreign_key(key: ForeignKey, owner: str, table: str, in_names: _Names) -> ForeignKey:
    if owner == table:
        key = replace(key, columns=in_names(key.columns), nilified=in_names(key.nilified))
    return replace(key, keys=in_names(key.keys)) if key.references == table else key


def _own_parts(table: Table, in_names: _Names, in_sql: _Text) -> Table:
    def column(each: Column) -> Column:
        generated = None if each.generated is None else in_sql(each.generated)
        return replace(each, name=in_names([each.name])[0], generated=generated)

    def unique(each: Unique) -> Unique:
        where = None if each.where is None else in_sql(each.where)
        return replace(each, columns=in_names(each.columns), where=where)

    def index(each: Index) -> Index:
        keys = (
            Expression(in_sql(key.sql)) if isinstance(key, Expression) else in_names([key])[0]
            for key in each.columns
        )
        where = None if each.where is None else in_sql(each.where)
        return replace(each, columns=tuple(keys), include=in_names(each.include), where=where)

    return replace(
        table,
        columns=tuple(column(each) for each in table.columns),
        primary_key=in_names(table.primary_key),
        uniques=tuple(unique(each) for each in table.uniques),
        indexes=tuple(index(each) for each in table.indexes),
        checks=tuple(Check(each.name, in_sql(each.sql)) for each in table.checks),
        policies=tuple(
            replace(each, using=in_sql(each.using), check=in_sql(each.check)) for each in table.policies
        ),
    )
