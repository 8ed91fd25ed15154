"""Documents: parsed and validated once, and kept by their text; persisted ones are found by their hash."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    parse,
    specified_rules,
    validate,
)

from sorbus.apis.graphql.limits import Limits, Measure
from sorbus.apis.graphql.merging import conflicts
from sorbus.errors.graphql import (
    GraphqlInvalid,
    GraphqlSyntax,
    MalformedGraphqlRequest,
    PersistedQueryMismatch,
    PersistedQueryNotFound,
    QueryNotAllowed,
    QueryTooLarge,
)

_MOST_KEPT = 500
_MOST_CHARACTERS = 1_000_000
"""Characters of all documents that are kept; each takes some forty bytes of memory."""

_MOST_PROBLEMS = 20
_LONGEST_HASH = 64


@dataclass(slots=True, eq=False)
class Document:
    """A valid document.

    Attributes:
        compiled: the compiled operations of it, by their names and what directives leave of them.
    """

    node: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]
    compiled: dict[Any, Any] = field(default_factory=dict[Any, Any])

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of a name, or the only one.

        Raises:
            MalformedGraphqlRequest: there is none, or several and no name.
        """
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            problem = "the document has several operations, and `operationName` says none"
            raise MalformedGraphqlRequest(problem if self.operations else "the document has no operation")
        found = self.operations.get(name)
        if found is None:
            names = ", ".join(each for each in self.operations if each) or "none with a name"
            raise MalformedGraphqlRequest(
                f"`operationName` is `{name[:100]}`, and the document's operations are: {names[:300]}"
            )
        return found


class Documents:
    """The documents of one schema.

    Args:
        introspection: whether clients may ask for the schema.
        allowed: the only documents that are answered; None means any.
        persisted: whether clients may register documents by their hash.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        introspection: bool,
        allowed: Iterable[str] | None = None,
        persisted: bool = True,
    ) -> None:
        self.schema = schema
        self.limits = limits
        self.introspection = introspection
        self.parsed = 0
        # Its work grows with the square of the document; `conflicts` finds the same by reading it once.
        self._rules = [each for each in specified_rules if each is not OverlappingFieldsCanBeMergedRule]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._kept = 0
        self._persists = persisted
        self._persisted: OrderedDict[str, str] = OrderedDict()
        self._allowed = None if allowed is None else {digest(each): each for each in allowed}

    def get(self, text: str | None, sha256: str | None = None) -> Document:
        """The document of a text or of a hash.

        Raises:
            PersistedQueryNotFound, PersistedQueryMismatch: there is none of the hash, or the text has another.
            QueryNotAllowed: it is not among the allowed ones.
            QueryTooLarge: it is larger than the limits say.
            GraphqlSyntax, GraphqlInvalid: it is no document of the schema.
        """
        text = self._text(text, sha256)
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._read(text)
            self._kept += len(text)
            while len(self._known) > _MOST_KEPT or self._kept > _MOST_CHARACTERS:
                self._kept -= len(self._known.popitem(last=False)[0])
        else:
            self._known.move_to_end(text)
        if sha256 is not None and self._persists:
            # Only documents that are valid are kept, so that the memory cannot be filled with rubbish.
            self._persisted[sha256] = text
            self._persisted.move_to_end(sha256)
            if len(self._persisted) > _MOST_KEPT:
                self._persisted.popitem(last=False)
        return found

    def _text(self, text: str | None, sha256: str | None) -> str:
        if text is not None and len(text) > self.limits.document:
            raise QueryTooLarge("length", limit=self.limits.document, found=len(text))
        if sha256 is not None:
            if text is not None and digest(text) != sha256[:_LONGEST_HASH]:
                raise PersistedQueryMismatch
            known = self._persisted if self._allowed is None else self._allowed
            if text is None:
                text = known.get(sha256)
                if text is None:
                    raise PersistedQueryNotFound if self._allowed is None else QueryNotAllowed
        if text is None:
            raise MalformedGraphqlRequest("it has no `query`")
        if self._allowed is not None and digest(text) not in self._allowed:
            raise QueryNotAllowed
        return text

    def _read(self, text: str) -> Document:
        self.parsed += 1
        try:
            node = parse(text, max_tokens=self.limits.tokens)
            Measure(node, self.limits)
            problems = validate(
                self.schema,
                node,
                self._rules,
                max_errors=_MOST_PROBLEMS,
                hide_suggestions=not self.introspection,
            ) or list(islice(conflicts(self.schema, node), _MOST_PROBLEMS))
        except GraphQLSyntaxError as error:
            raise self._unread(error) from None
        except RecursionError:
            raise QueryTooLarge("depth", limit=self.limits.depth) from None
        if problems:
            raise GraphqlInvalid([(each.message, locations(each)) for each in problems])
        return Document(
            node=node,
            operations={
                each.name.value if each.name else "": each
                for each in node.definitions
                if isinstance(each, OperationDefinitionNode)
            },
            fragments={
                each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)
            },
        )

    def _unread(self, error: GraphQLSyntaxError) -> GraphqlSyntax | QueryTooLarge:
        """Why a text is no document."""
        if error.message.endswith("nested too deeply. Parsing aborted."):
            return QueryTooLarge("depth", limit=self.limits.depth)
        if error.message.endswith("Parsing aborted."):
            return QueryTooLarge("number of tokens", limit=self.limits.tokens)
        return GraphqlSyntax(error.message.removeprefix("Syntax Error: "), locations=locations(error))


def digest(text: str) -> str:
    """The SHA-256 of a document, as clients write it."""
    return hashlib.sha256(text.encode()).hexdigest()


def locations(error: GraphQLError) -> Sequence[tuple[int, int]]:
    """The lines and columns that a problem is at."""
    return [(each.line, each.column) for each in error.locations or ()]
