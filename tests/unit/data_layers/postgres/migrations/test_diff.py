from __future__ import annotations

from dataclasses import replace

import pytest

from sorbus.data_layers.postgres.migrations import (
    AS_THEY_ARE,
    Answers,
    Rename,
    diff,
    rename_questions,
    validate,
)
from sorbus.data_layers.postgres.migrations.operations import AlterType, Operation, SetNotNull
from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    Expression,
    ForeignKey,
    Index,
    OnDelete,
    Schema,
    Table,
    Unique,
)
from sorbus.errors.migrations import InvalidSchema, NoSuchRename, UnansweredRename

ID = Column("id", "uuid", nullable=False)
STATE = Column("state", "text")
RUNS = Table("runs", columns=(ID, STATE), primary_key=("id",))


def words(old: Schema, new: Schema, answers: Answers = AS_THEY_ARE) -> list[str]:
    return [each.describe() for each in diff(old, new, answers=answers)]


def runs(*columns: Column, **parts: object) -> Schema:
    return Schema((replace(RUNS, columns=(ID, *columns), **parts),))  # type: ignore[arg-type]


def one(old: Schema, new: Schema, answers: Answers = AS_THEY_ARE) -> Operation:
    (step,) = diff(old, new, answers=answers)
    return step


def test_equal_schemas_need_no_step() -> None:
    assert diff(runs(STATE), Schema((replace(RUNS, columns=(STATE, ID)),))) == []


def test_circular_references_come_after_all_tables_and_go_before_them() -> None:
    left = Table(
        "a", columns=(ID,), primary_key=("id",), foreign_keys=(ForeignKey("f", ("id",), "b", ("id",)),)
    )
    right = Table(
        "b", columns=(ID,), primary_key=("id",), foreign_keys=(ForeignKey("f", ("id",), "a", ("id",)),)
    )
    both = Schema((left, right))
    steps = words(Schema(), both)
    assert steps == [
        "create table a",
        "create table b",
        "add foreign key to b, f to a",
        "add foreign key to a, f to b",
    ]
    assert words(both, Schema()) == [
        "drop foreign key to b, f of a",
        "drop foreign key to a, f of b",
        "drop table a",
        "drop table b",
    ]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (runs(), ["drop column runs.state"]),
        (runs(STATE, Column("n", "int")), ["add column runs.n int"]),
        (runs(replace(STATE, type="varchar(9)")), ["change type of runs.state from text to varchar(9)"]),
        (runs(replace(STATE, nullable=False)), ["forbid NULL in runs.state"]),
        (runs(replace(STATE, default="'a'")), ["set default of runs.state to 'a'"]),
        (runs(replace(STATE, comment="c")), ["change comment of runs.state"]),
        (runs(STATE, comment="c"), ["change comment of runs"]),
        (runs(STATE, uniques=(Unique("u", ("state",)),)), ["create unique index u on runs"]),
        (runs(STATE, indexes=(Index("i", ("state",)),)), ["create index i on runs"]),
        (runs(STATE, checks=(Check("c", "state <> ''"),)), ["add check c to runs"]),
        (runs(STATE, primary_key=()), ["drop the primary key of runs", "allow NULL in runs.id"]),
    ],
)
def test_each_change_is_one_step_and_its_undoing(new: Schema, expected: list[str]) -> None:
    if new.tables[0].primary_key == ():
        new = Schema((replace(new.tables[0], columns=(replace(ID, nullable=True), STATE)),))
    assert words(runs(STATE), new) == expected
    forward = [sql for step in diff(runs(STATE), new, answers=AS_THEY_ARE) for sql in step.forward()]
    back = [sql for step in reversed(diff(new, runs(STATE), answers=AS_THEY_ARE)) for sql in step.backward()]
    assert sorted(forward) == sorted(back)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Index("i", ("state",)), Index("i", ("state",), where="state <> 'a'")),
        (Index("i", ("state",), where="state <> 'a'"), Index("i", ("state",), where="state <> 'b'")),
        (Index("i", ("state",)), Index("i", (Expression("state text_pattern_ops"),))),
        (Index("i", ("state",)), Index("i", (Expression("state DESC"),))),
        (Index("i", ("state",)), Index("i", ("state",), using="hash")),
        (Index("i", ("state",)), Index("i", ("state",), include=("id",))),
        (Index("i", (Expression("lower(state)"),)), Index("i", (Expression("upper(state)"),))),
    ],
)
def test_no_change_of_an_index_is_missed(one: Index, other: Index) -> None:
    steps = words(runs(STATE, indexes=(one,)), runs(STATE, indexes=(other,)))
    assert steps == ["drop index i on runs", "create index i on runs"]


