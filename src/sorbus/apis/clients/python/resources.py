"""Resources in Python: classes of records, selections, filters and sorts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sorbus.apis.clients.model import ClientModel, Field, Filter, Resource, Tree, Way
from sorbus.apis.clients.python.spelling import KEYWORDS, docstring, indented, literal, literal_type
from sorbus.apis.clients.python.types import TypeWriter
from sorbus.apis.clients.types import Basic
from sorbus.apis.clients.writing import FreeNames, TypeNames, operators_name


class ResourceWriter:
    """Writes the types of resources.

    Attributes:
        fields: the names of fields and relationships in Python, by resource and declared name.
    """

    def __init__(self, model: ClientModel, names: TypeNames, types: TypeWriter) -> None:
        self.model = model
        self.names = names
        self.types = types
        self.fields = {each.name: self._field_names(each) for each in model.resources.values()}
        self._included = {each.name: set(self._ever_included(each)) for each in model.resources.values()}
        self._known: dict[tuple[str, ...], str] = {}

    def _field_names(self, resource: Resource) -> Mapping[str, str]:
        free = FreeNames({*self.types.hidden, *KEYWORDS, "self"})
        members: tuple[Field | Way, ...] = (*resource.shown, *resource.ways)
        return {each.name: free.of(each.name, f"{each.name}_") for each in members}

    def _ever_included(self, wanted: Resource) -> Iterator[str]:
        """The relationships of a resource that some call can include."""
        waiting: list[tuple[Resource, Tree]] = [
            (each, each.includes) for each in self.model.resources.values()
        ]
        while waiting:
            here, tree = waiting.pop()
            if here is wanted:
                yield from tree
            waiting += [(self.model.resources[here.way(name).to], beyond) for name, beyond in tree.items()]

    def definitions(self) -> Iterator[str]:
        """The classes of records."""
        for resource in self.model.resources.values():
            names = self.fields[resource.name]
            lines = [f"{names[each.name]}: {self.types.type(each.type)}\n" for each in resource.shown]
            for each in resource.ways:
                if each.name in self._included[resource.name]:
                    far = self.names.records[each.to]
                    kind = f"Related[{far}]" if each.many else f"{far} | None"
                    lines.append(f"{names[each.name]}: {kind}\n")
            yield (
                "@dataclass(frozen=True, kw_only=True, repr=False, eq=False)\n"
                f"class {self.names.records[resource.name]}(_Record):\n"
                f"{docstring(resource.description or resource.name, 1)}\n{indented(''.join(lines))}"
            )

    def plain(self, resource: Resource) -> list[str]:
        """The fields that come unasked, which a write answers with in any case."""
        names = self.fields[resource.name]
        return [names[each.name] for each in resource.shown if each.unasked]

    def plain_type(self, resource: Resource) -> str:
        """The type of the name of one of them."""
        return self._literal_type(resource, "PlainField", self.plain(resource))

    def selection(self, resource: Resource, tree: Tree | None = None) -> str:
        """The type of a selection; equal trees of includes have the same."""
        tree = resource.includes if tree is None else tree
        key = ("selection", resource.name, repr(tree))
        known = self._known.get(key)
        if known is not None:
            return known
        names = self.fields[resource.name]
        fields = self._literal_type(resource, "Field", [names[each.name] for each in resource.shown])
        made = self._known[key] = self.names.free.of(f"{self.names.records[resource.name]}Selection")
        ways = ""
        if tree:
            members = {names[name]: self._chosen(resource.way(name), beyond) for name, beyond in tree.items()}
            holder = self.names.free.of(f"{made}Ways")
            self.types.typed_dict(holder, members)
            ways = f" | {holder}"
        self.types.written.append(f"type {made} = Sequence[{fields}{ways}]\n")
        return made

    def _chosen(self, way: Way, beyond: Tree) -> str:
        """What is chosen of related records; of a list also which, in what order, and how many."""
        far = self.model.resources[way.to]
        selection = self.selection(far, beyond)
        if not way.many:
            return selection
        key = ("options", selection)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.names.free.of(f"{selection}Options")
            members = {
                "fields": selection,
                "filter": self.filter(far),
                "page": page_type(counted=far.counted),
            }
            if far.sorts:
                members["sort"] = f"Sequence[{self.sort(far)}]"
            self.types.typed_dict(known, members, required=["fields"])
        return f"{selection} | {known}"

    def _literal_type(self, resource: Resource, suffix: str, values: Iterable[str]) -> str:
        name = self.names.of(resource.name, suffix)
        if self._known.setdefault(("literal", name), "") == "":
            self._known["literal", name] = name
            self.types.written.append(literal_type(name, values))
        return name

    def sort(self, resource: Resource) -> str:
        """The type of a term of a sort."""
        names = self.fields[resource.name]
        keys = [names[name] for name, _ in resource.sorts]
        for way in resource.ways:
            if not way.many:
                far = self.fields[way.to]
                keys += [f"{names[way.name]}.{far[name]}" for name, _ in self.model.resources[way.to].sorts]
        return self._literal_type(
            resource, "Sort", [sign + each for each in keys for sign in ("", "-", "++", "--")]
        )

    def filter(self, resource: Resource) -> str:
        """The type of a condition."""
        name = self.names.of(resource.name, "Filter")
        if ("filter", name) not in self._known:
            # Before it is written: it may refer to itself.
            self._known["filter", name] = name
            names = self.fields[resource.name]
            members = {names[each.name]: self._operators(resource, each) for each in resource.filters}
            members |= {
                names[each.name]: self.filter(self.model.resources[each.to]) for each in resource.ways
            }
            members |= {"and": f"Sequence[{name}]", "or": f"Sequence[{name}]", "not": name}
            self.types.typed_dict(name, members)
        return name

    def _operators(self, resource: Resource, field: Filter) -> str:
        """The type of what a field can be asked; fields of one type share it."""
        shown = self.types.type(field.type, given=True)
        key = ("operators", shown if len(field.operators) > 1 else "", *field.operators)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.names.free.of(operators_name(resource, field, shown))
            terms = {
                each: "bool" if each == "is_nil" else f"Sequence[{shown}]" if each == "in" else shown
                for each in field.operators
            }
            self.types.typed_dict(known, terms)
        return known

    def shapes(self) -> str:
        """How the records of each type are made."""
        shapes = "".join(map(self._shape, self.model.resources.values()))
        return f"_SHAPES: Mapping[str, _Shape] = {{\n{shapes}}}\n"

    def _shape(self, resource: Resource) -> str:
        names = self.fields[resource.name]
        fields = "".join(
            f"            {literal(names[each.name])}: ({literal(each.wire)}, {self.types.reader(each.type)}),\n"
            for each in resource.shown
        )
        ways = "".join(
            f"            {literal(names[each.name])}: ({literal(each.wire)}, "
            f"{literal(self.model.resources[each.to].type)}),\n"
            for each in resource.ways
        )
        key = "_Read.key" if resource.key.type is Basic.INTEGER else self.types.reader(resource.key.type)
        unasked = "".join(f"{literal(each)}, " for each in self.plain(resource))
        return (
            f"    {literal(resource.type)}: _Shape(\n"
            f"        {self.names.records[resource.name]},\n        {key},\n        {{\n{fields}        }},\n"
            f"        ({unasked}),\n        {{\n{ways}        }},\n    ),\n"
        )


def page_type(*, counted: bool) -> str:
    """The type of what is said about a page."""
    return "PageOptions" if counted else "UncountedPageOptions"
