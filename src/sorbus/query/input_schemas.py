"""What a condition from outside looks like, in JSON Schema: the operators of a field, and conditions put together."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.query.input_fields import MOST_ALTERNATIVES
from sorbus.types.json_schemas import Schema, closed


def operators_schema(operators: Iterable[str], single: Schema) -> Schema:
    """A map of operators with what each compares with.

    Args:
        single: the schema of one value of the field.
    """
    return {**closed({each: _operand(each, single) for each in operators}), "minProperties": 1}


def _operand(operator: str, single: Schema) -> Schema:
    """What an operator compares with."""
    if operator == "is_nil":
        return {"type": "boolean"}
    if operator == "in":
        return {"type": "array", "items": single, "maxItems": MOST_ALTERNATIVES}
    return single


def logic_schemas(condition: Schema) -> dict[str, Schema]:
    """The members of a condition that hold further ones.

    Args:
        condition: the schema of a condition, such as a reference to it.
    """
    several: Schema = {"type": "array", "minItems": 1, "items": condition}
    return {"and": several, "or": several, "not": condition}
