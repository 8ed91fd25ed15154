"""Actions: decorated functions whose signature is the contract of the call."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Self,
    TypedDict,
    TypeVar,
    Unpack,
    get_args,
    overload,
)

from sorbus.changeset.items import Item
from sorbus.expressions.build import Expr
from sorbus.query.query import Query
from sorbus.resource.fields import Attr
from sorbus.schema.actions import ActionKind, HookPoint, MadeBody
from sorbus.schema.paging import Paging
from sorbus.schema.tenancy import TenancyName
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.bulk.result import BulkOptions, BulkPlan, BulkResult

R = TypeVar("R")
P = ParamSpec("P")
T = TypeVar("T")
H = TypeVar("H", bound="Callable[..., Any] | staticmethod[..., Any]")
T_co = TypeVar("T_co", covariant=True)


class ArgumentMarker:
    """Marks a parameter of a write as an argument that is not an attribute."""


class PrivateMarker(ArgumentMarker):
    """Marks an argument that only code can give."""


def without_marks(hint: Any) -> Any:
    """A type in `Arg[…]` or `PrivateArg[…]` without the mark; its limits stay: `Arg[Annotated[str, Limits(…)]]`."""
    inner, *others = get_args(hint)
    kept = [each for each in others if each not in (ArgumentMarker, PrivateMarker)]
    return Annotated[inner, *kept] if kept else inner


Arg = Annotated[T, ArgumentMarker]
"""A parameter that is not an attribute of the resource: `notify: Arg[bool] = False`."""

PrivateArg = Annotated[T, PrivateMarker]
"""An argument that code can give and no interface takes from outside: `imported: PrivateArg[bool] = False`."""


class Action:
    """What every action has: its function, its options, its hooks.

    Attributes:
        function: the user's, whose signature is the contract.
        body: what runs: the function, or what was made of it.
    """

    kind: ActionKind

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        plain: Callable[..., Any] = getattr(function, "__func__", function)
        self.function: Callable[..., Any] = inspect.unwrap(plain)
        self.body: Callable[..., Any] = plain if isinstance(plain, MadeBody) else self.function
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
        plain: Callable[..., Any] = getattr(function, "__func__", function)  # that of a static method
        self.hooks[point].append(plain)
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

    def after_writes(self, function: H) -> H:
        """Run the static method `function(records, scopes)` inside the transaction, once for all rows written together.

        Each record comes with the scope of its call. A call alone is a list of one; the calls of a group, or a batch
        of a bulk run, are one list.
        """
        return self._hook(HookPoint.AFTER_WRITES, function)

    def after_commit(self, function: H) -> H:
        """Run `function(record, scope)` after the transaction has been committed."""
        return self._hook(HookPoint.AFTER_COMMIT, function)

    def after_transaction(self, function: H) -> H:
        """Run the static method `function(outcome, scope)` at the very end, also when the action failed.

        The outcome has a `record` or an `error`. What the hook returns, unless None, becomes the action's answer.
        """
        return self._hook(HookPoint.AFTER_TRANSACTION, function)

    def before_batch(self, function: H) -> H:
        """In a bulk run, run the static method `function(scope)` in the transaction before each batch."""
        return self._hook(HookPoint.BEFORE_BATCH, function)

    def after_batch(self, function: H) -> H:
        """In a bulk run, run the static method `function(records, scope)` in the transaction after each batch."""
        return self._hook(HookPoint.AFTER_BATCH, function)


class BulkChoices(TypedDict, total=False):
    """What a caller may choose about a bulk run.

    Attributes:
        batch: rows in one statement, 1 to 30 000. By default 1000; 10 000 for a create that only takes its inputs,
            as long as everything commits at once.
        together: what commits at once: `"all"`, or each `"batch"`. By default everything, as long as errors raise.
        on_error: `"raise"` (default) undoes everything at the first error; `"continue"` writes the rows that can be
            written and lists the others in `errors`; `"stop"` does so up to the first batch with an error.
        returning: whether the result holds the records.
        strategy: `"atomic"`, `"batches"` or `"stream"`, when it must be that one and no lesser.
    """

    batch: int
    together: Literal["all", "batch"]
    on_error: Literal["raise", "continue", "stop"]
    returning: bool
    strategy: Literal["atomic", "batches", "stream"]


def chosen(choices: BulkChoices) -> BulkOptions:
    """The options of a bulk run.

    Raises:
        WrongBulkOption: there is no such option, or not with this value.
    """
    from sorbus.engine.bulk.result import BulkOptions

    return BulkOptions.chosen(dict(choices))


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

    async def bulk(
        self,
        scope: Scope,
        rows: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        **options: Unpack[BulkChoices],
    ) -> BulkResult[R]:
        """Make many records: `await Article.draft.bulk(scope, [{"title": "A"}, {"title": "B"}])`.

        Args:
            rows: the inputs of each record; an iterable may be endless, batches are written as it goes.
            options: as `BulkChoices` lists them.

        Raises:
            SorbusError: the first row that cannot be made, with its position in the path; nothing is written then,
                unless `on_error` or `together` say otherwise.
        """
        result: BulkResult[R] = await scope.need_runtime().bulk_create(self, scope, rows, chosen(options))
        return result

    def explain(self, scope: Scope) -> BulkPlan:
        """How a bulk run would write its rows, and why not in a better way."""
        plan: BulkPlan = scope.need_runtime().bulk_plan(self, scope, None, {})
        return plan


class _Changing(Action, Generic[R]):
    """What updates and destroys share: runs over many rows."""

    async def bulk(
        self,
        scope: Scope,
        over: Query[Any] | Iterable[Any] | AsyncIterable[Any],
        inputs: Mapping[str, Any] | None = None,
        **options: Unpack[BulkChoices],
    ) -> BulkResult[R]:
        """Run the action with the same inputs over a query, or over records or keys.

        Of a query, the rows are written that the actor may read and change; the others are left alone. Records and
        keys that cannot be written are errors.

        Args:
            over: a query, or records or keys.
            inputs: the action's inputs.
            options: as `BulkChoices` lists them.

        Raises:
            SorbusError: why the first row was not written; everything is undone then, unless `on_error` or
                `together` say otherwise.
        """
        result: BulkResult[R] = await scope.need_runtime().bulk_change(
            self, scope, over, inputs or {}, chosen(options)
        )
        return result

    async def bulk_rows(
        self,
        scope: Scope,
        rows: Iterable[tuple[Any, Mapping[str, Any]]] | AsyncIterable[tuple[Any, Mapping[str, Any]]],
        **options: Unpack[BulkChoices],
    ) -> BulkResult[R]:
        """Run the action over records or keys, each with inputs of its own.

        Raises:
            SorbusError: why the first row was not written; everything is undone then, unless `on_error` or
                `together` say otherwise.
        """
        result: BulkResult[R] = await scope.need_runtime().bulk_change_rows(
            self, scope, rows, chosen(options)
        )
        return result

    def explain(
        self,
        scope: Scope,
        over: Query[Any] | Iterable[Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> BulkPlan:
        """How a bulk run over a query (or what is given) would write its rows, and why not in a better way."""
        plan: BulkPlan = scope.need_runtime().bulk_plan(self, scope, over, inputs or {})
        return plan


class UpdateAction(_Changing[R], Generic[R, P]):
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


class DestroyAction(_Changing[R], Generic[R, P]):
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
    *,
    upsert: str | None = ...,
    upsert_fields: Sequence[Attr[Any]] | None = ...,
    upsert_where: Expr[bool] | None = ...,
    skipped: Literal["error", "return"] = ...,
    updates: UpdateAction[Any, Any] | None = ...,
    changes: Sequence[Item] = ...,
    grouped: bool = ...,
    tenancy: TenancyName = ...,
) -> Callable[[Body[R, P]], CreateAction[R, P]]: ...
def create(function: Any = None, /, **options: Any) -> Any:
    """Declare a create action.

    The function's parameters after `self` and `scope` are the inputs: a plain one is an attribute of that
    name and type, one of type `Arg[T]` is not an attribute. The body sets further values on `self`; an
    `async` body runs before the transaction opens.

    Args:
        upsert: the name of an identity; a row with the same keys is then updated instead. The policies must allow
            the actor both the row that is there and the one that it becomes.
        upsert_fields: what is updated; by default the attributes among the inputs that are not keys.
        upsert_where: when it is updated: a condition over the row there is and `incoming(field)` of the new one.
        skipped: what follows when the condition leaves the row alone: an error, or the row as it is.
        updates: an update action whose policies must allow the update, too.
        changes: changes and validations that run after the body, in this order.
        grouped: whether calls that come at the same moment share a statement and a commit. For actions that are called
            very often; their hooks inside the transaction are `after_writes`.
        tenancy: which tenants it may look at: `"enforce"`, `"optional"` or `"all"`.
    """
    return _decorator(CreateAction, function, options)


@overload
def update(function: Body[R, P], /) -> UpdateAction[R, P]: ...
@overload
def update(
    *, changes: Sequence[Item] = ..., atomic: bool = ..., tenancy: TenancyName = ...
) -> Callable[[Body[R, P]], UpdateAction[R, P]]: ...
def update(function: Any = None, /, **options: Any) -> Any:
    """Declare an update action; its inputs and body are read as those of `create`.

    Args:
        changes: changes and validations that run after the body, in this order.
        atomic: whether a bulk run over a query must be one statement; it is then refused where it cannot be.
    """
    return _decorator(UpdateAction, function, options)


def transition(
    *sources: Enum | Literal["*"],
    to: Enum | Sequence[Enum],
    changes: Sequence[Item] = (),
    tenancy: TenancyName | None = None,
) -> Callable[[Body[R, P]], UpdateAction[R, P]]:
    """Declare an update that moves the state attribute from one of `sources` to `to`.

    The guard is in the UPDATE itself: of two that try at once, one gets a `WrongState` error.

    Args:
        sources: where it starts; `"*"` is every state, with a state machine all but final and deprecated ones.
        to: where it ends; of several the body sets one on `self`.
        changes: changes and validations that run after the body, in this order.
    """
    options: dict[str, Any] = {"sources": sources, "target": to, "changes": changes, "tenancy": tenancy}
    return lambda function: UpdateAction(function, **options)


@overload
def destroy(function: Body[R, P], /) -> DestroyAction[R, P]: ...
@overload
def destroy(
    *, soft: bool = ..., changes: Sequence[Item] = ..., atomic: bool = ..., tenancy: TenancyName = ...
) -> Callable[[Body[R, P]], DestroyAction[R, P]]: ...
def destroy(function: Any = None, /, **options: Any) -> Any:
    """Declare a destroy action.

    Args:
        soft: whether the row stays and gets what the body sets, such as `self.archived_at = now()`.
        changes: changes and validations that run after the body, in this order.
        atomic: whether a bulk run over a query must be one statement.
    """
    return _decorator(DestroyAction, function, options)


ReadBody = Callable[Concatenate[type[R], P], Query[R]]


@overload
def read(function: ReadBody[R, P], /) -> ReadAction[R, P]: ...
@overload
def read(
    *, page: Paging = ..., tenancy: TenancyName = ...
) -> Callable[[ReadBody[R, P]], ReadAction[R, P]]: ...
def read(function: Any = None, /, **options: Any) -> Any:
    """Declare a read action on a class method that answers with a query.

    Args:
        page: how its rows come in pages.
        tenancy: which tenants it may look at: `"enforce"`, `"optional"` or `"all"`.
    """
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
        tenancy: `"optional"` or `"all"` where it needs no tenant.
    """
    return _decorator(GenericAction, function, options)
