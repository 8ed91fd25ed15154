"""Errors that the developer or the environment has to mend."""

from __future__ import annotations

from collections.abc import Iterable

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


class NotCompilable(FrameworkError):
    """A data layer cannot express something, as a filter on a calculation that runs in Python."""

    code = "not-compilable"

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(
            f"`{what}` cannot be computed by the data layer.",
            hint=hint
            or "Calculations written as Python functions can be loaded, but not filtered or sorted by.",
        )


class TransactionElsewhere(FrameworkError):
    """A task used a transaction that another task has open."""

    code = "transaction-elsewhere"

    def __init__(self) -> None:
        super().__init__(
            "A transaction belongs to the task that opened it; this call comes from a task started in it.",
            hint="Await the calls one after the other, or start the task after the transaction.",
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
