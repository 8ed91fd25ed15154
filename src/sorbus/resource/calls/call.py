"""What can be called by name: an action, or the primary read of one row or of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sorbus.resource.actions import Action
from sorbus.schema.actions import ActionKind, ActionSpec, InputSpec
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec

LIST_ARGUMENTS = ("filter", "sort", "limit", "after", "before", "offset", "count", "load")
"""What a call that lists records takes besides the inputs of its action."""

_WORDS = {"get": "get", "list": "list", "index": "list", "connection": "list"}


class CallKind(StrEnum):
    """What a call does."""

    GET = "get"
    LIST = "list"
    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"

    @property
    def lists(self) -> bool:
        """Whether it answers with many records."""
        return self in {CallKind.LIST, CallKind.READ}

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self in {CallKind.GET, CallKind.LIST, CallKind.READ}

    @property
    def of_one(self) -> bool:
        """Whether it is about one record, whose key it takes."""
        return self in {CallKind.GET, CallKind.UPDATE, CallKind.DESTROY}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One thing that can be called.

    Attributes:
        action: what it runs; the primary read for `get` and `list`.
    """

    spec: ResourceSpec
    kind: CallKind
    action: ActionSpec

    @property
    def name(self) -> str:
        """The action's name; `get` and `list` for the primary read."""
        return self.kind.value if self.primary else self.action.name

    @property
    def label(self) -> str:
        """Resource and name, as in `Run.start`."""
        return f"{self.spec.name}.{self.name}"

    @property
    def primary(self) -> bool:
        """Whether it is the primary read."""
        return self.kind in {CallKind.GET, CallKind.LIST}

    @cached_property
    def declared(self) -> Any:
        """What the engine knows it by: the declared action, or the resource's class for its primary read."""
        return self.spec.python if self.primary else getattr(self.spec.python, self.action.name)

    @cached_property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The inputs of the action that come from outside."""
        return () if self.primary else self.action.public_inputs

    @cached_property
    def description(self) -> str:
        """What it does, in the words of the declaration."""
        if self.kind is CallKind.GET:
            return f"One {self.spec.name} by its key. {self.spec.description}".strip()
        if self.kind is CallKind.LIST:
            return f"Every {self.spec.name} that may be read. {self.spec.description}".strip()
        return self.action.description


def calls_of(spec: ResourceSpec, listed: Iterable[Action | str]) -> Iterator[Call]:
    """The calls of what a section lists, in its order; what it may not list is left to the section to refuse."""
    for each in listed:
        if isinstance(each, str):
            word = _WORDS.get(each)
            if word is not None:
                yield Call(spec=spec, kind=CallKind(word), action=spec.actions[PRIMARY_READ])
            continue
        action = spec.actions.get(each.name)
        if action is not None and getattr(spec.python, each.name, None) is each:
            yield Call(spec=spec, kind=_KINDS[action.kind], action=action)


_KINDS = {
    ActionKind.READ: CallKind.READ,
    ActionKind.CREATE: CallKind.CREATE,
    ActionKind.UPDATE: CallKind.UPDATE,
    ActionKind.DESTROY: CallKind.DESTROY,
    ActionKind.GENERIC: CallKind.GENERIC,
}
