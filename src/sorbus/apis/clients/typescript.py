"""A client in TypeScript: one module that needs nothing but `fetch`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sorbus.apis.clients.model import Call, CallKind, ClientModel, Input, Related, Resource, Tree
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
    inside,
    without_null,
)
from sorbus.apis.clients.writing import FreeNames, one_line, runtime_of
from sorbus.resource.spelling import camel, upper_camel

RUNTIME = "client.ts"
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:type|interface|class|function|const) (\w+)", re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)

_RESERVED = frozenset(
    """
    AbortController AbortSignal Array ArrayBuffer AsyncGenerator AsyncIterable BigInt Blob Boolean DOMException Date
    Error Exclude Extract File FormData Function Infinity Json JSON Map Math NaN Number Object Omit Partial Pick
    Promise RangeError Readonly Record RegExp Request Required Response Set String Symbol TypeError URLSearchParams
    WeakMap any bigint boolean never null number object string symbol undefined unknown void
    Base64 Calls Client Day Decimal Duration ErrorCode Moment PREFIX CALLS Resources TYPES TimeOfDay Uuid
    """.split()
)
_METHODS = ("constructor", "then", "toString", "valueOf", "hasOwnProperty", "related")
"""What no method of a client may be called: promises and objects have their own use for it."""

_SHOWN: Mapping[Basic, str] = {
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
_GIVEN: Mapping[Basic, str] = {**_SHOWN, Basic.MOMENT: "Moment | Date", Basic.DECIMAL: "Decimal | number"}
"""What a caller may give besides what is shown."""

_VALUES = """\
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


def typescript_client(model: ClientModel, *, command: str) -> str:
    """The module of a client; equal declarations give equal texts.

    Args:
        command: by which it is made, for its header.
    """
    return _Writer(model).module(command)


