"""Types of fields: casting, constraints, storage."""

from sorbus.types.base import SQL_TYPES, Constraints, FieldType, field_type, split_optional, type_name
from sorbus.types.cistr import CiStr
from sorbus.types.files import File
from sorbus.types.json import Json
from sorbus.types.limits import Limits
from sorbus.types.ranges import Range
from sorbus.types.rules import TypeRule
from sorbus.types.unions import Tagged
from sorbus.types.uuid7 import uuid7
from sorbus.types.vector import Hnsw, Vector

__all__ = [
    "SQL_TYPES",
    "CiStr",
    "Constraints",
    "FieldType",
    "File",
    "Hnsw",
    "Json",
    "Limits",
    "Range",
    "Tagged",
    "TypeRule",
    "Vector",
    "field_type",
    "split_optional",
    "type_name",
    "uuid7",
]
