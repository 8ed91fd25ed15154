"""The types of values in Python, and how they are read from documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from sorbus.apis.clients.model import ClientModel
from sorbus.apis.clients.python.spelling import (
    KEYWORDS,
    TYPES_OF_MEMBERS,
    docstring,
    indented,
    literal,
    mapping,
    member_name,
    snake_name,
)
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
    nullable,
)
from sorbus.apis.clients.writing import FreeNames, TypeNames

_SHOWN: Mapping[Basic, str] = MappingProxyType(
    {
        Basic.TEXT: "str",
        Basic.INTEGER: "int",
        Basic.NUMBER: "float",
        Basic.TRUTH: "bool",
        Basic.NOTHING: "None",
        Basic.UUID: "_uuid.UUID",
        Basic.DATE: "_datetime.date",
        Basic.MOMENT: "_datetime.datetime",
        Basic.TIME: "_datetime.time",
        Basic.DURATION: "_datetime.timedelta",
        Basic.DECIMAL: "_decimal.Decimal",
        Basic.BINARY: "bytes",
        Basic.JSON: "Any",
        Basic.FILE: "Upload",
    }
)
_GIVEN: Mapping[Basic, str] = MappingProxyType({Basic.DECIMAL: "_decimal.Decimal | int"})
"""What may be given besides what is shown."""


class TypeWriter:
    """Writes types.

    Attributes:
        written: the typed dictionaries and literal types that were needed so far, in order.
        hidden: names of types, which no member of a class may have.
    """

    def __init__(self, model: ClientModel, names: TypeNames) -> None:
        self.model = model
        self.names = names
        self.written: list[str] = []
        self.hidden = TYPES_OF_MEMBERS | {*names.records.values(), *names.named.values()}
        self._inputs: dict[str, str] = {}

    def type(self, kind: Type, *, given: bool = False) -> str:
        """A type as it is written.

        Args:
            given: what a caller gives, rather than what is shown.
        """
        match kind:
            case Basic():
                return _GIVEN.get(kind, _SHOWN[kind]) if given else _SHOWN[kind]
            case Choice(values):
                return f"Literal[{', '.join(map(literal, values))}]"
            case ListOf(item):
                return f"Sequence[{self.type(item, given=given)}]"
            case Row(items):
                return f"tuple[{', '.join(self.type(each, given=given) for each in items)}]"
            case MapOf(value):
                return f"Mapping[str, {self.type(value, given=given)}]"
            case OneOf(options):
                return " | ".join(dict.fromkeys(self.type(each, given=given) for each in options))
            case Named(name):
                own = self.names.named[name]
                definition = self.model.named[name]
                return (
                    f"{own} | {self._input(name, definition)}"
                    if given and isinstance(definition, Document)
                    else own
                )

    def reader(self, kind: Type) -> str:
        """The function that reads a type."""
        match kind:
            case Basic.FILE:
                return "_Read.json"
            case Basic():
                return f"_Read.{kind.value}"
            case Choice(values):
                return f"_Read.literal({', '.join(map(literal, values))})"
            case ListOf(item):
                return f"_Read.sequence({self.reader(item)})"
            case Row(items):
                return f"_Read.row({', '.join(map(self.reader, items))})"
            case MapOf(value):
                return f"_Read.mapping({self.reader(value)})"
            case OneOf(options):
                return f"_Read.one_of({', '.join(map(self.reader, options))})"
            case Named(name):
                return f"_Read.named({literal(name)})"

    def typed_dict(self, name: str, members: Mapping[str, str], *, required: Iterable[str] = ()) -> None:
        """Write a typed dictionary; its members may have any names."""
        needed = set(required)
        terms = "".join(
            f"{literal(each)}: {literal(f'Required[{kind}]' if each in needed else kind)},\n"
            for each, kind in members.items()
            if each  # checkers take no empty name
        )
        self.written.append(
            f"{name} = TypedDict(\n    {literal(name)},\n    {{\n{indented(terms, 2)}    }},\n    total=False,\n)\n"
        )

    def _input(self, name: str, definition: Document) -> str:
        """The typed dictionary that may be given in place of a document."""
        known = self._inputs.get(name)
        if known is None:
            # Before it is written: it may refer to itself.
            known = self._inputs[name] = self.names.free.of(f"{self.names.named[name]}Input")
            self.typed_dict(
                known,
                {each.name: self.type(each.type, given=True) for each in definition.members},
                required=[each.name for each in definition.members if each.required],
            )
        return known

    def definitions(self) -> Iterator[str]:
        """Everything that has a name."""
        for name, definition in self.model.named.items():
            yield self._definition(self.names.named[name], definition)

    def _definition(self, name: str, definition: Definition) -> str:
        match definition:
            case Enumeration(values=values, description=description):
                free = FreeNames({*dir(str), "mro", "name", "value", *KEYWORDS})
                lines = (f"    {free.of(member_name(each))} = {literal(each)}\n" for each in values)
                head = f"class {name}({_enum_of(values)}):\n{docstring(description or name, 1)}\n"
                return head + "".join(lines)
            case Alias(type=kind):
                return f"type {name} = {self.type(kind)}\n"
            case Document():
                return self._document(name, definition)

    def _document(self, name: str, document: Document) -> str:
        names = self._member_names(document)
        lines = [
            f"{names[each.name]}: {self.type(each.type)}\n"
            if each.shown
            else f"{names[each.name]}: {self.type(nullable(each.type))} = None\n"
            for each in document.members
        ]
        wires = {names[each.name]: each.name for each in document.members}
        lines.append(f"__wires__: ClassVar[Mapping[str, str]] = {mapping(wires)}\n")
        loose = [literal(names[each.name]) for each in document.members if not each.shown]
        if loose:
            lines.append(f"__loose__: ClassVar[frozenset[str]] = frozenset({{{', '.join(loose)}}})\n")
        return (
            f"@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}(_Document):\n"
            f"{docstring(document.description or name, 1)}\n{indented(''.join(lines))}"
        )

    def _member_names(self, document: Document) -> Mapping[str, str]:
        free = FreeNames({*self.hidden, *KEYWORDS, "self"})
        return {each.name: free.of(name := snake_name(each.name), f"{name}_") for each in document.members}

    def readers(self) -> str:
        """How everything that has a name is read."""
        lines = (
            f"    {literal(name)}: {self._named_reader(name, definition)},\n"
            for name, definition in self.model.named.items()
        )
        return f"_NAMED: Mapping[str, _Reader] = {{\n{''.join(lines)}}}\n"

    def _named_reader(self, name: str, definition: Definition) -> str:
        match definition:
            case Enumeration():
                return self.names.named[name]
            case Alias(type=kind):
                return self.reader(kind)
            case Document(members=members):
                names = self._member_names(definition)
                terms = ", ".join(
                    f"{literal(each.name)}: ({literal(names[each.name])}, {self.reader(each.type)})"
                    for each in members
                )
                return f"_Read.document({self.names.named[name]}, {{{terms}}})"


def _enum_of(values: tuple[object, ...]) -> str:
    if all(isinstance(each, str) for each in values):
        return "StrEnum"
    return "IntEnum" if all(type(each) is int for each in values) else "Enum"
