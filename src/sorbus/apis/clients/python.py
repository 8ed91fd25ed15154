"""A client in Python: one module that needs nothing but httpx2."""

from __future__ import annotations

import builtins
import json
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from sorbus.apis.clients.model import Call, CallKind, ClientModel, Field, Input, Related, Resource, Tree, Way
from sorbus.apis.clients.types import (
    Alias,
    Basic,
    Choice,
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
from sorbus.apis.clients.writing import FreeNames, one_line, runtime_of
from sorbus.resource.spelling import upper_camel

RUNTIME = "client.py"
_DECLARED = re.compile(r"^(?:async )?(?:class|def) (\w+)|^(\w+) ?[:=]", re.MULTILINE)

_IMPORTS = """\
from __future__ import annotations

import asyncio
import base64
import datetime as _datetime
import decimal as _decimal
import json
import random
import re
import uuid as _uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Required, Self, TypedDict, Unpack, cast, overload
from urllib.parse import parse_qsl, quote

import httpx2 as httpx
"""

_IMPORTED = frozenset(re.findall(r"\w+", _IMPORTS)) | set(dir(builtins)) | set(keyword.kwlist)
_OPTIONS = ("fields", "filter", "sort", "page", "timeout", "headers", "self")
"""The names of the options of calls, which no input has."""

_BUILTINS = frozenset({"str", "int", "float", "bool", "bytes", "object", "tuple", "list", "type", "property"})

_SHOWN: Mapping[Basic, str] = {
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
    Basic.FILE: "File",
}
_GIVEN: Mapping[Basic, str] = {**_SHOWN, Basic.DECIMAL: "_decimal.Decimal | int"}

_READERS: Mapping[Basic, str] = {
    Basic.TEXT: "_Read.text",
    Basic.INTEGER: "_Read.integer",
    Basic.NUMBER: "_Read.number",
    Basic.TRUTH: "_Read.truth",
    Basic.NOTHING: "_Read.nothing",
    Basic.UUID: "_Read.uuid",
    Basic.DATE: "_Read.date",
    Basic.MOMENT: "_Read.moment",
    Basic.TIME: "_Read.time",
    Basic.DURATION: "_Read.duration",
    Basic.DECIMAL: "_Read.decimal",
    Basic.BINARY: "_Read.binary",
    Basic.JSON: "_Read.json",
    Basic.FILE: "_Read.json",
}


def python_client(model: ClientModel, *, command: str) -> str:
    """The module of a client; equal declarations give equal texts.

    Args:
        command: by which it is made, for its header.
    """
    return _Writer(model).module(command)


class _Writer:
    """Writes one module."""

    def __init__(self, model: ClientModel) -> None:
        self.model = model
        declared = {name for pair in _DECLARED.findall(runtime_of(RUNTIME)) for name in pair if name}
        own = {"Client", "ErrorCode", "CallOptions", "_PREFIX", "_NAMED", "_SHAPES"}
        self.names = FreeNames({*_IMPORTED, *declared, *own})
        self.records = {name: self.names.of(name, f"{name}Record") for name in model.resources}
        self.named = {name: self.names.of(name, f"{name}Value") for name in model.named}
        # Names in a class body hide those outside.
        self.hidden = _BUILTINS | {*self.records.values(), *self.named.values()}
        self._owned: dict[tuple[str, str], str] = {}
        self._typed: dict[tuple[str, ...], str] = {}
        self._written: list[str] = []

    def of(self, resource: Resource, suffix: str) -> str:
        """The name of something that belongs to a resource."""
        key = (resource.name, suffix)
        if key not in self._owned:
            self._owned[key] = self.names.of(self.records[resource.name] + suffix)
        return self._owned[key]

    def module(self, command: str) -> str:
        """Everything, in the order in which it is read."""
        model = self.model
        title = one_line(model.title)
        head = f"A client of {title}, made by `{command}` from its declarations; run that again to change it."
        parts = [
            self._codes(),
            f"_PREFIX = {literal(model.prefix)}\n",
            runtime_of(RUNTIME),
            "# ---- what the application declares ----\n",
            *(self._definition(name) for name in model.named),
            *map(self._record, model.resources.values()),
        ]
        for resource in model.resources.values():
            self._filter(resource)
        calls = [self._calls(each) for each in self._served()]
        parts += [*self._written, *calls, self._client(), self._named_readers(), self._shapes()]
        body = "\n\n".join(part.strip("\n") + "\n" for part in parts)
        return f"{docstring(head)}\n# ruff: noqa\n# fmt: off\n{needed(_IMPORTS, body)}\n{body}"

    # types

    def type(self, kind: Type, *, given: bool = False) -> str:
        """A type as it is written.

        Args:
            given: what a caller gives, rather than what is shown.
        """
        match kind:
            case Basic():
                return (_GIVEN if given else _SHOWN)[kind]
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
                if given and isinstance(self.model.named[name], Document):
                    return f"{self.named[name]} | {self._document_input(name)}"
                return self.named[name]

    def reader(self, kind: Type) -> str:
        """The function that reads a type."""
        match kind:
            case Basic():
                return _READERS[kind]
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

    def _definition(self, name: str) -> str:
        definition, own = self.model.named[name], self.named[name]
        match definition:
            case Enumeration(values=values, description=description):
                base = "StrEnum" if all(isinstance(each, str) for each in values) else "Enum"
                if all(type(each) is int for each in values):
                    base = "IntEnum"
                free = FreeNames({*dir(str), "mro", "name", "value", *keyword.kwlist})
                lines = [f"    {free.of(member_name(each))} = {literal(each)}\n" for each in values]
                return f"class {own}({base}):\n{docstring(description or own, 1)}\n{''.join(lines)}"
            case Alias(type=kind):
                return f"type {own} = {self.type(kind)}\n"
            case Document(members=members, description=description):
                names = self._member_names(definition)
                lines = [
                    f"    {names[each.name]}: {self.type(each.type if each.shown else nullable(each.type))}"
                    f"{'' if each.shown else ' = None'}\n"
                    for each in members
                ]
                loose = ", ".join(literal(names[each.name]) for each in members if not each.shown)
                left_out = f"    __loose__: ClassVar[frozenset[str]] = frozenset({{{loose}}})\n" if loose else ""
                wires = {names[each.name]: each.name for each in members}
                return (
                    f"@dataclass(frozen=True, slots=True, kw_only=True)\nclass {own}(Document):\n"
                    f"{docstring(description or own, 1)}\n{''.join(lines)}"
                    f"    __wires__: ClassVar[Mapping[str, str]] = {mapping(wires)}\n{left_out}"
                )

    def _member_names(self, document: Document) -> Mapping[str, str]:
        free = FreeNames({*self.hidden, *keyword.kwlist, "__wires__", "self"})
        return {each.name: free.of(name := snake_name(each.name), f"{name}_") for each in document.members}

    def _typed_dict(self, name: str, members: Mapping[str, str], *, required: Iterable[str] = ()) -> None:
        """Write a typed dictionary; its members may have any names."""
        needed = set(required)
        terms = "".join(
            f"    {literal(each)}: {literal(f'Required[{kind}]' if each in needed else kind)},\n"
            for each, kind in members.items()
        )
        self._written.append(f"{name} = TypedDict(\n    {literal(name)},\n    {{\n{indented(terms)}    }},\n    total=False,\n)\n")

    def _document_input(self, name: str) -> str:
        key = ("input", name)
        known = self._typed.get(key)
        if known is None:
            known = self._typed[key] = self.names.of(f"{self.named[name]}Input")
            definition = self.model.named[name]
            assert isinstance(definition, Document)
            self._typed_dict(
                known,
                {each.name: self.type(each.type, given=True) for each in definition.members},
                required=[each.name for each in definition.members if each.required],
            )
        return known

    # records

    def _field_names(self, resource: Resource) -> Mapping[str, str]:
        """The names of fields and relationships in Python, by the declared ones."""
        return self._all_names[resource.name]

    @cached_property
    def _all_names(self) -> Mapping[str, Mapping[str, str]]:
        made: dict[str, Mapping[str, str]] = {}
        for resource in self.model.resources.values():
            free = FreeNames({*self.hidden, *keyword.kwlist, "self"})
            members: tuple[Field | Way, ...] = (*resource.shown, *resource.ways)
            made[resource.name] = {each.name: free.of(each.name, f"{each.name}_") for each in members}
        return made

    def _record(self, resource: Resource) -> str:
        names = self._field_names(resource)
        lines = [f"    {names[each.name]}: {self.type(each.type)}\n" for each in resource.shown]
        for each in resource.ways:
            if each.name in {name for tree in self._trees(resource) for name in tree}:
                far = self.records[each.to]
                kind = f"Related[{far}]" if each.many else f"{far} | None"
                lines.append(f"    {names[each.name]}: {kind}\n")
        return (
            "@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)\n"
            f"class {self.records[resource.name]}(Record):\n"
            f"{docstring(resource.description or resource.name, 1)}\n{''.join(lines)}"
        )

    def _trees(self, resource: Resource) -> Iterator[Tree]:
        """Every tree of includes that begins at a resource, its own and those further down in others."""
        for each in self.model.resources.values():
            yield from self._trees_at(each, each.includes, resource)

    def _trees_at(self, here: Resource, tree: Tree, wanted: Resource) -> Iterator[Tree]:
        if here is wanted:
            yield tree
        for name, beyond in tree.items():
            yield from self._trees_at(self.model.resources[here.way(name).to], beyond, wanted)

    def _selection(self, resource: Resource, tree: Tree) -> str:
        """The type of a selection; equal trees have the same."""
        key = ("selection", resource.name, repr(tree))
        known = self._typed.get(key)
        if known is not None:
            return known
        names = self._field_names(resource)
        fields = self._literal_type(resource, "Field", [names[each.name] for each in resource.shown])
        made = self._typed[key] = self.names.of(f"{self.records[resource.name]}Selection")
        if not tree:
            self._written.append(f"type {made} = Sequence[{fields}]\n")
            return made
        members: dict[str, str] = {}
        for name, beyond in tree.items():
            way = resource.way(name)
            far = self.model.resources[way.to]
            inner = self._selection(far, beyond)
            members[names[name]] = f"{inner} | {self._related_options(far, inner)}" if way.many else inner
        ways = self.names.of(f"{made}Ways")
        self._typed_dict(ways, members)
        self._written.append(f"type {made} = Sequence[{fields} | {ways}]\n")
        return made

    def _related_options(self, far: Resource, selection: str) -> str:
        key = ("options", selection)
        known = self._typed.get(key)
        if known is None:
            known = self._typed[key] = self.names.of(f"{selection}Options")
            page = "PageOptions" if far.counted else "UncountedPageOptions"
            members = {"fields": selection, "filter": self.of(far, "Filter"), "page": page}
            if far.sorts:
                members["sort"] = f"Sequence[{self._sort(far)}]"
            self._typed_dict(known, members, required=["fields"])
        return known

    def _literal_type(self, resource: Resource, suffix: str, values: Iterable[str]) -> str:
        key = ("literal", resource.name, suffix)
        known = self._typed.get(key)
        if known is None:
            known = self._typed[key] = self.of(resource, suffix)
            terms = "".join(f"    {literal(each)},\n" for each in values)
            self._written.append(f"{known} = Literal[\n{terms}]\n")
        return known

    def _sort(self, resource: Resource) -> str:
        names = self._field_names(resource)
        keys = [names[name] for name, _ in resource.sorts]
        for way in resource.ways:
            if not way.many:
                far = self.model.resources[way.to]
                keys += [f"{names[way.name]}.{self._field_names(far)[name]}" for name, _ in far.sorts]
        return self._literal_type(
            resource, "Sort", [sign + each for each in keys for sign in ("", "-", "++", "--")]
        )

    def _filter(self, resource: Resource) -> None:
        names, own = self._field_names(resource), self.of(resource, "Filter")
        members = {names[each.name]: self._operators(each.type, each.operators) for each in resource.filters}
        members |= {names[each.name]: self.of(self.model.resources[each.to], "Filter") for each in resource.ways}
        members |= {"and": f"Sequence[{own}]", "or": f"Sequence[{own}]", "not": own}
        self._typed_dict(own, members)

    def _operators(self, kind: Type, operators: tuple[str, ...]) -> str:
        shown = self.type(kind, given=True)
        key = ("operators", shown, *operators)
        known = self._typed.get(key)
        if known is None:
            base = upper_camel(re.sub(r"\W+", "_", shown.rpartition(".")[2]).strip("_"))
            known = self._typed[key] = self.names.of(f"{base[:40]}Operators")
            terms = {
                each: "bool" if each == "is_nil" else f"Sequence[{shown}]" if each == "in" else shown
                for each in operators
            }
            self._typed_dict(known, terms)
        return known

    def _codes(self) -> str:
        own = ("no-answer", "timed-out", "unreadable-answer")
        codes = "".join(f"    {literal(each)},\n" for each in sorted({*self.model.codes, *own}))
        return f'ErrorCode = Literal[\n{codes}]\n"""The codes of errors that are known; an application may have further ones."""\n'

    # calls

    def _served(self) -> list[Resource]:
        return [each for each in self.model.resources.values() if each.calls or each.related]

    def _members(self) -> Mapping[str, str]:
        free = FreeNames({*_BUILTINS, *keyword.kwlist, "self", "aclose"})
        return {each.name: free.of(name := snake_name(each.type), f"{name}_") for each in self._served()}

    def _calls(self, resource: Resource) -> str:
        free = FreeNames({*(_BUILTINS - {"list"}), *keyword.kwlist, "related"})
        related = [self._related(resource, each) for each in resource.related]
        methods = [self._method(resource, free.of(each.name, f"{each.name}_action"), each) for each in resource.calls]
        own = self.of(resource, "Calls")
        body = ["    def __init__(self, sender: _Sender) -> None:\n        self._sender = sender\n"]
        before = ""
        if related:
            names = self._field_names(resource)
            holder = self.of(resource, "Related")
            lines = [
                f"        self.{names[each.way.name]} = {name}(sender)\n"
                for each, (name, _) in zip(resource.related, related, strict=True)
            ]
            before = "\n\n".join(text for _, text in related) + (
                f"\n\nclass {holder}:\n{docstring(f'What the relationships of {resource.type} lead to.', 1)}\n"
                f"    def __init__(self, sender: _Sender) -> None:\n{''.join(lines)}\n\n"
            )
            body[0] += f"        self.related = {holder}(sender)\n"
        return f"{before}class {own}:\n{docstring(f'What can be asked of {resource.type}.', 1)}\n" + "\n".join(
            [*body, *methods]
        )

    def _related(self, resource: Resource, related: Related) -> tuple[str, str]:
        name = self.names.of(self.records[resource.name] + upper_camel(related.way.name) + "Calls")
        methods = [self._method(resource, each.name, each) for each in related.calls]
        text = docstring(related.way.description or f"What {related.way.name} leads to.", 1)
        init = "    def __init__(self, sender: _Sender) -> None:\n        self._sender = sender\n"
        return name, f"class {name}:\n{text}\n" + "\n".join([init, *methods])

    def _method(self, resource: Resource, name: str, call: Call) -> str:
        about = self.model.resources[call.about]
        head = ["self"]
        if call.member:
            head.append(f"id: {self.type(resource.key.type)}")
        if call.kind is CallKind.LINK:
            key = self.type(about.key.type)
            kind = f"Sequence[{key}]" if call.many else key + (" | None" if call.optional else "")
            head.append(f"{'keys' if call.many else 'key'}: {kind}")
        head.append("/, *" if len(head) > 1 else "*")
        last = ["timeout: float | None = None", "headers: Mapping[str, str] | None = None"]
        if call.given:
            last.append(f"**inputs: Unpack[{self._inputs(resource, call)}]")
        text = docstring(call.description or upper_camel(call.name), 2)
        between = self._between(call, about)
        answer = self._answer(call, about)
        if call.kind in {CallKind.CREATE, CallKind.UPDATE} and not self._only_plain(about):
            body = self._body(resource, call, f"{answer} | None")
            return self._overloaded(about, name, head, last, text + body)
        body = self._body(resource, call, answer)
        return f"    async def {name}({', '.join([*head, *between, *last])}) -> {answer}:\n{text}{body}"

    def _overloaded(self, about: Resource, name: str, head: list[str], last: list[str], body: str) -> str:
        """A write answers with None when more is chosen than the record's own values and the caller may not read it."""
        record = self.records[about.name]
        plain = self._literal_type(about, "PlainField", self._plain(about))
        every = self._selection(about, about.includes)

        def signature(between: str, answer: str) -> str:
            return f"    async def {name}({', '.join([*head, between, *last])}) -> {answer}:"

        return (
            f"    @overload\n{signature(f'fields: Sequence[{plain}] | None = None', record)} ...\n"
            f"    @overload\n{signature(f'fields: {every}', f'{record} | None')} ...\n"
            f"{signature('fields: Sequence[Any] | None = None', f'{record} | None')}\n{body}"
        )

    def _plain(self, resource: Resource) -> list[str]:
        names = self._field_names(resource)
        return [names[each.name] for each in resource.shown if each.unasked]

    def _between(self, call: Call, about: Resource) -> list[str]:
        made: list[str] = []
        if call.kind.shows:
            made.append(f"fields: {self._selection(about, about.includes)} | None = None")
        if call.kind.lists:
            page = "PageOptions" if call.counted else "UncountedPageOptions"
            made.append(f"filter: {self.of(about, 'Filter')} | None = None")
            if about.sorts:
                made.append(f"sort: Sequence[{self._sort(about)}] = ()")
            made.append(f"page: {page} | None = None")
        return made

    def _answer(self, call: Call, about: Resource) -> str:
        record, key = self.records[about.name], self.type(about.key.type)
        match call.kind:
            case CallKind.LIST | CallKind.RELATED_LIST:
                return f"Page[{record}]"
            case CallKind.GET | CallKind.CREATE | CallKind.UPDATE:
                return record
            case CallKind.RELATED:
                return f"{record} | None"
            case CallKind.IDENTIFIERS:
                return f"Page[{key}]"
            case CallKind.IDENTIFIER:
                return f"{key} | None"
            case CallKind.RUN if call.answer is not None:
                return self.type(call.answer)
            case _:
                return "None"

    def _only_plain(self, resource: Resource) -> bool:
        """Whether nothing can be chosen but the record's own values."""
        return not resource.includes and all(each.unasked for each in resource.fields)

    def _body(self, resource: Resource, call: Call, answer: str) -> str:
        about = self.model.resources[call.about]
        table = self._table(resource, call, about)
        asked = "fields=fields, " if call.kind.shows else ""
        if call.kind.lists:
            asked += "filter=filter, page=page, " + ("sort=sort, " if about.sorts else "")
        options = f"_Asked({asked}timeout=timeout, headers=headers)"
        key = "id" if call.member else "None"
        inputs = "inputs" if call.given else "{}"
        match call.kind:
            case CallKind.LIST | CallKind.RELATED_LIST:
                ask = f"pages(call, {key}, {inputs}, {options})"
            case CallKind.GET | CallKind.CREATE | CallKind.UPDATE | CallKind.RELATED:
                ask = f"record(call, {key}, {inputs}, {options})"
            case CallKind.IDENTIFIERS:
                ask = f"keys(call, {key}, {options})"
            case CallKind.IDENTIFIER:
                ask = f"key(call, {key}, {options})"
            case CallKind.RUN if call.answer is not None:
                ask = f"run(call, {inputs}, {options}, {self.reader(call.answer)})"
            case CallKind.LINK:
                ask = f"link(call, {key}, {'keys' if call.many else 'key'}, {options})"
            case _:
                ask = f"do(call, {key}, {inputs}, {options})"
        answers = call.kind not in {CallKind.DESTROY, CallKind.LINK}
        sent = f"await self._sender.{ask}"
        typed = sent if answer == "Any" else f"cast({literal(answer)}, {sent})"
        done = f"        return {typed}\n" if answers else f"        {sent}\n"
        return f"        call = {table}\n{done}"

    def _table(self, resource: Resource, call: Call, about: Resource) -> str:
        names = self._input_names(call)
        inputs = {names[each.name]: "id" if each is call.client_id else each.wire for each in call.given}
        files = [names[each.name] for each in call.inputs if each.file]
        parts = [literal(call.method), literal(call.path), literal(resource.type), literal(about.type)]
        if inputs:
            parts.append(f"inputs={mapping(inputs)}")
        if files:
            parts.append(f"files=frozenset({{{', '.join(map(literal, files))}}})")
        if call.client_id is not None:
            parts.append("client_id=True")
        return f"_Call({', '.join(parts)})"

    def _inputs(self, resource: Resource, call: Call) -> str:
        made = self.names.of(self.records[resource.name] + upper_camel(call.name) + "Inputs")
        names = self._input_names(call)
        self._typed_dict(
            made,
            {names[each.name]: self._input(each) for each in call.given},
            required=[names[each.name] for each in call.given if each.required],
        )
        return made

    def _input(self, given: Input) -> str:
        return self.type(given.type, given=True)

    def _input_names(self, call: Call) -> Mapping[str, str]:
        free = FreeNames({*_OPTIONS, *keyword.kwlist})
        return {
            each.name: free.of(name := "id" if each is call.client_id else each.name, f"{name}_")
            for each in call.given
        }

    def _client(self) -> str:
        members = self._members()
        lines = [f"        self.{members[each.name]} = {self.of(each, 'Calls')}(sender)\n" for each in self._served()]
        title = one_line(self.model.title)
        return _CLIENT.format(
            doc=docstring(f"The application {title}; use it with `async with`.", 1).rstrip("\n"),
            members="".join(lines),
        )

    # what is needed when it runs

    def _named_readers(self) -> str:
        lines: list[str] = []
        for name, definition in self.model.named.items():
            match definition:
                case Enumeration():
                    reader = self.named[name]
                case Alias(type=kind):
                    reader = self.reader(kind)
                case Document(members=members):
                    names = self._member_names(definition)
                    terms = ", ".join(
                        f"{literal(each.name)}: ({literal(names[each.name])}, {self.reader(each.type)})"
                        for each in members
                    )
                    reader = f"_Read.document({self.named[name]}, {{{terms}}})"
            lines.append(f"    {literal(name)}: {reader},\n")
        return f"_NAMED: Mapping[str, _Reader] = {{\n{''.join(lines)}}}\n"

    def _shapes(self) -> str:
        return "_SHAPES: Mapping[str, _Shape] = {\n" + "".join(map(self._shape, self.model.resources.values())) + "}\n"

    def _shape(self, resource: Resource) -> str:
        names = self._field_names(resource)
        fields = "".join(
            f"            {literal(names[each.name])}: ({literal(each.wire)}, {self.reader(each.type)}),\n"
            for each in resource.shown
        )
        ways = "".join(
            f"            {literal(names[each.name])}: ({literal(each.wire)}, {literal(self.model.resources[each.to].type)}),\n"
            for each in resource.ways
        )
        key = "_Read.key" if resource.key.type is Basic.INTEGER else self.reader(resource.key.type)
        return (
            f"    {literal(resource.type)}: _Shape(\n"
            f"        {self.records[resource.name]},\n        {key},\n        {{\n{fields}        }},\n"
            f"        ({''.join(literal(each) + ', ' for each in self._plain(resource))}),\n"
            f"        {{\n{ways}        }},\n    ),\n"
        )


_CLIENT = """\
class Client:
{doc}

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = 30.0,
        retries: int = 2,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        \"\"\"Ready to call; nothing is sent yet.

        Args:
            base_url: where the application is served, as in `https://shop.example`.
            headers: sent with every request.
            timeout: seconds for each attempt; None waits for ever.
            retries: how often a GET is tried again when no answer came or the server is busy (429, 503).
            http: sends the requests instead of a client of our own, and is not closed with this one.
        \"\"\"
        self._owned = http is None
        self._http = http or httpx.AsyncClient()
        sender = _Sender(self._http, base_url, headers or {{}}, timeout, retries)
{members}
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        \"\"\"Close its connections.\"\"\"
        if self._owned:
            await self._http.aclose()
"""


def needed(imports: str, body: str) -> str:
    """The imports without the names that nothing uses."""
    words = set(re.findall(r"\w+", body))
    lines: list[str] = []
    for line in imports.splitlines():
        head, found, names = line.partition(" import ")
        kept = [each for each in names.split(", ") if each in words or head.endswith("__future__")]
        if not found or kept:
            lines.append(f"{head}{found}{', '.join(kept)}\n")
    return "".join(lines)


def literal(value: object) -> str:
    """A literal value; a text has nothing in it that could end it."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def mapping(names: Mapping[str, str]) -> str:
    """A dictionary of names."""
    return "{" + ", ".join(f"{literal(name)}: {literal(each)}" for name, each in names.items()) + "}"


def docstring(text: str, depth: int = 0) -> str:
    """A docstring; nothing in the text can end it."""
    found = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'{"    " * depth}"""{found}"""\n'


def indented(lines: str) -> str:
    """Lines, a step further to the right."""
    return "".join(f"    {line}\n" for line in lines.splitlines())


def snake_name(name: str) -> str:
    """A name from documents as one in Python."""
    found = re.sub(r"\W+", "_", name)
    found = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", found).lower()
    return f"x{found}" if not found or found[0].isdigit() else found


def member_name(value: object) -> str:
    """The name of a member of an enumeration, from its value."""
    found = re.sub(r"\W+", "_", str(value)).strip("_").upper()
    if value == "":
        return "EMPTY"
    return found if found and not found[0].isdigit() else f"VALUE_{found}".removesuffix("_")
