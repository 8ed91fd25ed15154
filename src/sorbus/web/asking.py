"""What a call has asked, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sorbus.llm.calls import LlmCall
from sorbus.types.hidden import is_hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message, or with no role so many messages that are not kept.

    Attributes:
        content: the text, or its start.
        left_out: how many characters are not kept between the start and the end.
    """

    role: str = ""
    content: str = ""
    left_out: int = 0
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedView:
    """What a call has asked.

    Attributes:
        kept: whether anything is kept of it.
        hidden: whether the actor may not see it.
        schema_left_out: the bytes of a schema that is not kept.
    """

    kept: bool = False
    hidden: bool = False
    messages: Sequence[Turn] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    schema: Any = None
    schema_left_out: int = 0


def asked_of(call: LlmCall) -> AskedView:
    """What a call has asked; rows from before it was kept have nothing."""
    given: Any = call.request
    if is_hidden(given):
        return AskedView(hidden=True)
    if not isinstance(given, dict):
        return AskedView()
    told = cast("dict[str, Any]", given)
    return AskedView(
        kept=True,
        messages=[_turn(each) for each in told.get("messages") or ()],
        parameters=told.get("parameters") or {},
        schema=told.get("schema"),
        schema_left_out=told.get("schema_left_out") or 0,
    )


def _turn(told: Mapping[str, Any]) -> Turn:
    known = ("role", "content", "left_out", "end")
    return Turn(**{name: told[name] for name in known if name in told})
