"""Tools for a model that knows none: it is told of them in words, and its answer is either a call or the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec

from sorbus.llm.messages import Message, ModelRequest, Schema, Tool, ToolCall
from sorbus.llm.providers.base import Completion
from sorbus.types.json_schemas import Definitions, closed

HOW = """You can use these tools:
{tools}
To use one, say {{"tool": its name, "arguments": …}}. When you know the answer, say {{"answer": …}}."""

_TOOL, _ARGUMENTS, _ANSWER = "tool", "arguments", "answer"
_LOOSE = ("pattern", "format", "default", "description", "title", "writeOnly")
"""What a grammar has no use for, or cannot express; whoever runs the call checks all of it."""


def spoken(request: ModelRequest) -> ModelRequest:
    """The same question without tools in it."""
    turns = tuple(map(_plain, request.messages))
    if not request.tools:
        return replace(request, messages=turns)
    told = HOW.format(tools="\n".join(map(_told, request.tools)))
    first = turns[0] if turns and turns[0].role == "system" else None
    system = Message("system", told if first is None else f"{first.content}\n\n{told}")
    rest = turns if first is None else turns[1:]
    return replace(request, messages=(system, *rest), schema=either(request), tools=())


def either(request: ModelRequest) -> Schema:
    """The schema of a call of one of the tools, or of the answer."""
    definitions = Definitions()
    ways = [
        closed(
            {_TOOL: {"const": each.name}, _ARGUMENTS: definitions.gathered(_simple(each.schema))},
            required=[_TOOL, _ARGUMENTS],
        )
        for each in request.tools
    ]
    answer = {"type": "string"} if request.schema is None else definitions.gathered(request.schema)
    ways.append(closed({_ANSWER: answer}, required=[_ANSWER]))
    return definitions.around({"anyOf": ways})


def understood(request: ModelRequest, completion: Completion) -> Completion:
    """What such a model said: the call that it wants made, or its answer."""
    if not request.tools:
        return completion
    try:
        said: Any = msgspec.json.decode(completion.text)
    except msgspec.MsgspecError:
        return completion
    if not isinstance(said, dict):
        return completion
    members = cast("Mapping[str, Any]", said)
    if _TOOL in members:
        call = ToolCall("", str(members[_TOOL]), _json(members.get(_ARGUMENTS, {})))
        return replace(completion, text="", calls=(call,))
    if _ANSWER in members:
        answer = members[_ANSWER]
        return replace(completion, text=answer if request.schema is None else _json(answer))
    return completion


def _told(tool: Tool) -> str:
    names = ", ".join(tool.schema.get("properties", {}))
    return f"- {tool.name}({names}): {tool.description}"


def _plain(turn: Message) -> Message:
    if turn.calls:
        said = [f'{{"{_TOOL}":{_json(each.name)},"{_ARGUMENTS}":{each.arguments}}}' for each in turn.calls]
        return Message("assistant", "\n".join(said))
    return Message("user", f"Result: {turn.content}") if turn.role == "tool" else turn


def _simple(schema: Schema) -> Schema:
    """A schema of arguments as a grammar can follow it: without what refers to itself, such as a filter."""
    definitions: Mapping[str, Schema] = schema.get("$defs", {})
    endless = {name for name in definitions if name in _needed(definitions[name], definitions)}

    def simple(node: Any) -> Any:
        if isinstance(node, list):
            return [simple(each) for each in cast("Sequence[Any]", node)]
        if not isinstance(node, dict):
            return node
        made: Schema = {}
        for key, value in cast("Schema", node).items():
            if key == "properties":
                made[key] = {
                    name: simple(each) for name, each in value.items() if not _refers(each) & endless
                }
            elif key not in _LOOSE:
                made[key] = simple(value)
        if "properties" in made and "required" in made:
            made["required"] = [each for each in made["required"] if each in made["properties"]]
        return made

    found: Schema = simple({name: each for name, each in schema.items() if name != "$defs"})
    needed = _needed(found, definitions)
    return {**found, "$defs": {name: simple(definitions[name]) for name in needed}} if needed else found


def _needed(node: Any, definitions: Mapping[str, Schema]) -> set[str]:
    """The names of all definitions that a schema refers to, over others too."""
    found: set[str] = set()
    waiting = _refers(node)
    while waiting := waiting - found:
        found |= waiting
        waiting = set[str]().union(*(_refers(definitions.get(each, {})) for each in waiting))
    return found


def _refers(node: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(node, list):
        return set[str]().union(*map(_refers, cast("Sequence[Any]", node)))
    if not isinstance(node, dict):
        return set()
    members = cast("Schema", node)
    own = {str(members["$ref"]).rpartition("/")[2]} if isinstance(members.get("$ref"), str) else set[str]()
    return own.union(*(_refers(each) for key, each in members.items() if key != "$defs"))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
