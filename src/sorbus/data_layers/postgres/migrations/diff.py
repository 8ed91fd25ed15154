"""From an old schema and a new one to the ordered steps between them. Pure: nothing is read or asked here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

from sorbus.data_layers.postgres.migrations.casts import cast_between, return_cast, same_type
from sorbus.data_layers.postgres.migrations.lexer import mentions, same_sql
from sorbus.data_layers.postgres.migrations.operations import (
    AddColumn,
    AddConstraint,
    AddPrimaryKey,
    AlterType,
    CreateExtension,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIndex,
    DropNotNull,
    DropPrimaryKey,
    DropTable,
    EnforcePolicies,
    Operation,
    ReleaseExtension,
    ReleasePolicies,
    RenameConstraint,
    RenameIndex,
    SetComment,
    SetDefault,
    SetIdentity,
    SetNotNull,
)
from sorbus.data_layers.postgres.migrations.renames import Answers, apply_renames, rename_questions
from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    Expression,
    ForeignKey,
    Index,
    RowPolicy,
    Schema,
    Table,
    Unique,
)
from sorbus.errors.migrations import UnansweredRename

AS_THEY_ARE = Answers(no_renames=True)
"""Compare without questions: what is gone is gone. For telling differences, not for writing migrations."""


def diff(old: Schema, new: Schema, *, answers: Answers | None = None) -> list[Operation]:
    """The steps from `old` to `new`, in an order in which each can run; reversed and backward they lead back.

    Foreign keys come after all tables, so tables may refer to each other in circles. What may be a rename is
    never turned into a drop and an add: it has to be answered. Raises `UnansweredRename`, `NoSuchRename`.
    """
    said = answers or Answers()
    before, after = old.canonical(), new.canonical()
    questions = rename_questions(before, after, said)
    if questions:
        raise UnansweredRename([str(each) for each in questions])
    before, renames = apply_renames(before, after, said)
    steps = _Phases()
    extensions = [CreateExtension(each) for each in after.extensions if each not in before.extensions]
    staying = [each for each in after.tables if each.name in before.names]
    changes = {each.name: _changed_columns(before.table(each.name), each) for each in staying}
    _whole_tables(before, after, new, steps)
    for name, change in changes.items():
        _one_table(before.table(name), after.table(name), change, said, steps)
    _renamed_indexes(before, steps)
    _foreign_keys(before, after, changes, steps)
    _renamed_constraints(before, steps.drop_parts, steps.add_parts, steps)
    _renamed_constraints(before, steps.drop_foreign_keys, steps.add_foreign_keys, steps)
    released = [ReleaseExtension(each) for each in before.extensions if each not in after.extensions]
    return [*extensions, *renames, *steps.in_order(), *released]


@dataclass(slots=True)
class _Phases:
    """The steps by kind; the order of the fields is the order in which they run."""

    release_policies: list[Operation] = field(default_factory=list[Operation])
    drop_foreign_keys: list[Operation] = field(default_factory=list[Operation])
    drop_parts: list[Operation] = field(default_factory=list[Operation])
    drop_keys: list[Operation] = field(default_factory=list[Operation])
    drop_tables: list[Operation] = field(default_factory=list[Operation])
    rename_parts: list[Operation] = field(default_factory=list[Operation])
    create_tables: list[Operation] = field(default_factory=list[Operation])
    columns: list[Operation] = field(default_factory=list[Operation])
    add_keys: list[Operation] = field(default_factory=list[Operation])
    add_parts: list[Operation] = field(default_factory=list[Operation])
    add_foreign_keys: list[Operation] = field(default_factory=list[Operation])
    enforce_policies: list[Operation] = field(default_factory=list[Operation])
    comments: list[Operation] = field(default_factory=list[Operation])
    forced: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Parts (table, name) that have to be made anew even if they stay the same."""

    def in_order(self) -> list[Operation]:
        return [step for each in fields(self) if each.name != "forced" for step in getattr(self, each.name)]


