"""Types of fields: casting, constraints, storage."""

from sorbus.types.base import SQL_TYPES, Constraints, FieldType, field_type, split_optional, type_name
from sorbus.types.json import Json
from sorbus.types.uuid7 import uuid7

__all__ = [
    "SQL_TYPES",
    "Constraints",
    "FieldType",
    "Json",
    "field_type",
    "split_optional",
    "type_name",
    "uuid7",
]
