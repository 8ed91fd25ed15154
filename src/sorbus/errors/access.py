"""Errors of touching a record or an action in a way it does not allow."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.base import Forbidden, FrameworkError
from sorbus.errors.hints import did_you_mean, listed


class NotLoaded(FrameworkError):
    """A field was read that the query did not load."""

    code = "not-loaded"

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(
            f"`{resource}.{name}` is not loaded on this record.",
            path=(resource, name),
            hint=f"Load it with the query: `.load({resource}.{name})`.",
        )


class HiddenField(Forbidden):
    """A field was read that the actor may not see."""

    code = "hidden-field"

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(f"The actor may not see `{resource}.{name}`.", path=(resource, name))


class ImmutableRecord(FrameworkError):
    """A record was assigned to outside an action."""

    code = "immutable-record"

    def __init__(self, resource: str, name: str, actions: Iterable[str]) -> None:
        super().__init__(
            f"`{resource}.{name}` cannot be set on a record: records change through actions only.",
            path=(resource, name),
            hint=f"Actions that change it: {listed(actions)}.",
        )


class NoConstructor(FrameworkError):
    """A resource's class was called."""

    code = "no-constructor"

    def __init__(self, resource: str, creates: Iterable[str]) -> None:
        super().__init__(
            f"`{resource}(…)` does not make a record: records come from actions.",
            path=(resource,),
            hint=f"Create actions: {listed(f'{resource}.{name}' for name in creates)}.",
        )


class NoSuchMember(FrameworkError):
    """An action's body set a name that the resource does not have."""

    code = "no-such-member"

    def __init__(self, resource: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{resource}` has no attribute `{name}` to set. Attributes: {listed(allowed)}.",
            path=(resource, name),
            hint=did_you_mean(name, allowed),
        )
