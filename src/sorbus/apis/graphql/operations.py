"""Operations: a document's operation compiled to the fields at its top, each of which calls the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.execution import VariableValues

from sorbus.apis.graphql.bindings import Fetch, Top, below, binding, type_of
from sorbus.apis.graphql.compiling import TYPE_NAME, Compiler, Counted, kind_of, selections_of
from sorbus.apis.graphql.documents import Document
from sorbus.apis.graphql.faults import action_errors
from sorbus.apis.graphql.introspection import Introspection
from sorbus.apis.graphql.nodes import NODE_ID, parts_of
from sorbus.apis.graphql.plans import Arguments, Encode, Filling, Given, Plan, asked, page_of, size_of
from sorbus.apis.graphql.surface import Root, RootKind
from sorbus.apis.graphql.written import single, whole, written
from sorbus.errors.base import Forbidden
from sorbus.errors.inputs import InvalidPage, NotFound
from sorbus.query.keys import key_of, with_key
from sorbus.query.query import Query
from sorbus.scope import Scope

_SCHEMA = ("__schema", "__type")
_OF_EVENTS = ("kind", "action", "id", "lost")


@dataclass(slots=True, kw_only=True)
class TopField:
    """A field at the top of an operation, compiled.

    Attributes:
        key: its name in the answer.
        root: what it does; None of `__typename` and of introspection.
        page: of a connection: whether the number of all rows is asked for.
        encode: from what the engine answers to what is shown.
        payload: the members of what a mutation or an event answers with.
        nodes: for a record of any type: what is asked of each, by the names of the types.
        constant: the answer that needs nobody.
    """

    key: str
    root: Root | None = None
    arguments: Arguments | None = None
    plan: Plan | None = None
    page: Counted | None = None
    encode: Encode | None = None
    payload: tuple[tuple[str, str, Any], ...] = ()
    nodes: Mapping[str, TopField] = MappingProxyType({})
    constant: Any = None
    introspection: DocumentNode | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Operation:
    """A compiled operation.

    Attributes:
        mutates: whether it is a mutation.
        subscribes: whether it is answered as a stream.
    """

    mutates: bool
    subscribes: bool
    fields: tuple[TopField, ...]


def compile_operation(
    schema: GraphQLSchema, document: Document, node: OperationDefinitionNode, truths: Mapping[str, bool]
) -> Operation:
    """An operation with what directives leave of it."""
    kind = cast("GraphQLObjectType", schema.get_root_type(node.operation))
    compiler = Compiler(schema, document.fragments, truths)
    fields = tuple(
        _top(compiler, document, node, kind, key, nodes)
        for key, nodes in compiler.fields(kind, [node.selection_set]).items()
    )
    word = node.operation.value
    return Operation(mutates=word == "mutation", subscribes=word == "subscription", fields=fields)


def _top(
    compiler: Compiler,
    document: Document,
    operation: OperationDefinitionNode,
    kind: GraphQLObjectType,
    key: str,
    nodes: list[FieldNode],
) -> TopField:
    name = nodes[0].name.value
    if name == TYPE_NAME:
        return TopField(key=key, constant=kind.name)
    if name in _SCHEMA:
        return TopField(key=key, introspection=_only(document, operation, nodes))
    declared = kind.fields[name]
    top: Top | Fetch | None = binding(declared)
    if top is None:
        return TopField(key=key, constant=True)
    if isinstance(top, Fetch):
        return _fetch(compiler, key, declared, nodes)
    made = TopField(key=key, root=top.root, arguments=Arguments(declared, nodes[0]))
    inner = [each.selection_set for each in nodes if each.selection_set is not None]
    inside = below(declared)
    if top.payload:
        made.payload = tuple(_payload(compiler, made, inside, inner))
    elif top.root.kind is RootKind.QUERY:
        made.encode = compiler.converter(type_of(declared), inner)
    elif top.root.kind is RootKind.CONNECTION:
        made.plan = Plan(exposed=top.root.exposed)
        made.page = Counted(made.plan)
        made.encode = compiler.connection(made.page, inside, inner)
    else:
        made.plan = kind_of(inside)
        made.encode = compiler.record(made.plan, inside, inner)
    return made


def _fetch(compiler: Compiler, key: str, declared: GraphQLField, nodes: list[FieldNode]) -> TopField:
    """The field that fetches any record, compiled for each type that it may be of."""
    found: dict[str, TopField] = {}
    for kind in compiler.schema.get_possible_types(below(declared)):
        plan = kind_of(kind)
        encode = compiler.record(plan, kind, selections_of(nodes))
        found[kind.name] = TopField(key=key, plan=plan, encode=encode)
    return TopField(key=key, arguments=Arguments(declared, nodes[0]), nodes=found)


def _payload(
    compiler: Compiler, made: TopField, kind: GraphQLObjectType, selections: list[SelectionSetNode]
) -> list[tuple[str, str, Any]]:
    """The members of a payload: their names in the answer, their own, and how they are encoded."""
    found: list[tuple[str, str, Any]] = []
    for key, nodes in compiler.fields(kind, selections).items():
        name = nodes[0].name.value
        inner = [each.selection_set for each in nodes if each.selection_set is not None]
        if name == TYPE_NAME:
            found.append((key, name, kind.name))
            continue
        declared: GraphQLField = kind.fields[name]
        inside = below(declared)
        if name == "errors":
            members = {each: group[0].name.value for each, group in compiler.fields(inside, inner).items()}
            found.append((key, name, members))
        elif name in _OF_EVENTS:
            found.append((key, name, None))
        elif made.root is not None and made.root.kind is RootKind.GENERIC:
            found.append((key, name, compiler.converter(type_of(declared), inner)))
        else:
            made.plan = made.plan or kind_of(inside)
            found.append((key, name, compiler.record(made.plan, inside, inner)))
    return found


def _only(document: Document, operation: OperationDefinitionNode, nodes: list[FieldNode]) -> DocumentNode:
    """The document of one field of introspection, with the fragments that it may use."""
    alone = OperationDefinitionNode(
        operation=operation.operation,
        name=None,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    return DocumentNode(definitions=(alone, *document.fragments.values()))


class Runner:
    """Runs the fields at the top of an operation in one scope."""

    def __init__(self, scope: Scope, variables: VariableValues, raw: Mapping[str, Any], *, most: int) -> None:
        self.scope = scope
        self.variables = variables
        self.raw = raw
        self.filling = Filling(variables=variables, most=most)
        self._introspection: Introspection | None = None

    async def run(self, field_: TopField, schema: GraphQLSchema, *, where: str) -> Any:
        """The answer of a field.

        Raises:
            SorbusError: it was refused.
        """
        root, arguments = field_.root, field_.arguments
        if field_.introspection is not None:
            return self._introspect(field_, schema)
        if root is None or arguments is None:
            return field_.constant if arguments is None else await self._fetch(field_, arguments)
        if root.kind.mutates:
            return await self._change(field_, root, arguments, where=where)
        given = arguments.values(self.variables)
        match root.kind:
            case RootKind.GET:
                return await self._get(field_, given)
            case RootKind.GET_BY:
                return await self._get_by(field_, root, given)
            case RootKind.LIST:
                return await self._list(field_, root, given)
            case RootKind.CONNECTION:
                return await self._page(field_, root, given)
            case _:
                self.filling.spend(1)
                runtime = self.scope.need_runtime()
                answer = await runtime.generic(root.declared, self.scope, dict(given), ())
                return _answered(root, answer, field_.encode)

    def _introspect(self, field_: TopField, schema: GraphQLSchema) -> Any:
        document = field_.introspection
        if document is None:
            return None
        self.filling.spend(1)
        if field_.constant is None:
            asking = self._introspection = self._introspection or Introspection(schema)
            answer = asking.answer(document, self.raw).get(field_.key)
            if self.raw:
                return answer
            # Without variables it is the same each time.
            field_.constant = answer
        return field_.constant

    # reads

    async def _fetch(self, field_: TopField, arguments: Arguments) -> Any:
        """The record of a node id; null when there is none that the actor may see."""
        found = parts_of(arguments.values(self.variables)[NODE_ID])
        chosen = field_.nodes.get(found[0]) if found is not None else None
        if found is None or chosen is None or chosen.plan is None or chosen.encode is None:
            return None
        return await self._by_key(chosen.plan, found[1], chosen.encode)

    async def _get(self, field_: TopField, given: Given) -> Any:
        if field_.plan is None or field_.encode is None:
            return None
        return await self._by_key(field_.plan, given["id"], field_.encode)

    async def _by_key(self, plan: Plan, text: str, encode: Encode) -> Any:
        """What the selection shows of the record with a key; None when there is none."""
        query = self._keyed(plan, text)
        if query is None:
            return None
        # A record with nothing behind it is encoded as quickly.
        found = written(plan, query, self.scope) if plan.ways else None
        if found is not None:
            row = await found.query.one_or_none()
            return None if row is None else single(*await found.texts([row], self.scope))
        record = await self._record(plan, query)
        return None if record is None else encode(record)

    def _keyed(self, plan: Plan, text: str) -> Query[Any] | None:
        """The record with a key, with what the selection shows; None where it can be no key."""
        spec = plan.exposed.spec
        try:
            key = key_of(spec, text)
        except NotFound:
            return None
        return plan.fill(with_key(spec, key, self.scope), self.filling, 1)

    async def _record(self, plan: Plan, query: Query[Any]) -> Any:
        record = await query.one_or_none()
        if record is not None:
            await plan.load_rest([record], self.scope, self.filling)
        return record

    async def records(self, plan: Plan, keys: Sequence[Any]) -> dict[Any, Any]:
        """The records with some keys that the actor may see, with what the selection shows."""
        spec = plan.exposed.spec
        name = spec.primary_key.name
        key: Any = getattr(spec.python, name)
        query: Query[Any] = Query(resource=spec.python)
        query = plan.fill(query.where(key.is_in(keys)), self.filling, len(keys))
        # They are as many as were told of, whatever the action says about pages.
        found = await self.scope.need_runtime().reader.everything(query, self.scope)
        await plan.load_rest(found, self.scope, self.filling)
        return {each.__dict__[name]: each for each in found}

    async def _get_by(self, field_: TopField, root: Root, given: Given) -> Any:
        plan = field_.plan
        if plan is None or field_.encode is None:
            return None
        python = root.exposed.spec.python
        query: Query[Any] = Query(resource=python)
        loads = plan.fill(query, self.filling, 1).loads
        try:
            record = await self.scope.need_runtime().get_by(python, self.scope, given, loads)
        except NotFound:
            return None
        await plan.load_rest([record], self.scope, self.filling)
        return field_.encode(record)

    def _query(self, root: Root, given: Given) -> Query[Any]:
        """The rows of a list: those of the primary read, or of a declared one with its inputs."""
        query: Query[Any]
        inputs = root.action.public_inputs
        if root.action.body is None:
            query = Query(resource=root.exposed.spec.python, scope=self.scope)
        else:
            values = {each.name: given[each.name] for each in inputs if each.name in given}
            query = self.scope.need_runtime().read_action(root.declared, self.scope, values, ())
        return asked(query, given)

    async def _list(self, field_: TopField, root: Root, given: Given) -> Any:
        plan, encode = field_.plan, field_.encode
        if plan is None or encode is None:
            return None
        size, offset = size_of(given, root.action.page), given.get("offset", 0)
        query = self._query(root, given)
        if query.take is not None:
            # The action has said how many rows there are; a page lies inside of them.
            size = max(0, min(size, query.take - offset))
        query = plan.fill(query.limit(size).offset((query.skip or 0) + offset), self.filling, size)
        found = written(plan, query, self.scope)
        if found is not None:
            return whole(await found.texts(await found.query.all(self.scope), self.scope))
        records = await query.all(self.scope)
        await plan.load_rest(records, self.scope, self.filling)
        return [encode(each) for each in records]

    async def _page(self, field_: TopField, root: Root, given: Given) -> Any:
        plan, page, encode = field_.plan, field_.page, field_.encode
        if plan is None or page is None or encode is None:
            return None
        asked_for = page_of(given, root.action.page)
        query = self._query(root, given)
        if query.cut:
            raise InvalidPage("first", asked_for.limit, allowed="nothing; this list has no pages")
        size = root.action.page.limit_of(asked_for.limit)
        query = plan.fill(query, self.filling, size)
        texts = written(plan, query, self.scope)
        found = await (query if texts is None else texts.query).page(
            limit=asked_for.limit,
            after=asked_for.after,
            before=asked_for.before,
            count=page.counted,
            scope=self.scope,
        )
        if texts is not None:
            items = tuple(map(single, await texts.texts(found.items, self.scope)))
            return encode(replace(found, items=items))
        await plan.load_rest(found.items, self.scope, self.filling)
        return encode(found)

    # changes

    async def _change(self, field_: TopField, root: Root, arguments: Arguments, *, where: str) -> Any:
        """The payload of a mutation: what came of it, or why it was refused."""
        given = arguments.values(self.variables)
        result: Any = None
        errors: list[dict[str, Any]] = []
        # What the answer may hold is counted before anything is written.
        plan = field_.plan
        if plan is not None:
            nothing: Query[Any] = Query(resource=root.exposed.spec.python)
            plan.fill(nothing, Filling(self.variables, self.filling.left), 1)
        try:
            result = await self._act(field_, root, given)
        except Exception as error:  # the boundary: a refusal becomes data, all else is raised anew
            errors = action_errors(error, root, where=where)
        shown: dict[str, Any] = {}
        for key, name, encode in field_.payload:
            if name == TYPE_NAME:
                shown[key] = encode
            elif name == "errors":
                shown[key] = [{each: error[member] for each, member in encode.items()} for error in errors]
            elif root.kind is RootKind.GENERIC:
                shown[key] = None if errors else _answered(root, result, encode)
            else:
                shown[key] = None if result is None else encode(result)
        return shown

    async def _act(self, field_: TopField, root: Root, given: Given) -> Any:
        runtime, scope = self.scope.need_runtime(), self.scope
        values = dict(given.get("input") or {})
        match root.kind:
            case RootKind.CREATE:
                record = await runtime.create(root.declared, scope, values, ())
                return await self._written(field_, root, record)
            case RootKind.UPDATE:
                key = key_of(root.exposed.spec, given["id"])
                record = await runtime.update(root.declared, scope, key, values, ())
                return await self._written(field_, root, record)
            case RootKind.DESTROY:
                key = key_of(root.exposed.spec, given["id"])
                shown = None
                if field_.plan is not None and not field_.plan.plain:
                    # Afterwards nothing leads anywhere from it.
                    shown = await self._seen(field_.plan, key)
                record = await runtime.destroy(root.declared, scope, key, values, ())
                return record if field_.plan is None or field_.plan.plain else shown
            case _:
                return await runtime.generic(root.declared, scope, values, ())

    async def _written(self, field_: TopField, root: Root, record: Any) -> Any:
        """The record that an action has answered with, or as it is read when more is shown of it."""
        if field_.plan is None or field_.plan.plain:
            return record
        return await self._seen(field_.plan, record.__dict__[root.exposed.spec.primary_key.name])

    async def _seen(self, plan: Plan, key: Any) -> Any:
        query = self._keyed(plan, str(key))
        try:
            return None if query is None else await self._record(plan, query)
        except (Forbidden, NotFound):
            # It is written, though the actor may not read it: the mutation has succeeded all the same.
            return None


def _answered(root: Root, answer: Any, encode: Encode | None) -> Any:
    """What a generic action has answered, as it is shown."""
    returns = root.action.returns
    if returns is None:
        return True
    shown = returns.shown(answer)
    return shown if shown is None or encode is None else encode(shown)
