from __future__ import annotations

import json

import pytest

from sorbus.data_layers.postgres.tables import Column, Expression, Index, Schema, Table, Unique, identifier
from sorbus.errors.migrations import InvalidSnapshot

TABLE = Table(
    "runs",
    columns=(Column("state", "text"), Column("id", "uuid")),
    primary_key=("id",),
    indexes=(Index("b", ("state", Expression("lower(state)"))), Index("a", ("state",), unique=True)),
)


def test_order_and_spelling_of_a_declaration_do_not_reach_the_file() -> None:
    other = Table(
        "runs",
        columns=(Column("id", "uuid", nullable=False), Column("state", "text")),
        primary_key=("id",),
        uniques=(Unique("a", ("state",)),),
        indexes=(Index("b", ("state", Expression("lower(state)"))),),
    )
    assert Schema((TABLE,)).to_json() == Schema((other,)).to_json()
    assert Schema((TABLE,)).checksum == Schema((other,)).checksum


def test_the_file_is_keyed_by_names_so_that_changes_stay_apart() -> None:
    data = json.loads(Schema((TABLE,), ("vector",)).to_json())
    assert data == {
        "version": 1,
        "extensions": ["vector"],
        "tables": {
            "runs": {
                "primary_key": ["id"],
                "columns": {"id": {"type": "uuid", "nullable": False}, "state": {"type": "text"}},
                "uniques": {"a": {"columns": ["state"]}},
                "indexes": {"b": {"columns": ["state", {"sql": "lower(state)"}]}},
            }
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< ours",
        "[]",
        '{"version": 2, "tables": {}, "extensions": []}',
        '{"version": 1, "extensions": []}',
        '{"version": 1, "extensions": [], "tables": {"a": {}}}',
        '{"version": 1, "extensions": [], "tables": {"a": {"primary_key": [], "columns": {"b": {"x": 1}}}}}',
        '{"version": 1, "extensions": [], "tables": {"a": {"primary_key": [], "surprise": 1}}}',
        '{"version": 1, "extensions": [], "tables": []}',
    ],
)
def test_a_broken_file_is_one_clear_error(text: str) -> None:
    with pytest.raises(InvalidSnapshot):
        Schema.from_json(text)


def test_long_names_stay_apart() -> None:
    one, other = (identifier("a" * 60, each, "index") for each in ("x", "y"))
    assert one != other
    assert len(one.encode()) <= 63
    assert one.endswith("_index")
    assert identifier("runs", "state", "index") == "runs_state_index"
    assert len(identifier("é" * 60, "é" * 60).encode()) <= 63


def test_what_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Schema().table("runs")
    with pytest.raises(KeyError):
        TABLE.column("nope")
