"""What is wrong with the declaration of a prompted action."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.prompting import WrongPrompted
from sorbus.llm.prompting.plans import Options
from sorbus.llm.prompting.tools import ActionTool, tools_of
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import FieldType

_LEAST_RESULT = 256


def mistakes(
    application: ApplicationSpec, action: ActionSpec, options: Options
) -> Iterator[DeclarationError]:
    """The mistakes of a prompted action, each on its own."""
    if action.kind is not ActionKind.GENERIC:
        yield WrongPrompted(
            action.label,
            f"a model cannot be the body of a {action.kind.value}",
            hint="Make it a generic action, and list what it is to write among its `tools`.",
        )
        return
    if action.transaction:
        yield WrongPrompted(
            action.label,
            "it would hold a transaction open while the model thinks",
            hint="Leave `transaction=True` out; each tool commits for itself.",
        )
    if action.returns is None:
        yield WrongPrompted(
            action.label, "it answers with nothing", hint="Annotate its return with the type of the answer."
        )
    else:
        yield from _without_schema(action, action.returns)
    yield from _numbers(action, options)
    if not (getattr(application.resources[action.resource].python, action.name).__doc__ or "").strip():
        yield WrongPrompted(
            action.label,
            "it has no docstring",
            hint="Say in it what the model is to do; it is the prompt.",
        )
    yield from _tools(application, application.resources[action.resource], action, options)


def _without_schema(action: ActionSpec, returns: FieldType) -> Iterator[DeclarationError]:
    try:
        returns.json_schema()
    except Exception as error:  # Pydantic has several for this
        problem = f"no model can be told the form of its answer, {returns.describe()} ({str(error).splitlines()[0]})"
        yield WrongPrompted(
            action.label, problem, hint="Answer with a dataclass, an enumeration, a list or a plain value."
        )


def _numbers(action: ActionSpec, options: Options) -> Iterator[DeclarationError]:
    least = {
        "max_turns": 1,
        "max_calls": 1,
        "result_bytes": _LEAST_RESULT,
        "max_tokens": 1,
    }
    for name, number in least.items():
        given = getattr(options, name)
        if given is not None and (type(given) is not int or given < number):
            yield WrongPrompted(action.label, f"`{name}` is {given!r}; allowed is {number} or more")
    seconds: Any = options.timeout
    if seconds is not None and not (isinstance(seconds, (int, float)) and seconds > 0):
        yield WrongPrompted(
            action.label, f"`timeout` is {seconds!r}; allowed are seconds, or None for no limit"
        )


def _tools(
    application: ApplicationSpec, spec: ResourceSpec, action: ActionSpec, options: Options
) -> Iterator[DeclarationError]:
    known: dict[str, ActionTool] = {}
    for listed in options.tools:
        try:
            tools = list(tools_of(application, action.label, spec.python, listed))
        except WrongPrompted as error:
            yield error
            continue
        for tool in tools:
            if tool.call.action is action:
                yield WrongPrompted(
                    action.label,
                    "it lists itself among its `tools`",
                    hint="The model answers by itself once it knows enough.",
                )
            first = known.setdefault(tool.name, tool)
            if first is not tool:
                labels = (first.call.label, tool.call.label)
                problem = f"`{labels[0]}` and `{labels[1]}` would both be the tool `{tool.name}`"
                if labels[0] == labels[1]:
                    problem = f"`{labels[0]}` stands in its `tools` twice"
                yield WrongPrompted(action.label, problem)
