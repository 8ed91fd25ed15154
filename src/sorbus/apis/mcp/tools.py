"""Tools: from the `mcp` sections to names, schemas and hints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.errors.mcp import DuplicateTool
from sorbus.query.inputs import InputReader
from sorbus.resource.calls import Call, CallKind, Records, calls_of, input_schema, output_schema
from sorbus.resource.mcp import Mcp
from sorbus.resource.sections import section_of
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.scope import Scope
from sorbus.types.showing import to_json


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool.

    Attributes:
        listed: what `tools/list` says of it, written once.
    """

    name: str
    call: Call
    records: Records
    listed: msgspec.Raw

    def visible(self, scope: Scope) -> bool:
        """Whether the scope's actor may call it with some arguments; nothing is read for it."""
        found: bool = scope.need_runtime().conceivable(self.call.declared, scope)
        return found


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of records that clients can read as resources.

    Attributes:
        name: what stands in their URIs.
        get: the call that reads one.
        listable: whether clients can list them.
        title: the attribute that names a record; its key when empty.
    """

    name: str
    get: Call
    records: Records
    listable: bool
    title: str


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything that the MCP server of an application offers, by name and in the order of the declarations."""

    tools: Mapping[str, Tool]
    kinds: Mapping[str, Kind]

    def visible(self, scope: Scope) -> Iterator[Tool]:
        """The tools that the scope's actor may call."""
        return (each for each in self.tools.values() if each.visible(scope))


def tools_of(application: ApplicationSpec) -> Tools:
    """The tools and resources of an application.

    Raises:
        DefinitionErrors: two of them have one name; every such pair is listed.
    """
    errors: list[DeclarationError] = []
    reader = InputReader(application)
    tools: dict[str, Tool] = {}
    kinds: dict[str, Kind] = {}
    owners: dict[str, str] = {}
    for spec in application.resources.values():
        section = section_of(spec, Mcp)
        if section is None:
            continue
        prefix = section.name_for(spec)
        first = owners.setdefault(prefix, spec.name)
        if first != spec.name:
            errors.append(DuplicateTool(prefix, first=first, second=spec.name))
            continue
        for tool in _tools(spec, section, prefix, reader):
            there = tools.setdefault(tool.name, tool)
            if there is not tool:
                errors.append(DuplicateTool(tool.name, first=there.call.spec.name, second=spec.name))
        kinds.update((each.name, each) for each in _kinds(spec, section, prefix))
    if errors:
        raise DefinitionErrors(errors)
    return Tools(tools=MappingProxyType(tools), kinds=MappingProxyType(kinds))


def _tools(spec: ResourceSpec, section: Mcp, prefix: str, reader: InputReader) -> Iterator[Tool]:
    records = Records(spec)
    for call in calls_of(spec, section.actions):
        name = f"{prefix}_{call.name}"
        listed: dict[str, Any] = {"name": name, "title": call.label}
        if call.description:
            listed["description"] = call.description
        listed["inputSchema"] = input_schema(call, reader)
        listed["outputSchema"] = output_schema(call, records)
        listed["annotations"] = hints(call)
        yield Tool(name=name, call=call, records=records, listed=msgspec.Raw(to_json(listed)))


def _kinds(spec: ResourceSpec, section: Mcp, prefix: str) -> Iterator[Kind]:
    for call in calls_of(spec, section.actions):
        if call.kind is CallKind.GET:
            title = section.title.name if section.title is not None else ""
            listable = "list" in section.actions
            yield Kind(name=prefix, get=call, records=Records(spec), listable=listable, title=title)


def hints(call: Call) -> dict[str, bool]:
    """What a client may expect of a tool, from the type of its action; all four are always said.

    A transition and a destroy do nothing more when they are repeated; of an update's body nothing is known.
    """
    action = call.action
    match call.kind:
        case CallKind.GET | CallKind.LIST | CallKind.READ:
            return _hints(reads=True, destroys=False, repeats=True)
        case CallKind.CREATE:
            upserts = action.upsert is not None
            return _hints(destroys=upserts, repeats=upserts)
        case CallKind.UPDATE:
            return _hints(destroys=True, repeats=action.transition is not None)
        case CallKind.DESTROY:
            return _hints(destroys=True, repeats=True)
        case CallKind.GENERIC:
            return _hints(destroys=True, repeats=False, open_world=True)


def _hints(
    *, reads: bool = False, destroys: bool, repeats: bool, open_world: bool = False
) -> dict[str, bool]:
    return {
        "readOnlyHint": reads,
        "destructiveHint": destroys,
        "idempotentHint": repeats,
        "openWorldHint": open_world,
    }
