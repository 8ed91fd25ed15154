"""What clients ask about the schema is answered, as long as it is not asked again and again."""

from __future__ import annotations

import pytest
from graphql import build_schema, get_introspection_query, parse

from sorbus.apis.graphql.introspection import EACH, LEAST, Introspection
from sorbus.errors.graphql import QueryTooLarge

TOOLS = parse(
    get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
)


def large(types: int) -> Introspection:
    """A schema whose every field and argument is a list, the deepest types that there are here."""
    fields = " ".join(f"f{n}(a: [Int!]!, b: [T!]!): [T{n % types}!]!" for n in range(20))
    kinds = "\n".join(f'"""A type."""\ntype T{n} {{ {fields} }}' for n in range(types))
    return Introspection(build_schema(f"input T {{ a: [Int!]! }}\ntype Query {{ a: T0 }}\n{kinds}"))


@pytest.mark.parametrize("types", [2, 25])
def test_what_tools_ask_is_answered_however_large_the_schema_is(types: int) -> None:
    asking = large(types)
    assert len(asking.answer(TOOLS, {})["__schema"]["types"]) > types
    assert types < 25 or asking._asked > LEAST


def test_what_is_asked_in_one_request_adds_up() -> None:
    asking = large(10)
    with pytest.raises(QueryTooLarge, match="fields about the schema"):
        for _ in range(EACH):
            asking.answer(TOOLS, {})