@dataclass(frozen=True, slots=True)
class _Columns:
    """What becomes of the columns of a table that stays."""

    retyped: frozenset[str]
    stored: frozenset[str]
    replaced: frozenset[str]
    gone: frozenset[str]

    @property
    def rebuilt(self) -> frozenset[str]:
        """Columns whose dependents cannot simply stay."""
        return self.retyped | self.moved

    @property
    def moved(self) -> frozenset[str]:
        """Columns that are made anew, forward or backward."""
        return self.stored | self.replaced | self.gone


def _changed_columns(old: Table, new: Table) -> _Columns:
    was = {each.name: each for each in old.columns}
    now = {each.name: each for each in new.columns}
    both = [(was[name], each) for name, each in now.items() if name in was]
    stored = {one.name for one, two in both if one.generated is not None and two.generated is None}
    replaced = {
        one.name
        for one, two in both
        if two.generated is not None
        and not (same_sql(one.generated, two.generated) and same_type(one.type, two.type))
    }
    retyped = {one.name for one, two in both if not same_type(one.type, two.type)} - replaced
    changed = retyped | stored | replaced | (was.keys() - now.keys())
    dependent = {
        one.name
        for one, two in both
        if two.generated is not None and any(mentions(two.generated, each) for each in changed)
    }
    return _Columns(
        frozenset(retyped),
        frozenset(stored),
        frozenset(replaced | dependent),
        frozenset(was.keys() - now.keys()),
    )


def _whole_tables(before: Schema, after: Schema, declared: Schema, steps: _Phases) -> None:
    for table in before.tables:
        if table.name not in after.names:
            steps.drop_tables.append(DropTable(table.name, table))
    for table in after.tables:
        if table.name not in before.names:
            ordered = [each.name for each in declared.table(table.name).columns]
            columns = sorted(table.columns, key=lambda each: ordered.index(each.name))
            steps.create_tables.append(CreateTable(table.name, replace(table, columns=tuple(columns))))


def _one_table(old: Table, new: Table, columns: _Columns, answers: Answers, steps: _Phases) -> None:
    name = new.name
    if old.primary_key != new.primary_key or columns.moved & {*old.primary_key}:
        if old.primary_key:
            steps.drop_keys.append(DropPrimaryKey(name, old.primary_key))
        if new.primary_key:
            steps.add_keys.append(AddPrimaryKey(name, new.primary_key))
    _parts(name, (*old.uniques, *old.indexes), (*new.uniques, *new.indexes), columns, steps)
    _parts(name, old.checks, new.checks, columns, steps)
    _policies(old, new, columns, steps)
    if old.comment != new.comment:
        steps.comments.append(SetComment(name, None, old.comment, new.comment))
    _table_columns(old, new, columns, answers, steps)


def _policies(old: Table, new: Table, columns: _Columns, steps: _Phases) -> None:
    """Policies go and come back all together; a column that they name cannot change under them."""
    named = _mentions_any(
        [text for each in old.policies for text in (each.using, each.check)], columns.rebuilt
    )
    if not named and _same_policies(old.policies, new.policies):
        return
    if old.policies:
        steps.release_policies.append(ReleasePolicies(new.name, old.policies))
    if new.policies:
        steps.enforce_policies.append(EnforcePolicies(new.name, new.policies))


def _same_policies(old: Sequence[RowPolicy], new: Sequence[RowPolicy]) -> bool:
    return len(old) == len(new) and all(
        one.name == other.name
        and one.enforced == other.enforced
        and same_sql(one.using, other.using)
        and same_sql(one.check, other.check)
        for one, other in zip(old, new, strict=True)
    )


type _Part = Unique | Index | Check


def _parts(table: str, old: Sequence[_Part], new: Sequence[_Part], columns: _Columns, steps: _Phases) -> None:
    was = {each.name: each for each in old}
    now = {each.name: each for each in new}
    for name, part in was.items():
        if _depends(part, columns):
            steps.forced.add((table, name))
        if name not in now or not _same_part(part, now[name]) or _depends(part, columns):
            drop = DropConstraint(table, part) if isinstance(part, Check) else DropIndex(table, part)
            steps.drop_parts.append(drop)
    for name, part in now.items():
        if name not in was or not _same_part(was[name], part) or _depends(was[name], columns):
            add = AddConstraint(table, part) if isinstance(part, Check) else CreateIndex(table, part)
            steps.add_parts.append(add)


