"""Embedded resources: documents inside a record, with attributes, actions and policies of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Never, Self, cast, dataclass_transform

from sorbus.errors.access import ImmutableRecord, NoSuchMember, NotLoaded
from sorbus.errors.declaration import HidesMember, MissingPart, UnknownMember
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr, attribute
from sorbus.resource.model import local_types
from sorbus.resource.policies import Policies
from sorbus.schema.actions import UNCHANGED, ActionKind, InputSpec
from sorbus.schema.defaults import fresh
from sorbus.schema.fields import AttributeSpec, DefaultKind
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType
from sorbus.types.codecs import Codec, json_codec
from sorbus.types.json_schemas import HasSchema, closed, inlined
from sorbus.types.limits import Limits
from sorbus.types.names import parts
from sorbus.types.purposes import Purpose, described
from sorbus.types.rules import TypeRule, rule_of, teach

TAKEN, CHANGE = "Input", "Change"
"""What the title of a document's schema ends in: as an input that makes one, and as one that changes it."""

GIVEN = "__given__"
"""Marks, among the values of a document, that it is an input and no action has made it yet."""

_MEMBERS = (Attr, Action, Policies)


class EmbeddedRule(TypeRule["Embedded"]):
    """Documents of one class, kept as JSON objects."""

    sql = "jsonb"

    def __init__(self, python: type[Embedded]) -> None:
        self.python = python
        self._spec: ResourceSpec | None = None
        self._codecs: dict[str, Codec] = {}
        self._describing = False

    def learn(self, spec: ResourceSpec) -> None:
        """Take in what the assembly has found out about the class."""
        self._spec = spec
        self._codecs = {name: json_codec(each.type.annotation) for name, each in spec.attributes.items()}

    @property
    def spec(self) -> ResourceSpec:
        """The spec of the class.

        Raises:
            MissingPart: no application that uses it has been put together.
        """
        if self._spec is None:
            raise MissingPart(self.python.__name__, "no application uses this embedded resource yet.")
        return self._spec

    def cast(self, value: Any) -> Embedded:
        """An input: what it holds is looked at by the action that it becomes the input of."""
        if isinstance(value, self.python):
            return cast("Embedded", value)
        if not isinstance(value, Mapping):
            raise ValueError(f"it should be an object, a {self.python.__name__}")  # noqa: TRY004  # the contract
        given = {str(name): each for name, each in _items(value)}
        return made(cast("type[Embedded]", self.python), {**given, GIVEN: True})

    def dump(self, value: Embedded) -> dict[str, Any]:
        return self._written(value, "dump", self.spec.attributes)

    def to_json(self, value: Embedded) -> dict[str, Any]:
        """The public attributes."""
        public = (name for name, each in self.spec.attributes.items() if each.public)
        return self._written(value, "show", public)

    def _written(self, value: Embedded, conversion: str, names: Any) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for name in names:
            found = value.__dict__.get(name)
            convert = getattr(self._codecs[name], conversion)
            document[name] = found if convert is None or found is None else convert(found)
        return document

    def load(self, stored: Any) -> Embedded:
        """The document; an attribute that it was stored without has its default where that is a plain value."""
        values: dict[str, Any] = {}
        for name, each in self.spec.attributes.items():
            if name in stored:
                found, load = stored[name], self._codecs[name].load
                values[name] = found if load is None or found is None else load(found)
            elif each.default_kind is DefaultKind.VALUE or each.type.nullable:
                values[name] = fresh(each.default)
        return made(cast("type[Embedded]", self.python), values)

    def json_schema(self, limits: Limits) -> dict[str, Any]:
        """The schema of the public attributes, or of what the actions take that make and change a document."""
        del limits
        if self._describing:
            return {"title": self.python.__name__, "type": "object"}  # a document inside one of its own kind
        asked = described()
        self._describing = True
        try:
            match asked.purpose:
                case Purpose.SHOWN:
                    return self._shown()
                case Purpose.CREATED:
                    return self._created()
                case Purpose.CHANGED:
                    return self._changed(item=asked.item)
        finally:
            self._describing = False

    def _shown(self) -> dict[str, Any]:
        public = (each for each in self.spec.attributes.values() if each.public)
        parts = {each.name: _described(each.type, each.description) for each in public}
        return self._document("", parts, required=parts)

    def _created(self) -> dict[str, Any]:
        inputs = self.makes()
        required = [each.name for each in inputs.values() if each.required]
        return self._document(TAKEN, _all_described(inputs), required=required)

    def _changed(self, *, item: bool) -> dict[str, Any]:
        """Of an item only its key says that it is there already. Any other document may be there or not."""
        made, key = self._created(), self.key
        if item and key is None:
            return made
        parts = _all_described(self.changes())
        changed = self._document(CHANGE, parts, required=[key.name] if item and key is not None else ())
        covered = "required" not in changed and made["properties"].items() <= parts.items()
        return changed if covered else {"anyOf": [made, changed]}

    def makes(self) -> dict[str, InputSpec]:
        """What makes a document: the inputs of its create action."""
        return self._inputs(ActionKind.CREATE)

    def changes(self) -> dict[str, InputSpec]:
        """What changes a document that is there: its key and the inputs of its update action."""
        inputs, key = self._inputs(ActionKind.UPDATE), self.key
        if key is None:
            return inputs
        known = InputSpec(
            name=key.name, type=key.type, attribute=True, default=UNCHANGED, description=key.description
        )
        return {key.name: known, **inputs}

    def _inputs(self, kind: ActionKind) -> dict[str, InputSpec]:
        action = next(each for each in self.spec.actions.values() if each.kind is kind)
        return {each.name: each for each in action.inputs}

    @property
    def key(self) -> AttributeSpec | None:
        """What tells documents in a list apart."""
        return next((each for each in self.spec.attributes.values() if each.primary_key), None)

    def _document(self, suffix: str, parts: dict[str, Any], *, required: Iterable[str]) -> dict[str, Any]:
        whole = {"title": self.python.__name__ + suffix, **closed(parts, required=required)}
        return {**whole, "description": self.spec.description} if self.spec.description else whole


