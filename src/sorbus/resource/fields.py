"""Fields of a resource: typed descriptors, expressions on the class and plain values on a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeGuard, TypeVar, Unpack, overload
from uuid import UUID

from sorbus.errors.access import NotLoaded
from sorbus.expressions.build import Expr, Lowering
from sorbus.expressions.nodes import Node
from sorbus.resource.options import AttributeKeywords
from sorbus.schema.fields import DefaultKind
from sorbus.types.uuid7 import uuid7
from sorbus.types.vector import Hnsw

T = TypeVar("T")


class Field(Expr[T]):
    """A named value of a resource. On the class it is an expression, on a record the value itself.

    It is a non-data descriptor: a loaded value lies in the record's own dictionary and never comes here.
    """

    __slots__ = ("description", "name", "owner", "public")

    def __init__(self, *, public: bool = False, description: str = "") -> None:
        self.name = ""
        self.owner: type[Any] = object
        self.public = public
        self.description = description

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name
        self.owner = owner

    @overload
    def __get__(self, obj: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type[Any]) -> T: ...
    def __get__(self, obj: object | None, owner: type[Any]) -> Any:
        if obj is None:
            return self
        raise NotLoaded(owner.__name__, self.name)

    def lower(self, context: Lowering) -> Node:
        return context.field(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.owner.__name__}.{self.name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeOptions:
    """What `attribute(…)` was given, as `AttributeSpec` explains it."""

    default_kind: DefaultKind = DefaultKind.NONE
    default: Any = None
    writable: bool = True
    sensitive: bool = False
    primary_key: bool = False
    touch: bool = False
    column: str = ""
    generated: bool = False
    filterable: bool = True
    sortable: bool = True
    select_by_default: bool = True
    share_default: bool = False
    update_default_kind: DefaultKind = DefaultKind.NONE
    update_default: Any = None
    index: bool | Hnsw = False
    limits: Mapping[str, Any]


class Attr(Field[T]):
    """A stored field of type `T`."""

    __slots__ = ("options",)

    def __init__(self, options: AttributeOptions, *, public: bool = False, description: str = "") -> None:
        super().__init__(public=public, description=description)
        self.options = options

    if TYPE_CHECKING:
        # In an action's body `self` is a draft, and assigning to it records a change.
        def __set__(self, obj: object, value: T | Expr[T]) -> None: ...


def is_attribute(member: object) -> TypeGuard[Attr[Any]]:
    """Whether a member of a declaration is an attribute."""
    return isinstance(member, Attr)


_ABSENT: Any = object()


@overload
def attribute(*, default: Callable[[], T], **options: Unpack[AttributeKeywords]) -> Attr[T]: ...
@overload
def attribute(*, default: T, **options: Unpack[AttributeKeywords]) -> Attr[T]: ...
@overload
def attribute(**options: Unpack[AttributeKeywords]) -> Attr[Any]: ...
def attribute(
    *,
    default: Any = _ABSENT,
    public: bool = False,
    writable: bool = True,
    sensitive: bool = False,
    description: str = "",
    column: str = "",
    generated: bool = False,
    filterable: bool = True,
    sortable: bool = True,
    select_by_default: bool = True,
    share_default: bool = False,
    update_default: Any = _ABSENT,
    index: bool | Hnsw = False,
    **limits: Any,
) -> Any:
    """Declare a stored field: `title: Attr[str] = attribute(public=True, max_length=200)`.

    Args:
        default: the value of an absent input, or a function without arguments that makes it.
        public: whether interfaces may show it, filter and sort by it.
        writable: whether an action may take it as an input.
        sensitive: whether its value is hidden in representations, logs and errors.
        description: one line for every interface.
        column: the column's name, when it differs.
        generated: the database fills it when no action does, so it is never required. An `int` becomes an identity
            column, which counts; for anything else a trigger or default of the database's own has to do it.
        filterable, sortable: whether interfaces may filter and sort by it, where its type can be.
        select_by_default: whether it is read unless a query asks for it with `load`.
        share_default: attributes of one record whose default is the same function get one value of it.
        update_default: a value, or a function that makes it, for every update that changes something else.
        index: whether there is an index on it, of the kind that fits its type; or an `Hnsw` for a vector.
        limits: constraints, as `sorbus.Limits` lists them.
    """
    kind, value = _default(default)
    update_kind, update_value = _default(update_default)
    options = AttributeOptions(
        default_kind=kind,
        default=value,
        writable=writable,
        sensitive=sensitive,
        column=column,
        generated=generated,
        filterable=filterable,
        sortable=sortable,
        select_by_default=select_by_default,
        share_default=share_default,
        update_default_kind=update_kind,
        update_default=update_value,
        index=index,
        limits={name: value for name, value in limits.items() if value is not None},
    )
    return Attr[Any](options, public=public, description=description)


def _default(given: Any) -> tuple[DefaultKind, Any]:
    if given is _ABSENT:
        return DefaultKind.NONE, None
    return (DefaultKind.FACTORY if callable(given) else DefaultKind.VALUE), given


def integer_primary_key(*, public: bool = True) -> Attr[int]:
    """The key of a resource: a number that the database counts up. Prefer `uuid_primary_key`, which needs no answer
    from the database, unless people read the number."""
    options = AttributeOptions(generated=True, writable=False, primary_key=True, limits={})
    return Attr[int](options, public=public, description="The id.")


def uuid_primary_key(*, public: bool = True, writable: bool = False) -> Attr[UUID]:
    """The key of a resource: a UUIDv7 made in the application, so that ids sort by time.

    Args:
        writable: whether a create may take it as an input, so that callers choose the id.
    """
    options = AttributeOptions(
        default_kind=DefaultKind.FACTORY, default=uuid7, writable=writable, primary_key=True, limits={}
    )
    return Attr[UUID](options, public=public, description="The id.")


def _now() -> datetime:
    return datetime.now(UTC)


def timestamp(*, public: bool = False, touch: bool = False, description: str = "") -> Attr[datetime]:
    """A time that is set when the row is created and, with `touch`, anew at every update.

    All timestamps of a new record are one time.
    """
    options = AttributeOptions(
        default_kind=DefaultKind.FACTORY,
        default=_now,
        writable=False,
        touch=touch,
        share_default=True,
        limits={},
    )
    return Attr[datetime](options, public=public, description=description)
