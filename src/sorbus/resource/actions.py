"""Actions: decorated functions whose signature is the contract of the call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from sorbus.query.query import Query
from sorbus.schema.actions import ActionKind, HookPoint
from sorbus.schema.tenancy import TenancyName
from sorbus.scope import Scope

R = TypeVar("R")
P = ParamSpec("P")
T = TypeVar("T")
H = TypeVar("H", bound=Callable[..., Any])
T_co = TypeVar("T_co", covariant=True)


class ArgumentMarker:
    """Marks a parameter of a write as an argument that is not an attribute."""


Arg = Annotated[T, ArgumentMarker]
"""A parameter that is not an attribute of the resource: `notify: Arg[bool] = False`."""


class Action:
    """What every action has: its function, its options, its hooks."""

    kind: ActionKind

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.function: Callable[..., Any] = inspect.unwrap(getattr(function, "__func__", function))
        self.options = options
        self.name = ""
        self.owner: type[Any] = object
        self.hooks: dict[HookPoint, list[Callable[..., Any]]] = {point: [] for point in HookPoint}
        self.__doc__ = self.function.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name
        self.owner = owner

    def __repr__(self) -> str:
        return f"<action {self.owner.__name__}.{self.name}>"

    def _hook(self, point: HookPoint, function: H) -> H:
        self.hooks[point].append(function)
        return function

    def before_transaction(self, function: H) -> H:
        """Run `function(draft, scope)` before the transaction opens; slow work belongs here."""
        return self._hook(HookPoint.BEFORE_TRANSACTION, function)

    def before_write(self, function: H) -> H:
        """Run `function(draft, scope)` inside the transaction, before the statement."""
        return self._hook(HookPoint.BEFORE_WRITE, function)

    def after_write(self, function: H) -> H:
        """Run `function(record, scope)` inside the transaction, after the statement."""
        return self._hook(HookPoint.AFTER_WRITE, function)

    def after_commit(self, function: H) -> H:
        """Run `function(record, scope)` after the transaction has been committed."""
        return self._hook(HookPoint.AFTER_COMMIT, function)


def _scoped(args: tuple[Any, ...]) -> Scope:
    scope: Scope = args[0]
    return scope


class CreateAction(Action, Generic[R, P]):
    """Makes a record: `run = await Run.start(scope, content_id=…)`."""

    kind = ActionKind.CREATE

    async def __call__(self, *args: P.args, **inputs: P.kwargs) -> R:
        scope = _scoped(args)
        result: R = await scope.need_runtime().create(self, scope, inputs, args[1:])
        return result


class UpdateAction(Action, Generic[R, P]):
    """Changes a record: `run = await run.process(scope)` answers with the changed record."""

    kind = ActionKind.UPDATE

    @overload
    def __get__(self, obj: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type[Any]) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, obj: object | None, owner: type[Any]) -> Any:
        if obj is None:
            return self
        record = obj

        async def call(*args: Any, **inputs: Any) -> Any:
            scope = _scoped(args)
            return await scope.need_runtime().update(self, scope, record, inputs, args[1:])

        return call

    async def by_key(self, key: Any, *args: P.args, **inputs: P.kwargs) -> R:
        """Change the record with a key without reading it first: `await Run.process.by_key(id, scope)`."""
        scope = _scoped(args)
        result: R = await scope.need_runtime().update(self, scope, key, inputs, args[1:])
        return result


class DestroyAction(Action, Generic[R, P]):
    """Removes a record: `await run.remove(scope)` answers with the record as it was."""

    kind = ActionKind.DESTROY

    @overload
    def __get__(self, obj: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type[Any]) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, obj: object | None, owner: type[Any]) -> Any:
        if obj is None:
            return self
        record = obj

        async def call(*args: Any, **inputs: Any) -> Any:
            scope = _scoped(args)
            return await scope.need_runtime().destroy(self, scope, record, inputs, args[1:])

        return call

    async def by_key(self, key: Any, *args: P.args, **inputs: P.kwargs) -> R:
        """Remove the record with a key without reading it first."""
        scope = _scoped(args)
        result: R = await scope.need_runtime().destroy(self, scope, key, inputs, args[1:])
        return result


class ReadAction(Action, Generic[R, P]):
    """Answers with a query: `await Run.for_content(scope, content_id=…).all()`."""

    kind = ActionKind.READ

    def __call__(self, *args: P.args, **inputs: P.kwargs) -> Query[R]:
        scope = _scoped(args)
        result: Query[R] = scope.need_runtime().read_action(self, scope, inputs, args[1:])
        return result


class GenericAction(Action, Generic[P, T_co]):
    """Does anything and answers what it says: `report = await Run.summarize(scope, text=…)`."""

    kind = ActionKind.GENERIC

    async def __call__(self, *args: P.args, **inputs: P.kwargs) -> T_co:
        scope = _scoped(args)
        result: T_co = await scope.need_runtime().generic(self, scope, inputs, args[1:])
        return result


def _decorator(kind: Callable[..., Any], function: Any, options: dict[str, Any]) -> Any:
    """The action itself, or, for a decorator called with options, what makes it."""
    if function is not None:
        return kind(function)

    def decorate(decorated: Callable[..., Any]) -> Any:
        return kind(decorated, **options)

    return decorate


Body = Callable[Concatenate[R, P], Awaitable[None] | None]


@overload
def create(function: Body[R, P], /) -> CreateAction[R, P]: ...
@overload
def create(
    *, upsert: str | None = ..., tenancy: TenancyName = ...
) -> Callable[[Body[R, P]], CreateAction[R, P]]: ...
def create(function: Any = None, /, **options: Any) -> Any:
    """Declare a create action.

    The function's parameters after `self` and `scope` are the inputs: a plain one is an attribute of that
    name and type, one of type `Arg[T]` is not an attribute. The body sets further values on `self`; an
    `async` body runs before the transaction opens.

    Args:
        upsert: the name of an identity; a row with the same keys is then updated instead.
        tenancy: which tenants it may look at: `"enforce"`, `"optional"` or `"all"`.
    """
    return _decorator(CreateAction, function, options)


@overload
def update(function: Body[R, P], /) -> UpdateAction[R, P]: ...
@overload
def update(*, tenancy: TenancyName = ...) -> Callable[[Body[R, P]], UpdateAction[R, P]]: ...
def update(function: Any = None, /, **options: Any) -> Any:
    """Declare an update action; its inputs, body and options are read as those of `create`."""
    return _decorator(UpdateAction, function, options)


def transition(
    *sources: Enum, to: Enum, tenancy: TenancyName | None = None
) -> Callable[[Body[R, P]], UpdateAction[R, P]]:
    """Declare an update that moves the state attribute from one of `sources` to `to`.

    The guard is in the UPDATE itself: of two that try at once, one gets a `WrongState` error.
    """
    return lambda function: UpdateAction(function, sources=sources, target=to, tenancy=tenancy)


@overload
def destroy(function: Body[R, P], /) -> DestroyAction[R, P]: ...
@overload
def destroy(*, tenancy: TenancyName = ...) -> Callable[[Body[R, P]], DestroyAction[R, P]]: ...
def destroy(function: Any = None, /, **options: Any) -> Any:
    """Declare a destroy action; its options are those of `create`."""
    return _decorator(DestroyAction, function, options)


ReadBody = Callable[Concatenate[type[R], P], Query[R]]


@overload
def read(function: ReadBody[R, P], /) -> ReadAction[R, P]: ...
@overload
def read(*, tenancy: TenancyName = ...) -> Callable[[ReadBody[R, P]], ReadAction[R, P]]: ...
def read(function: Any = None, /, **options: Any) -> Any:
    """Declare a read action on a class method that answers with a query; its options are those of `create`."""
    return _decorator(ReadAction, function, options)


@overload
def generic(function: Callable[Concatenate[Any, P], Awaitable[T]], /) -> GenericAction[P, T]: ...
@overload
def generic(
    *, transaction: bool = ..., tenancy: TenancyName = ...
) -> Callable[[Callable[Concatenate[Any, P], Awaitable[T]]], GenericAction[P, T]]: ...
def generic(function: Any = None, /, **options: Any) -> Any:
    """Declare an action that is none of the other four, on an `async` class method.

    Its parameters are its arguments and its return annotation is checked.

    Args:
        transaction: whether the body runs inside a transaction (default: no).
    """
    return _decorator(GenericAction, function, options)
