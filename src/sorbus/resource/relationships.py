"""Relationships: typed ways to other rows. Targets are resolved when the application is put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, TypeGuard, TypeVar, cast, overload

from sorbus.errors.access import NotLoaded
from sorbus.expressions.build import ExistsExpr, Expr, Related, Sort
from sorbus.query.page import Page
from sorbus.resource.fields import Attr
from sorbus.schema.fields import Cardinality

R = TypeVar("R")
U = TypeVar("U")
V = TypeVar("V")

OnDeleteName = Literal["restrict", "cascade", "nilify", "nothing"]
OnUpdateName = Literal["restrict", "cascade", "nothing"]

Far = str | Callable[[Any], Attr[Any]]
"""An attribute of another resource: by name, or as `lambda row: row.email`."""

Where = Callable[[Any], Expr[bool]]
Order = Callable[[Any], Sort | Expr[Any] | Sequence[Sort | Expr[Any]]]


AuthorizeRead = Literal["filter", "error"]
"""What loading does about related rows that the actor may not read: leave them out, or refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipOptions:
    """What the declaration of a relationship was given, as the functions below explain it."""

    via: Attr[Any] | Far | None = None
    source: Attr[Any] | None = None
    destination: Far | None = None
    through: str | None = None
    to: Far | None = None
    where: Where | None = None
    join_where: Where | None = None
    carries_join: bool = False
    order_by: Order | None = None
    limit: int | None = None
    offset: int | None = None
    on_delete: OnDeleteName = "restrict"
    on_update: OnUpdateName = "nothing"
    deferrable: bool = False
    match_tenant: bool | None = None
    index: bool = True
    foreign_key: bool = True
    function: Callable[..., Any] | None = None
    authorize_read_with: AuthorizeRead = "filter"
    public: bool = False
    description: str = ""


class Relationship(Generic[R]):
    """What `One` and `Many` share: names, and the options of their declaration.

    Attributes:
        steps: for a path, its first relationship and the ways on from there; else empty.
    """

    def __init__(
        self,
        cardinality: Cardinality,
        options: RelationshipOptions,
        *,
        steps: tuple[Any, ...] = (),
    ) -> None:
        self.name = ""
        self.owner: type[Any] = object
        self.cardinality = cardinality
        self.options = options
        self.steps = steps
        self.public = options.public
        self.description = options.description

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name
        self.owner = owner

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.owner.__name__}.{self.name}>"


def is_relationship(member: object) -> TypeGuard[Relationship[Any]]:
    """Whether a member of a declaration is a relationship."""
    return isinstance(member, Relationship)


class One(Relationship[R]):
    """A way to at most one row."""

    @overload
    def __get__(self, obj: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type[Any]) -> R: ...
    def __get__(self, obj: object | None, owner: type[Any]) -> Any:
        if obj is None:
            return self
        raise NotLoaded(owner.__name__, self.name)


class Many(Relationship[R]):
    """A way to any number of rows."""

    @overload
    def __get__(self, obj: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type[Any]) -> list[R]: ...
    def __get__(self, obj: object | None, owner: type[Any]) -> Any:
        if obj is None:
            return self
        raise NotLoaded(owner.__name__, self.name)

    def page_of(self, record: object) -> Page[R]:
        """The page of related rows that `load_page` has put on a record.

        Raises:
            NotLoaded: no page was loaded for this relationship.
        """
        found: object = record.__dict__.get(self.name)
        if not isinstance(found, Page):
            raise NotLoaded(type(record).__name__, self.name)
        return cast("Page[R]", found)


