"""Calculations: values that are made from others, in the data layer or in Python, with or without arguments."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeGuard, TypeVar, overload

from sorbus.errors.access import NotLoaded
from sorbus.errors.declaration import UnusableAlias
from sorbus.expressions.expr import Expr, Lowering
from sorbus.expressions.nodes import Node
from sorbus.resource.fields import Field
from sorbus.resource.relationships import Relationship

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


class Calc(Field[T]):
    """A calculation: an expression that the data layer computes, or a Python function over loaded fields."""

    __slots__ = ("expression", "function", "loads")

    def __init__(
        self,
        expression: Expr[T] | None = None,
        *,
        function: Callable[..., Any] | None = None,
        loads: tuple[Any, ...] = (),
        public: bool = False,
        description: str = "",
    ) -> None:
        super().__init__(public=public, description=description)
        self.expression = expression
        self.function = function
        self.loads = loads


class Calculation(Calc[T], Generic[P, T]):
    """A calculation that is a function: its signature says which arguments it takes.

    On the class it can be called with them, and without it stands for itself with its defaults; on a record it
    is the value.

    Attributes:
        maker: makes the expression from the class and the arguments; None when Python alone computes the value.
        batch: whether the Python function is called once for all records.
    """

    __slots__ = ("batch", "maker")

    def __init__(
        self,
        *,
        maker: Callable[..., Any] | None = None,
        function: Callable[..., Any] | None = None,
        loads: tuple[Any, ...] = (),
        batch: bool = False,
        public: bool = False,
    ) -> None:
        text = inspect.getdoc(function or maker) or ""
        super().__init__(
            function=function, loads=loads, public=public, description=text.strip().split("\n")[0]
        )
        self.maker = maker
        self.batch = batch

    @property
    def contract(self) -> Callable[..., Any]:
        """The function whose signature names the arguments."""
        found = self.function or self.maker
        assert found is not None, "a calculation has a function"
        return found

    def __call__(self, *args: P.args, **arguments: P.kwargs) -> Called[T]:
        return Called(self, args, arguments)

    def lower(self, context: Lowering) -> Node:
        return context.field(self) if not takes_arguments(self) else Called(self, (), {}).lower(context)


class Called(Expr[T]):
    """A calculation with its arguments: to be loaded, filtered and sorted by.

    Attributes:
        alias: the name of the value on the record; empty for the calculation's own.
    """

    __slots__ = ("alias", "args", "arguments", "calculation")

    def __init__(
        self,
        calculation: Calculation[Any, T],
        args: tuple[Any, ...],
        arguments: dict[str, Any],
        alias: str = "",
    ) -> None:
        self.calculation = calculation
        self.args = args
        self.arguments = arguments
        self.alias = alias

    @property
    def owner(self) -> type[Any]:
        """The class that declares the calculation."""
        return self.calculation.owner

    @property
    def name(self) -> str:
        """The calculation's name."""
        return self.calculation.name

    def as_(self, alias: str) -> Called[T]:
        """The same under another name on the record, so that it can be loaded more than once.

        Raises:
            UnusableAlias: it is no name for a value.
        """
        if not alias.isidentifier() or alias.startswith("_"):
            raise UnusableAlias(f"{self.owner.__name__}.{self.name}", alias, "it is no public name")
        return Called(self.calculation, self.args, self.arguments, alias)

    def of(self, record: object) -> T:
        """The value on a record that it was loaded with.

        Raises:
            NotLoaded: it was not.
        """
        name = self.alias or self.name
        try:
            value: T = vars(record)[name]
        except KeyError:
            raise NotLoaded(type(record).__name__, name) from None
        return value

    def lower(self, context: Lowering) -> Node:
        return context.calculation(self)


class Nested(Generic[R]):
    """A relationship that a calculation needs, with what it needs of the related records."""

    __slots__ = ("relationship", "targets")

    def __init__(self, relationship: Relationship[R], targets: Callable[[Any], Sequence[Any]]) -> None:
        self.relationship = relationship
        self.targets = targets


Loadable = Field[Any] | Relationship[Any] | Called[Any] | Nested[Any]
"""What a calculation may need."""


def is_calculation(member: object) -> TypeGuard[Calc[Any]]:
    """Whether a member of a declaration is a calculation."""
    return isinstance(member, Calc)


