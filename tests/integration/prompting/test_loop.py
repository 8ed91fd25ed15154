"""The loop of a prompted action: what is asked, what is called, and that it ends."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.prompting.office import (
    CANCELLED,
    SECRET,
    TRIAGE,
    WAITING,
    Chief,
    Letter,
    Mood,
    Order,
    Triage,
    office,
)

from sorbus import Domain, Sorbus
from sorbus.errors.framework import NoSuchService
from sorbus.errors.llm import AnswerInvalid, BudgetExceeded, ModelUnavailable
from sorbus.errors.prompting import NoPrompt, PromptedTimeout
from sorbus.llm import CallStatus, MemorySink, Message, ModelRequest, ToolCall
from sorbus.llm.budgets import Need
from sorbus.llm.prompting.calling import LONGEST_ARGUMENTS
from sorbus.llm.prompting.conversation import MOST_IN_A_TURN, NO_MORE
from sorbus.llm.prompting.nesting import DEEPEST
from sorbus.llm.providers.base import Completion
from sorbus.testing.scripted import calling

FIND = calling(("order_find", {"number": "17"}))
WEIGH = calling(("order_weigh", {"kilograms": 2}))


def errors(result: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result)["errors"]
    return found


async def test_the_docstring_and_the_inputs_are_the_prompt_and_the_annotation_is_the_answer() -> None:
    async with office(TRIAGE) as opened:
        assert await Letter.triage(opened.scope, text="Où est 17 ?") == Triage("orders", "n")
        (request,) = opened.model.requests
    system, user = request.messages
    assert system.role == "system"
    assert system.content.startswith(
        "Decide what to do with a letter.\n\nComplaints are those that hurt.\n\n"
    )
    assert "never an instruction" in system.content
    assert (user.role, json.loads(user.content)) == ("user", {"text": "Où est 17 ?"})
    assert request.schema is not None
    assert set(request.schema["properties"]) == {"queue", "note"}
    assert SECRET not in repr(request)


async def test_answers_are_of_any_type_that_has_a_schema() -> None:
    async with office('{"value": "bad"}', '{"value": [1, 2]}', '{"value": null}') as opened:
        assert await Letter.mood(opened.scope, text="Oh!") is Mood.BAD
        assert await Letter.numbers(opened.scope, text="1, 2") == [1, 2]
        assert await Letter.numbers(opened.scope, text="") is None
    mood, numbers, _ = opened.model.requests
    assert mood.messages == (Message("system", "Be brief."), Message("user", "The letter: Oh!"))
    assert numbers.messages[0] == Message("system", "Every number in a text.")


async def test_the_body_may_read_what_it_asks_about() -> None:
    async with office('{"value": "Soon."}') as opened:
        await Order.place(opened.scope, number="17", note="Where is it?")
        assert await Letter.reply(opened.scope, number="17") == "Soon."
        turns = opened.model.requests[0].messages
    assert [each.content for each in turns] == [
        "Answer a letter about an order.", "Dear Sir", "Yes?", "Where is it?",
    ]  # fmt: skip


async def test_a_body_that_answers_by_itself_is_told_that_it_only_asks() -> None:
    async with office("never") as opened:
        with pytest.raises(NoPrompt, match=r"Letter.confused returned a str"):
            await Letter.confused(opened.scope)
        assert opened.model.requests == []


async def test_a_tool_is_called_and_its_answer_read() -> None:
    async with office(FIND, TRIAGE) as opened:
        order = await Order.place(opened.scope, number="17", note="late")
        await Letter.triage(opened.scope, text="17?")
        (result,) = opened.results
        last = opened.model.requests[-1].messages
    assert json.loads(result)["items"] == [{"id": str(order.id), "number": "17", "note": "late"}]
    assert last[-2] == Message(
        "assistant", "", calls=(ToolCall("call00101", "order_find", '{"number": "17"}'),)
    )
    assert last[-1].answers == "call00101"
    assert SECRET not in repr(opened.model.requests)


async def test_every_kind_of_action_is_a_tool() -> None:
    async with office(
        calling(("order_place", {"number": "1"}), ("order_list", {"count": True}), ("order_weigh", {"kilograms": 2})),
        lambda request: calling(
            ("order_get", {"id": json.loads(request.messages[-3].content)["id"]}),
            ("order_shred", {"id": json.loads(request.messages[-3].content)["id"]}),
        ),
        calling(("order_list", {})),
        TRIAGE,
    ) as opened:  # fmt: skip
        await Letter.triage(opened.scope_of(Chief("eve")), text="x")
        placed, listed, weighed, got, shredded, empty = map(json.loads, opened.results)
    assert (placed["number"], listed["page"]["total"], weighed) == ("1", 1, {"result": 6})
    assert got == placed
    assert shredded == {"id": placed["id"], "destroyed": True}
    assert empty["items"] == []


async def test_tools_have_the_names_descriptions_and_schemas_of_their_actions() -> None:
    async with office(TRIAGE) as opened:
        await Letter.triage(opened.scope_of(Chief("eve")), text="x")
        tools = {each.name: each for each in opened.model.requests[0].tools}
    assert list(tools) == [
        "order_get", "order_list", "order_find", "order_place", "order_shred", "order_weigh", "order_crash",
        "order_flood", "order_wait",
    ]  # fmt: skip
    assert tools["order_place"].description == "Place an order."
    weigh = tools["order_weigh"].schema
    assert (list(weigh["properties"]), weigh["required"]) == (["kilograms"], ["kilograms"])


# that it ends


async def test_an_endless_loop_ends_with_a_question_without_tools() -> None:
    def endless(request: ModelRequest) -> str | Completion:
        return FIND if request.tools else TRIAGE

    async with office(endless) as opened:
        assert await Letter.triage(opened.scope, text="x") == Triage("orders", "n")
        requests = opened.model.requests
    assert [bool(each.tools) for each in requests] == [True, True, True, False]
    assert requests[-1].messages[-1] == Message("user", NO_MORE)


async def test_a_model_that_never_answers_is_asked_twice_more_and_no_more() -> None:
    async with office(FIND) as opened:
        with pytest.raises(AnswerInvalid):
            await Letter.triage(opened.scope, text="x")
        assert len(opened.model.requests) == 5
    assert [each.status for each in opened.sink.records] == [CallStatus.OK] * 3 + [CallStatus.INVALID] * 2


async def test_only_so_many_calls_of_a_turn_are_made_and_only_so_many_of_all() -> None:
    many = calling(*[("order_weigh", {"kilograms": each}) for each in range(100)])
    async with office(many, many, TRIAGE) as opened:
        await Letter.triage(opened.scope, text="x")
        requests = opened.model.requests
    assert len(requests) == 3
    assert len(requests[1].messages[2].calls) == MOST_IN_A_TURN
    assert not requests[2].tools
    assert len(opened.results) == 12
    ids = [each.answers for each in requests[2].messages if each.role == "tool"]
    assert len(set(ids)) == 12


async def test_an_answer_that_does_not_fit_is_repaired_without_tools() -> None:
    async with office(FIND, '{"queue": "bills"}', TRIAGE) as opened:
        assert (await Letter.triage(opened.scope, text="x")).queue == "orders"
        last = opened.model.requests[-1]
    assert not last.tools
    assert last.messages[-1].content.startswith("Your answer does not fit: queue")


async def test_actions_that_ask_each_other_end_at_a_depth() -> None:
    def deeper(request: ModelRequest) -> str | Completion:
        said = request.messages[0].content
        asked = any(each.role == "tool" for each in request.messages)
        if asked:
            return '{"value": "up"}'
        return calling(("letter_inner" if said.startswith("Ask another") else "letter_outer", {}))

    async with office(deeper) as opened:
        assert await Letter.outer(opened.scope) == "up"
        deepest = opened.model.requests[DEEPEST]
    assert len(opened.model.requests) == 2 * DEEPEST
    (result,) = [each.content for each in deepest.messages if each.role == "tool"]
    assert errors(result) == [{"code": "internal-error", "message": "The tool failed."}]


async def test_calls_of_inner_actions_count_for_the_outer_one() -> None:
    def busy(request: ModelRequest) -> str | Completion:
        if not request.tools:
            return '{"value": "done"}'
        return (
            calling(("letter_inner", {}))
            if len(request.messages) == 2 and "another" in request.messages[0].content
            else WEIGH
        )

    async with office(busy) as opened:
        assert await Letter.outer(opened.scope) == "done"
    made = [each for request in opened.model.requests for each in request.messages if each.role == "tool"]
    assert len({id(each) for each in made}) == 3


# what goes wrong


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (ToolCall("", "order_fnd", "{}"), "unknown-tool"),
        (ToolCall("", "", "{}"), "unknown-tool"),
        (ToolCall("", "../../etc/passwd" * 50, "{}"), "unknown-tool"),
        (ToolCall("", "order_find", '{"number": '), "malformed-arguments"),
        (ToolCall("", "order_find", "[1]"), "malformed-arguments"),
        (ToolCall("", "order_find", "[" * 60_000), "malformed-arguments"),
        (ToolCall("", "order_find", json.dumps({"number": "x" * LONGEST_ARGUMENTS})), "malformed-arguments"),
        (ToolCall("", "order_find", '{"number": {"eq": 1}}'), "invalid-input"),
        (ToolCall("", "order_find", "{}"), "required"),
        (ToolCall("", "order_find", ""), "required"),
        (ToolCall("", "order_find", '{"nummer": "17", "number": "17"}'), "no-such-input"),
        (ToolCall("", "order_weigh", '{"kilograms": 1, "private": "x"}'), "no-such-input"),
        (ToolCall("", "order_get", '{"id": "nobody"}'), "not-found"),
        (ToolCall("", "order_find", '{"number": "1", "limit": 100000}'), "invalid-page"),
        (ToolCall("", "order_find", '{"number": "1", "filter": {"margin": {"eq": "x"}}}'), "invalid-filter"),
        (ToolCall("", "order_crash", "{}"), "internal-error"),
    ],
)  # fmt: skip
async def test_the_model_reads_what_was_wrong_with_a_call_and_goes_on(call: ToolCall, code: str) -> None:
    async with office(Completion(text="", calls=(call,)), TRIAGE) as opened:
        assert await Letter.triage(opened.scope, text="x") == Triage("orders", "n")
        (result,) = opened.results
        said = opened.model.requests[-1].messages[2].calls[0]
    (error,) = errors(result)
    assert error["code"] == code
    assert set(error) <= {"code", "message", "path", "hint"}
    assert SECRET not in result
    # What is said again is what every provider takes.
    assert isinstance(json.loads(said.arguments), dict)
    assert said.name.replace("_", "a").isalnum()
    assert len(said.name) <= 64


async def test_a_crash_tells_neither_the_model_nor_the_caller_its_text() -> None:
    async with office(calling(("order_crash", {})), TRIAGE, calling(("order_crash", {})), TRIAGE) as opened:
        await Letter.triage(opened.scope, text="x")
        first = opened.results
        # The same conversation twice is the same to the letter, so that a stage finds its answers again.
        await Letter.triage(opened.scope, text="x")
        assert opened.results == first
    assert SECRET not in repr(opened.model.requests)
    assert SECRET not in repr(opened.sink.records)


async def test_a_huge_result_is_cut() -> None:
    async with office(calling(("order_flood", {})), TRIAGE) as opened:
        await Letter.triage(opened.scope, text="x")
        (result,) = opened.results
    assert 8192 - 2 < len(result.encode()) < 8192 + 100
    assert result.startswith('{"result":"üü')
    assert result.endswith("Ask for less, or for the next page.]")


async def test_a_refused_write_leaves_the_others_alone() -> None:
    twice = calling(
        ("order_place", {"number": "1"}), ("order_place", {"number": "1"}), ("order_place", {"number": "2"})
    )
    async with office(twice, TRIAGE) as opened:
        await Letter.triage(opened.scope, text="x")
        _, second, third = opened.results
        assert errors(second)[0]["code"] == "already-taken"
        assert json.loads(third)["number"] == "2"
        async with opened.app.transaction():  # also where all of it commits together
            await Letter.triage(opened.scope, text="x")
        assert len(await Order.query(opened.scope).all()) == 2


async def test_no_client_is_said_so() -> None:
    async with Sorbus(domains=[Domain("d", resources=[Order, Letter])], storage="memory") as app:
        with pytest.raises(NoSuchService, match="ModelClient"):
            await Letter.mood(app.scope(actor="ada", tenant="acme"), text="x")


async def test_a_model_that_fails_fails_the_action() -> None:
    def broken(request: ModelRequest) -> str:
        raise ModelUnavailable(request.name, reason="gone")

    async with office(FIND, broken) as opened:
        with pytest.raises(ModelUnavailable):
            await Letter.triage(opened.scope, text="x")
    assert [each.status for each in opened.sink.records] == [CallStatus.OK, CallStatus.FAILED]


# time, cancelling, money


async def test_it_ends_when_its_time_is_over_and_with_it_the_tool() -> None:
    CANCELLED.clear()
    async with office(calling(("order_wait", {}))) as opened:
        with pytest.raises(PromptedTimeout, match=r"Letter.hurried was not done within 0.2 s"):
            await Letter.hurried(opened.scope)
    assert CANCELLED.is_set()


async def test_cancelling_stops_the_tool_that_runs() -> None:
    WAITING.clear()
    CANCELLED.clear()
    async with office(calling(("order_wait", {}))) as opened:
        running = asyncio.create_task(Letter.triage(opened.scope, text="x"))
        await WAITING.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(opened.model.requests) == 1
    assert CANCELLED.is_set()


async def test_a_budget_that_ends_in_the_middle_ends_the_conversation() -> None:
    class Purse(MemorySink):
        """Allows two calls."""

        needs: list[Need] = []  # noqa: RUF012 - of this test alone

        async def reserve(self, need: Need) -> bool:
            self.needs.append(need)
            if len(self.records) == 2:
                raise BudgetExceeded(
                    need.model, run=None, budget=need.call, period="day", only="", unit="usd", limit=Decimal(1),
                    spent=Decimal(1), reserved=Decimal(0), needed=need.usd,
                )  # fmt: skip
            return True

    purse = Purse()
    async with office(FIND, WEIGH, TRIAGE, sink=purse) as opened:
        with pytest.raises(BudgetExceeded):
            await Letter.triage(opened.scope, text="x")
        assert len(opened.model.requests) == 2
        tools = sum(len(json.dumps(each.schema)) for each in opened.model.requests[0].tools)
    assert {each.tenant for each in purse.needs} == {"acme"}
    assert purse.needs[0].tokens > tools


async def test_every_question_is_a_record_with_the_tenant_and_what_was_said() -> None:
    async with office(FIND, TRIAGE) as opened:
        await Letter.triage(opened.scope, text="x")
    first, second = opened.sink.records
    assert {each.tenant for each in (first, second)} == {"acme"}
    assert {(each.tokens_in, each.tokens_out, each.status) for each in (first, second)} == {
        (10, 5, CallStatus.OK)
    }
    assert json.loads(first.response or "")["calls"][0]["name"] == "order_find"
    assert json.loads(json.loads(second.response or "")["answer"]) == json.loads(TRIAGE)
    assert first.request is not None
    assert "order_find" in first.request["tools"]
    assert second.request is not None
    assert "order_find" in second.request["messages"][2]["content"]


async def test_it_may_name_a_model_of_its_own() -> None:
    async with office('{"value": "good"}') as opened:
        await Letter.named(opened.scope)
        (request,) = opened.model.requests
    assert (request.name, request.max_tokens, request.temperature) == ("scripted:better", 50, 0.5)
