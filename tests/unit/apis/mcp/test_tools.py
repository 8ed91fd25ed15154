"""From sections to tools: what may be listed, how tools are called, and how they come in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    GraphQL,
    InMemory,
    JsonApi,
    Mcp,
    One,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    belongs_to,
    linkage,
    policy,
    uuid_primary_key,
)
from sorbus.apis.mcp import McpServer, tools_of
from sorbus.apis.mcp.protocol import NO_PARAMS, Request
from sorbus.cli.exposed import exposed_calls
from sorbus.errors.declaration import DefinitionErrors


def declared(name: str, section: Mcp, **members: Any) -> type[Resource]:
    """A resource with some actions and a section."""

    @action.create
    def add(self: Any, scope: Scope, text: str) -> None:
        """Add one."""

    body: dict[str, Any] = {
        "__module__": __name__,
        "__annotations__": {"id": Attr[UUID], "text": Attr[str]},
        "id": uuid_primary_key(),
        "text": attribute(public=True),
        "add": add,
        "storage": InMemory(),
        "policies": Policies(policy("any", authorize_if(True))),
        "mcp": section,
        **members,
    }
    return type(name, (Resource,), body)


def application(*resources: type[Resource]) -> Sorbus:
    return Sorbus(domains=[Domain("d", resources=list(resources))], storage="memory", secret=b"k" * 32)


def codes(*resources: type[Resource]) -> Sequence[str]:
    with pytest.raises(DefinitionErrors) as refused:
        tools_of(application(*resources).spec)
    return [each.code for each in refused.value.errors]


class Plain(Resource):
    """Something plain."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute(public=True)
    private: Attr[str] = attribute(default="")

    @action.create
    def add(self, scope: Scope, text: str) -> None:
        """Add one."""

    storage = InMemory()
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/plain", "index", add)


def test_tools_are_called_after_their_resource_and_action() -> None:
    found = tools_of(application(declared("OneBigThing", Mcp("get", "list"))).spec)
    assert list(found.tools) == ["one_big_thing_get", "one_big_thing_list"]
    assert list(found.kinds) == ["one_big_thing"]
    found = tools_of(application(declared("OneBigThing", Mcp("list", name="thing"))).spec)
    assert list(found.tools) == ["thing_list"]
    assert list(found.kinds) == []


def test_what_cannot_be_a_tool_is_refused_with_what_can() -> None:
    wrong: Any = "index"
    assert codes(declared("A", Mcp(wrong))) == ["not-in-mcp"]
    assert codes(declared("A", Mcp(Plain.add))) == ["not-in-mcp"]
    assert codes(declared("A", Mcp("get", title=Plain.private))) == ["not-in-mcp"]
    assert codes(declared("A", Mcp("get", name="Not a name"))) == ["bad-tool-name"]
    assert codes(declared("A", Mcp("get", name="x" * 61))) == ["bad-tool-name"]
    assert codes(declared("A", Mcp("get", name="x")), declared("B", Mcp("list", name="x"))) == [
        "duplicate-tool"
    ]


def test_two_ways_to_one_name_are_refused() -> None:
    @action.create
    def b_get(self: Any, scope: Scope, text: str) -> None:
        """A name that another resource's tool has."""

    first = declared("A", Mcp(b_get), b_get=b_get)
    assert codes(first, declared("Second", Mcp("get", name="a_b"))) == ["duplicate-tool"]


def test_commands_call_what_any_section_lists() -> None:
    assert list(exposed_calls(application(Plain))) == ["Plain.list", "Plain.add"]
    both = application(Plain, declared("Other", Mcp("get", "list")))
    assert list(exposed_calls(both)) == ["Plain.list", "Plain.add", "Other.get", "Other.list"]


class Shelf(Resource):
    """A shelf."""

    id: Attr[UUID] = uuid_primary_key()
    plain_id: Attr[UUID | None] = attribute(default=None, public=True)
    plain: One[Plain | None] = belongs_to(via=plain_id, public=True)

    @action.update
    def place(self, scope: Scope, plain_id: UUID | None) -> None:
        """Put something on it."""

    @action.generic
    @classmethod
    async def measure(cls, scope: Scope) -> int:
        """How long it is."""
        return 1

    @action.generic
    @classmethod
    async def hidden(cls, scope: Scope) -> int:
        """Nothing lists it."""
        return 1

    storage = InMemory()
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/shelves", "get", related=[linkage(plain, replace=place)])
    graphql = GraphQL(queries=[measure])


def test_commands_call_queries_and_what_changes_relationships() -> None:
    found = exposed_calls(application(Plain, Shelf))
    assert [each for each in found if each.startswith("Shelf")] == [
        "Shelf.get",
        "Shelf.place",
        "Shelf.measure",
    ]


async def test_many_tools_come_in_pages() -> None:
    made = [declared(f"Kind{number:03}", Mcp("get", "list")) for number in range(60)]
    app = application(*made)
    async with app:
        server = McpServer(tools_of(app.spec), name="many")
        scope, seen, cursor, pages = app.scope(), list[str](), None, 0
        while True:
            params: Any = {"cursor": cursor} if cursor else NO_PARAMS
            answer = await server.answer(Request(method="tools/list", params=params, id=1), scope)
            listed = answer["result"]["tools"]
            seen += [str(bytes(each)) for each in listed]
            pages, cursor = pages + 1, answer["result"].get("nextCursor")
            assert len(listed) <= 50
            if cursor is None:
                break
        assert (pages, len(seen), len(set(seen))) == (3, 120, 120)
