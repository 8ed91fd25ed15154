"""Answering: from a request to its response, whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema, OperationDefinitionNode, get_variable_values
from graphql.execution import VariableValues
from graphql.language import DirectiveNode, VariableNode, Visitor, visit

from sorbus.apis.graphql.documents import Document, Documents, locations
from sorbus.apis.graphql.faults import of_field, whole_request
from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.operations import Operation, Runner, compile_operation
from sorbus.apis.graphql.requests import Asked
from sorbus.errors.graphql import GraphqlInvalid, MalformedGraphqlRequest, QueryTooLarge
from sorbus.errors.http import MethodNotAllowed
from sorbus.scope import Scope

_MOST_COMPILED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The answer to one request.

    Attributes:
        status: the HTTP status, for those that get one.
        begun: whether the operation was begun, so that there is a `data`.
    """

    document: dict[str, Any]
    status: int = 200
    begun: bool = True


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A request that may run."""

    operation: Operation
    variables: VariableValues
    raw: Mapping[str, Any]


class Answerer:
    """Answers the requests of one application."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, limits: Limits) -> None:
        self.schema = schema
        self.documents = documents
        self.limits = limits

    async def answer(self, asked: Asked, scope: Scope, *, where: str) -> Response:
        """The response to a request; no error leaves it."""
        try:
            prepared = self.prepare(asked)
        except RecursionError:
            return refused(QueryTooLarge("depth", limit=self.limits.depth), where=where)
        except Exception as error:  # the boundary: everything becomes an error object
            return refused(error, where=where)
        return await self.run(prepared, scope, where=where)

    def prepare(self, asked: Asked, *, streams: bool = False) -> Prepared:
        """The operation of a request with its variables.

        Args:
            streams: whether it may be answered as a stream.

        Raises:
            SorbusError: it cannot run.
        """
        document = self.documents.get(asked.query, asked.sha256)
        node = document.operation(asked.operation)
        if asked.reading and node.operation.value == "mutation":
            raise MethodNotAllowed("GET", f"{node.operation.value} by /graphql", allowed=["POST"])
        if node.operation.value == "subscription" and not streams:
            problem = "a subscription is answered as a stream; ask for it with `Accept: text/event-stream`"
            raise MalformedGraphqlRequest(problem)
        variables = get_variable_values(
            self.schema,
            node.variable_definitions or (),
            dict(asked.variables),
            max_errors=20,
            hide_suggestions=not self.documents.introspection,
        )
        if isinstance(variables, list):
            raise GraphqlInvalid([(each.message, locations(each)) for each in variables])
        return Prepared(
            operation=self._compiled(document, node, variables), variables=variables, raw=asked.variables
        )

    def _compiled(
        self, document: Document, node: OperationDefinitionNode, variables: VariableValues
    ) -> Operation:
        """The compiled operation, by what directives leave of it; never by values."""
        names = document.compiled.get("directives")
        if names is None:
            names = document.compiled["directives"] = _asked_by_directives(document)
        truths = {name: bool(variables.coerced.get(name)) for name in names}
        key = (node.name.value if node.name else "", tuple(truths.values()))
        found: Operation | None = document.compiled.get(key)
        if found is None:
            if len(document.compiled) > _MOST_COMPILED:
                document.compiled.clear()
            found = document.compiled[key] = compile_operation(self.schema, document, node, truths)
        return found

    async def run(self, prepared: Prepared, scope: Scope, *, where: str) -> Response:
        """Run an operation: its fields one after the other, each with an answer or null and errors."""
        data: dict[str, Any] = {}
        errors: list[dict[str, Any]] = []
        runner = Runner(scope, prepared.variables, prepared.raw, most=self.limits.complexity)
        for each in prepared.operation.fields:
            try:
                data[each.key] = await runner.run(each, self.schema, where=where)
            except Exception as error:  # the boundary: the other fields are answered all the same
                if isinstance(error, RecursionError):
                    error = QueryTooLarge("depth", limit=self.limits.depth)
                if isinstance(error, QueryTooLarge) and not prepared.operation.mutates:
                    return refused(error, where=where)
                data[each.key] = None
                errors.extend(of_field(error, each.root, [each.key], where=where))
        return Response(document={"data": data, "errors": errors} if errors else {"data": data})


def refused(error: BaseException, *, where: str) -> Response:
    """The response to a request of which nothing was done."""
    status, errors = whole_request(error, where=where)
    return Response(document={"errors": errors}, status=status, begun=False)


class _Asks(Visitor):
    """The variables that directives ask."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """One of them."""
        for each in node.arguments or ():
            if isinstance(each.value, VariableNode):
                self.names[each.value.name.value] = None


def _asked_by_directives(document: Document) -> tuple[str, ...]:
    asks = _Asks()
    visit(document.node, asks)
    return tuple(asks.names)
