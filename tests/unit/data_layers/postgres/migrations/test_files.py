from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sorbus.data_layers.postgres.migrations import (
    Answers,
    empty_migration,
    load,
    merge,
    merge_folder,
    plan,
    write,
)
from sorbus.data_layers.postgres.migrations.files import Migration, find, read
from sorbus.data_layers.postgres.tables import Check, Column, Index, Schema, Table
from sorbus.errors.migrations import (
    BackfillNeeded,
    BranchedMigrations,
    BrokenMigration,
    InvalidSnapshot,
    MergeConflict,
    NoSuchMigration,
)

ID = Column("id", "uuid", nullable=False)
RUNS = Table("runs", columns=(ID, Column("state", "text")), primary_key=("id",))
BASE = Schema((RUNS,))


def wider(name: str, schema: Schema = BASE) -> Schema:
    runs = schema.table("runs")
    rest = tuple(each for each in schema.tables if each.name != "runs")
    return Schema((replace(runs, columns=(*runs.columns, Column(name, "text"))), *rest))


def planned(existing: list[Migration], schema: Schema, name: str = "") -> list[Migration]:
    return list(plan(existing, schema, name=name, answers=Answers(no_renames=True)).migrations)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_the_same_change_gives_the_same_bytes(tmp_path: Path) -> None:
    for each in ("one", "two"):
        write(tmp_path / each, planned([], BASE, "first"))
        write(tmp_path / each, planned(load(tmp_path / each), wider("note"), "second"))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 6


def test_files_say_what_they_do(folder: Path) -> None:
    write(folder, planned([], BASE, "first"))
    first = load(folder)[0]
    assert first.up == (
        "-- sorbus: migration 0001_first\n"
        f"-- sorbus: id {first.id}\n"
        "-- sorbus: parent zero\n"
        f"-- sorbus: snapshot sha256:{BASE.checksum}\n"
        "\n"
        "-- create table runs\n"
        'CREATE TABLE "runs" (\n'
        '    "id" uuid NOT NULL,\n'
        '    "state" text,\n'
        '    CONSTRAINT "runs_pkey" PRIMARY KEY ("id")\n'
        ");\n"
    )
    assert first.down == '-- sorbus: migration 0001_first\n\n-- undo: create table runs\nDROP TABLE "runs";\n'


def test_nothing_changed_is_no_migration(folder: Path) -> None:
    write(folder, planned([], BASE))
    assert planned(load(folder), BASE) == []


def test_names_come_from_the_steps(folder: Path) -> None:
    write(folder, planned([], BASE))
    write(folder, planned(load(folder), wider("note")))
    others = (Table("a", columns=(ID,)), Table("b", columns=(ID,)))
    write(folder, planned(load(folder), Schema((*wider("note").tables, *others))))
    assert [each.name for each in load(folder)] == [
        "0001_initial",
        "0002_add_column_runs_note_text",
        "0003_create_table_a_and_1_more",
    ]


def test_values_for_rows_are_asked_before_anything_is_written() -> None:
    strict = Schema((replace(RUNS, columns=(*RUNS.columns, Column("n", "int", nullable=False))),))
    with pytest.raises(BackfillNeeded, match=r"--backfill runs\.n="):
        plan(planned([], BASE), strict)


def test_a_column_without_a_stop_is_found_by_name_number_or_id() -> None:
    chain = planned([], BASE, "first")
    chain += planned(chain, wider("note"), "second")
    assert [find(chain, each) for each in ("zero", "1", "0002", "second", "0002_second", chain[1].id)] == [
        0,
        1,
        2,
        2,
        2,
        2,
    ]
    with pytest.raises(NoSuchMigration):
        find(chain, "3")


class TestBroken:
    @pytest.fixture(autouse=True)
    def written(self, folder: Path) -> None:
        write(folder, planned([], BASE, "first"))
        write(folder, planned(load(folder), wider("note"), "second"))

    def test_a_missing_file(self, folder: Path) -> None:
        (folder / "0001_first" / "down.sql").unlink()
        with pytest.raises(BrokenMigration, match=r"0001_first.*no down\.sql"):
            load(folder)

    def test_a_missing_migration(self, folder: Path) -> None:
        (folder / "0001_first").rename(folder / "elsewhere")
        with pytest.raises(BrokenMigration, match=r"0002_second.*not in the folder"):
            load(folder)

    def test_a_snapshot_that_is_not_its_own(self, folder: Path) -> None:
        path = folder / "0001_first" / "snapshot.json"
        path.write_text((folder / "0002_second" / "snapshot.json").read_text())
        with pytest.raises(BrokenMigration, match=r"snapshot\.json is not the one"):
            load(folder)

    def test_a_snapshot_with_marks_of_a_merge(self, folder: Path) -> None:
        (folder / "0001_first" / "snapshot.json").write_text("<<<<<<< ours\n")
        with pytest.raises(InvalidSnapshot, match=r"0001_first/snapshot\.json"):
            load(folder)

    def test_a_copy(self, folder: Path) -> None:
        (folder / "0003_copy").mkdir()
        for each in (folder / "0002_second").iterdir():
            (folder / "0003_copy" / each.name).write_bytes(each.read_bytes())
        with pytest.raises(BrokenMigration, match="has the id of"):
            load(folder)

    def test_a_header_without_its_id(self, folder: Path) -> None:
        (folder / "0001_first" / "up.sql").write_text("SELECT 1;\n")
        with pytest.raises(BrokenMigration, match="has no id, parent, snapshot"):
            load(folder)

    def test_a_misspelt_header(self, folder: Path) -> None:
        path = folder / "0001_first" / "up.sql"
        path.write_text("-- sorbus: no-transactions\n" + path.read_text())
        with pytest.raises(BrokenMigration, match="Did you mean `no-transaction`"):
            load(folder)

    def test_other_folders_are_none_of_our_business(self, folder: Path) -> None:
        (folder / "__pycache__").mkdir()
        (folder / "README.md").write_text("hello")
        assert len(load(folder)) == 2


