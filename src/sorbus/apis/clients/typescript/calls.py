"""Calls in TypeScript: the methods of a client, and the table by which they run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sorbus.apis.clients.model import Call, CallKind, ClientModel, Input, Related, Resource
from sorbus.apis.clients.types import Basic, without_null
from sorbus.apis.clients.typescript.spelling import (
    comment,
    indented,
    interface,
    member,
    property_name,
    quoted,
)
from sorbus.apis.clients.typescript.types import TypeWriter
from sorbus.apis.clients.writing import FreeNames, TypeNames, one_line
from sorbus.resource.spelling import camel, upper_camel

_METHODS = ("constructor", "then", "toString", "valueOf", "hasOwnProperty", "related")
"""What no method of a client may be called: promises and objects have their own use for it."""

_RUN_AS: Mapping[CallKind, str] = MappingProxyType(
    {
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
)


class CallWriter:
    """Writes the calls of all resources.

    Attributes:
        members: the names of resources in the client: their types in camel case.
    """

    def __init__(self, model: ClientModel, names: TypeNames, types: TypeWriter) -> None:
        self.model = model
        self.names = names
        self.types = types
        free = FreeNames(_METHODS)
        self.members = {each.name: free.of(camel(each.type.replace("-", "_"))) for each in model.served}

    def definitions(self) -> Iterable[str]:
        """The interfaces of inputs, of each resource's calls, and of the client."""
        for resource in self.model.served:
            for call in (*resource.calls, *(call for each in resource.related for call in each.calls)):
                if call.given:
                    yield self._inputs(resource, call)
            yield self._interface(resource)
        lines = [
            member(self.members[each.name], self.names.of(each.name, "Calls"), description=each.description)
            for each in self.model.served
        ]
        yield interface("Client", lines, f"The application {one_line(self.model.title)}.")

    def _interface(self, resource: Resource) -> str:
        lines = [self._method(resource, name, each) for name, each in methods_of(resource)]
        if resource.related:
            related = indented("".join(self._related(resource, each) for each in resource.related))
            about = comment("What its relationships lead to.", indent="  ")
            lines.append(f"{about}  readonly related: {{\n{related}  }};\n")
        name = self.names.of(resource.name, "Calls")
        return interface(name, lines, f"What can be asked of {resource.type}.")

    def _related(self, resource: Resource, related: Related) -> str:
        calls = indented("".join(self._method(resource, each.name, each) for each in related.calls))
        return f"  readonly {property_name(related.way.wire)}: {{\n{calls}  }};\n"

    def _method(self, resource: Resource, name: str, call: Call) -> str:
        about = self.model.resources[call.about]
        kind = quoted(about.type)
        generic = f"<const S extends Selection<{kind}> | undefined = undefined>" if call.kind.shows else ""
        arguments = [f"id: {self.types.type(resource.key.type)}"] if call.member else []
        if call.kind is CallKind.LINK:
            key = self.types.type(about.key.type)
            one = f"key: {key} | null" if call.optional else f"key: {key}"
            arguments.append(f"keys: readonly {key}[]" if call.many else one)
        elif call.given:
            optional = "" if any(each.required for each in call.given) else "?"
            arguments.append(f"inputs{optional}: {self._inputs_name(resource, call)}")
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
        kind, key = quoted(about.type), self.types.type(about.key.type)
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
                return self.types.type(call.answer)
            case _:
                return "void"

    def _inputs_name(self, resource: Resource, call: Call) -> str:
        # Two calls may have one name, such as an index and an action that is called like it.
        return self.names.of(resource.name, f"{upper_camel(call.action)}Inputs")

    def _inputs(self, resource: Resource, call: Call) -> str:
        lines = [
            member(
                "id" if each is call.client_id else each.wire,
                self._given(call, each),
                optional=not each.required,
                description=each.description,
            )
            for each in call.given
        ]
        about = f"What `{resource.name}.{call.action}` takes."
        return interface(self._inputs_name(resource, call), lines, about)

    def _given(self, call: Call, each: Input) -> str:
        kind = each.type
        if call.kind is CallKind.LIST and not each.required and without_null(kind) is Basic.TEXT:
            # In a query string an empty text and null are one; leaving it out is null.
            kind = without_null(kind)
        return self.types.type(kind, given=True)

    # what is needed when it runs

    def tables(self) -> str:
        """The types and calls as data."""
        types = "".join(map(self._type_entry, self.model.resources.values()))
        calls = "".join(map(self._calls_entry, self.model.served))
        return (
            f"const PREFIX = {quoted(self.model.prefix)};\n\n"
            f"const TYPES: Readonly<Record<TypeName, TypeTable>> = {{\n{types}}};\n\n"
            f"const CALLS: CallTree = {{\n{calls}}};\n"
        )

    def _type_entry(self, resource: Resource) -> str:
        entry = {
            "whole": resource.key.type is Basic.INTEGER,
            "unasked": [each.wire for each in resource.shown if each.unasked],
            "ways": {each.wire: self.model.resources[each.to].type for each in resource.ways},
        }
        return f"  {property_name(resource.type)}: {json.dumps(entry)},\n"

    def _calls_entry(self, resource: Resource) -> str:
        lines = [self._entry(resource, name, each) for name, each in methods_of(resource)]
        if resource.related:
            ways = (
                f"{property_name(each.way.wire)}: {{\n"
                + indented("".join(self._entry(resource, call.name, call) for call in each.calls))
                + "},\n"
                for each in resource.related
            )
            lines.append(f"related: {{\n{indented(''.join(ways))}}},\n")
        body = indented("".join(lines), 2)
        return f"  {property_name(self.members[resource.name])}: {{\n{body}  }},\n"

    def _entry(self, resource: Resource, name: str, call: Call) -> str:
        entry: dict[str, object] = {
            "kind": _RUN_AS[call.kind],
            "method": call.method,
            "path": call.path,
            "type": resource.type,
            "about": self.model.resources[call.about].type,
        }
        if call.given or call.kind is CallKind.LINK:
            entry["input"] = True
        if call.client_id is not None:
            entry["id"] = True
        files = [each.wire for each in call.inputs if each.file]
        if files:
            entry["files"] = files
        return f"{property_name(name)}: {json.dumps(entry)},\n"


def methods_of(resource: Resource) -> Sequence[tuple[str, Call]]:
    """The calls of a resource with the names of their methods."""
    free = FreeNames(_METHODS)
    return [(free.of(camel(each.name), camel(f"{each.name}_action")), each) for each in resource.calls]
