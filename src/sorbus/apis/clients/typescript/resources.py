"""Resources in TypeScript: their fields, filters and sorts, and the map from which all other types follow."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.apis.clients.model import ClientModel, Filter, Resource, Tree
from sorbus.apis.clients.types import ListOf, Type
from sorbus.apis.clients.typescript.spelling import (
    comment,
    indented,
    interface,
    member,
    object_type,
    property_name,
    quoted,
    union,
)
from sorbus.apis.clients.typescript.types import TypeWriter
from sorbus.apis.clients.writing import TypeNames, operators_name


class ResourceWriter:
    """Writes the types of resources."""

    def __init__(self, model: ClientModel, names: TypeNames, types: TypeWriter) -> None:
        self.model = model
        self.names = names
        self.types = types
        self._operators: dict[tuple[str, ...], str] = {}
        self._written: list[str] = []

    def definitions(self) -> Iterator[str]:
        """The interfaces of all resources, and their map."""
        for each in self.model.resources.values():
            fields = [
                member(one.wire, self.types.type(one.type), description=one.description) for one in each.shown
            ]
            yield interface(self.names.records[each.name], fields, each.description)
            yield self._filter(each)
            yield self._sort(each)
        yield from self._written
        entries = "".join(map(self._entry, self.model.resources.values()))
        about = comment("Everything that types follow from, by the types of resource objects.")
        yield f"{about}export interface Resources {{\n{entries}}}\n"

    def _filter(self, resource: Resource) -> str:
        name = self.names.of(resource.name, "Filter")
        several = f"readonly {name}[]"
        conditions = {each.wire: self._operators_of(resource, each) for each in resource.filters}
        conditions |= {each.wire: self.names.of(each.to, "Filter") for each in resource.ways}
        conditions |= {"and": several, "or": several, "not": name}
        lines = [member(each, kind, optional=True) for each, kind in conditions.items()]
        return interface(
            name, lines, f"A condition that records of {resource.type} must meet; all members hold."
        )

    def _operators_of(self, resource: Resource, field: Filter) -> str:
        """The interface of what a field can be asked; fields of one type share it."""
        kind = self.types.type(field.type, given=True)
        key = (kind if len(field.operators) > 1 else "", *field.operators)
        known = self._operators.get(key)
        if known is None:
            known = self._operators[key] = self.names.free.of(operators_name(resource, field, kind))
            lines = [member(each, self._operand(each, field.type), optional=True) for each in field.operators]
            self._written.append(interface(known, lines, "What a field can be asked; all members hold."))
        return known

    def _operand(self, operator: str, kind: Type) -> str:
        if operator == "is_nil":
            return "boolean"
        return self.types.type(ListOf(kind) if operator == "in" else kind, given=True)

    def _sort(self, resource: Resource) -> str:
        own = [quoted(wire) for _, wire in resource.sorts]
        far = [
            f"`{way.wire}.${{{union(quoted(wire) for _, wire in sorts)}}}`"
            for way in resource.ways
            if not way.many and (sorts := self.model.resources[way.to].sorts)
        ]
        signed = f'`${{"" | "-" | "++" | "--"}}${{{union([*own, *far])}}}`'
        text = "Sorted by; `-` puts the largest first, `++` nulls first and `--` nulls last."
        return f"{comment(text)}export type {self.names.of(resource.name, 'Sort')} = {signed};\n"

    def _entry(self, resource: Resource) -> str:
        ways = (
            f"readonly {property_name(each.wire)}: "
            + object_type(
                [
                    f"readonly to: {quoted(self.model.resources[each.to].type)}",
                    f"readonly many: {quoted(each.many)}",
                ]
            )
            for each in resource.ways
        )
        members = [
            member("fields", self.names.records[resource.name]),
            member("unasked", union(quoted(each.wire) for each in resource.shown if each.unasked)),
            member("ways", object_type(ways)),
            member("includes", self._tree(resource, resource.includes)),
            member("filter", self.names.of(resource.name, "Filter")),
            member("sort", self.names.of(resource.name, "Sort")),
            member("page", "PageOptions" if resource.counted else "UncountedPageOptions"),
        ]
        return f"  readonly {property_name(resource.type)}: {{\n{indented(''.join(members))}  }};\n"

    def _tree(self, resource: Resource, tree: Tree) -> str:
        return object_type(
            f"readonly {property_name(resource.way(name).wire)}: "
            + self._tree(self.model.resources[resource.way(name).to], beyond)
            for name, beyond in tree.items()
        )