def is_called(member: object) -> TypeGuard[Called[Any]]:
    """Whether something to load is a calculation with arguments."""
    return isinstance(member, Called)


def is_nested(member: object) -> TypeGuard[Nested[Any]]:
    """Whether something to load is a relationship with what is needed of its records."""
    return isinstance(member, Nested)


def takes_arguments(member: object) -> TypeGuard[Calculation[Any, Any]]:
    """Whether a member of a declaration is a calculation whose expression is made anew for each use."""
    return isinstance(member, Calculation) and (member.maker is not None)


def nested(relationship: Relationship[R], targets: Callable[[type[R]], Sequence[Any]]) -> Nested[R]:
    """A relationship in `loads`, with what is needed of its records.

    `loads=[nested(comments, lambda comment: [comment.author])]`.
    """
    return Nested(relationship, targets)


def calculate(expression: Expr[T], *, public: bool = False, description: str = "") -> Calc[T]:
    """A value that the data layer computes from an expression over this resource's fields."""
    return Calc(expression, public=public, description=description)


Maker = Callable[Concatenate[type[R], P], Expr[T]]


@overload
def calculation(function: Maker[R, P, T], /) -> Calculation[P, T]: ...
@overload
def calculation(*, public: bool) -> Callable[[Maker[R, P, T]], Calculation[P, T]]: ...
def calculation(function: Any = None, /, *, public: bool = False) -> Any:
    """Declare a calculation with arguments on a class method that answers with an expression.

        @calculation
        @classmethod
        def discounted(cls, percent: int = 10) -> Expr[Decimal]:
            return cls.price * (100 - percent) / 100

    Its parameters are its arguments, its return annotation says what the value is. It is called with the cast
    arguments each time the calculation is used.

    Args:
        public: whether interfaces may show it, filter and sort by it with its defaults.
    """

    def decorate(maker: Any) -> Any:
        return Calculation[..., Any](maker=getattr(maker, "__func__", maker), public=public)

    return decorate if function is None else decorate(function)


class OfEach:
    """The decorator of a method that computes the value of one record."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __call__(self, function: Callable[Concatenate[R, P], T]) -> Calculation[P, T]:
        return Calculation(function=function, **self.options)


class OfAll:
    """The decorator of a static method that computes the values of many records."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, Any, P], Awaitable[list[T]]], /
    ) -> Calculation[P, T]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Any, Any, P], list[T]], /) -> Calculation[P, T]: ...
    def __call__(self, function: Any, /) -> Any:
        return Calculation[..., Any](
            function=getattr(function, "__func__", function), batch=True, **self.options
        )


Plain = Callable[[Any], Expr[Any]]
Alike = Callable[..., Expr[Any]]
"""A function from the class, and the arguments if there are any, to an expression of the same value."""


@overload
def computed(
    *, loads: Sequence[Loadable], batch: Literal[True], expression: Plain | None = ..., public: bool = ...
) -> OfAll: ...
@overload
def computed(  # type: ignore[overload-cannot-match]  # mypy takes every signature for the first
    *, loads: Sequence[Loadable], batch: Literal[True], expression: Alike, public: bool = ...
) -> OfAll: ...
@overload
def computed(
    *,
    loads: Sequence[Loadable],
    batch: Literal[False] = ...,
    expression: Plain | None = ...,
    public: bool = ...,
) -> OfEach: ...
@overload
def computed(  # type: ignore[overload-cannot-match]  # mypy takes every signature for the first
    *, loads: Sequence[Loadable], batch: Literal[False] = ..., expression: Alike, public: bool = ...
) -> OfEach: ...
def computed(
    *,
    loads: Sequence[Any],
    batch: bool = False,
    expression: Alike | None = None,
    public: bool = False,
) -> Any:
    """Declare a value that Python computes from what is in `loads`, which is read along with it.

    Args:
        loads: fields, relationships, other calculations (with arguments) and `nested(…)`.
        batch: the function is a static method that is called once for all records, with them and the scope:
            `(records, scope, **arguments)`; it may be `async` and answers with one value for each record.
            Otherwise it is a method of one record.
        expression: a function from the class and the arguments to an expression of the same value, so that it can
            be filtered and sorted by.
        public: whether interfaces may show it.
    """
    kind = OfAll if batch else OfEach
    return kind(maker=expression, loads=tuple(loads), public=public)
