"""Views: which fields and related records of a resource a response shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.encoding import INCLUDED_LIMIT, INCLUDED_MOST, Encode, EncoderFactory
from sorbus.apis.json_api.paging import Paging
from sorbus.apis.json_api.related import in_one_order
from sorbus.apis.json_api.surface import Exposed, IncludePath
from sorbus.apis.json_api.templates import Writing
from sorbus.expressions.build import Expr, Sort
from sorbus.query.query import LoadItem, Query
from sorbus.resource.relationships import Relationship
from sorbus.schema.fields import Cardinality, RelationshipSpec

FieldSets = Mapping[str, frozenset[str]]
"""The sparse fieldsets of a request, by type."""

NO_FIELD_SETS: FieldSets = MappingProxyType({})

Arguments = Mapping[str, Any]
"""The arguments of a calculation, by their names."""

FieldInputs = Mapping[str, Mapping[str, Arguments]]
"""The arguments of calculations, by type and calculation; what needs and was given none is not there."""

NO_FIELD_INPUTS: FieldInputs = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """What a request says about the related records of an include path.

    Attributes:
        page: the page of each record's related ones; None includes them all, up to a limit.
    """

    conditions: tuple[Expr[bool], ...] = ()
    sorts: tuple[Sort, ...] = ()
    page: Paging | None = None

    def apply(self, query: Query[Any]) -> Query[Any]:
        """The query with its conditions and order."""
        if self.conditions:
            query = query.where(*self.conditions)
        return query.order_by(*self.sorts) if self.sorts else query


ALL_RELATED = Included()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a response shows of one resource.

    Attributes:
        encode: from a loaded record to its resource object.
        writing: how a data layer writes resource objects itself; None where they need Python.
        children: the views of included relationships, by name.
        included: what the request says about each of them.
        derived: the derived fields that a query must load along.
        related: the related records that it must load along.
        compound: whether the document has `included`, even when nothing is.
        alone: at the top of a document: the types that come in one place of it only.
        alike: there, too: whether a record looks the same wherever it comes.
        together: there, too: how a data layer writes resource objects with related ones, in one statement; None where
            there are none for which that goes.
    """

    exposed: Exposed
    encode: Encode
    writing: Writing | None
    children: Mapping[str, View]
    included: Mapping[str, Included]
    derived: tuple[LoadItem, ...]
    related: tuple[LoadItem, ...]
    compound: bool = False
    alone: frozenset[str] = frozenset()
    alike: bool = True
    together: Writing | None = None

    @property
    def loads(self) -> tuple[LoadItem, ...]:
        """Everything that a query must load along."""
        return self.derived + self.related

    @property
    def plain(self) -> bool:
        """Whether the record's own attributes are enough."""
        return not (self.derived or self.related)

    def apply[R](self, query: Query[R]) -> Query[R]:
        """The query with everything loaded that the view shows."""
        return query if self.plain else replace(query, loads=query.loads + self.loads)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRequest:
    """What a request says about what is shown."""

    fields: FieldSets = NO_FIELD_SETS
    calls: FieldInputs = NO_FIELD_INPUTS
    includes: frozenset[IncludePath] = frozenset()
    included: Mapping[IncludePath, Included] = MappingProxyType({})
    compound: bool = False


def view_of(encoders: EncoderFactory, exposed: Exposed, wanted: ViewRequest) -> View:
    """The view of a resource with its includes, from the top down."""
    view = _view(encoders, exposed, wanted, wanted.includes, ())
    by_type: dict[str, list[View]] = {}
    for each in _views(view):
        by_type.setdefault(each.exposed.type, []).append(each)
    view = replace(
        view,
        compound=wanted.compound,
        alone=frozenset(kind for kind, views in by_type.items() if len(views) == 1),
        alike=all(map(_alike, by_type.values())),
    )
    nested = tuple(name for name in view.children if _nests(view, name))
    if not nested or view.writing is None:
        return view
    shown, loaded = wanted.fields.get(exposed.type), frozenset(view.children)
    return replace(view, together=encoders.templates.writing(exposed, shown, loaded, nested))


def _nests(view: View, name: str) -> bool:
    """Whether the statement that writes the records of a view can write those behind a relationship, too."""
    child, said = view.children[name], view.included[name]
    if child.writing is None or child.writing.gathered is None or child.exposed.type not in view.alone:
        return False
    return said is ALL_RELATED and from_one(view.exposed.spec.relationships[name])


def from_one(way: RelationshipSpec) -> bool:
    """Whether a related record belongs to one record only, which may have several such."""
    plain = way.where is None and way.join is None and not way.path
    return plain and way.cardinality is Cardinality.HAS_MANY


def _views(view: View) -> Iterator[View]:
    yield view
    for each in view.children.values():
        yield from _views(each)


def _alike(views: Sequence[View]) -> bool:
    """Whether a record looks the same in each of the views of its type."""
    first = views[0]
    return len(views) == 1 or all(not each.children and each.writing is first.writing for each in views)


def _view(
    encoders: EncoderFactory,
    exposed: Exposed,
    wanted: ViewRequest,
    includes: frozenset[IncludePath],
    here: IncludePath,
) -> View:
    heads = sorted({path[0] for path in includes})
    children: dict[str, View] = {}
    shown = wanted.fields.get(exposed.type)
    python = exposed.spec.python
    calls = wanted.calls.get(exposed.type, {})
    derived = tuple(
        LoadItem(target=getattr(python, name)(**calls[name]) if name in calls else getattr(python, name))
        for name in exposed.derived
        if shown is not None and name in shown
    )
    included: dict[str, Included] = {}
    related: list[LoadItem] = []
    for name in heads:
        relationship = exposed.spec.relationships[name]
        beyond = frozenset(path[1:] for path in includes if path[0] == name and len(path) > 1)
        destination = encoders.surface.destination(relationship)
        child = children[name] = _view(encoders, destination, wanted, beyond, (*here, name))
        said = included[name] = wanted.included.get((*here, name), ALL_RELATED)
        query: Query[Any] = said.apply(child.apply(Query(resource=destination.spec.python)))
        if relationship.to_many:
            if said.page is None:
                query = query.limit(INCLUDED_LIMIT + 1)
            else:
                query = in_one_order(relationship, query, destination.spec.primary_key.name)
        target: Relationship[Any] = getattr(python, name)
        page = None if said.page is None else said.page.nested
        related.append(LoadItem(target=target, query=query, page=page, most=INCLUDED_MOST))
    filtered = frozenset(name for name, each in included.items() if each.conditions)
    return View(
        exposed=exposed,
        encode=encoders.encoder(exposed, shown, frozenset(heads), filtered),
        # Each call has arguments of its own, so that no text could be kept for it.
        writing=None if calls else encoders.templates.writing(exposed, shown, frozenset(heads)),
        children=MappingProxyType(children),
        included=MappingProxyType(included),
        derived=derived,
        related=tuple(related),
    )