def test_changes_that_others_miss_are_seen() -> None:
    values = "state IN ('a', 'b')"
    more = "state IN ('a', 'b', 'c')"
    assert len(words(runs(STATE, checks=(Check("c", values),)), runs(STATE, checks=(Check("c", more),)))) == 2
    made = Column("made", "text", generated="lower(state)")
    remade = replace(made, generated="upper(state)")
    steps = diff(runs(STATE, made), runs(STATE, remade), answers=AS_THEY_ARE)
    assert [each.describe() for each in steps] == ["drop column runs.made", "add column runs.made text"]
    assert not any(each.loses_data for each in steps)


def test_spelling_alone_is_no_change() -> None:
    old = runs(Column("at", "timestamptz", default="now()"), checks=(Check("c", "at>now()"),))
    new = runs(Column("at", "timestamp with time zone", default="NOW( )"), checks=(Check("c", "at > now()"),))
    assert words(old, new) == []


def test_a_name_alone_is_a_rename_without_a_question() -> None:
    old = runs(STATE, indexes=(Index("old", ("state",)),), checks=(Check("rule", "state <> ''"),))
    new = runs(STATE, indexes=(Index("new", ("state",)),), checks=(Check("law", "state <> ''"),))
    assert words(old, new) == ["rename index old to new", "rename constraint rule of runs to law"]


def test_what_uses_a_retyped_column_by_expression_is_made_anew() -> None:
    parts = {"checks": (Check("c", "length(state) < 9"),), "indexes": (Index("i", ("state",)),)}
    made = Column("made", "int", generated="length(state)")
    old = runs(replace(STATE, default="'a'"), made, **parts)
    new = runs(replace(STATE, default="'a'", type="varchar(9)"), made, **parts)
    assert words(old, new) == [
        "drop check c of runs",
        "drop column runs.made",
        "drop default of runs.state",
        "change type of runs.state from text to varchar(9)",
        "add column runs.made int",
        "set default of runs.state to 'a'",
        "add check c to runs",
    ]


class TestRenames:
    def test_a_column_that_may_be_renamed_is_a_question(self) -> None:
        old, new = runs(STATE), runs(Column("status", "text"), Column("other", "text"), Column("n", "int"))
        (question,) = rename_questions(old, new, Answers())
        assert str(question) == "Was the column `runs.state` renamed to `status` or `other`?"
        with pytest.raises(UnansweredRename, match=r"runs\.state"):
            diff(old, new)
        said = Answers().says(question, "status")
        assert words(old, new, said)[0] == "rename column runs.state to status"
        gone = Answers().says(question, None)
        assert "drop column runs.state" in words(old, new, gone)

    def test_another_type_is_no_question(self) -> None:
        assert words(runs(STATE), runs(Column("n", "int")), Answers()) == [
            "drop column runs.state",
            "add column runs.n int",
        ]

    def test_what_mentions_the_column_follows(self) -> None:
        def shaped(name: str) -> Schema:
            return runs(
                Column(name, "text", nullable=False),
                Column("made", "int", generated=f"length({name})"),
                uniques=(Unique("u", (name,), where=f"{name} <> ''"),),
                indexes=(Index("i", ("id", Expression(f"lower({name})")), include=(name,)),),
                checks=(Check("c", f"{name} <> 'state'"),),
                foreign_keys=(ForeignKey("f", (name,), "runs", (name,)),),
            )

        said = Answers(renames=(Rename("runs", "state", "status"),))
        assert words(shaped("state"), shaped("status"), said) == ["rename column runs.state to status"]

    def test_a_table_that_may_be_renamed_is_a_question(self) -> None:
        child = Table("steps", columns=(ID,), foreign_keys=(ForeignKey("f", ("id",), "runs", ("id",)),))
        other = replace(RUNS, name="jobs")
        moved = replace(child, foreign_keys=(replace(child.foreign_keys[0], references="jobs"),))
        old, new = Schema((RUNS, child)), Schema((other, moved))
        (question,) = rename_questions(old, new, Answers())
        assert (question.old, question.candidates) == ("runs", ("jobs",))
        assert words(old, new, Answers(renames=(Rename.parse("runs:jobs"),))) == ["rename table runs to jobs"]

    def test_both_at_once(self) -> None:
        old = Schema((RUNS,))
        new = Schema((Table("jobs", columns=(ID, Column("status", "text")), primary_key=("id",)),))
        for table in ("runs", "jobs"):
            said = Answers(renames=(Rename(None, "runs", "jobs"), Rename(table, "state", "status")))
            assert words(old, new, said) == [
                "rename table runs to jobs",
                "rename column jobs.state to status",
            ]

    @pytest.mark.parametrize(
        "text",
        [
            "runs.stat:status",
            "runs.state:statos",
            "rums:runs",
            "runs.id:state",
            "nope.a:b",
            "runs",
            "a:",
            ":b",
        ],
    )
    def test_an_impossible_rename_is_refused(self, text: str) -> None:
        with pytest.raises(NoSuchRename):
            diff(runs(STATE), runs(Column("status", "text")), answers=Answers(renames=(Rename.parse(text),)))


