"""Query parameters: parsed and checked against what a route knows, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from sorbus.apis.json_api.filters import MOST_FILTERS, Filters
from sorbus.apis.json_api.routes import PARAMETERS, RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Exposed, IncludePath, Surface
from sorbus.apis.json_api.texts import input_value
from sorbus.apis.json_api.views import NO_FIELD_SETS, FieldSets
from sorbus.errors.http import InvalidFields, InvalidInclude, InvalidParameter, QueryTooLong, UnknownParameter
from sorbus.errors.inputs import InvalidPage
from sorbus.expressions.build import Expr, Sort
from sorbus.schema.actions import InputSpec
from sorbus.schema.paging import Paging as PageRules

LONGEST_QUERY = 16_384
MOST_PARAMETERS = 200

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MEMBER = re.compile(r"\[([^\[\]]*)\]")
_PAGE_MEMBERS = ("after", "before", "count", "limit", "offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page of a list. `offset` asks for pages by position, else they go by cursor.

    Attributes:
        limit, count: None leaves it to the action.
    """

    limit: int | None = None
    after: str | None = None
    before: str | None = None
    offset: int | None = None
    count: bool | None = None
    given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The checked parameters of one request.

    Attributes:
        inputs: the inputs of a read action.
    """

    includes: frozenset[IncludePath] = frozenset()
    fields: FieldSets = NO_FIELD_SETS
    conditions: tuple[Expr[bool], ...] = ()
    sorts: tuple[Sort, ...] = ()
    paging: Paging = field(default_factory=Paging)
    inputs: Mapping[str, Any] = MappingProxyType({})

    @property
    def shapes(self) -> bool:
        """Whether they change what is shown of a record."""
        return bool(self.includes or self.fields)


NO_PARAMETERS = Parameters()


@dataclass(slots=True)
class _Found:
    """What has been read so far."""

    include: list[str] = field(default_factory=list[str])
    sort: list[str] = field(default_factory=list[str])
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    page: dict[str, str] = field(default_factory=dict[str, str])
    conditions: list[Expr[bool]] = field(default_factory=list[Expr[bool]])
    inputs: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


class ParameterReader:
    """Reads the parameters of one route; built once."""

    def __init__(self, route: RouteSpec, surface: Surface, filters: Filters) -> None:
        self.route = route
        self.exposed: Exposed = route.exposed
        self.surface = surface
        self.filters = filters
        self.inputs: dict[str, InputSpec] = {}
        if route.kind is RouteKind.READ:
            self.inputs = {each.name: each for each in route.action.public_inputs}
        shown = route.kind not in {RouteKind.GENERIC, RouteKind.DESTROY}
        self.known: set[str] = {"include", "fields"} if shown else set()
        if route.kind.lists:
            self.known.update(PARAMETERS)
        self.allowed = (*sorted(self.known), *self.inputs)

    def read(self, query: bytes) -> Parameters:
        """The parameters in a query string.

        Raises:
            QueryTooLong: it is longer, or has more parameters, than is read.
            UnknownParameter: the route does not know a parameter.
            InvalidFilter, InvalidInclude, InvalidFields, InvalidPage, InvalidParameter: one is wrong.
        """
        if not query:
            return NO_PARAMETERS
        found = _Found()
        for name, value in _pairs(query):
            self._take(found, name, value)
        return Parameters(
            includes=self._includes(found.include),
            fields=self._fields(found.fields),
            conditions=tuple(found.conditions),
            sorts=self.filters.sorts(",".join(found.sort)),
            paging=_paging(found.page, self.route.action.page) if found.page else NO_PARAMETERS.paging,
            inputs={name: input_value(self.inputs[name].type, texts) for name, texts in found.inputs.items()},
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
            case ("page", [member]):
                found.page[member] = value
            case ("filter", [field_name]):
                self._filter(found, field_name, "eq", value)
            case ("filter", [field_name, operator]):
                self._filter(found, field_name, operator, value)
            case _ if not members and name in self.inputs:
                found.inputs.setdefault(name, []).append(value)
            case _:
                raise UnknownParameter(written, allowed=self.allowed)

    def _filter(self, found: _Found, name: str, operator: str, value: str) -> None:
        if len(found.conditions) >= MOST_FILTERS:
            raise InvalidParameter("filter", problem=f"a request takes at most {MOST_FILTERS} filters")
        found.conditions.append(self.filters.condition(name, operator, value))

    def _includes(self, written: list[str]) -> frozenset[IncludePath]:
        paths: set[IncludePath] = set()
        for text in ",".join(written).split(","):
            if not text:
                continue
            path = tuple(text.split("."))
            if path not in self.exposed.includes:
                allowed = self.exposed.include_names
                raise InvalidInclude(self.exposed.spec.name, text, allowed=allowed)
            paths.add(path)
        return frozenset(paths)

    def _fields(self, written: Mapping[str, list[str]]) -> FieldSets:
        sets: dict[str, frozenset[str]] = {}
        for kind, texts in written.items():
            exposed = self.surface.by_type.get(kind)
            if exposed is None:
                raise InvalidFields(kind, "", allowed=self.surface.by_type)
            names = [each for each in ",".join(texts).split(",") if each]
            for name in names:
                if name not in exposed.fields:
                    raise InvalidFields(kind, name, allowed=exposed.fields)
            sets[kind] = frozenset(names)
        return sets


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if len(query) > LONGEST_QUERY:
        raise QueryTooLong(LONGEST_QUERY)
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise QueryTooLong(LONGEST_QUERY) from None


def _paging(given: Mapping[str, str], rules: PageRules) -> Paging:
    for name in given:
        if name not in _PAGE_MEMBERS:
            allowed = [f"page[{each}]" for each in _PAGE_MEMBERS]
            raise UnknownParameter(f"page[{name}]", allowed=allowed)
    offset = _number(given, "offset", least=0, most=10**9) if "offset" in given else None
    if offset is not None and ("after" in given or "before" in given):
        raise InvalidPage("offset", offset, allowed="a cursor or `page[offset]`, not both")
    if "after" in given and "before" in given:
        raise InvalidPage(
            "before", given["before"][:100], allowed="`page[after]` or `page[before]`, not both"
        )
    count = given.get("count")
    if count not in {"true", "false", None}:
        raise InvalidPage("count", str(count)[:100], allowed="true, false")
    limit = _number(given, "limit", least=1, most=rules.largest) if "limit" in given else None
    return Paging(
        limit=limit,
        after=given.get("after"),
        before=given.get("before"),
        offset=offset,
        count=None if count is None else count == "true",
        given=True,
    )


def _number(given: Mapping[str, str], name: str, *, least: int, most: int) -> int:
    text = given[name]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1
    if not least <= number <= most:
        raise InvalidPage(name, text[:100], allowed=f"{least} to {most}")
    return number