class _Writer:
    """Writes one module."""

    def __init__(self, model: ClientModel) -> None:
        self.model = model
        names = FreeNames({*_RESERVED, *_DECLARED.findall(runtime_of(RUNTIME))})
        self.records = {name: names.of(name, f"{name}Record") for name in model.resources}
        self.named = {name: names.of(name, f"{name}Value") for name in model.named}
        self.inputs = {
            name: names.of(f"{self.named[name]}Input") if self._differs(name) else self.named[name]
            for name in model.named
        }
        self.names = names
        self._owned: dict[tuple[str, str], str] = {}
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
        parts = [
            f"// A client of {one_line(model.title)}, made by `{command}` from its declarations.\n"
            "// Do not change it: run the command again.\n/* eslint-disable */\n",
            _VALUES,
            *self._named_types(),
            *(part for each in model.resources.values() for part in self._resource(each)),
            self._resources(),
            self._codes(),
            runtime_of(RUNTIME),
            *map(self._interface, self._served()),
            *self._written,
            self._client(),
            f"const PREFIX = {quoted(model.prefix)};\n",
            self._types(),
            self._calls(),
        ]
        return "\n".join(parts)

    # types

    def _differs(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether what is given is another type than what is shown."""
        if name in seen:
            return False
        definition = self.model.named[name]
        match definition:
            case Enumeration():
                return False
            case Alias(type=kind):
                kinds = [kind]
            case Document(members=members):
                if any(each.required != each.shown for each in members):
                    return True
                kinds = [each.type for each in members]
        parts = [part for kind in kinds for part in inside(kind)]
        return any(
            self._differs(part.name, seen | {name})
            if isinstance(part, Named)
            else part in {Basic.MOMENT, Basic.DECIMAL}
            for part in parts
        )

    def type(self, kind: Type, *, given: bool = False) -> str:
        """A type as it is written.

        Args:
            given: what a caller gives, rather than what is shown.
        """
        match kind:
            case Basic():
                return (_GIVEN if given else _SHOWN)[kind]
            case Choice(values):
                return " | ".join(map(quoted, values))
            case ListOf(item):
                inner = self.type(item, given=given)
                return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
            case Row(items):
                return f"readonly [{', '.join(self.type(each, given=given) for each in items)}]"
            case MapOf(value):
                return f"{{ readonly [name: string]: {self.type(value, given=given)} }}"
            case OneOf(options):
                return " | ".join(self.type(each, given=given) for each in options)
            case Named(name):
                return (self.inputs if given else self.named)[name]

    def _named_types(self) -> Iterator[str]:
        for name, definition in self.model.named.items():
            yield self._definition(self.named[name], definition, given=False)
            if self.inputs[name] != self.named[name]:
                yield self._definition(self.inputs[name], definition, given=True)

    def _definition(self, name: str, definition: Enumeration | Alias | Document, *, given: bool) -> str:
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

    # resources

    def _resource(self, resource: Resource) -> Iterator[str]:
        fields = [
            member(each.wire, self.type(each.type), description=each.description) for each in resource.shown
        ]
        yield interface(self.records[resource.name], fields, resource.description)
        yield self._filter(resource)
        yield self._sort(resource)

    def _filter(self, resource: Resource) -> str:
        name = self.of(resource, "Filter")
        lines = [
            member(each.wire, self._operators(each.type, each.operators), optional=True)
            for each in resource.filters
        ]
        lines += [
            member(each.wire, self.of(self.model.resources[each.to], "Filter"), optional=True)
            for each in resource.ways
        ]
        lines += [member(each, f"readonly {name}[]", optional=True) for each in ("and", "or")]
        lines.append(member("not", name, optional=True))
        return interface(name, lines, f"A condition that records of {resource.type} must meet; all members hold.")

    def _operators(self, kind: Type, operators: Iterable[str]) -> str:
        def operand(operator: str) -> str:
            if operator == "is_nil":
                return "boolean"
            return self.type(ListOf(kind) if operator == "in" else kind, given=True)

        terms = (f"readonly {each}?: {operand(each)} | undefined" for each in operators)
        return f"{{ {'; '.join(terms)} }}"

    def _sort(self, resource: Resource) -> str:
        own = [quoted(wire) for _, wire in resource.sorts]
        far = [
            f"`{way.wire}.${{{union(quoted(wire) for _, wire in self.model.resources[way.to].sorts)}}}`"
            for way in resource.ways
            if not way.many and self.model.resources[way.to].sorts
        ]
        signed = f'`${{"" | "-" | "++" | "--"}}${{{union([*own, *far])}}}`'
        text = "Sorted by; `-` puts the largest first, `++` nulls first and `--` nulls last."
        return f"{comment(text)}export type {self.of(resource, 'Sort')} = {signed};\n"

    def _resources(self) -> str:
        lines: list[str] = []
        for resource in self.model.resources.values():
            ways = "; ".join(
                f"readonly {property_name(each.wire)}: {{ readonly to: {quoted(self.model.resources[each.to].type)}; "
                f"readonly many: {str(each.many).lower()} }}"
                for each in resource.ways
            )
            members = [
                member("key", self.type(resource.key.type)),
                member("fields", self.records[resource.name]),
                member("unasked", union(quoted(each.wire) for each in resource.shown if each.unasked)),
                member("ways", f"{{ {ways} }}" if ways else "{}"),
                member("includes", self._tree(resource, resource.includes)),
                member("filter", self.of(resource, "Filter")),
                member("sort", self.of(resource, "Sort")),
            ]
            body = "".join(f"  {line}" for line in members)
            lines.append(f"  readonly {property_name(resource.type)}: {{\n{body}  }};\n")
        return f"/** Everything that types follow from, by the types of resource objects. */\nexport interface Resources {{\n{''.join(lines)}}}\n"

    def _tree(self, resource: Resource, tree: Tree) -> str:
        terms = [
            f"readonly {property_name(resource.way(name).wire)}: "
            + self._tree(self.model.resources[resource.way(name).to], beyond)
            for name, beyond in tree.items()
        ]
        return f"{{ {'; '.join(terms)} }}" if terms else "{}"

    def _codes(self) -> str:
        own = ("no-answer", "timed-out", "unreadable-answer")
        codes = "".join(f"\n  | {quoted(each)}" for each in sorted({*self.model.codes, *own}))
        return (
            "/** The codes of errors that are known; an application may have further ones. */\n"
            f"export type ErrorCode ={codes}\n  | (string & {{}});\n"
        )

    # calls

    def _interface(self, resource: Resource) -> str:
        name = self.of(resource, "Calls")
        lines = [self._method(resource, name, each) for name, each in methods_of(resource)]
        if resource.related:
            related = "".join(self._related(resource, each) for each in resource.related)
            lines.append(f"  /** What its relationships lead to. */\n  readonly related: {{\n{related}  }};\n")
        return interface(name, lines, f"What can be asked of {resource.type}.")

    def _related(self, resource: Resource, related: Related) -> str:
        calls = "".join(f"  {self._method(resource, each.name, each)}" for each in related.calls)
        body = calls.replace("\n  ", "\n    ")
        return f"    readonly {property_name(related.way.wire)}: {{\n  {body}    }};\n"

    def _method(self, resource: Resource, name: str, call: Call) -> str:
        about = self.model.resources[call.about]
        kind = quoted(about.type)
        generic = f"<const S extends Selection<{kind}> | undefined = undefined>" if call.kind.shows else ""
        arguments = [f"id: {self.type(resource.key.type)}"] if call.member else []
        if call.kind is CallKind.LINK:
            key = self.type(about.key.type)
            arguments.append(f"keys: readonly {key}[]" if call.many else f"key: {key}" + (" | null" if call.optional else ""))
        elif call.given:
            optional = "" if any(each.required for each in call.given) else "?"
            arguments.append(f"inputs{optional}: {self._input(resource, call)}")
        arguments.append(f"options?: {self._options(call, kind)}")
        head = f"{property_name(name)}{generic}({', '.join(arguments)})"
        return f"{comment(call.description, indent='  ')}  {head}: Promise<{self._answer(call, about)}>;\n"

    def _options(self, call: Call, kind: str) -> str:
        page = "" if call.counted else ", UncountedPageOptions"
        match call.kind:
            case CallKind.LIST | CallKind.RELATED_LIST:
                return f"ListOptions<{kind}, S{page}>"
            case CallKind.IDENTIFIERS:
                return f"KeysOptions<{kind}{page}>"
            case found if found.shows:
                return f"RecordOptions<{kind}, S>"
            case _:
                return "CallOptions"

    def _answer(self, call: Call, about: Resource) -> str:
        kind, key = quoted(about.type), self.type(about.key.type)
        match call.kind:
            case CallKind.LIST | CallKind.RELATED_LIST:
                return f"Page<Result<{kind}, S>>"
            case CallKind.GET:
                return f"Result<{kind}, S>"
            case CallKind.RELATED:
                return f"Result<{kind}, S> | null"
            case CallKind.CREATE | CallKind.UPDATE:
                return f"Written<{kind}, S>"
            case CallKind.IDENTIFIERS:
                return f"Page<{key}>"
            case CallKind.IDENTIFIER:
                return f"{key} | null"
            case CallKind.RUN if call.answer is not None:
                return self.type(call.answer)
            case _:
                return "void"

    def _input(self, resource: Resource, call: Call) -> str:
        """Write the interface of the inputs of a call."""
        name = self.names.of(self.records[resource.name] + upper_camel(call.name) + "Inputs")
        lines = [
            member(
                input_name(call, each),
                self._given(call, each),
                optional=not each.required,
                description=each.description,
            )
            for each in call.given
        ]
        self._written.append(interface(name, lines, f"What `{resource.name}.{call.name}` takes."))
        return name

    def _given(self, call: Call, each: Input) -> str:
        kind = each.type
        if call.kind is CallKind.LIST and not each.required and without_null(kind) is Basic.TEXT:
            # In a query string an empty text and null are one; leaving it out is null.
            kind = without_null(kind)
        return self.type(kind, given=True)

    def _client(self) -> str:
        members = self._members()
        lines = [
            member(members[each.name], self.of(each, "Calls"), description=each.description)
            for each in self._served()
        ]
        return interface("Client", lines, f"The application {one_line(self.model.title)}.")

    def _served(self) -> list[Resource]:
        return [each for each in self.model.resources.values() if each.calls or each.related]

    def _members(self) -> Mapping[str, str]:
        """The names of resources in the client: their types in camel case."""
        free = FreeNames(_METHODS)
        return {each.name: free.of(camel(each.type.replace("-", "_"))) for each in self._served()}

    # what is needed when it runs

    def _types(self) -> str:
        lines = [
            f"  {property_name(each.type)}: {{ whole: {str(each.key.type is Basic.INTEGER).lower()}, "
            f"unasked: {json.dumps([one.wire for one in each.shown if one.unasked])}, "
            f"ways: {json.dumps({one.wire: self.model.resources[one.to].type for one in each.ways})} }},\n"
            for each in self.model.resources.values()
        ]
        return f"const TYPES: Readonly<Record<TypeName, TypeTable>> = {{\n{''.join(lines)}}};\n"

    def _calls(self) -> str:
        members = self._members()
        lines: list[str] = []
        for resource in self._served():
            lines.append(f"  {property_name(members[resource.name])}: {{\n")
            lines += [
                f"    {property_name(name)}: {self._table(resource, each)},\n"
                for name, each in methods_of(resource)
            ]
            if resource.related:
                lines.append("    related: {\n")
                for related in resource.related:
                    lines.append(f"      {property_name(related.way.wire)}: {{\n")
                    lines += [
                        f"        {property_name(each.name)}: {self._table(resource, each)},\n"
                        for each in related.calls
                    ]
                    lines.append("      },\n")
                lines.append("    },\n")
            lines.append("  },\n")
        return f"const CALLS: Calls = {{\n{''.join(lines)}}};\n"

    def _table(self, resource: Resource, call: Call) -> str:
        made: dict[str, object] = {
            "kind": _RUN_AS[call.kind],
            "method": call.method,
            "path": call.path,
            "type": resource.type,
            "about": self.model.resources[call.about].type,
        }
        if call.given or call.kind is CallKind.LINK:
            made["input"] = True
        if call.client_id is not None:
            made["id"] = True
        files = [each.wire for each in call.inputs if each.file]
        if files:
            made["files"] = files
        return json.dumps(made)


_RUN_AS: Mapping[CallKind, str] = {
    CallKind.GET: "get",
    CallKind.LIST: "list",
    CallKind.CREATE: "write",
    CallKind.UPDATE: "write",
    CallKind.DESTROY: "destroy",
    CallKind.RUN: "run",
    CallKind.RELATED: "get",
    CallKind.RELATED_LIST: "list",
    CallKind.IDENTIFIERS: "ids",
    CallKind.IDENTIFIER: "id",
    CallKind.LINK: "link",
}


def methods_of(resource: Resource) -> Sequence[tuple[str, Call]]:
    """The calls of a resource with the names of their methods."""
    free = FreeNames(_METHODS)
    return [(free.of(camel(each.name), camel(f"{each.name}_action")), each) for each in resource.calls]


def input_name(call: Call, given: Input) -> str:
    """The name of an input; a client's own key is `id`, whatever the attribute is called."""
    return "id" if given is call.client_id else given.wire


def quoted(value: object) -> str:
    """A literal value; a text has nothing in it that could end it."""
    return json.dumps(value)


def union(terms: Iterable[str]) -> str:
    """One of several types."""
    return " | ".join(terms) or "never"


def property_name(name: str) -> str:
    """The name of a property, in quotes where it has to be."""
    return name if _IDENTIFIER.fullmatch(name) else quoted(name)


def comment(text: str, *, indent: str = "") -> str:
    """A comment above a line; empty for an empty text."""
    found = one_line(text).replace("*/", "* /")
    return f"{indent}/** {found} */\n" if found else ""


def member(name: str, kind: str, *, optional: bool = False, description: str = "") -> str:
    """A member of an interface."""
    mark, rest = ("?", " | undefined") if optional else ("", "")
    return f"{comment(description, indent='  ')}  readonly {property_name(name)}{mark}: {kind}{rest};\n"


def interface(name: str, lines: Iterable[str], description: str = "") -> str:
    """An interface."""
    return f"{comment(description)}export interface {name} {{\n{''.join(lines)}}}\n"
