"""The schema: from what an application shows to the types, queries and mutations of GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    print_schema,
    validate_schema,
)

from sorbus.apis.graphql.bindings import KEY, Fetch, Related, Top, Value
from sorbus.apis.graphql.conditions import Conditions
from sorbus.apis.graphql.nodes import NODE, NODE_ID, node_id
from sorbus.apis.graphql.scalars import ID
from sorbus.apis.graphql.surface import Exposed, Root, RootKind, Surface, surface_of
from sorbus.apis.graphql.types import Types
from sorbus.errors.declaration import DefinitionErrors
from sorbus.errors.graphql import BadGraphqlName
from sorbus.expressions.nodes import AggregateKind
from sorbus.resource.application import Sorbus
from sorbus.resource.spelling import camel, upper_camel
from sorbus.schema.actions import InputSpec
from sorbus.schema.fields import AggregateSpec, AttributeSpec, CalculationSpec, Cardinality, RelationshipSpec
from sorbus.schema.paging import Paging
from sorbus.schema.resource import PRIMARY_READ, FieldSpec

Arguments = dict[str, GraphQLArgument]

_BUILT_IN = ("Boolean", "Float", "ID", "Int", "String", "BigInt", "Decimal", "JSON", "UUID", "DateTime")
_OWN = (
    "Query",
    "Mutation",
    "Subscription",
    "PageInfo",
    "ActionError",
    "SortOrder",
    "ChangeKind",
    "Date",
    "Time",
)
_MORE = ("Duration", "Bytes", "Node", "Upload")


def sdl(app: Sorbus) -> str:
    """The GraphQL schema of an application in the schema definition language.

    Raises:
        DefinitionErrors: the `graphql` sections have mistakes; all of them are listed.
    """
    return print_schema(schema_of(surface_of(app.spec))) + "\n"


def schema_of(surface: Surface) -> GraphQLSchema:
    """The schema of what an application shows.

    Raises:
        DefinitionErrors: an input bears a name that the query keeps for itself.
    """
    return _Builder(surface).schema()


class _Builder:
    """Makes the types of one schema, each once."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        shown = {name: each for name, each in surface.exposed.items() if each.spec.has_rows}
        names = [each.type for each in shown.values()]
        self.types = Types((*_BUILT_IN, *_OWN, *_MORE, *names))
        self.conditions = Conditions(surface, self.types)
        self.errors: list[BadGraphqlName] = []
        self.nodes = surface.nodes
        self.node = GraphQLInterfaceType(
            NODE, {NODE_ID: GraphQLField(GraphQLNonNull(ID))}, description="Any record, by its node id."
        )
        self.objects = {name: self._object(each) for name, each in shown.items()}
        self._connections: dict[str, GraphQLObjectType] = {}
        self._events: dict[str, GraphQLObjectType] = {}
        self.change = GraphQLEnumType(
            "ChangeKind",
            {name: GraphQLEnumValue(name) for name in ("CREATED", "UPDATED", "GONE", "LAGGED")},
            description="What has happened to a record. After `LAGGED` look at the data itself.",
        )
        self.page_info = GraphQLObjectType(
            "PageInfo",
            {
                "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "hasPreviousPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "startCursor": GraphQLField(GraphQLString),
                "endCursor": GraphQLField(GraphQLString),
            },
            description="Where a page stands among all of them.",
        )
        self.error = GraphQLObjectType(
            "ActionError", _error_fields(), description="Why an action was refused."
        )

    def schema(self) -> GraphQLSchema:
        """All of it."""
        roots = self.surface.roots
        streams = [each for each in roots if each.kind is RootKind.SUBSCRIBE]
        queries = [each for each in roots if not each.kind.mutates and each not in streams]
        mutations = [each for each in self.surface.roots if each.kind.mutates]
        query = GraphQLObjectType("Query", lambda: self._tops(queries) or _nothing())
        mutation = GraphQLObjectType("Mutation", lambda: self._tops(mutations)) if mutations else None
        subscription = GraphQLObjectType("Subscription", lambda: self._tops(streams)) if streams else None
        made = GraphQLSchema(
            query=query, mutation=mutation, subscription=subscription, types=list(self.objects.values())
        )
        if self.errors:
            raise DefinitionErrors(self.errors)
        problems = validate_schema(made)
        if problems:
            first = next(iter(self.surface.exposed), "")
            raise DefinitionErrors([BadGraphqlName(first, "?", problem=str(each)) for each in problems])
        return made

    # records

    def _object(self, exposed: Exposed) -> GraphQLObjectType:
        return GraphQLObjectType(
            exposed.type,
            lambda: self._members(exposed),
            interfaces=[self.node] if exposed in self.nodes else [],
            description=exposed.spec.description or None,
            extensions={KEY: exposed},
        )

    def _members(self, exposed: Exposed) -> dict[str, GraphQLField]:
        key = exposed.spec.primary_key
        found = {
            "id": GraphQLField(
                GraphQLNonNull(ID),
                description=key.description or None,
                extensions={KEY: Value(name=key.name, show=str)},
            )
        }
        if exposed in self.nodes:
            show = node_id(exposed.type)
            bound = Value(name=key.name, show=show)
            found[NODE_ID] = GraphQLField(GraphQLNonNull(ID), extensions={KEY: bound})
        for name, each in exposed.fields.items():
            found[name] = self._value(exposed, each)
        for name, way in exposed.relationships.items():
            far = self.surface.destination(way)
            found[name] = self._related(way, far)
            if way.to_many and far.connected and way.cardinality is not Cardinality.MANUAL:
                found.setdefault(f"{name}Connection", self._related(way, far, connection=True))
        return found

    def _value(self, exposed: Exposed, spec: FieldSpec) -> GraphQLField:
        kind: Any = self.types.shown(
            spec.type,
            nullable=spec.type.nullable or spec.name in exposed.masked,
            hint=exposed.type + upper_camel(spec.name),
        )
        show: Callable[[Any], Any] | None = spec.type.codec.show
        if isinstance(spec, AttributeSpec) and exposed.is_key(spec.name):
            kind, show = ID if spec.type.nullable or spec.name in exposed.masked else GraphQLNonNull(ID), str
        if isinstance(spec, AggregateSpec) and spec.node.kind is AggregateKind.COUNT:
            kind = GraphQLInt if spec.name in exposed.masked else GraphQLNonNull(GraphQLInt)
        inputs = spec.arguments if isinstance(spec, CalculationSpec) else ()
        derived = not isinstance(spec, AttributeSpec) or not spec.select_by_default
        bound = Value(
            name=spec.name, derived=derived, arguments=tuple(each.name for each in inputs), show=show
        )
        return GraphQLField(
            kind,
            args=self._inputs(inputs, exposed),
            description=spec.description or None,
            extensions={KEY: bound},
        )

    def _related(self, way: RelationshipSpec, far: Exposed, *, connection: bool = False) -> GraphQLField:
        kind: Any = self.objects[far.spec.name]
        arguments: Arguments = {}
        if connection:
            kind, arguments = GraphQLNonNull(self._connection(far)), self._pages(far)
        elif way.to_many:
            kind = GraphQLNonNull(GraphQLList(GraphQLNonNull(kind)))
            if way.cardinality is not Cardinality.MANUAL:
                arguments = self._rows(far, far.spec.actions[PRIMARY_READ].page)
        bound = Related(relationship=way, exposed=far, connection=connection)
        return GraphQLField(
            kind, args=arguments, description=way.description or None, extensions={KEY: bound}
        )

    def _connection(self, exposed: Exposed) -> GraphQLObjectType:
        found = self._connections.get(exposed.spec.name)
        if found is None:
            node = GraphQLNonNull(self.objects[exposed.spec.name])
            edge = GraphQLObjectType(
                self.types.free(f"{exposed.type}Edge"),
                {"cursor": GraphQLField(GraphQLNonNull(GraphQLString)), "node": GraphQLField(node)},
            )
            found = self._connections[exposed.spec.name] = GraphQLObjectType(
                self.types.free(f"{exposed.type}Connection"),
                {
                    "edges": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(edge)))),
                    "nodes": GraphQLField(GraphQLNonNull(GraphQLList(node))),
                    "pageInfo": GraphQLField(GraphQLNonNull(self.page_info)),
                    "totalCount": GraphQLField(GraphQLInt, description="The number of all rows."),
                },
                description=f"A page of {exposed.type}.",
            )
        return found

    def _event(self, exposed: Exposed) -> GraphQLObjectType:
        found = self._events.get(exposed.spec.name)
        if found is None:
            record = self.objects[exposed.spec.name]
            fields = {
                "kind": GraphQLField(GraphQLNonNull(self.change)),
                "action": GraphQLField(
                    GraphQLString, description="The action, when it is one that is served."
                ),
                "id": GraphQLField(ID, description="The key of the record."),
                "record": GraphQLField(record, description="It, as the subscriber may read it now."),
                "lost": GraphQLField(
                    GraphQLInt, description="How many events were lost, when that is known."
                ),
            }
            name = self.types.free(f"{exposed.type}Event")
            found = GraphQLObjectType(
                name, fields, description=f"Something has happened to a {exposed.type}."
            )
            self._events[exposed.spec.name] = found
        return found

    # arguments

    def _asked(self, exposed: Exposed) -> Arguments:
        found = {"filter": GraphQLArgument(self.conditions.filter(exposed))}
        sort = self.conditions.sort(exposed)
        if sort is not None:
            found["sort"] = GraphQLArgument(GraphQLList(GraphQLNonNull(sort)))
        return found

    def _rows(self, exposed: Exposed, rules: Paging) -> Arguments:
        text = f"The most rows; {rules.largest} at most."
        return {
            **self._asked(exposed),
            "limit": GraphQLArgument(
                GraphQLNonNull(GraphQLInt), default_value=rules.default, description=text
            ),
            "offset": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=0),
        }

    def _pages(self, exposed: Exposed) -> Arguments:
        return {
            "first": GraphQLArgument(GraphQLInt, description="The most rows, from the front."),
            "after": GraphQLArgument(GraphQLString, description="The cursor that the page begins after."),
            "last": GraphQLArgument(GraphQLInt, description="The most rows before `before`."),
            "before": GraphQLArgument(GraphQLString, description="The cursor that the page ends before."),
            **self._asked(exposed),
        }

    def _inputs(self, inputs: Iterable[InputSpec], exposed: Exposed) -> Arguments:
        return {
            camel(each.name): GraphQLArgument(
                self._input(each, exposed), out_name=each.name, description=each.description or None
            )
            for each in inputs
        }

    def _input(self, each: InputSpec, exposed: Exposed) -> Any:
        if each.attribute and exposed.is_key(each.name):
            return GraphQLNonNull(ID) if each.required and not each.type.nullable else ID
        hint = exposed.type + upper_camel(each.name)
        return self.types.taken(each.type, required=each.required, hint=hint, purpose=each.purpose)

    # what stands at the top

    def _tops(self, roots: list[Root]) -> dict[str, GraphQLField]:
        found = {each.name: self._top(each) for each in roots}
        if self.nodes and not any(each.kind.mutates or each.kind is RootKind.SUBSCRIBE for each in roots):
            arguments = {NODE_ID: GraphQLArgument(GraphQLNonNull(ID))}
            found["node"] = GraphQLField(self.node, args=arguments, extensions={KEY: Fetch()})
        return found

    def _top(self, root: Root) -> GraphQLField:
        exposed, action = root.exposed, root.action
        # A resource without rows has no type.
        record: Any = self.objects.get(exposed.spec.name)
        kind: Any = record
        payload = False
        arguments: Arguments
        match root.kind:
            case RootKind.GET:
                arguments = {"id": GraphQLArgument(GraphQLNonNull(ID))}
            case RootKind.GET_BY:
                names = root.identity.names if root.identity is not None else ()
                arguments = {camel(name): self._identifying(exposed, name) for name in names}
            case RootKind.LIST:
                kind = GraphQLList(GraphQLNonNull(record))
                arguments = self._together(root, self._rows(exposed, action.page))
            case RootKind.CONNECTION:
                kind, arguments = self._connection(exposed), self._together(root, self._pages(exposed))
            case RootKind.SUBSCRIBE:
                kind, payload = self._event(exposed), True
                arguments = {
                    camel(name): self._identifying(exposed, name)
                    for name in (root.topic.fields if root.topic is not None else ())
                }
            case RootKind.QUERY:
                kind, arguments = self._answer(root), self._inputs(action.public_inputs, exposed)
            case _:
                kind, arguments, payload = self._payload(root), self._changes(root), True
        return GraphQLField(
            kind,
            args=arguments,
            description=action.description or None,
            extensions={KEY: Top(root=root, payload=payload)},
        )

    def _identifying(self, exposed: Exposed, name: str) -> GraphQLArgument:
        kind = exposed.spec.attributes[name].type
        inner: Any = ID if exposed.is_key(name) else self.types.taken(kind)
        return GraphQLArgument(GraphQLNonNull(inner), out_name=name)

    def _together(self, root: Root, own: Arguments) -> Arguments:
        """The inputs of a read beside what every list takes."""
        inputs = self._inputs(root.action.public_inputs, root.exposed)
        for name in inputs.keys() & own.keys():
            problem = f"which every list takes, and `{root.action.label}` has an input of that name"
            self.errors.append(BadGraphqlName(root.exposed.spec.name, name, problem=problem))
        return {**inputs, **own}

    def _changes(self, root: Root) -> Arguments:
        """The arguments of a mutation: which record, and the inputs of the action as one object."""
        found: Arguments = {}
        if root.kind in {RootKind.UPDATE, RootKind.DESTROY}:
            found["id"] = GraphQLArgument(GraphQLNonNull(ID))
        inputs = root.action.public_inputs
        if not inputs:
            return found
        fields = {
            camel(each.name): GraphQLInputField(
                self._input(each, root.exposed), out_name=each.name, description=each.description or None
            )
            for each in inputs
        }
        made = GraphQLInputObjectType(self.types.free(f"{upper_camel(root.name)}Input"), fields)
        required = any(each.required and not each.type.nullable for each in inputs)
        found["input"] = GraphQLArgument(GraphQLNonNull(made) if required else made)
        return found

    def _answer(self, root: Root) -> Any:
        """What a generic action answers with."""
        returns = root.action.returns
        return (
            GraphQLBoolean
            if returns is None
            else self.types.shown(returns, nullable=True, hint=f"{upper_camel(root.name)}Result")
        )

    def _payload(self, root: Root) -> GraphQLObjectType:
        generic = root.kind is RootKind.GENERIC
        answer: Any = self._answer(root) if generic else self.objects[root.exposed.spec.name]
        errors = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.error)))
        return GraphQLObjectType(
            self.types.free(f"{upper_camel(root.name)}Payload"),
            {
                "result": GraphQLField(answer, description="What came of it; null when it was refused."),
                "errors": GraphQLField(errors, description="Why it was refused; empty when it was not."),
            },
        )


def _nothing() -> dict[str, GraphQLField]:
    """A schema must have a query; one without any says that it is there."""
    return {"ok": GraphQLField(GraphQLBoolean, description="There are no queries.")}


def _error_fields() -> dict[str, GraphQLField]:
    text = GraphQLNonNull(GraphQLString)
    return {
        "code": GraphQLField(text, description="The cause, stable and machine readable."),
        "message": GraphQLField(text),
        "title": GraphQLField(text, description="One sentence about the cause, the same each time."),
        "hint": GraphQLField(GraphQLString),
        "path": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString))),
            description="The argument or input that it is about, from the outside in.",
        ),
    }