def _described(kind: HasSchema, description: str) -> dict[str, Any]:
    schema = inlined(kind.json_schema())
    return {**schema, "description": description} if description else schema


def _all_described(inputs: Mapping[str, InputSpec]) -> dict[str, Any]:
    return {name: _described(each, each.description) for name, each in inputs.items()}


def _items(value: Any) -> Iterable[tuple[object, Any]]:
    found: Iterable[tuple[object, Any]] = value.items()
    return found


def made(python: type[Embedded], values: dict[str, Any]) -> Embedded:
    """A document with these values, unlooked at."""
    found = object.__new__(python)
    found.__dict__.update(values)
    return found


def is_given(value: Embedded) -> bool:
    """Whether a document is an input that no action has made yet."""
    return GIVEN in value.__dict__


def is_embedded(annotation: Any) -> bool:
    """Whether a type is an embedded resource."""
    return isinstance(annotation, type) and issubclass(annotation, Embedded) and annotation is not Embedded


def documents_in(kind: FieldType) -> Iterator[type[Any]]:
    """The embedded resources that may lie in a type, those inside them too."""
    waiting, seen = [kind], set[type[Any]]()
    while waiting:
        for each in parts(waiting.pop().annotation):
            rule = rule_of(each)
            if isinstance(rule, EmbeddedRule) and rule.python not in seen:
                seen.add(rule.python)
                yield rule.python
                waiting += [inner.type for inner in rule.spec.attributes.values()]


@dataclass_transform(kw_only_default=True, field_specifiers=(attribute,))
class Embedded:
    """A part of a record with rules of its own, stored inside its owner as one JSON document.

    Subclass it and name the class in an attribute: `address: Attr[Address | None]`. `Address(city="Oslo")` is an
    input: the owner's action runs the create or update action of `Address` on it. The documents on records are
    complete and cannot be changed.
    """

    __declared__: ClassVar[dict[str, Any]] = {}
    __locals__: ClassVar[dict[str, Any]] = {}
    __embedded__: ClassVar[bool] = True
    type_rule: ClassVar[TypeRule[Any]]

    def __init_subclass__(cls, *, draft: bool = False, **kwargs: Any) -> None:
        """Check that every public name in the body is an attribute, an action or the policies.

        Raises:
            UnknownMember, HidesMember: a name is none of these, or has a meaning already.
        """
        super().__init_subclass__(**kwargs)
        if draft:
            return
        cls.__locals__ = local_types(1)
        inherited: dict[str, Any] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited.update(getattr(base, "__declared__", {}))
        own = {name: value for name, value in vars(cls).items() if not name.startswith("_")}
        for name, value in own.items():
            if not isinstance(value, _MEMBERS) or (isinstance(value, Policies) and name != "policies"):
                raise UnknownMember(cls.__name__, name, found=type(value).__name__, allowed=["policies"])
            if hasattr(Embedded, name):
                raise HidesMember(cls.__name__, name)
        cls.__declared__ = {**inherited, **own}
        cls.type_rule = EmbeddedRule(cls)

    if not TYPE_CHECKING:

        def __init__(self, **given: Any) -> None:
            """An input for the class's create action."""
            names = [name for name, each in type(self).__declared__.items() if isinstance(each, Attr)]
            for name in given:
                if name not in names:
                    raise NoSuchMember(type(self).__name__, name, allowed=names)
            self.__dict__.update(given)
            self.__dict__[GIVEN] = True

    @classmethod
    def part(cls, **given: Any) -> Self:
        """An input for an update, which names only what it changes, or for an action with arguments of its own."""
        found = object.__new__(cls)
        found.__dict__.update(given)
        found.__dict__[GIVEN] = True
        return found

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> Never:
            declared = type(self).__declared__.items()
            actions = [
                label
                for label, each in declared
                if isinstance(each, Action) and each.kind is ActionKind.UPDATE
            ]
            raise ImmutableRecord(type(self).__name__, name, actions)

        def __getattr__(self, name: str) -> Any:
            if name in type(self).__declared__:
                raise NotLoaded(type(self).__name__, name)
            raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        shown: list[str] = []
        for name, member in type(self).__declared__.items():
            if isinstance(member, Attr) and name in self.__dict__:
                shown.append(f"{name}=…" if member.options.sensitive else f"{name}={self.__dict__[name]!r}")
        return f"<{type(self).__name__} {' '.join(shown)}>"


def _values(document: Any) -> dict[str, Any]:
    return {name: value for name, value in document.__dict__.items() if name != GIVEN}


teach(Embedded)
