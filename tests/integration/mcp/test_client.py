"""The official SDK's client over HTTP, in both eras of the protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from tests.integration.callers import Caller
from tests.integration.mcp.conftest import Connect
from tests.integration.mcp.library import SECRET

from sorbus import Sorbus

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWN = {
    "book_get", "book_list", "book_add", "book_edit", "book_publish", "book_search", "book_longest",
    "book_count_words", "book_audit", "book_explode", "book_wait",
}  # fmt: skip
MODES = ["legacy", "auto"]


async def names(client: Client) -> set[str]:
    return {each.name for each in (await client.list_tools()).tools}


def errors(result: Any) -> list[dict[str, Any]]:
    assert result.is_error
    found: list[dict[str, Any]] = json.loads(result.content[0].text)["errors"]
    return found


@pytest.mark.parametrize("mode", MODES)
class TestClient:
    async def test_negotiates_the_revision(self, connect: Connect, ada: Caller, mode: str) -> None:
        async with connect(ada, mode) as client:
            assert client.protocol_version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
            assert client.server_info is not None
            assert client.server_info.name == "library"
            assert client.instructions == "A library."

    async def test_writes_and_reads(self, connect: Connect, ada: Caller, mode: str) -> None:
        async with connect(ada, mode) as client:
            made = await client.call_tool("book_add", {"title": "Engines", "pages": 300, "price": "9.50"})
            assert not made.is_error
            book = made.structured_content
            assert (book["title"], book["pages"], book["price"]) == ("Engines", 300, "9.50")
            assert "secret" not in book
            assert "org_id" not in book
            assert json.loads(made.content[0].text) == book
            edited = await client.call_tool("book_edit", {"id": book["id"], "title": "Looms"})
            assert edited.structured_content["title"] == "Looms"
            published = await client.call_tool("book_publish", {"id": book["id"]})
            assert published.structured_content["state"] == "published"
            got = await client.call_tool("book_get", {"id": book["id"], "load": ["title_length"]})
            assert got.structured_content["title_length"] == 5
            counted = await client.call_tool("book_count_words", {"text": "one two", "times": 2})
            assert counted.structured_content == {"result": {"words": 4}}

    async def test_lists_with_filter_sort_and_pages(self, connect: Connect, ada: Caller, mode: str) -> None:
        async with connect(ada, mode) as client:
            for number in range(5):
                await client.call_tool("book_add", {"title": f"Volume {number}", "pages": number})
            asked: dict[str, Any] = {
                "filter": {"pages": {"greater_than": 0}},
                "sort": ["-pages"],
                "limit": 3,
                "count": True,
            }
            first = (await client.call_tool("book_search", {"text": "Vol", **asked})).structured_content
            assert [each["pages"] for each in first["items"]] == [4, 3, 2]
            assert first["page"]["total"] == 4
            assert first["page"]["has_next"]
            rest = await client.call_tool(
                "book_search", {"text": "Vol", **asked, "after": first["page"]["next"]}
            )
            assert [each["pages"] for each in rest.structured_content["items"]] == [1]
            longest = (await client.call_tool("book_longest", {})).structured_content
            assert [each["pages"] for each in longest["items"]] == [4, 3]
            assert "page" not in longest

    async def test_sees_the_tools_that_it_may_call(
        self, connect: Connect, ada: Caller, chief: Caller, mode: str
    ) -> None:
        async with connect(ada, mode) as client:
            assert await names(client) == OWN
        async with connect(chief, mode) as client:
            assert await names(client) == OWN | {"book_remove"}
        async with connect(None, mode) as client:
            assert await names(client) == set()

    async def test_a_hidden_tool_is_as_unknown_as_one_that_is_not_there(
        self, connect: Connect, ada: Caller, mode: str
    ) -> None:
        async with connect(ada, mode) as client:
            for name in ("book_remove", "journal_note", "nonsense", "diary_smuggle"):
                with pytest.raises(MCPError) as refused:
                    await client.call_tool(name, {"id": "x"})
                assert refused.value.code == -32602
                assert refused.value.message.startswith(f"Unknown tool: {name}.")

    async def test_a_refused_call_says_what_and_where(self, connect: Connect, ada: Caller, mode: str) -> None:
        async with connect(ada, mode) as client:
            found = errors(await client.call_tool("book_add", {"titel": "x", "pages": -1}))
            assert {each["code"] for each in found} == {"no-such-input"}
            assert found[0]["path"] == ["titel"]
            assert "Did you mean `title`?" in found[0]["hint"]
            found = errors(await client.call_tool("book_add", {"pages": -1}))
            assert {(each["code"], *each["path"]) for each in found} == {
                ("required", "title"),
                ("invalid-input", "pages"),
            }
            made = await client.call_tool("book_add", {"title": "Twice"})
            found = errors(await client.call_tool("book_add", {"title": "Twice"}))
            assert [(each["code"], each["path"]) for each in found] == [("already-taken", ["title"])]
            key = made.structured_content["id"]
            await client.call_tool("book_publish", {"id": key})
            assert errors(await client.call_tool("book_publish", {"id": key}))[0]["code"] == "wrong-state"
            found = errors(await client.call_tool("book_audit", {"kind": "heavy"}))
            assert [each["code"] for each in found] == ["action-forbidden"]

    async def test_an_unforeseen_failure_tells_an_id_and_nothing_else(
        self, connect: Connect, ada: Caller, mode: str
    ) -> None:
        async with connect(ada, mode) as client:
            result = await client.call_tool("book_explode", {})
            [found] = errors(result)
            assert found["code"] == "internal-error"
            assert found["id"] in found["message"]
            assert SECRET not in result.model_dump_json()
            assert "ZeroDivision" not in result.model_dump_json()

    async def test_reads_records_as_resources(
        self, connect: Connect, ada: Caller, chief: Caller, mode: str
    ) -> None:
        async with connect(ada, mode) as client:
            templates = (await client.list_resource_templates()).resource_templates
            assert [each.uri_template for each in templates] == ["sorbus://book/{id}"]
            for number in range(60):
                await client.call_tool("book_add", {"title": f"Record {number}"})
            first = await client.list_resources()
            assert len(first.resources) == 50
            assert first.next_cursor
            rest = await client.list_resources(cursor=first.next_cursor)
            assert len(rest.resources) == 10
            assert rest.next_cursor is None
            every = {each.name: str(each.uri) for each in (*first.resources, *rest.resources)}
            assert len(every) == 60
            read = await client.read_resource(every["Record 7"])
            assert json.loads(read.contents[0].text)["title"] == "Record 7"
        async with connect(chief, mode) as client:
            assert (await client.list_resources()).resources == []
            for uri in (
                every["Record 7"],
                "sorbus://book/nonsense",
                "sorbus://journal/1",
                "file:///etc/passwd",
            ):
                with pytest.raises(MCPError, match="Resource not found"):
                    await client.read_resource(uri)


async def test_every_schema_is_one_and_every_answer_fits_it(
    connect: Connect, chief: Caller, app: Sorbus
) -> None:
    del app
    async with connect(chief) as client:
        tools = {each.name: each for each in (await client.list_tools()).tools}
        for each in tools.values():
            for schema in (each.input_schema, each.output_schema):
                assert schema is not None
                assert schema["type"] == "object"
                Draft202012Validator.check_schema(schema)
        calls: list[tuple[str, dict[str, Any]]] = [
            ("book_add", {"title": "Fit", "extra": {"a": [1, None]}, "tags": ["x"], "remark": "r"}),
            ("book_list", {"filter": {"or": [{"state": {"in": ["draft"]}}, {"price": {"is_nil": True}}]}}),
            ("book_list", {"offset": 0, "count": True, "sort": ["title"], "load": ["title_length"]}),
            ("book_search", {"text": "F", "state": "draft"}),
            ("book_longest", {}),
            ("book_count_words", {"text": "a"}),
        ]
        for name, arguments in calls:
            input_schema: Any = tools[name].input_schema
            output_schema: Any = tools[name].output_schema
            Draft202012Validator(input_schema).validate(arguments)
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result
            Draft202012Validator(output_schema).validate(result.structured_content)
        listed: Any = tools["book_list"].input_schema
        wrong = {"filter": {"secret": {"eq": SECRET}}}
        assert not Draft202012Validator(listed).is_valid(wrong)


async def test_hints_follow_from_the_kinds_of_actions(connect: Connect, chief: Caller) -> None:
    async with connect(chief) as client:
        tools = {each.name: each for each in (await client.list_tools()).tools}

    def hints(name: str) -> tuple[Any, ...]:
        found = tools[name].annotations
        assert found is not None
        return found.read_only_hint, found.destructive_hint, found.idempotent_hint

    assert hints("book_search") == hints("book_get") == (True, False, True)
    assert hints("book_add") == (False, False, False)
    assert hints("book_edit") == (False, True, False)
    assert hints("book_publish") == hints("book_remove") == (False, True, True)
    assert tools["book_add"].description == "Add a book."
    properties: Any = tools["book_add"].input_schema["properties"]
    assert properties["title"]["description"] == "What stands on its back."
    assert "author" not in properties


async def test_what_may_not_be_seen_is_null(connect: Connect, ada: Caller, chief: Caller) -> None:
    async with connect(ada) as client:
        made = await client.call_tool("book_add", {"title": "Remarkable", "remark": "only for the chief"})
        assert made.structured_content["remark"] is None
        await client.call_tool("book_publish", {"id": made.structured_content["id"]})
    async with connect(chief) as client:
        got = await client.call_tool("book_get", {"id": made.structured_content["id"]})
        assert got.structured_content["remark"] == "only for the chief"
        gone = await client.call_tool("book_remove", {"id": made.structured_content["id"]})
        assert gone.structured_content["destroyed"] is True
        found = errors(await client.call_tool("book_get", {"id": made.structured_content["id"]}))
        assert [(each["code"], each["path"]) for each in found] == [("not-found", ["id"])]
