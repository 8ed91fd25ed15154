"""Errors that the developer or the environment has to mend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import FrameworkError
from sorbus.errors.hints import did_you_mean, listed


class NoRuntime(FrameworkError):
    """A scope that belongs to no application was used to run an action."""

    code = "no-runtime"

    def __init__(self) -> None:
        super().__init__(
            "This scope belongs to no application, so there is nothing that could run the action.",
            hint="Make scopes with `app.scope(actor=…, tenant=…)`.",
        )


class NoSuchService(FrameworkError):
    """A scope was asked for a service that nobody registered."""

    code = "no-such-service"

    def __init__(self, wanted: type, services: Iterable[type]) -> None:
        names = [each.__name__ for each in services]
        super().__init__(
            f"No service is registered for `{wanted.__name__}`. Services: {listed(names)}.",
            hint=did_you_mean(wanted.__name__, names)
            or f"Register one with `Sorbus(services={{{wanted.__name__}: …}})`.",
        )


class QueryWithoutScope(FrameworkError):
    """A query was run without anybody on whose behalf it runs."""

    code = "query-without-scope"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"This query over `{resource}` has no scope.",
            path=(resource,),
            hint=f"Start it with `{resource}.query(scope)` or give the scope at the end: `.all(scope)`.",
        )


class RequireOutsideAction(FrameworkError):
    """`require` was given an expression where no action that writes is running."""

    code = "require-outside-action"

    def __init__(self) -> None:
        super().__init__(
            "`require(expression, …)` is checked by the statement of an action, and none is running here.",
            hint="Use it in the body of a create, update or destroy; elsewhere give it a plain truth value.",
        )


class NotAtomic(FrameworkError):
    """A bulk run was to take a better strategy than its action allows."""

    code = "not-atomic"

    def __init__(self, action: str, *, wanted: str, found: str, reason: str) -> None:
        super().__init__(
            f"{action} cannot run as `{wanted}`, only as `{found}`: {reason}.",
            path=tuple(action.split(".")),
            hint="Let the statement compute what depends on the row: `self.tries = Article.tries + 1`.",
        )


class BulkInTransaction(FrameworkError):
    """A bulk run was to survive errors inside a transaction that the first of them spoils."""

    code = "bulk-in-transaction"

    def __init__(self, action: str) -> None:
        super().__init__(
            f"{action} was to go on after errors, inside a transaction that the first error would end.",
            path=tuple(action.split(".")),
            hint='Run it outside the transaction, or with `on_error="raise"`.',
        )


class WrongBulkOption(FrameworkError):
    """An option of a bulk run has a value that it cannot have."""

    code = "wrong-bulk-option"

    def __init__(self, name: str, value: object, *, allowed: str) -> None:
        super().__init__(f"The option `{name}` of a bulk run is {value!r}; allowed: {allowed}.")


class NotCompilable(FrameworkError):
    """A data layer cannot express something, as a filter on a calculation that runs in Python."""

    code = "not-compilable"

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(
            f"`{what}` cannot be computed by the data layer.",
            hint=hint
            or "Calculations written as Python functions can be loaded, but not filtered or sorted by.",
        )


class CannotJoin(FrameworkError):
    """A condition, an aggregate or a path goes over a relationship that no single statement can follow."""

    code = "cannot-join"

    def __init__(self, relationship: str, reason: str) -> None:
        super().__init__(
            f"`{relationship}` can be loaded, but not be part of a condition, aggregate or path: {reason}.",
            path=tuple(relationship.split(".")),
            hint="Load it with `.load(…)` and work with its rows in Python.",
        )


class WrongRelated(FrameworkError):
    """The function of a manual relationship answered with something that it does not declare."""

    code = "wrong-related"

    def __init__(self, relationship: str, *, found: str, expected: str) -> None:
        super().__init__(
            f"`{relationship}`: its function answered with {found}; it answers with {expected}.",
            path=tuple(relationship.split(".")),
            hint="Answer with a mapping from the key of each record to its related records.",
        )


class TransactionElsewhere(FrameworkError):
    """A task used a transaction that another task has open."""

    code = "transaction-elsewhere"

    def __init__(self) -> None:
        super().__init__(
            "A transaction belongs to the task that opened it; this call comes from a task started in it.",
            hint="Await the calls one after the other, or start the task after the transaction.",
        )


class TransactionSpoilt(FrameworkError):
    """A transaction was to be committed in which an action or block had failed halfway; it is rolled back instead.

    Attributes:
        by: the action or block that had failed.
        cause: why it had failed.
    """

    code = "transaction-spoilt"

    def __init__(self, by: str, cause: BaseException) -> None:
        self.by = by
        self.cause = cause
        shown = f"{type(cause).__name__}: {cause}".rstrip(" .:")
        super().__init__(
            f"The transaction was rolled back instead of committed: {by} had failed in it after it had begun to "
            f"write ({shown}), and the error was swallowed.",
            hint="Let the error leave the transaction, or undo what may fail alone: run it in "
            "`async with app.transaction(nested=True)`, and catch its error outside that block.",
        )


class AfterCommitFailed(FrameworkError):
    """Work that was to follow a commit failed. What was committed stays.

    Attributes:
        errors: what went wrong, one exception for each callback that failed.
    """

    code = "after-commit-failed"

    def __init__(self, errors: Sequence[Exception]) -> None:
        self.errors = tuple(errors)
        shown = "; ".join(f"{type(each).__name__}: {each}" for each in self.errors)
        count = len(self.errors)
        super().__init__(
            f"Everything was committed, but {count} callback{'s' if count != 1 else ''} failed "
            f"afterwards: {shown}.",
            hint="Do not repeat the action. What must not be lost belongs into the transaction, as a job.",
        )


class UnknownResource(FrameworkError):
    """A class was used that belongs to no domain of this application."""

    code = "unknown-resource"

    def __init__(self, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{name}` is in no domain of this application. Resources: {listed(allowed)}.",
            hint=did_you_mean(name, allowed) or "List it in one of the application's domains.",
        )


class NoRowsToRead(FrameworkError):
    """A resource without attributes was to be read, and it keeps no rows."""

    code = "no-rows-to-read"

    def __init__(self, resource: str, *, actions: Iterable[str]) -> None:
        super().__init__(
            f"`{resource}` has no attributes and so no rows that could be read. "
            f"It has these actions: {listed(actions)}.",
            path=(resource,),
            hint="Call one of them, or give it rows: `id: Attr[UUID] = uuid_primary_key()`.",
        )


class UnknownStoredValue(FrameworkError):
    """A row holds a value that its field's type does not know."""

    code = "unknown-stored-value"

    def __init__(self, field: str, value: object, *, allowed: Iterable[str]) -> None:
        super().__init__(
            f"A row holds {value!r} in `{field}`, which knows {listed(allowed)}.",
            hint="Migrate the old rows, or add the value to the type again.",
        )


