"""A table finds by its indexes what a pass over all rows would find."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sorbus.data_layers.memory.tables import Row, Table, frozen

KEYS = st.integers(0, 5)
VALUES = st.none() | st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=1)
PUT = st.fixed_dictionaries({"id": KEYS, "a": VALUES, "b": VALUES})
STEPS = st.lists(st.one_of(PUT, KEYS), max_size=20)
INDEXES = [("a",), ("a", "b")]


def applied(steps: list[Any], table: Table, plain: dict[int, Row]) -> None:
    for step in steps:
        if isinstance(step, dict):
            table.put(step)
            plain[step["id"]] = step
        elif step in plain:
            table.remove(step)
            del plain[step]


def check(table: Table, plain: dict[int, Row]) -> None:
    assert table.rows == plain
    for names in (*INDEXES, ("b",), ("id",)):
        for values in {frozen(tuple(row[name] for name in names)) for row in plain.values()}:
            wanted = [
                row["id"] for row in plain.values() if frozen(tuple(row[name] for name in names)) == values
            ]
            found = [row["id"] for row in table.find(names, values)]
            assert sorted(found) == ([] if None in values else sorted(wanted))


@given(STEPS)
def test_indexes_follow_every_put_and_remove(steps: list[Any]) -> None:
    table, plain = Table("id", INDEXES), dict[int, Row]()
    applied(steps, table, plain)
    check(table, plain)
    assert all(rows for index in table.indexes.values() for rows in index.values()), "nothing empty is kept"


@given(STEPS, STEPS)
def test_a_copy_goes_its_own_way(before: list[Any], after: list[Any]) -> None:
    table, plain = Table("id", INDEXES), dict[int, Row]()
    applied(before, table, plain)
    copied, same = table.copy(), dict(plain)
    applied(after, copied, same)
    check(table, plain)
    check(copied, same)


def test_documents_can_be_looked_up() -> None:
    table = Table("id", [("doc",)])
    table.put({"id": 1, "doc": {"a": [1, {"b": 2}], "c": None}})
    table.put({"id": 2, "doc": {"a": [1]}})
    assert [row["id"] for row in table.find(("doc",), ({"c": None, "a": [1, {"b": 2}]},))] == [1]


def test_what_has_no_index_is_found_all_the_same() -> None:
    table = Table("id", [])
    table.put({"id": 1, "a": 5})
    assert not table.can_find(("a",))
    assert table.can_find(("id",))
    assert [row["id"] for row in table.find(("a",), (5,))] == [1]
