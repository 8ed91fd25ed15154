from __future__ import annotations

import pytest

from sorbus.data_layers.postgres.migrations.casts import Change, cast_between, return_cast, same_type


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("timestamptz", "timestamp with time zone"),
        ("timestamptz(3)", "timestamp(3) with time zone"),
        ("TIMESTAMP", "timestamp without time zone"),
        ("int", "int4"),
        ("varchar( 20 )", "character varying(20)"),
        ("varchar(20)[]", "character varying(20)[]"),
        ("decimal(10, 2)", "numeric(10,2)"),
        ("char", "character(1)"),
        ("float8", "double  precision"),
    ],
)
def test_two_spellings_of_one_type(one: str, other: str) -> None:
    assert same_type(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("int", "int8"), ("text", "text[]"), ("varchar(1)", "varchar"), ("vector(3)", "vector(4)")],
)
def test_different_types(one: str, other: str) -> None:
    assert not same_type(one, other)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("integer", "bigint", Change.SAFE),
        ("integer", "double precision", Change.SAFE),
        ("varchar(5)", "varchar(9)", Change.SAFE),
        ("varchar(5)", "text", Change.SAFE),
        ("uuid", "text", Change.SAFE),
        ("timestamp", "timestamptz", Change.SAFE),
        ("timestamp(3)", "timestamp(6)", Change.SAFE),
        ("json", "jsonb", Change.SAFE),
        ("numeric(10,2)", "numeric", Change.SAFE),
        ("bigint", "integer", Change.CHECKED),
        ("varchar(9)", "varchar(5)", Change.CHECKED),
        ("text", "varchar(5)", Change.CHECKED),
        ("text", "uuid", Change.CHECKED),
        ("numeric(10,2)", "numeric(12,4)", Change.CHECKED),
        ("vector(3)", "vector(4)", Change.CHECKED),
        ("bigint", "double precision", Change.LOSSY),
        ("numeric", "integer", Change.LOSSY),
        ("numeric(10,2)", "numeric(10,1)", Change.LOSSY),
        ("timestamptz", "date", Change.LOSSY),
        ("timestamptz", "timestamptz(0)", Change.LOSSY),
        ("boolean", "timestamptz", Change.UNKNOWN),
        ("text", "text[]", Change.UNKNOWN),
        ("jsonb", "uuid", Change.UNKNOWN),
    ],
)
def test_what_a_change_does_to_values(old: str, new: str, change: Change) -> None:
    assert cast_between(old, new).change is change


def test_there_is_always_a_way_back() -> None:
    back = return_cast("boolean", "timestamptz")
    assert (back.change, back.using) == (Change.CHECKED, "{column}::text::boolean")
