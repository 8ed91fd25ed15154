"""Errors of authorisation and tenancy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sorbus.errors.base import Forbidden, FrameworkError, Invalid
from sorbus.errors.hints import did_you_mean, listed


class ActionForbidden(Forbidden):
    """No policy allows this actor this action here.

    Attributes:
        breakdown: the explanation, policy by policy; for logs and developers, never shown by an interface.
    """

    code = "action-forbidden"

    def __init__(self, resource: str, action: str, *, reason: str = "", breakdown: Any = None) -> None:
        self.resource = resource
        self.action = action
        self.breakdown = breakdown
        super().__init__(
            f"The actor may not {resource}.{action}: {reason or 'refused.'}",
            path=(resource, action),
            hint="See `error.breakdown` for each policy.",
        )


class TenantRequired(Invalid):
    """A resource with a tenancy was used without a tenant."""

    code = "tenant-required"

    def __init__(self, resource: str, action: str) -> None:
        super().__init__(
            f"{resource}.{action} needs a tenant, and the scope has none.",
            path=(resource, action),
            hint="Make the scope with `app.scope(actor=…, tenant=…)`.",
        )


class ActorProblem(FrameworkError):
    """Policies need something of the actor that cannot be had."""

    code = "actor-problem"


class ActorFieldNotLoaded(ActorProblem):
    """A policy asks for a field of the actor that was not loaded on its record."""

    code = "actor-field-not-loaded"

    def __init__(self, actor: str, name: str) -> None:
        super().__init__(
            f"A policy asks the actor for `{name}`, which is not loaded on this {actor}.",
            path=(actor, name),
            hint=f"Load it where the actor is read: `.load({actor}.{name})`.",
        )


class ActorFieldHidden(ActorProblem):
    """A policy asks for a field of the actor that is hidden on its record."""

    code = "actor-field-hidden"

    def __init__(self, actor: str, name: str) -> None:
        super().__init__(
            f"A policy asks the actor for `{name}`, which is hidden on this {actor}.",
            path=(actor, name),
            hint="Read the actor with `app.system_scope()`, or with a scope that may see the field.",
        )


class WrongActor(ActorProblem):
    """A policy asks for a field that this kind of actor cannot have."""

    code = "wrong-actor"

    def __init__(self, actor: str, name: str, *, expected: str, fields: Iterable[str] = ()) -> None:
        fields = list(fields)
        wanted = f"`{expected}.{name}`" if expected else f"`{name}`"
        has = f" It has {listed(fields)}." if fields and name not in fields else ""
        super().__init__(
            f"A policy asks the actor for {wanted}, and the actor is of the class `{actor}`.{has}",
            path=(actor, name),
            hint=did_you_mean(name, fields)
            or f"Put it in a group for its kind of actor: `group(actor_is_a({expected or 'User'}), …)`.",
        )


class PolicyUndecided(FrameworkError):
    """A check looks at a new value that only the statement will compute."""

    code = "policy-undecided"

    def __init__(self, resource: str, action: str, name: str, *, check: str) -> None:
        super().__init__(
            f"`{check}` cannot be decided for {resource}.{action}: `{name}` is set to an expression, whose value "
            "only the statement knows.",
            path=(resource, action, name),
            hint="Set a plain value, or ask for the attribute alone: `changing(attribute)`.",
        )
