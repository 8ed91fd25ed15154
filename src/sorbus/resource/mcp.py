"""The section that says which actions language models may call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.mcp import BadToolName, NotInMcp
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr
from sorbus.resource.sections import Section
from sorbus.resource.spelling import words
from sorbus.schema.resource import ResourceSpec

WORDS = ("get", "list")
"""The words for the primary read of one row by its key, and of many."""

LONGEST_TOOL_NAME = 64
"""What the interfaces of models take."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Mcp(Section):
    """The tools that an MCP server offers for a resource: `mcp = Mcp("get", "list", start, for_content)`.

    Each listed action is a tool `<name>_<action>`, such as `run_start`. With `"get"`, records are resources too,
    `sorbus://run/<key>`; with `"list"` besides, clients can list them.

    Args:
        actions: the actions to offer; `"get"` and `"list"` are the primary read.
        name: what tools and resources begin with; by default the class's name in snake case.
        title: the public attribute that names a record where resources are listed; by default its key.
    """

    section_name = "mcp"

    def __init__(
        self, *actions: Action | Literal["get", "list"], name: str = "", title: Attr[Any] | None = None
    ) -> None:
        self.actions = actions
        self.name = name
        self.title = title

    @property
    def exposes(self) -> bool:
        """Whether it lists an action."""
        return bool(self.actions)

    def name_for(self, spec: ResourceSpec) -> str:
        """What the tools and resources of its resource begin with."""
        return self.name or words(spec.name)

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """What is listed and is no action, names that are none, and a title that is not public."""
        del lowerer
        for each in self.actions:
            yield from self._check_listed(spec, each)
        if self.title is not None:
            found = spec.attributes.get(self.title.name)
            if found is None or not found.public:
                allowed = [name for name, other in spec.attributes.items() if other.public]
                problem = "as the title, which is no public attribute"
                yield NotInMcp(spec.name, self.title.name, problem=problem, allowed=allowed)

    def _check_listed(self, spec: ResourceSpec, each: Action | str) -> Iterator[DeclarationError]:
        word = each if isinstance(each, str) else each.name
        if isinstance(each, str):
            if each not in WORDS:
                yield NotInMcp(spec.name, each, problem="which names no tool", allowed=WORDS)
                return
            if not spec.has_rows:
                problem = f"and `{spec.name}` has no attributes, so that there are no records"
                yield NotInMcp(spec.name, each, problem=problem, allowed=spec.actions)
                return
        elif each.name not in spec.actions or getattr(spec.python, each.name, each) is not each:
            problem = f"which is no action of `{spec.name}`"
            yield NotInMcp(spec.name, each.name, problem=problem, allowed=spec.actions)
            return
        tool = f"{self.name_for(spec)}_{word}"
        if not _NAME.fullmatch(tool) or len(tool) > LONGEST_TOOL_NAME:
            yield BadToolName(spec.name, tool, longest=LONGEST_TOOL_NAME)
