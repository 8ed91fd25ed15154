from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.data_layers.postgres.migrations.lexer import mentions, renamed, same_sql, statements, tokens

PIECES = [
    "'a;b'",
    "E'\\'",
    "$x$",
    "$$",
    "--",
    "\n",
    "/*",
    "*/",
    ";",
    '"',
    "'",
    "a",
    "(",
    ")",
    " ",
    "é",
    "::",
    "1.5",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_character_is_lost(sql: str) -> None:
    assert "".join(each.text for each in tokens(sql)) == sql


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_statements_stand_where_they_say(sql: str) -> None:
    for each in statements(sql):
        assert sql[each.start : each.start + len(each.text)] == each.text
        assert each.text.strip() != ""
        assert not each.text[0].isspace()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("-- only; a comment\n/* and; /* nested; */ more */", []),
        ("SELECT ';', \";\", E'\\';', $a$;$$;$a$;", ["SELECT ';', \";\", E'\\';', $a$;$$;$a$"]),
        ("SELECT $1; ;; SELECT 2;", ["SELECT $1", "SELECT 2"]),
        (
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
            ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; SELECT 2",
            [
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END",
                "SELECT 2",
            ],
        ),
        ("BEGIN; SELECT 1; END", ["BEGIN", "SELECT 1", "END"]),
        ("SELECT 'never closed; SELECT 2", ["SELECT 'never closed; SELECT 2"]),
    ],
)
def test_a_script_falls_into_its_statements(script: str, expected: list[str]) -> None:
    assert [each.text for each in statements(script)] == expected


def test_a_rename_spares_strings_functions_and_types() -> None:
    sql = 'state > 0 AND note <> \'state\' AND state(1) AND x::state AND "state" <> "State"'
    assert renamed(sql, "state", "Order") == (
        '"Order" > 0 AND note <> \'state\' AND state(1) AND x::state AND "Order" <> "State"'
    )


def test_a_new_name_that_is_a_keyword_is_quoted() -> None:
    assert renamed("made > 0", "made", "user") == '"user" > 0'
    assert renamed("made > 0", "made", "state") == "state > 0"


def test_mentions_sees_identifiers_only() -> None:
    assert mentions('lower("state")', "state")
    assert mentions("lower(STATE)", "state")
    assert not mentions("note = 'state' -- state", "state")
    assert not mentions(None, "state")


def test_spelling_without_meaning_is_no_difference() -> None:
    assert same_sql('"state"  > 0 -- x', "STATE>0")
    assert same_sql(None, None)
    assert not same_sql("a = 'X'", "a = 'x'")
    assert not same_sql("a", None)
    assert not same_sql('"user"', "user")
    assert not same_sql('"State"', "state")
