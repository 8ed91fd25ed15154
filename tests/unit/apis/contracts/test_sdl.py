"""GraphQL schemas compared."""

from __future__ import annotations

import pytest

from sorbus.apis.contracts import Severity, compare_sdl
from sorbus.errors.graphql import MalformedContract

BEFORE = "type Query { a(x: Int): String b: Int e: E } enum E { ONE }"


def test_what_breaks_clients_is_told_first() -> None:
    after = "type Query { a(x: Int, y: Int!): String c: Int e: E } enum E { ONE TWO }"
    found = compare_sdl(BEFORE, after)
    assert [each.severity for each in found] == [Severity.BREAKING, Severity.BREAKING, Severity.RISKY]
    assert any("b was removed" in str(each) for each in found)
    assert "TWO was added" in found[-1].what


SHOP = """
type Query { books(filter: BookFilter, sort: Sort): [Book] shelf: Shelf e: State }
type Mutation { add(input: AddBook!): Book move(to: State): Book }
type Book { title: String pages(unit: Unit): Int state: State }
type Shelf { top(n: Int): Book }
type Field { a: Int b: Int }
enum State { NEW OLD } enum Sort { TITLE PAGES } enum Unit { SHEET PAGE } enum Seen { ONE TWO }
input BookFilter { and: [BookFilter!] title: TextFilter }
input TextFilter { eq: String contains: String }
input AddBook { title: String author: Author }
input Author { name: String born: Int }
"""


@pytest.mark.parametrize(
    ("old", "new", "whom"),
    [
        ("shelf: Shelf", "", "clients that send the query `shelf`"),
        ("move(to: State): Book", "", "clients that send the mutation `move`"),
        ("add(input", "add(more: Int!, input", "clients that send the mutation `add`"),
        ("title: String pages", "pages", "clients that ask for `Book.title`"),
        ("unit: Unit", "u: Unit", "clients that ask for `Book.pages`"),
        ("a: Int", "", "clients that ask for `Field.a`"),
        ("eq: String", "", "clients that send `TextFilter` with `books`"),
        ("name: String", "name: String sign: Int!", "clients that send `Author` with `add`"),
        ("TITLE PAGES", "TITLE", "clients that send `Sort.PAGES` with `books`"),
        ("SHEET PAGE", "SHEET", "clients that send `Unit.PAGE` with `Book.pages`"),
        ("ONE TWO", "ONE", "clients that ask for `Seen.TWO`"),
    ],
)
def test_it_is_said_who_notices(old: str, new: str, whom: str) -> None:
    found, *_ = compare_sdl(SHOP, SHOP.replace(old, new, 1))
    assert (found.severity, found.whom) == (Severity.BREAKING, whom), found


def test_what_is_new_breaks_nobody() -> None:
    (found,) = compare_sdl(BEFORE, BEFORE.replace("b: Int", "b: Int c: Int"))
    assert found.severity is Severity.COMPATIBLE
    assert compare_sdl(BEFORE, BEFORE) == []


def test_a_file_without_a_schema_is_told() -> None:
    with pytest.raises(MalformedContract):
        compare_sdl("typo Query", BEFORE)
