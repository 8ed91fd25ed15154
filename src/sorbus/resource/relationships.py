"""Relationships: typed ways to other rows. Targets are resolved when the application is put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, Self, TypeGuard, TypeVar, overload

from sorbus.errors.access import NotLoaded
from sorbus.expressions.build import ExistsExpr, Expr, Related, Sort
from sorbus.resource.fields import Attr
from sorbus.schema.fields import Cardinality, OnDelete

R = TypeVar("R")
U = TypeVar("U")

OnDeleteName = Literal["restrict", "cascade", "nilify"]

AuthorizeRead = Literal["filter", "error"]
"""What loading does about related rows that the actor may not read: leave them out, or refuse."""


class Relationship(Generic[R]):
    """What `One` and `Many` share: names, and the options of their declaration."""

    def __init__(
        self,
        cardinality: Cardinality,
        *,
        via: Attr[Any] | str | None = None,
        through: str | None = None,
        to: str | None = None,
        where: Callable[[Any], Expr[bool]] | None = None,
        order_by: Callable[[Any], Sort | Expr[Any]] | None = None,
        on_delete: OnDelete = OnDelete.RESTRICT,
        foreign_key: bool = True,
        authorize_read_with: AuthorizeRead = "filter",
        public: bool = False,
        description: str = "",
    ) -> None:
        self.name = ""
        self.owner: type[Any] = object
        self.cardinality = cardinality
        self.via = via
        self.through = through
        self.to = to
        self.where = where
        self.order_by = order_by
        self.on_delete = on_delete
        self.foreign_key = foreign_key
        self.authorize_read_with: AuthorizeRead = authorize_read_with
        self.public = public
        self.description = description

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


def belongs_to(
    *,
    via: Attr[Any] | None = None,
    on_delete: OnDeleteName = "restrict",
    foreign_key: bool = True,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> One[Any]:
    """A way to the row whose key stands in `via` (by default the attribute `<name>_id`).

    Args:
        authorize_read_with: what loading does about a row that the actor may not read: leave it out, or refuse.
    """
    return One(
        Cardinality.BELONGS_TO,
        via=via,
        on_delete=OnDelete(on_delete),
        foreign_key=foreign_key,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )


def has_one(
    *,
    via: str | None = None,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> One[Any]:
    """A way to the row whose attribute `via` holds this row's key (by default `<resource>_id`)."""
    return One(
        Cardinality.HAS_ONE,
        via=via,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )


def has_many(
    *,
    via: str | None = None,
    where: Callable[[Any], Expr[bool]] | None = None,
    order_by: Callable[[Any], Sort | Expr[Any]] | None = None,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> Many[Any]:
    """A way to the rows whose attribute `via` holds this row's key (by default `<resource>_id`).

    Args:
        where: what else the rows must meet: `where=lambda run: run.state == State.DONE`.
        order_by: how the rows are sorted when they are loaded.
        authorize_read_with: what loading does about rows that the actor may not read: leave them out, or refuse.
    """
    return Many(
        Cardinality.HAS_MANY,
        via=via,
        where=where,
        order_by=order_by,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )


def many_to_many(
    through: str,
    *,
    via: str | None = None,
    to: str | None = None,
    order_by: Callable[[Any], Sort | Expr[Any]] | None = None,
    authorize_read_with: AuthorizeRead = "filter",
    public: bool = False,
    description: str = "",
) -> Many[Any]:
    """A way to rows over a resource between: `tags: Many[Tag] = many_to_many("ArticleTag")`.

    Args:
        through: the name of the resource between.
        via: its attribute that holds this row's key (by default `<resource>_id`).
        to: its attribute that holds the other row's key (by default `<destination>_id`).
    """
    return Many(
        Cardinality.MANY_TO_MANY,
        through=through,
        via=via,
        to=to,
        order_by=order_by,
        authorize_read_with=authorize_read_with,
        public=public,
        description=description,
    )


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
