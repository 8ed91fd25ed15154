"""Compiling: from the selection of a document to a plan of what is loaded, and a function that encodes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    print_ast,
)
from graphql.language import VariableNode

from sorbus.apis.graphql.bindings import (
    KEY,
    Choice,
    Part,
    Related,
    Value,
    below,
    binding,
    exposed_of,
    type_of,
)
from sorbus.apis.graphql.plans import Arguments, Call, Encode, Plan, Way
from sorbus.apis.graphql.writing import Writing
from sorbus.apis.graphql.written import or_written
from sorbus.query.page import Page
from sorbus.types.hidden import HIDDEN

Selections = Sequence[SelectionSetNode]
Fields = Mapping[str, list[FieldNode]]

TYPE_NAME = "__typename"


class Compiler:
    """Compiles the selections of one operation.

    Args:
        truths: the variables that `@skip` and `@include` ask, with their values.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        truths: Mapping[str, bool],
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.truths = truths

    # which fields

    def fields(self, kind: GraphQLObjectType, selections: Selections) -> Fields:
        """The fields that are asked of a type, by the names that they get in the answer."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for each in selections:
            self._collect(kind, each, found, seen)
        return found

    def _collect(
        self,
        kind: GraphQLObjectType,
        selections: SelectionSetNode,
        found: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for each in selections.selections:
            if not self.wanted(each):
                continue
            if isinstance(each, FieldNode):
                found.setdefault((each.alias or each.name).value, []).append(each)
            elif isinstance(each, InlineFragmentNode):
                if self._applies(each.type_condition, kind):
                    self._collect(kind, each.selection_set, found, seen)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in seen:
                seen.add(each.name.value)
                fragment = self.fragments[each.name.value]
                if self._applies(fragment.type_condition, kind):
                    self._collect(kind, fragment.selection_set, found, seen)

    def _applies(self, condition: Any, kind: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == kind.name:
            return True
        wider = self.schema.type_map.get(condition.name.value)
        return isinstance(wider, GraphQLUnionType | GraphQLInterfaceType) and self.schema.is_sub_type(
            wider, kind
        )

    def wanted(self, node: Any) -> bool:
        """Whether its directives leave it in."""
        for each in node.directives or ():
            if each.name.value not in {"skip", "include"}:
                continue
            value = each.arguments[0].value
            truth = self.truths[value.name.value] if isinstance(value, VariableNode) else value.value
            if truth is (each.name.value == "skip"):
                return False
        return True

    # records

    def record(self, plan: Plan, kind: GraphQLObjectType, selections: Selections) -> Encode:
        """The encoder of a record; the plan learns what is loaded for it."""
        code = _Code()
        writing: Writing[Way] = Writing(["{"])
        members: list[str] = []
        for key, nodes in self.fields(kind, selections).items():
            name = nodes[0].name.value
            plan.width += 1
            writing.member(key, first=not members)
            if name == TYPE_NAME:
                members.append(f"{key!r}: {kind.name!r}")
                writing.constant(kind.name)
                continue
            field = kind.fields[name]
            found = binding(field)
            if isinstance(found, Value):
                term = self._value(plan, code, field, found, nodes)
                spec = plan.exposed.spec.field(found.name)
                writing.value(found, type_of(field), spec, plain=term == f"d[{found.name!r}]")
            else:
                term = self._related(plan, code, field, cast("Related", found), nodes, writing)
            members.append(f"{key!r}: {term}")
        writing.parts.append("}")
        plan.shown += 1
        plan.writing = writing if plan.shown == 1 else None
        return code.function(f"{{{', '.join(members)}}}", source="record.__dict__")

    def _value(
        self, plan: Plan, code: _Code, field: GraphQLField, found: Value, nodes: list[FieldNode]
    ) -> str:
        slot = found.name
        arguments = Arguments(field, nodes[0]) if found.arguments else None
        if arguments is not None:
            slot = self._call(plan, found.name, arguments)
        elif found.derived:
            plan.derived[found.name] = None
        else:
            plan.names[found.name] = None
        convert = self.converter(type_of(field), selections_of(nodes))
        if found.show is None and convert is None:
            return f"d[{slot!r}]"
        value = f"{code.name(found.show)}(v)" if found.show is not None else "v"
        if convert is not None:
            value = f"{code.name(convert)}({value})"
        return f"None if (v := d[{slot!r}]) is None or v is HIDDEN else {value}"

    def _call(self, plan: Plan, name: str, arguments: Arguments) -> str:
        """Where the value of a calculation with arguments stands; the same call stands there once."""
        key = (name, written(arguments.node))
        known = plan.calls.get(key)
        if known is None:
            slot = f"value{len(plan.calls)}_of_{name}"
            calculation = getattr(plan.exposed.spec.python, name)
            known = plan.calls[key] = Call(calculation=calculation, slot=slot, arguments=arguments)
        return known.slot

    def _related(
        self,
        plan: Plan,
        code: _Code,
        field: GraphQLField,
        found: Related,
        nodes: list[FieldNode],
        writing: Writing[Way],
    ) -> str:
        way = self._way(plan, field, found, nodes[0])
        writing.related(way)
        kind = below(field)
        inner = selections_of(nodes)
        if found.connection:
            encode = code.name(self.connection(way, kind, inner))
            return f"{encode}(d[{way.slot!r}])"
        encode = code.name(self.record(way.plan, kind, inner))
        if found.relationship.to_many:
            return f"[] if (v := d[{way.slot!r}]) is HIDDEN else [{encode}(r) for r in v]"
        return f"None if (v := d[{way.slot!r}]) is None or v is HIDDEN else {encode}(v)"

    def _way(self, plan: Plan, field: GraphQLField, found: Related, node: FieldNode) -> Way:
        """The way over a relationship with its arguments; the same one is gone once."""
        name = found.relationship.name
        key = (name, found.connection, written(node))
        known = plan.ways.get(key)
        if known is None:
            leading = not any(each.relationship.name == name for each in plan.ways.values())
            known = plan.ways[key] = Way(
                relationship=found.relationship,
                target=getattr(plan.exposed.spec.python, name),
                slot=name if leading else f"{name} {len(plan.ways)}",
                leading=leading,
                connection=found.connection,
                arguments=Arguments(field, node),
                plan=Plan(exposed=found.exposed),
            )
            if found.relationship.source_attribute in plan.exposed.spec.attributes:
                plan.names[found.relationship.source_attribute] = None
        return known

    # pages

    def connection(self, way: Way | Counted, kind: GraphQLObjectType, selections: Selections) -> Encode:
        """The encoder of a page; what its nodes show is learnt by the one plan of its rows."""
        members: list[tuple[str, Encode]] = []
        for key, nodes in self.fields(kind, selections).items():
            name = nodes[0].name.value
            inner = selections_of(nodes)
            field = kind.fields.get(name)
            inside = below(field) if field is not None else kind
            match name:
                case "nodes":
                    members.append((key, _nodes(or_written(self.record(way.plan, inside, inner)))))
                case "edges":
                    members.append((key, self._edges(way.plan, inside, inner)))
                case "pageInfo":
                    members.append((key, self._page_info(inside, inner)))
                case "totalCount":
                    way.counted = True
                    members.append((key, _total))
                case _:
                    members.append((key, _constant(kind.name)))

        def encode(page: Any) -> dict[str, Any]:
            shown = _NO_PAGE if page is HIDDEN or page is None else page
            return {key: each(shown) for key, each in members}

        return encode

    def _edges(self, plan: Plan, kind: GraphQLObjectType, selections: Selections) -> Encode:
        members: list[tuple[str, Encode | None]] = []
        for key, nodes in self.fields(kind, selections).items():
            name = nodes[0].name.value
            if name == "node":
                node = below(kind.fields[name])
                members.append((key, or_written(self.record(plan, node, selections_of(nodes)))))
            else:
                members.append((key, None if name == "cursor" else _constant(kind.name)))

        def encode(page: Page[Any]) -> list[dict[str, Any]]:
            return [
                {key: page.cursor(place) if each is None else each(row) for key, each in members}
                for place, row in enumerate(page.items)
            ]

        return encode

    def _page_info(self, kind: GraphQLObjectType, selections: Selections) -> Encode:
        members = [(key, _INFO[nodes[0].name.value]) for key, nodes in self.fields(kind, selections).items()]

        def encode(page: Page[Any]) -> dict[str, Any]:
            return {key: getattr(page, name) if name else kind.name for key, name in members}

        return encode

    # documents inside records, and what an enumeration shows

    def converter(self, kind: Any, selections: Selections) -> Encode | None:
        """From a shown value to the form that GraphQL gives it; None where that is the same."""
        if isinstance(kind, GraphQLNonNull | GraphQLList):
            of = cast("Any", kind.of_type)  # pyright: ignore[reportUnknownMemberType]
            inner = self.converter(of, selections)
            return inner if inner is None or isinstance(kind, GraphQLNonNull) else _each(inner)
        if isinstance(kind, GraphQLEnumType):
            return _names_of(kind).get
        if isinstance(kind, GraphQLObjectType):
            return self._document(kind, selections)
        if isinstance(kind, GraphQLUnionType):
            choice: Choice = kind.extensions[KEY]
            members = {each.name: self._document(each, selections) for each in kind.types}
            by_tag = {tag: members[name] for tag, name in choice.types.items()}
            return lambda value: by_tag[value[choice.key]](value)
        return None

    def _document(self, kind: GraphQLObjectType, selections: Selections) -> Encode:
        members: list[tuple[str, str, Encode | None]] = []
        for key, nodes in self.fields(kind, selections).items():
            name = nodes[0].name.value
            if name == TYPE_NAME:
                members.append((key, "", _constant(kind.name)))
                continue
            field = kind.fields[name]
            part: Part = binding(field)
            members.append((key, part.name, self.converter(type_of(field), selections_of(nodes))))

        def encode(value: Mapping[str, Any]) -> dict[str, Any]:
            shown: dict[str, Any] = {}
            for key, name, convert in members:
                found = value.get(name)
                shown[key] = found if convert is None or (found is None and name) else convert(found)
            return shown

        return encode


class Counted:
    """The page at the top of a query, as a way to its rows.

    Attributes:
        counted: whether the page knows the number of all rows.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.counted = False


