"""The braces of SQL templates are checked when they are declared."""

from __future__ import annotations

import pytest

from sorbus.errors.declaration import BrokenFragment
from sorbus.expressions.templates import template


@pytest.mark.parametrize(
    ("sql", "arguments", "wanted"),
    [
        ("now()", [], "now()"),
        ("f({0}, {1}, {0})", ["a", "b"], "f(a, b, a)"),
        ("'{{}}'::text[] || {0}", ["{1}"], "'{}'::text[] || {1}"),
        ("{0}{0}", ["x"], "xx"),
    ],
)
def test_arguments_take_their_places(sql: str, arguments: list[str], wanted: str) -> None:
    assert template(sql, len(arguments), where="fragment").fill(arguments) == wanted


@pytest.mark.parametrize(
    ("sql", "count", "says"),
    [
        ("f({1})", 1, "`{1}` names none of its 1 arguments"),
        ("f({})", 1, "`{}` names none"),
        ("f({x})", 1, "`{x}` names none"),
        ("f({0.__class__})", 1, "names none"),
        ("f({-1})", 1, "names none"),
        ("f(\u0660)", 1, "does not use the argument `{0}`"),
        ("f({\u0660})", 1, "names none"),
        ("f({0}", 2, "does not use the argument `{1}`"),
        ("f({0)", 1, "brace at position 2 stands alone"),
        ("f(0})", 1, "stands alone"),
        ("{0} = $1", 1, "parameter of its own"),
    ],
)
def test_broken_ones_are_refused(sql: str, count: int, says: str) -> None:
    with pytest.raises(BrokenFragment) as caught:
        template(sql, count, where="fragment")
    assert says in caught.value.message
