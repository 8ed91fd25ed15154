"""Tagged unions: a value is one of several types, and a tag that is stored with it says which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from sorbus.errors.declaration import MissingPart
from sorbus.errors.hints import did_you_mean, listed
from sorbus.types.codecs import Codec, Convert, adapter_for, json_codec
from sorbus.types.json_schemas import closed, inlined
from sorbus.types.limits import Limits
from sorbus.types.names import bare, is_union, python_class, type_name
from sorbus.types.rules import TypeRule

VALUE = "value"
"""The member of a stored scalar beside its tag: `{"type": "day", "value": "2030-01-01"}`."""

_BARE = (str, int, float, bool)


class Tagged(TypeRule[Any]):
    """Makes a union a tagged one: `Annotated[Card | Transfer, Tagged("method")]`.

    A member with a `Literal` field of the tag's name has the values of that field as its tags; any other has the name
    given here, else that of its class: `Annotated[int | date, Tagged(number=int, day=date)]`. Classes with fields are
    stored as one document with the tag in it, everything else as `{"type": tag, "value": …}`. From outside both forms
    are taken, and texts, numbers and truth values also bare.

    Args:
        key: the name of the tag in documents.
        names: the tags of members.
    """

    sql = "jsonb"

    def __init__(self, key: str = "type", /, **names: Any) -> None:
        self.key = key
        self.names = names

    def bound(self, annotation: Any) -> TypeRule[Any]:
        """The rule for the members of a union.

        Raises:
            MissingPart: they cannot be told apart.
        """
        known = self.__dict__.setdefault("_bound", {})
        if annotation not in known:
            known[annotation] = TaggedUnion(self.key, self.names, annotation)
        return cast("TypeRule[Any]", known[annotation])


@dataclass(frozen=True, slots=True)
class Member:
    """One type of a union.

    Attributes:
        flat: whether its fields stand beside the tag in one document.
        own: whether the tag is one of its fields.
    """

    tag: str
    annotation: Any
    python: type
    flat: bool
    own: bool


class TaggedUnion(TypeRule[Any]):
    """A union with known members."""

    sql = "jsonb"

    def __init__(self, key: str, names: Mapping[str, Any], annotation: Any) -> None:
        self.key = key
        types = get_args(annotation) if is_union(annotation) else (annotation,)
        self.members: dict[str, Member] = {}
        for each in types:
            for member in self._members_of(each, names):
                if member.tag in self.members:
                    raise self._broken(f"two members have the tag `{member.tag}`")
                self.members[member.tag] = member
        self._check_apart()

    def _members_of(self, annotation: Any, names: Mapping[str, Any]) -> list[Member]:
        python = python_class(annotation)
        fields = fields_of(python)
        given = [name for name, each in names.items() if each == annotation or bare(each) == bare(annotation)]
        hint = bare(fields.get(self.key))
        if get_origin(hint) is Literal and not given:
            return [Member(str(tag), annotation, python, flat=True, own=True) for tag in get_args(hint)]
        flat = bool(fields) or getattr(python, "__declared__", None) is not None
        if self.key in fields:
            raise self._broken(f"`{python.__name__}` has a field `{self.key}` that is no `Literal`")
        tag = given[0] if given else type_name(annotation)
        return [Member(tag, annotation, python, flat=flat, own=False)]

    def _check_apart(self) -> None:
        seen: dict[type, Member] = {}
        for member in self.members.values():
            if member.own:
                continue
            other = seen.setdefault(member.python, member)
            if other is not member:
                raise self._broken(
                    f"`{other.tag}` and `{member.tag}` are both {member.python.__name__}; a value would not tell which"
                )

    def _broken(self, problem: str) -> MissingPart:
        return MissingPart(
            f"Tagged({self.key!r})", f"{problem}.", hint="Give each member a class of its own."
        )

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag."""
        return tuple(self.members)

    def core_schema(self, handler: Any) -> Any:
        from pydantic_core import core_schema

        choices: dict[Any, Any] = {
            tag: core_schema.no_info_before_validator_function(
                _payload, handler.generate_schema(member.annotation)
            )
            for tag, member in self.members.items()
        }
        return core_schema.no_info_before_validator_function(
            self._opened,
            core_schema.tagged_union_schema(choices, discriminator=_tag_of),
            serialization=core_schema.plain_serializer_function_ser_schema(self.dump),
            metadata=self.metadata(),
        )

    def cast(self, value: Any) -> Any:
        return self._adapter.validate_python(value)

    @cached_property
    def _adapter(self) -> Any:
        return adapter_for(_Standing(self))

    def _opened(self, value: Any) -> _Open:
        """The tag of a value from outside, and what is left without it."""
        if isinstance(value, _Open):
            return value
        member = self._member_of(value)
        if member is not None:
            return _Open(member.tag, value)
        if isinstance(value, Mapping):
            return self._opened_document(cast("Mapping[str, Any]", value))
        exact = next((each for each in self.members.values() if each.python is type(value)), None)
        if exact is not None and isinstance(value, _BARE):
            return _Open(exact.tag, value)
        raise ValueError(f"it has no tag `{self.key}`; tags: {listed(self.tags)}")

    def _opened_document(self, value: Mapping[str, Any]) -> _Open:
        tag = value.get(self.key)
        member = self.members.get(tag) if isinstance(tag, str) else None
        if member is None:
            shown = "it has no tag" if tag is None else f"{str(tag)[:100]!r} is no tag"
            near = did_you_mean(str(tag), self.tags) if tag is not None else ""
            raise ValueError(
                f"{shown} in `{self.key}`; tags: {listed(self.tags)}"
                + (f". {near.rstrip('?')}?" if near else "")
            )
        if member.own:
            return _Open(member.tag, value)
        if member.flat:
            return _Open(member.tag, {name: each for name, each in value.items() if name != self.key})
        if value.keys() - {self.key, VALUE} or VALUE not in value:
            raise ValueError(f"beside its tag `{self.key}` stands one `{VALUE}` and nothing else")
        return _Open(member.tag, value[VALUE])

    def _member_of(self, value: Any) -> Member | None:
        """The member that a Python value belongs to; by its own tag where it has one."""
        found = [each for each in self.members.values() if type(value) is each.python]
        found = found or [
            each
            for each in self.members.values()
            if each.python not in _BARE
            and each.python not in {object, dict, list}
            and isinstance(value, each.python)
        ]
        if isinstance(value, dict) or not found:
            return None
        if found[0].own:
            tag = getattr(value, self.key, None)
            return next((each for each in found if each.tag == tag), found[0])
        return found[0]

    def dump(self, value: Any) -> Any:
        """The document of a value, with its tag."""
        return self._written(value, "dump")

    def _written(self, value: Any, conversion: Literal["dump", "show"]) -> Any:
        if issubclass(value.__class__, Mapping):
            tag = value.get(self.key)
            member = self.members.get(tag) if isinstance(tag, str) else None
        else:
            member = self._member_of(value)
        if member is None:
            raise ValueError(f"it is of no type of the union; tags: {listed(self.tags)}")
        convert: Convert | None = getattr(self._codecs[member.tag], conversion)
        inner = value if convert is None else convert(value)
        if member.own:
            return inner
        return {self.key: member.tag, **inner} if member.flat else {self.key: member.tag, VALUE: inner}

    def load(self, stored: Any) -> Any:
        """The value of a stored document."""
        tag = stored.get(self.key)
        member = self.members.get(tag)
        if member is None:
            from sorbus.errors.framework import UnknownStoredValue

            raise UnknownStoredValue(" | ".join(self.tags), tag, allowed=self.tags)
        if member.own:
            inner = stored
        elif member.flat:
            inner = {name: each for name, each in stored.items() if name != self.key}
        else:
            inner = stored[VALUE]
        load = self._codecs[tag].load
        return inner if load is None else load(inner)

    def to_json(self, value: Any) -> Any:
        """The document that interfaces show."""
        return self._written(value, "show")

    @cached_property
    def _codecs(self) -> dict[str, Codec]:
        return {tag: json_codec(each.annotation) for tag, each in self.members.items()}

    def json_schema(self, limits: Limits) -> dict[str, Any]:
        """One schema for each member, told apart by the tag."""
        del limits
        shown: list[dict[str, Any]] = []
        for member in self.members.values():
            schema = inlined(adapter_for(member.annotation).json_schema())
            # A document that is new takes other members than one that is there.
            forms = schema.get("anyOf", [schema]) if member.flat else [schema]
            shown += [self._form(member, each) for each in forms]
        return {"oneOf" if len(shown) == len(self.members) else "anyOf": shown}

    def _form(self, member: Member, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema of a member's document, with its tag."""
        mark = {"const": member.tag, "type": "string"}
        if not member.flat:
            return closed({self.key: mark, VALUE: schema}, required=[self.key, VALUE])
        fields = {name: each for name, each in schema.get("properties", {}).items() if name != self.key}
        required = [self.key, *(each for each in schema.get("required", []) if each != self.key)]
        return {**schema, "properties": {self.key: mark, **fields}, "required": required}


@dataclass(frozen=True, slots=True)
class _Open:
    """A value with its tag apart."""

    tag: str
    payload: Any


class _Standing:
    """A rule where Pydantic wants a type."""

    def __init__(self, rule: TypeRule[Any]) -> None:
        self.rule = rule

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        del source
        return self.rule.core_schema(handler)


def _tag_of(value: Any) -> str:
    tag: str = value.tag
    return tag


def _payload(value: Any) -> Any:
    return value.payload


def fields_of(python: type) -> dict[str, Any]:
    """The fields of a dataclass, model or typed dictionary."""
    known = ("__dataclass_fields__", "model_fields", "__total__")
    if not any(hasattr(python, each) for each in known):
        return {}
    try:
        return get_type_hints(python, include_extras=True)
    except NameError:
        return dict(getattr(python, "__annotations__", {}))
