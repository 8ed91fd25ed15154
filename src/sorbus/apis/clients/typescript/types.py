"""The types of values in TypeScript: what is shown, and what may be given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sorbus.apis.clients.model import ClientModel
from sorbus.apis.clients.types import (
    Alias,
    Basic,
    Choice,
    Definition,
    Document,
    Enumeration,
    ListOf,
    MapOf,
    Named,
    OneOf,
    Row,
    Type,
    inside,
)
from sorbus.apis.clients.typescript.spelling import comment, interface, member, object_type, quoted, union
from sorbus.apis.clients.writing import TypeNames

_SHOWN: Mapping[Basic, str] = MappingProxyType(
    {
        Basic.TEXT: "string",
        Basic.INTEGER: "number",
        Basic.NUMBER: "number",
        Basic.TRUTH: "boolean",
        Basic.NOTHING: "null",
        Basic.UUID: "Uuid",
        Basic.DATE: "Day",
        Basic.MOMENT: "Moment",
        Basic.TIME: "TimeOfDay",
        Basic.DURATION: "Duration",
        Basic.DECIMAL: "Decimal",
        Basic.BINARY: "Base64",
        Basic.JSON: "Json",
        Basic.FILE: "Blob",
    }
)
_GIVEN: Mapping[Basic, str] = MappingProxyType(
    {Basic.MOMENT: "Moment | Date", Basic.DECIMAL: "Decimal | number"}
)
"""What may be given besides what is shown."""

VALUES = """\
/** A UUID, as in `0190c6a8-…`. */
export type Uuid = string;
/** A day, as in `2030-01-31`. */
export type Day = string;
/** A moment, as in `2030-01-31T12:00:00Z`. */
export type Moment = string;
/** A time of day, as in `12:00:00`. */
export type TimeOfDay = string;
/** A duration of ISO 8601, as in `P1DT2H`. */
export type Duration = string;
/** A decimal number as a text, so that no digit is lost, as in `1.50`. */
export type Decimal = string;
/** Binary data as base64. */
export type Base64 = string;
/** Any JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
"""
"""The types of texts with a meaning; they are plain strings, as documents have them."""


class TypeWriter:
    """Writes types.

    Attributes:
        inputs: the names of the types of what may be given, where it is another than what is shown.
    """

    def __init__(self, model: ClientModel, names: TypeNames) -> None:
        self.model = model
        self.names = names
        self.inputs = {
            name: names.free.of(f"{names.named[name]}Input") if self._differs(name) else names.named[name]
            for name in model.named
        }

    def type(self, kind: Type, *, given: bool = False) -> str:
        """A type as it is written.

        Args:
            given: what a caller gives, rather than what is shown.
        """
        match kind:
            case Basic():
                return _GIVEN.get(kind, _SHOWN[kind]) if given else _SHOWN[kind]
            case Choice(values):
                return union(map(quoted, values))
            case ListOf(item):
                inner = self.type(item, given=given)
                return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
            case Row(items):
                return f"readonly [{', '.join(self.type(each, given=given) for each in items)}]"
            case MapOf(value):
                return object_type([f"readonly [name: string]: {self.type(value, given=given)}"])
            case OneOf(options):
                return union(self.type(each, given=given) for each in options)
            case Named(name):
                return (self.inputs if given else self.names.named)[name]

    def definitions(self) -> Iterator[str]:
        """Everything that has a name."""
        for name, definition in self.model.named.items():
            shown = self.names.named[name]
            yield self._definition(shown, definition, given=False)
            if self.inputs[name] != shown:
                yield self._definition(self.inputs[name], definition, given=True)

    def _definition(self, name: str, definition: Definition, *, given: bool) -> str:
        match definition:
            case Enumeration(values=values, description=description):
                return f"{comment(description)}export type {name} = {self.type(Choice(values))};\n"
            case Alias(type=kind):
                return f"export type {name} = {self.type(kind, given=given)};\n"
            case Document(members=members, description=description):
                lines = [
                    member(
                        each.name,
                        self.type(each.type, given=given),
                        optional=not (each.required if given else each.shown),
                        description=each.description,
                    )
                    for each in members
                ]
                return interface(name, lines, description)

    def _differs(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether what may be given is another type than what is shown."""
        if name in seen:
            return False
        match self.model.named[name]:
            case Enumeration():
                return False
            case Alias(type=kind):
                kinds = [kind]
            case Document(members=members):
                if any(each.required != each.shown for each in members):
                    return True
                kinds = [each.type for each in members]
        return any(
            self._differs(part.name, seen | {name}) if isinstance(part, Named) else part in _GIVEN
            for kind in kinds
            for part in inside(kind)
        )
