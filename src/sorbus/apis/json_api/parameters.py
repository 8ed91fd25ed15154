"""Query parameters: parsed and checked against what a route knows, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from sorbus.apis.json_api.conditions import ConditionTree
from sorbus.apis.json_api.field_inputs import FieldInputReader
from sorbus.apis.json_api.filters import FilterBook
from sorbus.apis.json_api.paging import FIRST_PAGE, Paging, paging_of
from sorbus.apis.json_api.routes import OURS, PARAMETERS, RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Exposed, IncludePath, Surface
from sorbus.apis.json_api.texts import input_value
from sorbus.apis.json_api.views import NO_FIELD_INPUTS, NO_FIELD_SETS, FieldInputs, FieldSets, Included
from sorbus.errors.http import InvalidFields, InvalidInclude, InvalidParameter, QueryTooLong, UnknownParameter
from sorbus.expressions.build import Expr, Sort
from sorbus.schema.actions import InputSpec
from sorbus.schema.resource import PRIMARY_READ

LONGEST_QUERY = 16_384
MOST_PARAMETERS = 200

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MEMBER = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The checked parameters of one request.

    Attributes:
        compound: whether `include` was given, if only to say that nothing is.
        included: what was said about the related records of an include path.
        calls: the arguments of the calculations that `fields` names.
        inputs: the inputs of a read action.
    """

    compound: bool = False
    includes: frozenset[IncludePath] = frozenset()
    included: Mapping[IncludePath, Included] = MappingProxyType({})
    fields: FieldSets = NO_FIELD_SETS
    calls: FieldInputs = NO_FIELD_INPUTS
    conditions: tuple[Expr[bool], ...] = ()
    sorts: tuple[Sort, ...] = ()
    paging: Paging = FIRST_PAGE
    inputs: Mapping[str, Any] = MappingProxyType({})

    @property
    def shapes(self) -> bool:
        """Whether they change what is shown of a record."""
        return bool(self.compound or self.fields)


NO_PARAMETERS = Parameters()


@dataclass(slots=True)
class _OfIncluded:
    """What has been read about the related records of one path."""

    tree: ConditionTree
    sort: list[str] = field(default_factory=list[str])
    page: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class _Found:
    """What has been read so far."""

    include: list[str] = field(default_factory=list[str])
    sort: list[str] = field(default_factory=list[str])
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    calls: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict[Any, Any])
    page: dict[str, str] = field(default_factory=dict[str, str])
    filter: ConditionTree = field(default_factory=lambda: ConditionTree("filter"))
    inputs: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    included: dict[str, _OfIncluded] = field(default_factory=dict[str, _OfIncluded])

    def of(self, path: str) -> _OfIncluded:
        """What has been read about a path."""
        return self.included.setdefault(path, _OfIncluded(ConditionTree(f"filter_included[{path[:200]}]")))


