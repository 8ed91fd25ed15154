"""Types: from the types of fields to those of GraphQL, for what is shown and for what is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Literal, cast, get_args, get_origin

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFloat,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    GraphQLUnionType,
)

from sorbus.apis.graphql.bindings import KEY, Choice, Part
from sorbus.apis.graphql.scalars import BIG_INT, JSON, SCALARS, UPLOAD
from sorbus.resource.embedded import EmbeddedRule
from sorbus.resource.spelling import camel, upper_camel
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType, field_type
from sorbus.types.files import File
from sorbus.types.limits import Limits
from sorbus.types.names import bare, is_enum, python_class, resolve, unalias
from sorbus.types.purposes import Purpose
from sorbus.types.rules import rule_of
from sorbus.types.unions import VALUE, TaggedUnion, fields_of

_NAME = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")
_NO_VALUES = ("true", "false", "null")
_INT = range(-(2**31), 2**31)
_SCHEMA_SCALARS: Mapping[str, Any] = {
    "string": GraphQLString,
    "integer": BIG_INT,
    "number": GraphQLFloat,
    "boolean": GraphQLBoolean,
}

_INPUTS: Mapping[Purpose, str] = {Purpose.CREATED: "Input", Purpose.CHANGED: "ChangeInput"}

Named = GraphQLObjectType | GraphQLInputObjectType | GraphQLEnumType | GraphQLUnionType


class Types:
    """The types of one schema; each is made once.

    Args:
        taken: names that the schema has given already.
    """

    def __init__(self, taken: Iterator[str] | tuple[str, ...] = ()) -> None:
        self._names: dict[str, Any] = dict.fromkeys(taken)
        self._made: dict[tuple[str, Any], Any] = {}
        self._hint = ""

    # what is shown

    def shown(self, kind: FieldType, *, nullable: bool | None = None, hint: str = "") -> Any:
        """The type of a field's values.

        Args:
            nullable: whether null is one, when that is not the type's own matter.
            hint: a name for what has none of its own: literals and unions.
        """
        self._hint = hint
        inner = self._shown(kind.annotation, kind.constraints)
        return inner if (kind.nullable if nullable is None else nullable) else GraphQLNonNull(inner)

    def _item(self, annotation: Any) -> Any:
        found = resolve(annotation)
        inner = self._shown(found.annotation, found.limits)
        return inner if found.nullable else GraphQLNonNull(inner)

    def _shown(self, annotation: Any, limits: Limits) -> Any:
        rule = rule_of(unalias(annotation))
        plain = bare(annotation)
        if isinstance(rule, EmbeddedRule):
            return self._document(rule.spec)
        if isinstance(rule, TaggedUnion):
            return self._union(rule)
        single = self._single(annotation, limits)
        if single is not None:
            return single
        if get_origin(plain) is list:
            return GraphQLList(self._item(get_args(plain)[0]))
        members = fields_of(plain) if isinstance(plain, type) else {}
        return self._model(plain, members) if members and _spelled(members) else JSON

    def _single(self, annotation: Any, limits: Limits) -> Any:
        """The type of a single value; None when it is no single value."""
        rule = rule_of(unalias(annotation))
        if rule is not None:
            return _SCHEMA_SCALARS.get(str(rule.json_schema(Limits()).get("type")), JSON)
        plain = bare(annotation)
        if is_enum(plain):
            return self._enum(plain)
        if get_origin(plain) is Literal:
            return self._literal(get_args(plain))
        if get_origin(plain) is not None:
            return None
        if plain is int and _short(limits):
            return GraphQLInt
        return SCALARS.get(plain)

    def _enum(self, plain: type[Enum]) -> Any:
        members = {member.name: member for member in plain}
        if not all(map(_value_name, members)):
            return SCALARS.get(python_class(plain), JSON)
        values = {name: GraphQLEnumValue(member) for name, member in members.items()}
        doc = plain.__doc__ or ""
        inherited = {base.__doc__ for base in plain.__mro__[1:]}
        return self._once(
            ("enum", plain),
            plain.__name__,
            lambda name: GraphQLEnumType(
                name, values, description=None if doc in inherited else doc.strip() or None
            ),
        )

    def _literal(self, choices: tuple[Any, ...]) -> Any:
        names = {_constant(each): each for each in choices if isinstance(each, str)}
        if len(names) != len(choices) or not all(map(_value_name, names)):
            return SCALARS.get(choices[0].__class__, JSON) if choices else JSON
        values = {name: GraphQLEnumValue(each) for name, each in names.items()}
        name = self._hint or "".join(upper_camel(each.lower()) for each in names)[:60]
        return self._once(("enum", choices), name, lambda name: GraphQLEnumType(name, values))

    def _document(self, spec: ResourceSpec) -> Any:
        def fields() -> dict[str, GraphQLField]:
            return {
                camel(name): _part(
                    name,
                    self.shown(each.type, nullable=True, hint=spec.name + upper_camel(name)),
                    each.description,
                )
                for name, each in spec.attributes.items()
                if each.public
            }

        if not any(each.public for each in spec.attributes.values()):
            return JSON
        return self._object(("shown", spec.python), spec.name, fields, spec.description)

    def _model(self, plain: type, members: Mapping[str, Any]) -> GraphQLObjectType:
        def fields() -> dict[str, GraphQLField]:
            return {
                camel(name): _part(name, self.shown(field_type(each), nullable=True), "")
                for name, each in members.items()
            }

        return self._object(("shown", plain), plain.__name__, fields, "")

    def _object(self, key: tuple[str, Any], name: str, fields: Any, text: str) -> GraphQLObjectType:
        found: GraphQLObjectType = self._once(
            key, name, lambda free: GraphQLObjectType(free, fields, description=text or None)
        )
        return found

    def _union(self, rule: TaggedUnion) -> Any:
        """A union of documents; a member that is no document gets a type that holds its value."""
        name = self._union_name(rule)
        types: dict[str, GraphQLObjectType] = {}
        for tag, member in rule.members.items():
            kind = self._shown(member.annotation, Limits()) if member.flat else None
            if not isinstance(kind, GraphQLObjectType):
                kind = self._holder(f"{name}{upper_camel(_constant(tag).lower())}", member.annotation, tag)
            types[tag] = kind
        choice = Choice(key=rule.key, types={tag: each.name for tag, each in types.items()})
        several = list(dict.fromkeys(types.values()))
        return self._once(
            ("union", id(rule)),
            name,
            lambda free: GraphQLUnionType(free, several, extensions={KEY: choice}),
        )

    def _holder(self, name: str, annotation: Any, tag: str) -> GraphQLObjectType:
        fields = {VALUE: _part(VALUE, self.shown(field_type(annotation), nullable=True), "")}
        return self._object(("holder", (name, tag)), name, fields, "")

    # what is taken

    def taken(
        self,
        kind: FieldType,
        *,
        required: bool = False,
        hint: str = "",
        purpose: Purpose = Purpose.CHANGED,
    ) -> Any:
        """The type of an input's values.

        Args:
            required: whether it must be given, and not as null.
            hint: a name for what has none of its own.
            purpose: whether documents in it are all new.
        """
        self._hint = hint
        inner = self._taken(kind.annotation, kind.constraints, purpose)
        return GraphQLNonNull(inner) if required and not kind.nullable else inner

    def _taken(self, annotation: Any, limits: Limits, purpose: Purpose) -> Any:
        rule = rule_of(unalias(annotation))
        plain = bare(annotation)
        if isinstance(rule, EmbeddedRule):
            return self._document_input(rule, purpose)
        if isinstance(rule, TaggedUnion):
            return self._union_input(rule, purpose)
        if plain is File:
            return UPLOAD
        single = self._single(annotation, limits)
        if single is not None:
            return single
        if get_origin(plain) is list:
            found = resolve(get_args(plain)[0])
            documents = rule_of(found.annotation)
            if isinstance(documents, EmbeddedRule) and documents.key is None:
                purpose = Purpose.CREATED  # nothing tells those that are there
            inner = self._taken(found.annotation, found.limits, purpose)
            return GraphQLList(inner if found.nullable else GraphQLNonNull(inner))
        members = fields_of(plain) if isinstance(plain, type) else {}
        if not members or not _spelled(members):
            return JSON

        def fields() -> dict[str, GraphQLInputField]:
            return {
                camel(name): GraphQLInputField(self.taken(field_type(each)), out_name=name)
                for name, each in members.items()
            }

        return self._input(("taken", plain), f"{plain.__name__}Input", fields)

    def _document_input(self, rule: EmbeddedRule, purpose: Purpose) -> Any:
        """What makes a document; of one that may be there also what changes it, so that nothing must be given."""
        spec, inputs = rule.spec, rule.makes()
        required = {name for name, each in inputs.items() if each.required}
        if purpose is Purpose.CHANGED:
            both = {**inputs, **rule.changes()}
            nested = any(each.type.embeds for each in both.values())
            if required or nested or both.keys() != inputs.keys():
                inputs, required = both, set[str]()
            else:
                purpose = Purpose.CREATED  # the same type is enough
        if not inputs:
            return JSON

        def fields() -> dict[str, GraphQLInputField]:
            return {
                camel(name): GraphQLInputField(
                    self.taken(
                        each.type,
                        required=name in required,
                        hint=spec.name + upper_camel(name),
                        purpose=purpose,
                    ),
                    out_name=name,
                    description=each.description or None,
                )
                for name, each in inputs.items()
            }

        return self._input((purpose, spec.python), f"{spec.name}{_INPUTS[purpose]}", fields)

    def _union_input(self, rule: TaggedUnion, purpose: Purpose) -> Any:
        """One member of a union, as the one field of an input object."""
        tags = {camel(_constant(tag).lower()): tag for tag in rule.members}
        if len(tags) != len(rule.members) or not all(map(_value_name, tags)):
            return JSON

        def fields() -> dict[str, GraphQLInputField]:
            return {
                name: GraphQLInputField(self._taken(rule.members[tag].annotation, Limits(), purpose))
                for name, tag in tags.items()
            }

        def opened(given: dict[str, Any]) -> Any:
            """The document that the engine reads: with its tag."""
            ((name, value),) = given.items()
            tag = tags[name]
            if rule.members[tag].flat and isinstance(value, Mapping):
                return {rule.key: tag, **cast("Mapping[str, Any]", value)}
            return {rule.key: tag, VALUE: value}

        return self._once(
            (purpose, id(rule)),
            f"{self._union_name(rule)}{_INPUTS[purpose]}",
            lambda free: GraphQLInputObjectType(free, fields, out_type=opened, is_one_of=True),
        )

    def _input(self, key: tuple[str, Any], name: str, fields: Any) -> Any:
        return self._once(key, name, lambda free: GraphQLInputObjectType(free, fields))

    # names

    def _union_name(self, rule: TaggedUnion) -> str:
        return self._hint or "Or".join(upper_camel(_constant(tag).lower()) for tag in rule.members)[:60]

    def _once(self, key: tuple[str, Any], name: str, make: Callable[[str], Any]) -> Any:
        if key not in self._made:
            self._made[key] = make(self.free(name))
        return self._made[key]

    def free(self, name: str) -> str:
        """A name that no other type has."""
        base = re.sub(r"[^0-9A-Za-z_]", "_", name).lstrip("_") or "Type"
        base = f"T{base}" if base[0].isdigit() else base
        candidate, number = base, 1
        while candidate in self._names:
            number += 1
            candidate = f"{base}{number}"
        self._names[candidate] = None
        return candidate


def _part(name: str, kind: Any, text: str) -> GraphQLField:
    return GraphQLField(kind, description=text or None, extensions={KEY: Part(name=name)})


def _short(limits: Limits) -> bool:
    """Whether every number within limits is one of 32 bits."""
    least = limits.ge if limits.ge is not None else limits.gt
    most = limits.le if limits.le is not None else limits.lt
    return isinstance(least, int) and isinstance(most, int) and least in _INT and most in _INT


def _spelled(members: Mapping[str, Any]) -> bool:
    """Whether GraphQL can spell every name, each another one."""
    return all(map(_NAME.fullmatch, members)) and len({camel(each) for each in members}) == len(members)


def _value_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _NO_VALUES


def _constant(text: str) -> str:
    """A text as the name of an enum's value: `in-progress` is `IN_PROGRESS`."""
    found = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", found).upper()
