"""The conversation between a prompted action and its model: turns with tools, and then the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sorbus.errors.prompting import PromptedTimeout
from sorbus.llm.answers import ObjectAnswer, ToolTurn
from sorbus.llm.client import ModelClient
from sorbus.llm.ledger import Origin
from sorbus.llm.messages import Message, ToolCall
from sorbus.llm.prompting.calling import malformed, result_of, shortened, unknown, wanted
from sorbus.llm.prompting.nesting import Nesting
from sorbus.llm.prompting.plans import PromptedPlan
from sorbus.llm.prompting.tools import ActionTool
from sorbus.scope import Scope, tenant_key

MOST_IN_A_TURN = 8
"""Calls of one turn that are made; the model sees that it made no others, and may make them in the next."""

SMALL_RESULT = 1024
"""Bytes that a small model reads of a result: its whole context is a few thousand tokens."""

NO_MORE = "No further tools can be called. Give your answer now, with what you know."


class Conversation:
    """One run of a prompted action.

    Args:
        messages: what the model is asked; the conversation goes on from there.
    """

    def __init__(self, plan: PromptedPlan, scope: Scope, messages: Sequence[Message]) -> None:
        self.plan = plan
        self.options = plan.options
        self.scope = scope
        client, model = scope.get(ModelClient), plan.options.model
        self.client = client if model is None else client.using(model)
        self.origin = origin_of(scope, plan.action.label)
        self.messages = list(messages)
        self.nesting = Nesting.within(scope, plan.action.label, calls=plan.options.max_calls)
        limit = plan.options.result_bytes
        self.result_bytes = min(limit, SMALL_RESULT) if self.client.small else limit

    async def answer(self) -> Any:
        """The model's answer, as the action declares it.

        Raises:
            PromptedTimeout: it took too long.
            SorbusError: as `ModelClient.generate_object`.
        """
        seconds = self.options.timeout
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._answer()
        except TimeoutError as error:
            if seconds is None or not limit.expired():
                raise
            raise PromptedTimeout(self.plan.action.label, seconds=seconds) from error

    async def _answer(self) -> Any:
        offered = {name: each for name, each in self.plan.tools.items() if each.visible(self.scope)}
        scope = self.scope.with_service(Nesting, self.nesting)
        for turn in range(1, self.options.max_turns + 1):
            if not offered or self.nesting.room < 1:
                break
            found = await self._turn(offered)
            if isinstance(found, ObjectAnswer):
                return found.value
            await self._use(found.calls, turn, offered, scope)
        if offered:
            self.messages.append(Message("user", NO_MORE))
        answer = await self._turn({})
        assert isinstance(answer, ObjectAnswer), "a model without tools calls none"
        return answer.value

    async def _turn(self, offered: Mapping[str, ActionTool]) -> ToolTurn | ObjectAnswer[Any]:
        return await self.client.generate_turn(
            self.messages,
            returns=self.plan.returns,
            tools=[each.offer for each in offered.values()],
            max_tokens=self.options.max_tokens,
            temperature=self.options.temperature,
            origin=self.origin,
        )

    async def _use(
        self, calls: Sequence[ToolCall], turn: int, offered: Mapping[str, ActionTool], scope: Scope
    ) -> None:
        """Make the calls of a turn, one after the other, and put them and their results into the conversation."""
        room = min(MOST_IN_A_TURN, self.nesting.room)
        made = [wanted(each, turn=turn, place=place) for place, each in enumerate(calls[:room], 1)]
        self.messages.append(Message("assistant", "", calls=tuple(each.call for each in made)))
        for said, each in zip(calls, made, strict=False):
            tool = offered.get(said.name)
            self.nesting.spend()
            if tool is None:
                result = unknown(said.name, list(offered))
            elif each.given is None:
                result = malformed(said)
            else:
                result = await result_of(tool, each.given, scope)
            text = shortened(result, limit=self.result_bytes)
            self.messages.append(Message("tool", text, answers=each.call.id))


def origin_of(scope: Scope, action: str) -> Origin:
    """On whose behalf an action's calls to models are made: of a stage, or else of its tenant and itself."""
    known: Origin | None = scope.services.get(Origin)
    if known is not None:
        return known
    tenant = None if scope.tenant is None else tenant_key(scope.tenant)
    return Origin(stage=action, tenant=None if tenant is None else str(tenant))