class _Code:
    """The code of one encoder, and what it refers to."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"HIDDEN": HIDDEN}

    def name(self, value: Any) -> str:
        """The name of something that the code needs."""
        made = f"f{len(self.names)}"
        self.names[made] = value
        return made

    def function(self, answer: str, *, source: str) -> Encode:
        """The encoder."""
        code = f"def encode(record):\n d = {source}\n return {answer}\n"
        exec(code, self.names)  # noqa: S102  # built from names that the schema's validation has let through
        encode: Encode = self.names["encode"]
        return encode


def kind_of(exposed_kind: GraphQLObjectType) -> Plan:
    """An empty plan for the records of a type."""
    exposed = exposed_of(exposed_kind)
    if exposed is None:
        raise TypeError(exposed_kind.name)
    return Plan(exposed=exposed)


def selections_of(nodes: Iterable[FieldNode]) -> Selections:
    """The selections of fields under one name, which are one."""
    return [each.selection_set for each in nodes if each.selection_set is not None]


def written(node: FieldNode) -> str:
    """The arguments of a field as they are written; fields with the same ones are the same."""
    return ", ".join(sorted(print_ast(each) for each in node.arguments or ()))


def _each(inner: Encode) -> Encode:
    return lambda items: [None if each is None else inner(each) for each in items]


def _constant(value: str) -> Encode:
    return lambda _: value


def _nodes(encode: Encode) -> Encode:
    return lambda page: [encode(each) for each in page.items]


def _total(page: Page[Any]) -> int | None:
    return page.count


def _names_of(kind: GraphQLEnumType) -> dict[Any, str]:
    """The names of an enumeration's values, by the members and by their stored values."""
    found: dict[Any, str] = {}
    for name, each in kind.values.items():
        found[each.value] = name
        found[getattr(each.value, "value", each.value)] = name
    return found


_INFO = {
    "hasNextPage": "has_next",
    "hasPreviousPage": "has_previous",
    "startCursor": "start_cursor",
    "endCursor": "end_cursor",
    TYPE_NAME: "",
}
_NO_PAGE: Page[Any] = Page(items=(), has_next=False, has_previous=False, limit=0)