class TestBranches:
    def branched(self, folder: Path, one: Schema, other: Schema) -> None:
        """Two branches on one parent, as git puts their folders beside each other."""
        write(folder, planned([], BASE, "first"))
        parent = load(folder)
        write(folder, planned(parent, one, "one"))
        write(folder, planned(parent, other, "other"))

    def test_two_on_one_parent_are_seen(self, folder: Path) -> None:
        self.branched(folder, wider("a"), wider("b"))
        with pytest.raises(BranchedMigrations, match="on `0001_first`: 0002_one, 0002_other"):
            load(folder)

    def test_a_merge_puts_one_after_the_other(self, folder: Path) -> None:
        self.branched(folder, wider("a"), wider("b"))
        before = {each.id: each for each in read(folder)}
        assert merge_folder(folder) == [("0002_other", "0003_other")]
        chain = load(folder)
        assert [each.name for each in chain] == ["0001_first", "0002_one", "0003_other"]
        assert chain[-1].schema == wider("b", wider("a")).canonical()
        assert {each.id: each.checksum for each in chain} == {
            each.id: each.checksum for each in before.values()
        }
        assert plan(chain, wider("b", wider("a"))).migrations == ()

    def test_the_one_to_keep_can_be_named(self, folder: Path) -> None:
        self.branched(folder, wider("a"), wider("b"))
        assert [each.name for each in merge(read(folder), keep=["0002_other"])] == [
            "0001_first",
            "0002_other",
            "0003_one",
        ]

    def test_three_branches_of_which_one_forks_again(self, folder: Path) -> None:
        self.branched(folder, wider("a"), wider("b"))
        write(folder, planned([each for each in read(folder) if each.number == 1], wider("c"), "third"))
        deeper = [each for each in read(folder) if each.name in {"0001_first", "0002_other"}]
        write(folder, planned(deeper, wider("d", wider("b")), "deep"))
        write(folder, planned(deeper, wider("e", wider("b")), "deeper"))
        merge_folder(folder)
        chain = load(folder)
        assert len({each.name for each in chain}) == 6
        assert [each.number for each in chain] == [1, 2, 3, 4, 5, 6]
        names = {each.name for each in chain[-1].schema.table("runs").columns}
        assert names == {"id", "state", "a", "b", "c", "d", "e"}

    @pytest.mark.parametrize(
        ("one", "other", "what"),
        [
            (wider("a"), wider("a"), "runs columns a"),
            (wider("a"), Schema(), "runs"),
            (
                Schema((RUNS, Table("x", columns=(ID,)))),
                Schema((RUNS, Table("x", columns=(ID,), comment="c"))),
                "x",
            ),
            (
                Schema((replace(RUNS, comment="a"),)),
                Schema((replace(RUNS, comment="b"),)),
                "runs comment",
            ),
            (
                Schema((replace(RUNS, columns=(ID,)),)),
                Schema((replace(RUNS, indexes=(Index("i", ("state",)),)),)),
                "the index `i` of runs names `state`",
            ),
        ],
    )
    def test_two_changes_of_one_thing_are_a_conflict(
        self, folder: Path, one: Schema, other: Schema, what: str
    ) -> None:
        self.branched(folder, one, other)
        before = contents(folder)
        with pytest.raises(MergeConflict) as caught:
            merge_folder(folder)
        assert any(what in each for each in caught.value.conflicts)
        assert contents(folder) == before

    def test_parts_of_one_table_do_not_conflict(self, folder: Path) -> None:
        checked = Schema((replace(RUNS, checks=(Check("c", "state <> ''"),)),))
        self.branched(folder, wider("a"), checked)
        merge_folder(folder)
        assert load(folder)[-1].schema.table("runs").checks

    def test_an_interrupted_merge_is_not_built_upon(self, folder: Path) -> None:
        self.branched(folder, wider("a"), wider("b"))
        (folder / ".merging").mkdir()
        with pytest.raises(BrokenMigration, match="interrupted"):
            merge_folder(folder)


def test_a_migration_of_ones_own_keeps_the_schema() -> None:
    chain = planned([], BASE, "first")
    own = empty_migration(chain, name="Fill Things")
    assert (own.name, own.parent, own.schema) == ("0002_fill_things", chain[0].id, BASE.canonical())
    assert own.up_in_transaction