def _same_part(one: _Part, other: _Part) -> bool:
    """Whether two parts are equal, spelling of expressions and name aside."""
    if isinstance(one, Check) or isinstance(other, Check):
        return isinstance(one, Check) and isinstance(other, Check) and same_sql(one.sql, other.sql)
    if type(one) is not type(other) or not same_sql(one.where, other.where):
        return False
    if isinstance(one, Index) and len(one.columns) == len(other.columns):
        same_keys = all(_same_key(each, its) for each, its in zip(one.columns, other.columns, strict=True))
        if not same_keys:
            return False
        one = replace(one, columns=other.columns)
    return replace(one, name=other.name, where=other.where) == other


def _same_key(one: str | Expression, other: str | Expression) -> bool:
    if isinstance(one, Expression) and isinstance(other, Expression):
        return same_sql(one.sql, other.sql)
    return one == other


def _depends(part: _Part, columns: _Columns) -> bool:
    """Whether a part has to be made anew because a column that it uses is."""
    if isinstance(part, Check):
        return _mentions_any([part.sql], columns.rebuilt)
    texts = [part.where]
    names = set[str]()
    for key in part.columns:
        if isinstance(key, Expression):
            texts.append(key.sql)
        else:
            names.add(key)
    if isinstance(part, Index):
        names.update(part.include)
    # PostgreSQL itself rebuilds the bare keys of a column that changes its type.
    return bool(names & columns.moved) or _mentions_any(texts, columns.rebuilt)


def _mentions_any(texts: Iterable[str | None], names: Iterable[str]) -> bool:
    return any(mentions(text, name) for text in texts for name in names)


def _table_columns(old: Table, new: Table, columns: _Columns, answers: Answers, steps: _Phases) -> None:
    table = new.name
    was = {each.name: each for each in old.columns}
    now = {each.name: each for each in new.columns}
    leaving = [each for name, each in was.items() if name in columns.gone | columns.replaced]
    arriving = [each for name, each in now.items() if name not in was or name in columns.replaced]
    kept = [(was[name], each) for name, each in now.items() if name in was and name not in columns.replaced]
    backfills = answers.backfills
    found = steps.columns
    # Generated columns leave first and arrive last, for they are made of the others.
    found += [DropExpression(table, one) for one, _ in kept if one.name in columns.stored]
    found += [DropColumn(table, each) for each in sorted(leaving, key=lambda each: each.generated is None)]
    found += _relax(table, kept, columns)
    found += [
        AlterType(
            table,
            two.name,
            one.type,
            two.type,
            cast_between(one.type, two.type),
            return_cast(one.type, two.type),
            given=answers.casts.get(f"{table}.{two.name}"),
        )
        for one, two in kept
        if two.name in columns.retyped
    ]
    found += [
        AddColumn(table, each, backfill=backfills.get(f"{table}.{each.name}"))
        for each in sorted(arriving, key=lambda each: each.generated is not None)
    ]
    found += _tighten(table, kept, columns, answers)
    steps.comments += [
        SetComment(table, two.name, one.comment, two.comment)
        for one, two in kept
        if one.comment != two.comment
    ]


type _Pairs = list[tuple[Column, Column]]


def _new_default(one: Column, two: Column, columns: _Columns) -> bool:
    return two.name in columns.retyped or not same_sql(one.default, two.default)


def _relax(table: str, kept: _Pairs, columns: _Columns) -> list[Operation]:
    """What has to go before types change: identities, defaults that would not cast, NOT NULL."""
    found: list[Operation] = []
    for one, two in kept:
        if one.identity and (not two.identity or two.name in columns.retyped):
            found.append(SetIdentity(table, two.name, on=False))
        if one.default is not None and _new_default(one, two, columns):
            found.append(SetDefault(table, two.name, one.default, None))
        if two.nullable and not one.nullable:
            found.append(DropNotNull(table, two.name))
    return found