class TestNeeds:
    def test_not_null_needs_a_word_unless_a_default_gives_it(self) -> None:
        strict = replace(STATE, nullable=False)
        assert one(runs(STATE), runs(strict)).need is not None
        step = one(runs(replace(STATE, default="'a'")), runs(replace(strict, default="'a'")))
        assert isinstance(step, SetNotNull)
        assert step.need is None
        assert step.forward()[0] == """UPDATE "runs" SET "state" = 'a' WHERE "state" IS NULL"""
        said = replace(AS_THEY_ARE, backfills={"runs.state": ""})
        assert one(runs(STATE), runs(strict), said).forward() == (
            'ALTER TABLE "runs" ALTER COLUMN "state" SET NOT NULL',
        )

    def test_a_new_column_that_is_filled_is_closed_afterwards(self) -> None:
        said = replace(AS_THEY_ARE, backfills={"runs.n": "1"})
        strict = one(runs(), runs(Column("n", "int", nullable=False)), said)
        assert [each.split('"')[0] for each in strict.forward()] == [
            "ALTER TABLE ",
            "UPDATE ",
            "ALTER TABLE ",
        ]
        assert len(one(runs(), runs(Column("n", "int")), said).forward()) == 2

    def test_an_unknown_cast_needs_an_expression(self) -> None:
        old, new = runs(Column("n", "boolean")), runs(Column("n", "uuid"))
        step = one(old, new)
        assert step.need is not None
        assert step.need.place == "runs.n"
        given = one(old, new, replace(AS_THEY_ARE, casts={"runs.n": "NULL::uuid"}))
        assert isinstance(given, AlterType)
        assert given.need is None
        assert "USING NULL::uuid" in given.forward()[0]

    def test_steps_say_what_they_lose_and_lock(self) -> None:
        assert one(runs(STATE), runs()).loses_data
        lossy = one(runs(Column("n", "numeric")), runs(Column("n", "int")))
        assert lossy.loses_data
        assert "exclusive" in lossy.locks
        assert not one(runs(), runs(STATE)).locks


def test_an_extension_stays_when_it_is_no_longer_declared() -> None:
    (step,) = diff(Schema((), ("vector",)), Schema())
    assert step.forward() == ()
    assert diff(Schema(), Schema((), ("vector",)))[0].forward() == (
        'CREATE EXTENSION IF NOT EXISTS "vector"',
    )


def test_every_fault_of_a_schema_is_told_at_once() -> None:
    key = ForeignKey("f", ("id",), "runs", ("state",), on_delete=OnDelete.CASCADE)
    broken = Table(
        "b" * 64,
        columns=(
            ID,
            ID,
            Column("n", "serial"),
            Column("m", "text", identity=True, default="1", nullable=False),
        ),
        foreign_keys=(key, replace(key, columns=())),
    )
    with pytest.raises(InvalidSchema) as caught:
        validate(Schema((RUNS, RUNS, broken)))
    told = str(caught.value)
    for part in (
        "two columns `id`",
        "two constraints `f`",
        "63 bytes",
        "two tables or indexes are called `runs`",
    ):
        assert part in told
    for part in (
        "identity=True",
        "no integer",
        "more than one of default",
        "neither its key",
        "pairs 0 columns",
    ):
        assert part in told
