"""Records as plain data: the public fields of a resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sorbus.query.query import LoadItem
from sorbus.schema.fields import AttributeSpec, CalculationSpec
from sorbus.schema.resource import FieldSpec, ResourceSpec
from sorbus.types.hidden import HIDDEN


class Records:
    """What a caller sees of the records of one resource; built once.

    Attributes:
        shown: the public attributes that every record has.
        derived: the public fields that are shown when they are asked for.
    """

    def __init__(self, spec: ResourceSpec) -> None:
        self.spec = spec
        public = {name: each for name, each in spec.fields.items() if each.public and not _is_key(each)}
        self.shown: Mapping[str, FieldSpec] = MappingProxyType(
            {name: each for name, each in public.items() if _at_once(each)}
        )
        self.derived: Mapping[str, FieldSpec] = MappingProxyType(
            {name: each for name, each in public.items() if not _at_once(each) and _plain(each)}
        )
        self._shows = {
            name: each.type.codec.show
            for name, each in spec.fields.items()
            if each.type.codec.show is not None
        }

    @cached_property
    def key(self) -> AttributeSpec:
        """The primary key; it is always shown, under its own name. A resource without attributes has none."""
        return self.spec.primary_key

    @property
    def hides(self) -> bool:
        """Whether values may be hidden from who may see the row; they are then null."""
        return self.spec.field_policies is not None

    def loads(self, names: Sequence[str]) -> tuple[LoadItem, ...]:
        """What a query must load for fields that are asked for."""
        return tuple(LoadItem(target=getattr(self.spec.python, name)) for name in names)

    def plain(self, record: Any, loaded: Sequence[str] = ()) -> dict[str, Any]:
        """A record as plain data; what its reader may not see is None."""
        values = record.__dict__
        return {name: self._value(name, values[name]) for name in (self.key.name, *self.shown, *loaded)}

    def _value(self, name: str, value: Any) -> Any:
        if value is None or value is HIDDEN:
            return None
        show = self._shows.get(name)
        return value if show is None else show(value)


def _is_key(field: FieldSpec) -> bool:
    return isinstance(field, AttributeSpec) and field.primary_key


def _at_once(field: FieldSpec) -> bool:
    return isinstance(field, AttributeSpec) and field.select_by_default


def _plain(field: FieldSpec) -> bool:
    """A calculation whose arguments must be given cannot be asked for by its name."""
    return not isinstance(field, CalculationSpec) or field.plain
