"""The tools of a prompted action: actions of the application, by the names that models know them by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sorbus.errors.prompting import WrongPrompted
from sorbus.llm.messages import Tool
from sorbus.query.inputs import InputReader
from sorbus.resource.actions import Action
from sorbus.resource.calls import Call, Records, calls_of, input_schema
from sorbus.resource.mcp import LONGEST_TOOL_NAME, WORDS, Mcp
from sorbus.resource.model import Resource
from sorbus.resource.sections import section_of
from sorbus.resource.spelling import words
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.scope import Scope

type Callee = Action | type[Resource]
"""An action, or a resource for its two primary reads: of one record by its key, and of many."""

type Listed = Callee | Callable[[], Callee]
"""What `tools` takes: what is declared further below stands in a lambda."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class ActionTool:
    """An action that a model may call."""

    call: Call
    records: Records
    offer: Tool

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.offer.name

    def visible(self, scope: Scope) -> bool:
        """Whether the scope's actor may call it with some arguments; nothing is read for it."""
        found: bool = scope.need_runtime().conceivable(self.call.declared, scope)
        return found


def tools_of(
    application: ApplicationSpec, action: str, cls: type[Any], listed: Listed
) -> Iterator[ActionTool]:
    """The tools that are meant by one thing that an action lists: a resource is two.

    Args:
        action: the action's label.
        cls: its resource.

    Raises:
        WrongPrompted: it is none.
    """
    callee = _resolved(action, listed)
    owner = callee.owner if isinstance(callee, Action) else callee
    if isinstance(callee, Action) and issubclass(cls, owner):
        owner = cls  # an action that a resource takes over from its base is its own
    spec = application.by_class.get(owner)
    if spec is None:
        raise WrongPrompted(
            action, f"`{owner.__name__}`, of which it lists a tool, is in no domain of the application"
        )
    reader = InputReader(application)
    records = Records(spec)
    for call in _calls(action, spec, callee):
        schema = input_schema(call, reader)
        offer = Tool(name=_named(action, spec, call), description=call.description, schema=schema)
        yield ActionTool(call=call, records=records, offer=offer)


def _resolved(action: str, listed: Any) -> Callee:
    found: Any = listed
    if callable(listed) and not isinstance(listed, (Action, type)):
        try:
            found = listed()
        except Exception as error:
            problem = f"a function in its `tools` failed ({type(error).__name__}: {error})"
            raise WrongPrompted(action, problem) from error
    if isinstance(found, Action) or (isinstance(found, type) and issubclass(found, Resource)):
        return found
    raise WrongPrompted(
        action,
        f"`{found!r:.80}` in its `tools` is neither an action nor a resource",
        hint="List actions, as in `tools=[search, Order.find, lambda: Later.find]`.",
    )


def _calls(action: str, spec: ResourceSpec, callee: Callee) -> list[Call]:
    if isinstance(callee, Action):
        if callee.name not in spec.actions:
            raise WrongPrompted(action, f"{callee!r} in its `tools` is no action of `{spec.name}`")
        return list(calls_of(spec, [getattr(spec.python, callee.name)]))
    if not spec.attributes:
        raise WrongPrompted(action, f"`{spec.name}` in its `tools` has no records to read")
    return list(calls_of(spec, WORDS))


def _named(action: str, spec: ResourceSpec, call: Call) -> str:
    """The name by which the tool is known over MCP, too."""
    section = section_of(spec, Mcp)
    prefix = words(spec.name) if section is None else section.name_for(spec)
    name = f"{prefix}_{call.name}"
    if not _NAME.fullmatch(name) or len(name) > LONGEST_TOOL_NAME:
        allowed = f"names of tools are letters, digits and `_`, at most {LONGEST_TOOL_NAME}"
        raise WrongPrompted(action, f"`{call.label}` in its `tools` would be called `{name}`; {allowed}")
    return name