def belongs_to(
    *,
    via: Attr[Any] | None = None,
    destination: Far | None = None,
    on_delete: OnDeleteName = "restrict",
    on_update: OnUpdateName = "nothing",
    deferrable: bool = False,
    match_tenant: bool | None = None,
    index: bool = True,
    foreign_key: bool = True,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> One[Any]:
    """A way to the row whose key stands in `via` (by default the attribute `<name>_id`).

    Args:
        destination: the attribute of the other row that `via` holds: its key, or an identity of its own.
        on_delete: what happens to this row when that one is deleted.
        on_update: what happens to `via` when that row's attribute changes.
        deferrable: whether the database checks the reference at the end of the transaction only.
        match_tenant: whether that row must be the same tenant's; by default it must where both resources
            have a tenancy over an attribute.
        index: whether `via` gets an index.
        foreign_key: False leaves the constraint out of the database.
        authorize_read_with: what loading does about rows that the actor may not read: leave them out, or refuse.
    """
    return One(
        Cardinality.BELONGS_TO,
        RelationshipOptions(
            via=via,
            destination=destination,
            on_delete=on_delete,
            on_update=on_update,
            deferrable=deferrable,
            match_tenant=match_tenant,
            index=index,
            foreign_key=foreign_key,
            authorize_read_with=authorize_read_with,
            public=public,
            description=description,
        ),
    )


def has_one(
    *,
    via: Far | None = None,
    source: Attr[Any] | None = None,
    where: Where | None = None,
    order_by: Order | None = None,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> One[Any]:
    """A way to the row whose attribute `via` holds this row's key (by default `<resource>_id`).

    Args:
        source: the attribute of this row that `via` holds, when it is not the key.
        where: what else the row must meet.
        order_by: how to choose among several rows: the first of them counts.
        authorize_read_with: what loading does about rows that the actor may not read: leave them out, or refuse.
    """
    options = RelationshipOptions(
        via=via,
        source=source,
        where=where,
        order_by=order_by,
        limit=1 if order_by is not None else None,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )
    return One(Cardinality.HAS_ONE, options)


def has_many(
    *,
    via: Far | None = None,
    source: Attr[Any] | None = None,
    where: Where | None = None,
    order_by: Order | None = None,
    limit: int | None = None,
    offset: int | None = None,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> Many[Any]:
    """A way to the rows whose attribute `via` holds this row's key (by default `<resource>_id`).

    Args:
        source: the attribute of this row that `via` holds, when it is not the key.
        where: what else the rows must meet, over their fields and those of this row:
            `where=lambda run: run.state == State.DONE`.
        order_by: how the rows are sorted when they are loaded; a list for several terms.
        limit, offset: which of the sorted rows count for each row of this resource, in loads, conditions and
            aggregates alike. Rows that the actor may not see are not counted.
        authorize_read_with: what loading does about rows that the actor may not read: leave them out, or refuse.
    """
    options = RelationshipOptions(
        via=via,
        source=source,
        where=where,
        order_by=order_by,
        limit=limit,
        offset=offset,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )
    return Many(Cardinality.HAS_MANY, options)


def many_to_many(
    through: str,
    *,
    via: Far | None = None,
    to: Far | None = None,
    source: Attr[Any] | None = None,
    destination: Far | None = None,
    where: Where | None = None,
    join_where: Where | None = None,
    carries_join: bool = False,
    order_by: Order | None = None,
    limit: int | None = None,
    offset: int | None = None,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> Many[Any]:
    """A way to rows over a resource between: `tags: Many[Tag] = many_to_many("ArticleTag")`.

    Its rows count where the actor may see both them and the rows between.

    Args:
        through: the name of the resource between.
        via: its attribute that holds this row's key (by default `<resource>_id`).
        to: its attribute that holds the other row's key (by default `<destination>_id`).
        source, destination: the attributes that those two hold, when they are not the keys.
        where: what else the rows must meet; it sees the row between too: `ArticleTag.position > 3`.
        join_where: what else the rows between must meet.
        carries_join: whether each loaded row carries the row between, for `join_of(tag, ArticleTag)`.
        order_by: how the rows are sorted, also by fields of the row between: `lambda tag: ArticleTag.position`.
        limit, offset: as those of `has_many`.
        authorize_read_with: what loading does about rows that the actor may not read: leave them out, or refuse.
    """
    options = RelationshipOptions(
        through=through,
        via=via,
        to=to,
        source=source,
        destination=destination,
        where=where,
        join_where=join_where,
        carries_join=carries_join,
        order_by=order_by,
        limit=limit,
        offset=offset,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )
    return Many(Cardinality.MANY_TO_MANY, options)


@overload
def through(
    first: Many[R],
    second: Callable[[type[R]], Many[U] | One[U] | One[U | None]],
    /,
    *,
    order_by: Callable[[type[U]], Any] | None = ...,
    public: bool = ...,
    description: str = ...,
) -> Many[U]: ...
@overload
def through(
    first: One[R | None],
    second: Callable[[type[R]], Many[U]],
    /,
    *,
    order_by: Callable[[type[U]], Any] | None = ...,
    public: bool = ...,
    description: str = ...,
) -> Many[U]: ...
@overload
def through(
    first: One[R],
    second: Callable[[type[R]], Many[U]],
    /,
    *,
    order_by: Callable[[type[U]], Any] | None = ...,
    public: bool = ...,
    description: str = ...,
) -> Many[U]: ...
@overload
def through(
    first: One[R | None],
    second: Callable[[type[R]], One[U | None]],
    /,
    *,
    public: bool = ...,
    description: str = ...,
) -> One[U | None]: ...
@overload
def through(
    first: One[R | None],
    second: Callable[[type[R]], One[U]],
    /,
    *,
    public: bool = ...,
    description: str = ...,
) -> One[U | None]: ...
@overload
def through(
    first: One[R],
    second: Callable[[type[R]], One[U | None]],
    /,
    *,
    public: bool = ...,
    description: str = ...,
) -> One[U | None]: ...
@overload
def through(
    first: One[R],
    second: Callable[[type[R]], One[U]],
    /,
    *,
    public: bool = ...,
    description: str = ...,
) -> One[U | None]: ...
@overload
def through(
    first: Many[R],
    second: Callable[[type[R]], Many[U] | One[U] | One[U | None]],
    third: Callable[[type[U]], Many[V] | One[V] | One[V | None]],
    /,
    *,
    order_by: Callable[[type[V]], Any] | None = ...,
    public: bool = ...,
    description: str = ...,
) -> Many[V]: ...
def through(
    first: Any,
    *steps: Callable[[Any], Any],
    order_by: Order | None = None,
    public: bool = False,
    description: str = "",
) -> Any:
    """A way over other relationships: `calls: Many[Call] = through(runs, lambda run: run.calls)`.

    Each far row counts once, and only where the actor may see every row on the way. It can be loaded, asked
    (`exists`), and aggregated; it needs no name inside an aggregate: `agg.count(through(runs, …))`. Nothing is
    written through it.

    Args:
        first: a relationship of this resource.
        steps: from the rows reached so far to their next relationship; either may be a path itself.
        order_by: how the rows are sorted when they are loaded.
    """
    options = RelationshipOptions(order_by=order_by, public=public, description=description)
    # Whether it leads to one row or to many is checked against its annotation when the path is known.
    return Path(Cardinality.THROUGH, options, steps=(first, *steps))


class Path(Relationship[Any]):
    """A way over other relationships; whether it leads to one row or to many is known at assembly."""

    def __get__(self, obj: object | None, owner: type[Any]) -> Any:
        if obj is None:
            return self
        raise NotLoaded(owner.__name__, self.name)


def unrelated(
    *,
    where: Where,
    order_by: Order | None = None,
    limit: int | None = None,
    offset: int | None = None,
    public: bool = False,
    description: str = "",
) -> Many[Any]:
    """A way to the rows that meet a condition, without keys on either side.

    Args:
        where: over the rows' fields and those of this row:
            `rivals: Many[Shop] = unrelated(where=lambda other: other.city == Market.city)`.
    """
    options = RelationshipOptions(
        where=where, order_by=order_by, limit=limit, offset=offset, public=public, description=description
    )
    return Many(Cardinality.UNRELATED, options)


def manual(
    function: Callable[[Any, Any], Awaitable[Mapping[Any, Sequence[R]]]],
    *,
    public: bool = False,
    description: str = "",
) -> Many[R]:
    """A way that a function finds, for all records at once: `mentions: Many[Post] = manual(mentions_of)`.

    It can be loaded, and nothing else: no statement can follow it.

    Args:
        function: `async def mentions_of(users, scope)`; it answers with a mapping from the key of each record
            to the records related to it. It reads with the scope that it is given, so policies hold.
    """
    options = RelationshipOptions(function=function, public=public, description=description)
    return Many(Cardinality.MANUAL, options)


def manual_one(
    function: Callable[[Any, Any], Awaitable[Mapping[Any, R]]], *, public: bool = False, description: str = ""
) -> One[R | None]:
    """The same to at most one record: the function's mapping holds the record itself."""
    options = RelationshipOptions(function=function, public=public, description=description)
    return One(Cardinality.MANUAL, options)


def join_of(record: Any, resource: type[R]) -> R:
    """The row between that led to a record: `join_of(tag, ArticleTag).position`.

    Raises:
        NotLoaded: the record was not loaded over a many_to_many with `carries_join=True`.
    """
    found = record.__dict__.get("__join__")
    if not isinstance(found, resource):
        raise NotLoaded(type(record).__name__, f"join_of(…, {resource.__name__})")
    return found


@overload
def exists(
    relationship: One[R | None], where: Callable[[type[R]], Expr[bool]] | None = None
) -> Expr[bool]: ...
@overload
def exists(
    relationship: One[R] | Many[R], where: Callable[[type[R]], Expr[bool]] | None = None
) -> Expr[bool]: ...
def exists(relationship: Relationship[Any], where: Callable[[Any], Expr[bool]] | None = None) -> Expr[bool]:
    """Whether a related row exists that meets the condition over its fields."""
    return ExistsExpr(relationship, where)


@overload
def related(relationship: One[R | None], of: Callable[[type[R]], Expr[U]]) -> Expr[U | None]: ...
@overload
def related(relationship: One[R], of: Callable[[type[R]], Expr[U]]) -> Expr[U]: ...
def related(relationship: One[Any], of: Callable[[Any], Expr[Any]]) -> Expr[Any]:
    """A field of the row at the other end of a to-one relationship; null when there is none."""
    return Related(relationship, of)