def _tighten(table: str, kept: _Pairs, columns: _Columns, answers: Answers) -> list[Operation]:
    """What comes once types are right: defaults, NOT NULL with its backfill, identities."""
    found: list[Operation] = []
    for one, two in kept:
        if two.default is not None and _new_default(one, two, columns):
            found.append(SetDefault(table, two.name, None, two.default))
        if one.nullable and not two.nullable:
            backfill = answers.backfills.get(f"{table}.{two.name}", two.default)
            found.append(SetNotNull(table, two.name, backfill=backfill))
        if two.identity and (not one.identity or two.name in columns.retyped):
            found.append(SetIdentity(table, two.name, on=True))
    return found


def _foreign_keys(before: Schema, after: Schema, changes: dict[str, _Columns], steps: _Phases) -> None:
    unkeyed = {each.table for each in steps.drop_keys}
    lost = {
        (each.table, frozenset(each.index.columns))
        for each in steps.drop_parts
        if isinstance(each, DropIndex) and isinstance(each.index, Unique)
    }

    def disturbed(owner: str, key: ForeignKey) -> bool:
        mine, theirs = changes.get(owner), changes.get(key.references)
        return (
            (mine is not None and not mine.rebuilt.isdisjoint(key.columns))
            or (theirs is not None and not theirs.rebuilt.isdisjoint(key.keys))
            or key.references in unkeyed
            or (key.references, frozenset(key.keys)) in lost
        )

    was = {(table.name, each.name): each for table in before.tables for each in table.foreign_keys}
    now = {(table.name, each.name): each for table in after.tables for each in table.foreign_keys}
    for (table, name), key in was.items():
        if disturbed(table, key):
            steps.forced.add((table, name))
        if now.get((table, name)) != key or disturbed(table, key):
            steps.drop_foreign_keys.append(DropConstraint(table, key))
    for (table, name), key in now.items():
        if was.get((table, name)) != key or disturbed(table, key):
            steps.add_foreign_keys.append(AddConstraint(table, key))


def _renamed_indexes(before: Schema, steps: _Phases) -> None:
    """Turn a drop and an add that differ in the name only into a rename, where the new name is free."""
    taken = set(before.names)
    for table in before.tables:
        taken.add(table.primary_key_name)
        taken.update(each.name for each in table.uniques)
        taken.update(each.name for each in table.indexes)
    for drop in [each for each in steps.drop_parts if isinstance(each, DropIndex)]:
        if (drop.table, drop.index.name) in steps.forced:
            continue
        for add in [each for each in steps.add_parts if isinstance(each, CreateIndex)]:
            alike = add.table == drop.table and _same_part(drop.index, add.index)
            if alike and add.index.name not in taken:
                steps.drop_parts.remove(drop)
                steps.add_parts.remove(add)
                steps.rename_parts.append(RenameIndex(add.table, drop.index.name, add.index.name))
                break


def _renamed_constraints(
    before: Schema, drops: list[Operation], adds: list[Operation], steps: _Phases
) -> None:
    """The same for checks and foreign keys, whose names are free per table."""
    for drop in [each for each in drops if isinstance(each, DropConstraint)]:
        if (drop.table, drop.constraint.name) in steps.forced:
            continue
        old = before.table(drop.table)
        taken = {old.primary_key_name, *(each.name for each in old.checks)}
        taken.update(each.name for each in old.foreign_keys)
        for add in [each for each in adds if isinstance(each, AddConstraint)]:
            alike = add.table == drop.table and _same_constraint(drop.constraint, add.constraint)
            if alike and add.constraint.name not in taken:
                drops.remove(drop)
                adds.remove(add)
                names = (drop.constraint.name, add.constraint.name)
                steps.rename_parts.append(RenameConstraint(add.table, *names))
                break


def _same_constraint(one: Check | ForeignKey, other: Check | ForeignKey) -> bool:
    if isinstance(one, Check):
        return isinstance(other, Check) and same_sql(one.sql, other.sql)
    return isinstance(other, ForeignKey) and replace(one, name=other.name) == other