class ParameterReader:
    """Reads the parameters of one route; built once."""

    def __init__(self, route: RouteSpec, surface: Surface, filters: FilterBook) -> None:
        self.route = route
        self.exposed: Exposed = route.shown
        self.surface = surface
        self.filters = filters
        self.field_inputs = FieldInputReader(surface)
        self.inputs: dict[str, InputSpec] = {}
        names = route.exposed.names
        if route.kind is RouteKind.READ:
            self.inputs = {names.wire(each.name): each for each in route.action.public_inputs}
        self.known: set[str] = set()
        if (
            route.kind not in {RouteKind.GENERIC, RouteKind.DESTROY, RouteKind.LINKAGE}
            and not route.kind.links
        ):
            self.known = {"include", "fields", *OURS}
        if route.lists:
            self.known.update({"filter", "sort", "page"})
        self.allowed = (*(each for each in (*PARAMETERS, *OURS) if each in self.known), *self.inputs)
        self.paths = surface.include_paths(self.exposed)

    def read(self, query: bytes) -> Parameters:
        """The parameters in a query string.

        Raises:
            QueryTooLong: it is longer, or has more parameters, than is read.
            UnknownParameter: the route does not know a parameter.
            InvalidFilter, InvalidInclude, InvalidFields, InvalidPage, InvalidParameter: one is wrong.
            InvalidAction: the arguments of a calculation do not fit.
        """
        if not query:
            return NO_PARAMETERS
        found = _Found()
        pairs = _pairs(query)
        for name, value in pairs:
            self._take(found, name, value)
        if not pairs:
            return NO_PARAMETERS
        filters = self.filters[self.exposed]
        includes = self._includes(found.include)
        rules = self.route.action.page
        if self.route.shown is not self.route.exposed:
            rules = self.route.shown.spec.actions[PRIMARY_READ].page
        fields = self._fields(found.fields)
        return Parameters(
            compound=bool(found.include),
            includes=includes,
            included=self._included(found.included, includes) if found.included else MappingProxyType({}),
            fields=fields,
            calls=self.field_inputs.read(found.calls, fields),
            conditions=found.filter.read(filters),
            sorts=filters.sorts(",".join(found.sort)),
            paging=paging_of(found.page, rules) if found.page else FIRST_PAGE,
            inputs={
                self.inputs[name].name: input_value(self.inputs[name].type, texts)
                for name, texts in found.inputs.items()
            },
        )

    def _take(self, found: _Found, written: str, value: str) -> None:
        """Put one parameter where it belongs."""
        parts = _NAME.fullmatch(written)
        if parts is None:
            raise UnknownParameter(written, allowed=self.allowed)
        name = parts[1]
        members: list[str] = _MEMBER.findall(parts[2])
        match (name if name in self.known else "", members):
            case ("include", []):
                found.include.append(value)
            case ("sort", []):
                found.sort.append(value)
            case ("fields", [kind]):
                found.fields.setdefault(kind, []).append(value)
            case ("field_inputs", [kind, calculation, argument]):
                found.calls.setdefault((kind, calculation), {}).setdefault(argument, []).append(value)
            case ("page", [member]):
                found.page[member] = value
            case ("filter", names):
                found.filter.add(names, value)
            case ("filter_included", [path, *names]):
                found.of(path).tree.add(names, value)
            case ("sort_included", [path]):
                found.of(path).sort.append(value)
            case ("page_included", [path, member]):
                found.of(path).page[member] = value
            case _ if not members and name in self.inputs:
                found.inputs.setdefault(name, []).append(value)
            case _:
                raise UnknownParameter(written, allowed=self.allowed)

    def _includes(self, written: list[str]) -> frozenset[IncludePath]:
        paths: set[IncludePath] = set()
        for text in ",".join(written).split(","):
            if not text:
                continue
            path = self.paths.get(text)
            if path is None:
                raise InvalidInclude(self.exposed.spec.name, text, allowed=self.paths)
            paths.add(path)
        return frozenset(paths)

    def _included(
        self, given: Mapping[str, _OfIncluded], includes: frozenset[IncludePath]
    ) -> Mapping[IncludePath, Included]:
        """What was said about include paths, each of which leads to many records and is included."""
        made: dict[IncludePath, Included] = {}
        for written, each in given.items():
            path = self.paths.get(written)
            shown = {path[:length] for path in includes for length in range(1, len(path) + 1)}
            if path is None or path not in shown:
                raise InvalidInclude(
                    self.exposed.spec.name,
                    written,
                    allowed=[name for name, one in self.paths.items() if one in shown],
                )
            source = self.surface.at(self.exposed, path[:-1])
            if not source.spec.relationships[path[-1]].to_many:
                problem = "it leads to one record, which is not filtered, sorted or paged"
                raise InvalidParameter(f"filter_included[{written}]", problem=problem)
            destination = self.surface.at(self.exposed, path)
            filters = self.filters[destination]
            rules = destination.spec.actions[PRIMARY_READ].page
            page = paging_of(each.page, rules, parameter=f"page_included[{written}]") if each.page else None
            made[path] = Included(
                conditions=each.tree.read(filters),
                sorts=filters.sorts(",".join(each.sort), f"sort_included[{written}]"),
                page=page,
            )
        return made

    def _fields(self, written: Mapping[str, list[str]]) -> FieldSets:
        sets: dict[str, frozenset[str]] = {}
        for kind, texts in written.items():
            exposed = self.surface.by_type.get(kind)
            if exposed is None:
                raise InvalidFields(kind, "", allowed=self.surface.by_type)
            names: list[str] = []
            for written_name in ",".join(texts).split(","):
                own = exposed.names.own(written_name)
                if written_name and own not in exposed.fields:
                    raise InvalidFields(kind, written_name, allowed=exposed.field_names)
                if own is not None:
                    names.append(own)
            sets[kind] = frozenset(names)
        return sets


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if len(query) > LONGEST_QUERY:
        raise QueryTooLong(LONGEST_QUERY)
    try:
        text = query.decode()
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except UnicodeDecodeError:
        raise InvalidParameter(_no_text(query), problem="it is no text in UTF-8") from None
    except ValueError:
        raise QueryTooLong(LONGEST_QUERY) from None


def _no_text(query: bytes) -> str:
    """The name of the first parameter that is no text."""
    for each in query.split(b"&"):
        try:
            unquote_to_bytes(each).decode()
        except UnicodeDecodeError:
            return unquote(each.partition(b"=")[0].decode("latin-1"), errors="replace")
    return ""
