"""What a condition from outside looks like, in JSON Schema: the operators of a field, and conditions put together."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.query.input_fields import MOST_ALTERNATIVES, OF_SEVERAL
from sorbus.types.json_schemas import Schema, closed


def operators_schema(operators: Iterable[str], single: Schema) -> Schema:
    """A map of operators with what each compares with.

    Args:
        single: the schema of one value that the field is compared with.
    """
    return {**closed({each: _operand(each, single) for each in operators}), "minProperties": 1}


def _operand(operator: str, single: Schema) -> Schema:
    """What an operator compares with."""
    if operator == "is_nil":
        return {"type": "boolean"}
    return several_schema(single) if operator in OF_SEVERAL else single


def several_schema(single: Schema) -> Schema:
    """The values of an operator that compares with several."""
    return {"type": "array", "items": single, "maxItems": MOST_ALTERNATIVES}


def logic_schemas(condition: Schema, *, most: int) -> dict[str, Schema]:
    """The members of a condition that hold further ones.

    Args:
        condition: the schema of a condition, such as a reference to it.
        most: the most conditions that can stand in one filter.
    """
    several: Schema = {"type": "array", "minItems": 1, "maxItems": most, "items": condition}
    return {"and": several, "or": several, "not": condition}
