"""Limits: what one request may ask, measured before anything is validated or read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from sorbus.errors.graphql import QueryTooLarge

_SCHEMA = ("__schema", "__type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one request may ask.

    Attributes:
        body: bytes of the request; of a message on a socket.
        upload: bytes of a request with files, all of it.
        document: characters of the document.
        tokens: names, signs and values in the document.
        depth: fields inside fields.
        fields: fields of an operation, those of fragments counted wherever they are used; aliases count each.
        roots: fields at the top of an operation.
        complexity: values that an answer may have: each field counts one for every row that its list may have.
        batch: requests in one body; 0 refuses lists of requests.
        streams: streams that this process keeps open: a stream of events is one, and so are a socket and each
            operation on it.
        streams_each: how many of them one caller may have: an actor of a tenant, or else an address.
        operations: operations that are under way on one socket.
        stream_seconds: how long a stream or a socket lives; clients open another one then, and are asked anew who
            they are.
    """

    body: int = 1_000_000
    upload: int = 16 * 1024 * 1024
    document: int = 20_000
    tokens: int = 2_000
    depth: int = 12
    fields: int = 500
    roots: int = 20
    complexity: int = 100_000
    batch: int = 0
    streams: int = 1_000
    streams_each: int = 100
    operations: int = 50
    stream_seconds: float = 3_600.0


@dataclass(slots=True)
class _Size:
    """What a selection comes to."""

    fields: int = 0
    depth: int = 0


class Measure:
    """Measures the operations of one document. Each fragment is looked at once, however often it is used.

    Raises:
        QueryTooLarge: an operation is larger than the limits say.
    """

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self.limits = limits
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._known: dict[str, _Size] = {}
        self._open: set[str] = set()
        for each in document.definitions:
            if isinstance(each, OperationDefinitionNode):
                self._operation(each)
            elif isinstance(each, FragmentDefinitionNode):
                # Its depth counts where it is used; comparing its fields with each other costs at once.
                self._check(_Size(fields=self._fragment(each.name.value).fields))

    def _operation(self, operation: OperationDefinitionNode) -> None:
        self._check(self._size(operation.selection_set))
        roots = self._width(operation.selection_set, set())
        if roots > self.limits.roots:
            raise QueryTooLarge("number of fields at the top", limit=self.limits.roots, found=roots)

    def _width(self, selections: SelectionSetNode, seen: set[str]) -> int:
        """The fields that stand at the top, those of fragments too."""
        found = 0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                found += 1
            elif isinstance(each, InlineFragmentNode):
                found += self._width(each.selection_set, seen)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in seen:
                seen.add(each.name.value)
                definition = self._fragments.get(each.name.value)
                found += self._width(definition.selection_set, seen) if definition is not None else 0
        return found

    def _check(self, size: _Size) -> None:
        if size.depth > self.limits.depth:
            raise QueryTooLarge("depth", limit=self.limits.depth, found=size.depth)
        if size.fields > self.limits.fields:
            raise QueryTooLarge("number of fields", limit=self.limits.fields, found=size.fields)

    def _size(self, selections: SelectionSetNode | None) -> _Size:
        """The size of some selections. A cycle of fragments ends here; validation refuses it by name."""
        found = _Size()
        if selections is None:
            return found
        for each in selections.selections:
            if isinstance(each, FieldNode):
                inner = self._size(each.selection_set)
                found.fields += 1 + inner.fields
                # Every tool's question about the schema is deep, and its depth has a rule of its own.
                depth = 0 if each.name.value in _SCHEMA else inner.depth
                found.depth = max(found.depth, 1 + depth)
            else:
                inner = (
                    self._fragment(each.name.value)
                    if isinstance(each, FragmentSpreadNode)
                    else self._size(getattr(each, "selection_set", None))
                )
                # An empty fragment costs something too.
                found.fields += max(1, inner.fields)
                found.depth = max(found.depth, inner.depth)
        return found

    def _fragment(self, name: str) -> _Size:
        known = self._known.get(name)
        if known is None:
            definition = self._fragments.get(name)
            if definition is None or name in self._open:
                return _Size()
            self._open.add(name)
            known = self._known[name] = self._size(definition.selection_set)
            self._open.discard(name)
        return known