class RowPolicyOnGeneric(FrameworkError):
    """A policy of a generic action looks at a row, and a generic action has none."""

    code = "row-policy-on-generic"

    def __init__(self, action: str) -> None:
        super().__init__(
            f"A policy for {action} looks at fields of a row, and a generic action has no row.",
            hint="Let its policies look at the actor, the tenant and the inputs only.",
        )


class ApplicationClosed(FrameworkError):
    """An application was used before it was opened or after it was closed."""

    code = "application-closed"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The application `{name}` is not open.",
            hint="Use it inside `async with app:` or after `await app.open()`.",
        )


class CannotCombine(FrameworkError):
    """A combination was made of queries of different resources."""

    code = "cannot-combine"

    def __init__(self, resource: str, other: str) -> None:
        super().__init__(
            f"A query of `{resource}` cannot be combined with one of `{other}`.",
            path=(resource,),
            hint="The parts of a union, intersection or difference are queries of one resource.",
        )


class CannotJudge(FrameworkError):
    """A statement would have to choose among rows of which only Python knows whether the actor may see them."""

    code = "cannot-judge"

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(
            f"The policies of `{action}` look at each row in Python, and this query chooses among rows in the "
            f"database: {reason}.",
            path=tuple(action.split(".")),
            hint="Choose among the records once they are read, or decide by conditions in place of `check(…)`.",
        )


class NoSuchIdentity(FrameworkError):
    """A record was asked for by attributes that are no identity."""

    code = "no-such-identity"

    def __init__(self, resource: str, names: Iterable[str], *, allowed: Iterable[str]) -> None:
        given = listed(names)
        allowed = list(allowed)
        super().__init__(
            f"`{resource}` has no identity of {given}. Identities: {'; '.join(allowed) or 'none'}.",
            path=(resource,),
            hint=did_you_mean(given, allowed) or "Declare one: `identities = Identities(slug=[slug])`.",
        )
