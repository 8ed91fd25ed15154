"""From values to their stored form and back, and to what interfaces show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin

from sorbus.errors.framework import UnknownStoredValue
from sorbus.types.names import bare, is_enum, parts, type_name, unalias, without_null
from sorbus.types.rules import own_method, rule_of
from sorbus.types.sql import is_plain_json, sql_type

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """The conversions of one type; None where there is nothing to convert. None of them sees a null.

    Attributes:
        dump: from a value to what a row keeps and a parameter takes.
        load: the inverse.
        show: from a value to what interfaces show.
    """

    dump: Convert | None = None
    load: Convert | None = None
    show: Convert | None = None


def codec_of(annotation: Any) -> Codec:
    """The conversions of a type that is a column's own."""
    rule = rule_of(unalias(annotation))
    if rule is not None:
        dump, load, show = (own_method(rule, name) for name in ("dump", "load", "to_json"))
        return Codec(dump, load or (dump and rule.load), show or dump)
    plain = bare(annotation)
    if get_origin(plain) is list and sql_type(plain).endswith("[]"):
        return _of_items(_item(plain))
    if sql_type(plain) == "jsonb":
        return json_codec(annotation)
    return Codec()


def _of_items(item: Any) -> Codec:
    if is_enum(bare(item)):
        return Codec(_each(_value_of), _each(member_loader(bare(item))), None)
    return _mapped(codec_of(item), _each)


def json_codec(annotation: Any) -> Codec:
    """The conversions of a type inside a JSON document."""
    rule = rule_of(unalias(annotation))
    if rule is not None:
        if rule.sql == "jsonb":
            return Codec(rule.dump, rule.load, rule.to_json)
        return Codec(rule.to_json, rule.cast, rule.to_json)
    if is_plain_json(annotation):
        return Codec()
    plain = bare(annotation)
    origin = get_origin(plain)
    if origin is list and any(map(has_rule, parts(plain))):
        return _mapped(json_codec(_item(plain)), _each)
    if origin is dict and get_args(plain)[0] is str and any(map(has_rule, parts(plain))):
        return _mapped(json_codec(without_null(unalias(get_args(plain)[1]))[0]), _each_value)
    return _of_document(annotation)


def has_rule(annotation: Any) -> bool:
    """Whether a type has a rule of its own."""
    return rule_of(annotation) is not None


def _item(annotation: Any) -> Any:
    return without_null(unalias(get_args(annotation)[0]))[0]


def _mapped(inner: Codec, over: Callable[[Convert], Convert]) -> Codec:
    return Codec(*(each and over(each) for each in (inner.dump, inner.load, inner.show)))


def _each_value(convert: Convert) -> Convert:
    def whole(items: Mapping[str, Any]) -> dict[str, Any]:
        return {name: None if each is None else convert(each) for name, each in items.items()}

    return whole


def _each(convert: Convert) -> Convert:
    def whole(items: Any) -> list[Any]:
        return [None if each is None else convert(each) for each in items]

    return whole


def _value_of(member: Any) -> Any:
    return member.value if isinstance(member, Enum) else member


def member_loader(enumeration: type[Enum]) -> Convert:
    """From a stored value to the member of an enumeration.

    Raises, when called:
        UnknownStoredValue: it is that of no member.
    """
    members: dict[Any, Enum] = {member.value: member for member in enumeration}

    def load(value: Any) -> Enum:
        found = members.get(value)
        if found is None:
            raise UnknownStoredValue(type_name(enumeration), value, allowed=map(str, members))
        return found

    return load


def _of_document(annotation: Any) -> Codec:
    made = adapter_for(annotation, loading=True)
    dump = _dumper(made)
    if not _mentions_bytes(made.core_schema):
        return Codec(dump, made.validate_python, dump)
    from msgspec import json

    # Only the reading of JSON takes binary data for base64.
    return Codec(dump, lambda stored: made.validate_json(json.encode(stored)), dump)


def _dumper(made: TypeAdapter[Any]) -> Convert:
    def dump(value: Any) -> Any:
        return made.dump_python(value, mode="json", warnings=False)

    return dump


class Whole:
    """Stands for a type in `Annotated`, so that Pydantic takes our configuration for every type alike."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        del source
        return handler.generate_schema(self.annotation)


def adapter_for(annotation: Any, *, loading: bool = False) -> TypeAdapter[Any]:
    """The validator of a type.

    Args:
        loading: for what was stored: fields that a type has lost meanwhile are passed over instead of refused.
    """
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(
        extra="ignore" if loading else "forbid",
        ser_json_bytes="base64",
        val_json_bytes="base64",
        ser_json_inf_nan="constants",
    )
    return TypeAdapter(Annotated[Any, Whole(annotation)], config=config)


def mentions_bytes(annotation: Any) -> bool:
    """Whether binary data may lie somewhere inside a type."""
    return _mentions_bytes(adapter_for(annotation).core_schema)


def _mentions_bytes(schema: Any, seen: set[int] | None = None) -> bool:
    seen = seen if seen is not None else set()
    if id(schema) in seen:
        return False
    seen.add(id(schema))
    if isinstance(schema, Mapping):
        found = cast("Mapping[str, Any]", schema)
        return found.get("type") == "bytes" or any(_mentions_bytes(each, seen) for each in found.values())
    if isinstance(schema, (list, tuple)):
        return any(_mentions_bytes(each, seen) for each in cast("list[Any]", schema))
    return False
