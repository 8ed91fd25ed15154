"""One call of a tool: from what a model wrote to what it reads of the result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from sorbus.errors.hints import did_you_mean, listed
from sorbus.llm.messages import ToolCall
from sorbus.llm.prompting.tools import ActionTool
from sorbus.resource.calls import run_call
from sorbus.scope import Scope
from sorbus.types.showing import to_json

LONGEST_ARGUMENTS = 65_536
"""Bytes of arguments that a call may have; what is longer is not even sent back to the model."""

_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
_CUT = "… [{left_out} more bytes are left out. Ask for less, or for the next page.]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call as it stands in the conversation.

    Attributes:
        call: as every provider takes it back: a name of its alphabet, arguments that are an object, an id of ours.
        given: the arguments; None when what the model wrote is none.
    """

    call: ToolCall
    given: Mapping[str, Any] | None


def wanted(call: ToolCall, *, turn: int, place: int) -> Wanted:
    """What a model wants called, made fit to be said again.

    The ids are ours, so that the same conversation is the same whoever counts, and has none twice.
    """
    given = _object(call.arguments)
    fit = ToolCall(
        # Nine letters and digits: there are servers that take nothing else.
        id=f"call{turn:03d}{place:02d}",
        name=_UNUSUAL.sub("_", call.name)[:_LONGEST_NAME] or "_",
        arguments=call.arguments if given else "{}",
    )
    return Wanted(call=fit, given=given)


def _object(arguments: str) -> Mapping[str, Any] | None:
    if len(arguments) > LONGEST_ARGUMENTS:
        return None
    try:
        found: dict[str, Any] = msgspec.json.decode(arguments.strip() or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return found


async def result_of(tool: ActionTool, given: Mapping[str, Any], scope: Scope) -> str:
    """What the model reads of a call: the answer as JSON, or the errors as MCP tells them."""
    runtime = scope.need_runtime()
    try:
        async with AsyncExitStack() as stack:
            if runtime.transaction_of_task() is not None:
                # What one tool has begun must not spoil what the others have done.
                await stack.enter_async_context(runtime.transaction(nested=True, by=f"`{tool.name}`"))
            return to_json(await run_call(tool.call, tool.records, scope, given)).decode()
    except Exception as error:  # the boundary: the model hears what it may know of it, the log has the rest
        from sorbus.http.refusals import refusals  # the parts of a server are imported when one is needed

        return refused([_without_id(each) for each in refusals(error, tool.call, where="tool")])


def _without_id(told: dict[str, Any]) -> dict[str, Any]:
    """An error that nobody foresaw; the id under which the log has it would only make each conversation another."""
    return {"code": told["code"], "message": "The tool failed."} if "id" in told else told


def refused(errors: list[dict[str, Any]]) -> str:
    """Errors as a model reads them."""
    return to_json({"errors": errors}).decode()


def unknown(name: str, offered: list[str]) -> str:
    """What a model reads of a tool that there is not, or that is none for its actor."""
    told = {
        "code": "unknown-tool",
        "message": f"There is no tool `{name[:_LONGEST_NAME]}`. Tools: {listed(offered)}.",
    }
    near = did_you_mean(name[:_LONGEST_NAME], offered)
    return refused([{**told, "hint": near} if near else told])


def malformed(call: ToolCall) -> str:
    """What a model reads of arguments that are no object."""
    long = len(call.arguments) > LONGEST_ARGUMENTS
    problem = f"longer than {LONGEST_ARGUMENTS} bytes" if long else "no JSON object"
    return refused([{"code": "malformed-arguments", "message": f"The arguments are {problem}."}])


def shortened(text: str, *, limit: int) -> str:
    """A result of so many bytes at most, and how much was left out."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return text
    kept = data[:limit].decode("utf-8", "ignore")
    return kept + _CUT.format(left_out=len(data) - limit)
