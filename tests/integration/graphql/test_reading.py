"""Queries over a real socket: records, lists, pages, filters, sorts, and what is nested in them."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from tests.integration.graphql.client import Client

from sorbus import Sorbus

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODY = "01a1fd0a-174d-721b-9583-a0289a8af260"
"""The key of nothing."""


async def several(api: Client, count: int, **inputs: Any) -> list[dict[str, Any]]:
    return [
        await api.write(f"n-{number}", f"Note {number}", rank=number % 3, **inputs) for number in range(count)
    ]


async def say(api: Client, note_id: str, text: str, **inputs: Any) -> str:
    data = await api.data(
        "mutation ($input: SayCommentInput!) { sayComment(input: $input) { result { id } errors { message } } }",
        input={"noteId": note_id, "text": text, **inputs},
    )
    found: str = data["sayComment"]["result"]["id"]
    return found


class TestOne:
    async def test_every_kind_of_value_is_shown(self, api: Client) -> None:
        inputs = {
            "price": "12.50",
            "dueAt": "2026-01-31T12:00:00Z",
            "tags": ["a", "b"],
            "extra": {"deep": [1, {"er": None}]},
            "level": "VERY_HIGH",
            "rank": 2**40,
            "place": {"city": "Oslo"},
            "figures": [{"circle": {"radius": 3}}, {"label": {"text": "x"}}, {"int": 7}],
        }
        note = await api.write("first", "The first", **inputs)
        data = await api.data(
            """query ($id: ID!) { note(id: $id) {
              __typename id slug title body state level rank price dueAt tags extra wage titleLength shout
              commentCount small: above(least: 5) big: above(least: 549755813888, twice: true)
              where: place { __typename city road: street }
              figures { __typename ... on Circle { radius } ... on Label { text } ... on NoteFiguresInt { value } }
            } }""",
            id=note["id"],
        )
        assert data["note"] == {
            "__typename": "Note",
            "id": note["id"],
            "slug": "first",
            "title": "The first",
            "body": None,
            "state": "DRAFT",
            "level": "VERY_HIGH",
            "rank": 2**40,
            "price": "12.50",
            "dueAt": "2026-01-31T12:00:00Z",
            "tags": ["a", "b"],
            "extra": {"deep": [1, {"er": None}]},
            "wage": 100,
            "titleLength": 9,
            "shout": "THE FIRST",
            "commentCount": 0,
            "small": True,
            "big": False,
            "where": {"__typename": "Place", "city": "Oslo", "road": None},
            "figures": [
                {"__typename": "Circle", "radius": 3},
                {"__typename": "Label", "text": "x"},
                {"__typename": "NoteFiguresInt", "value": 7},
            ],
        }

    async def test_an_identity_finds_one(self, api: Client, note: dict[str, Any]) -> None:
        query = "query ($slug: String!) { noteBySlug(slug: $slug) { id commentCount folder { name } } }"
        data = await api.data(query, slug="first")
        assert data["noteBySlug"] == {"id": note["id"], "commentCount": 0, "folder": None}
        assert (await api.data(query, slug="none"))["noteBySlug"] is None

    @pytest.mark.parametrize("key", [NOBODY, "garbage", "", "\u0000"])
    async def test_what_is_not_there_is_null(self, api: Client, key: str) -> None:
        assert await api.data("query ($id: ID!) { note(id: $id) { id } }", id=key) == {"note": None}

    async def test_what_a_policy_hides_is_null(
        self, api: Client, bobs_api: Client, note: dict[str, Any]
    ) -> None:
        query = "query ($id: ID!) { note(id: $id) { id wage } }"
        assert await bobs_api.data(query, id=note["id"]) == {"note": None}
        await api.data("mutation ($id: ID!) { publishNote(id: $id) { errors { message } } }", id=note["id"])
        assert await bobs_api.data(query, id=note["id"]) == {"note": {"id": note["id"], "wage": None}}
        assert await api.data(query, id=note["id"]) == {"note": {"id": note["id"], "wage": 100}}


class TestNodes:
    async def test_any_record_is_fetched_by_its_node_id(
        self, api: Client, bobs_api: Client, note: dict[str, Any]
    ) -> None:
        data = await api.data("query ($id: ID!) { note(id: $id) { nodeId } }", id=note["id"])
        query = """query ($n: ID!) { node(nodeId: $n) { __typename nodeId
          ... on Note { title comments { text } } ... on Folder { name } } }"""
        node = data["note"]["nodeId"]
        shown = {"__typename": "Note", "nodeId": node, "title": "The first note", "comments": []}
        assert await api.data(query, n=node) == {"node": shown}
        assert await bobs_api.data(query, n=node) == {"node": None}

    @pytest.mark.parametrize(
        "text",
        ["", "x", "Note", "\u00e9", "Note:", "Note:1", "Comment:1", "Person:1", "Query:1", ":", "x" * 5000],
    )
    async def test_what_is_no_node_id_is_null(self, api: Client, text: str) -> None:
        coded = base64.urlsafe_b64encode(text.encode()).decode()
        for given in (text, coded):
            assert await api.data("query ($n: ID!) { node(nodeId: $n) { nodeId } }", n=given) == {
                "node": None
            }


class TestDocuments:
    async def test_aliases_fragments_and_directives(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.ask(
            """query A($id: ID!, $yes: Boolean!, $no: Boolean = false) {
              one: note(id: $id) { ...Parts }
              two: note(id: $id) { ... on Note { ...Parts } ... @include(if: $no) { body } }
              gone: note(id: $id) @skip(if: $yes) { id }
              __typename
            }
            fragment Parts on Note { title @include(if: $yes) slug @skip(if: $yes) head: title }
            query B { notes { id } }""",
            {"id": note["id"], "yes": True},
            operationName="A",
        )
        shown = {"title": "The first note", "head": "The first note"}
        assert answer.data == {"one": shown, "two": shown, "__typename": "Query"}

    async def test_one_document_serves_both_sides_of_a_directive(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        query = "query ($on: Boolean!) { notes { id title @include(if: $on) } }"
        assert await api.data(query, on=True) == {"notes": [{"id": note["id"], "title": note["title"]}]}
        assert await api.data(query, on=False) == {"notes": [{"id": note["id"]}]}

    async def test_the_order_of_the_answer_is_that_of_the_document(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        answer = await api.ask("{ notes { title id slug } __typename }")
        assert list(json.loads(answer.text)["data"]) == ["notes", "__typename"]
        assert list(answer.data["notes"][0]) == ["title", "id", "slug"]

    async def test_introspection_comes_beside_data(self, api: Client, note: dict[str, Any]) -> None:
        data = await api.data(
            "query ($n: String!) { notes { id } __type(name: $n) { name fields { name } }"
            " __schema { queryType { name } } }",
            n="Comment",
        )
        assert data["notes"] == [{"id": note["id"]}]
        assert [each["name"] for each in data["__type"]["fields"]] == ["id", "noteId", "text", "rank", "note"]
        assert data["__schema"] == {"queryType": {"name": "Query"}}

    async def test_plans_are_kept_by_shape_and_never_by_value(self, api: Client, app: Sorbus) -> None:
        notes = await several(api, 4)
        query = (
            "query ($w: NoteFilter, $n: Int!, $id: ID!) {"
            " notes(filter: $w, limit: $n) { title comments(limit: $n) { text } } note(id: $id) { slug } }"
        )
        await api.data(query, w={"rank": {"eq": 1}}, n=7, id=notes[0]["id"])
        before = app.engine.compiled
        # Only limits that are asked for all the time, such as 10, have plans of their own.
        for number, note in enumerate(notes):
            await api.data(query, w={"rank": {"eq": number}}, n=(7, 8, 9, 12)[number], id=note["id"])
        assert app.engine.compiled == before


class TestLists:
    async def test_filters_sorts_and_positions(self, api: Client) -> None:
        await several(api, 6)
        query = """query ($filter: NoteFilter, $sort: [NoteSort!], $limit: Int! = 50, $offset: Int! = 0) {
          notes(filter: $filter, sort: $sort, limit: $limit, offset: $offset) { slug } }"""

        async def slugs(**variables: Any) -> list[str]:
            return [each["slug"] for each in (await api.data(query, **variables))["notes"]]

        by_rank = [{"field": "RANK", "order": "DESC"}, {"field": "SLUG"}]
        assert await slugs(sort=by_rank) == ["n-2", "n-5", "n-1", "n-4", "n-0", "n-3"]
        assert await slugs(sort=by_rank, limit=2, offset=1) == ["n-5", "n-1"]
        assert await slugs(filter={"rank": {"eq": 2}}, sort=by_rank) == ["n-2", "n-5"]
        wanted = {
            "or": [
                {"slug": {"in": ["n-1"]}},
                {"and": [{"rank": {"lessThan": 1}}, {"not": {"slug": {"endsWith": "3"}}}]},
            ]
        }
        assert await slugs(filter=wanted, sort=[{"field": "SLUG"}]) == ["n-0", "n-1"]
        assert await slugs(filter={"state": {"eq": "PUBLISHED"}}) == []
        assert len(await slugs(filter={"state": {"notEq": "PUBLISHED"}})) == 6
        assert await slugs(filter={"titleLength": {"greaterThan": 6}}) == []
        assert await slugs(filter={"body": {"isNil": False}}) == []
        await api.write("tagged", "Note", tags=["red", "blue"])
        assert await slugs(filter={"tags": {"has": "red"}}) == ["tagged"]
        assert await slugs(filter={"tags": {"intersects": ["green", "blue"]}}) == ["tagged"]
        assert await slugs(filter={"tags": {"has": "green"}}) == []
        assert len(await slugs(filter={"not": {"tags": {"has": "red"}}})) == 6
        assert len(await slugs(filter={})) == 7

    async def test_nulls_come_where_the_sort_says(self, api: Client) -> None:
        for slug, price in (("a", "2"), ("b", None), ("c", "1")):
            await api.write(slug, slug, price=price)
        query = "query ($o: SortOrder!) { notes(sort: [{field: PRICE, order: $o}]) { slug } }"
        found = {
            order: "".join(each["slug"] for each in (await api.data(query, o=order))["notes"])
            for order in (
                "ASC",
                "ASC_NULLS_FIRST",
                "ASC_NULLS_LAST",
                "DESC",
                "DESC_NULLS_FIRST",
                "DESC_NULLS_LAST",
            )
        }
        assert found == {
            "ASC": "cab",
            "ASC_NULLS_FIRST": "bca",
            "ASC_NULLS_LAST": "cab",
            "DESC": "bac",
            "DESC_NULLS_FIRST": "bac",
            "DESC_NULLS_LAST": "acb",
        }

    async def test_a_filter_goes_over_relationships(self, api: Client) -> None:
        first, second = await several(api, 2)
        await say(api, first["id"], "well said", rank=3)
        query = "query ($w: NoteFilter) { notes(filter: $w) { id } }"
        assert (await api.data(query, w={"comments": {"text": {"contains": "said"}}}))["notes"] == [
            {"id": first["id"]}
        ]
        assert (await api.data(query, w={"not": {"comments": {}}}))["notes"] == [{"id": second["id"]}]
        assert (await api.data(query, w={"id": {"in": [second["id"]]}}))["notes"] == [{"id": second["id"]}]

    async def test_a_declared_read_takes_its_inputs(self, api: Client) -> None:
        await several(api, 3)
        found = await api.data(
            '{ searchNotes(text: "2", states: [DRAFT]) { slug }'
            ' none: searchNotes(text: "2", states: [PUBLISHED]) { slug }'
            " topNotes(limit: 40, offset: 1) { rank } }"
        )
        assert found == {"searchNotes": [{"slug": "n-2"}], "none": [], "topNotes": [{"rank": 1}]}

    async def test_a_generic_query_answers_with_what_it_returns(self, api: Client) -> None:
        assert await api.data('{ countWordsNote(text: "a b", times: 2) }') == {"countWordsNote": {"words": 4}}


class TestNested:
    async def test_related_rows_have_their_own_filter_sort_and_page(self, api: Client) -> None:
        note, other = await several(api, 2)
        for number in range(5):
            await say(api, note["id"], f"c{number}", rank=number)
        await say(api, other["id"], "elsewhere")
        data = await api.data(
            """query ($least: Int!) { notes(sort: [{field: SLUG}]) { slug
              comments { text }
              high: comments(filter: {rank: {greaterThan: $least}}, sort: [{field: RANK, order: DESC}], limit: 2) {
                text note { slug } }
              same: comments { rank }
              later: comments(offset: 4, limit: 1) { text }
            } }""",
            least=1,
        )
        assert data["notes"] == [
            {
                "slug": "n-0",
                "comments": [{"text": f"c{number}"} for number in range(5)],
                "high": [
                    {"text": "c4", "note": {"slug": "n-0"}},
                    {"text": "c3", "note": {"slug": "n-0"}},
                ],
                "same": [{"rank": number} for number in range(5)],
                "later": [{"text": "c4"}],
            },
            {
                "slug": "n-1",
                "comments": [{"text": "elsewhere"}],
                "high": [],
                "same": [{"rank": None}],
                "later": [],
            },
        ]

    async def test_one_statement_in_all_or_one_for_each_level(self, api: Client, app: Sorbus) -> None:
        folder = await api.data('mutation { openFolder(input: {name: "f"}) { result { id } } }')
        for note in await several(api, 5, folderId=folder["openFolder"]["result"]["id"]):
            await say(api, note["id"], "x")
        fetched = 0
        run = app.engine.reader.run

        async def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal fetched
            fetched += 1
            return await run(*args, **kwargs)

        query = """{ folders(limit: 5) { name noteCount
          notes(limit: 9) { title comments(limit: 9) { text note { folder { id } } } } } }"""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.engine.reader, "run", counted)
            data = await api.data(query)
            assert fetched == 1
            # Notes of a folder to which many notes lead are read once.
            shared = await api.data("{ notes { folder { name notes(limit: 9) { title } } } }")
            assert fetched == 4
        assert len(data["folders"][0]["notes"]) == 5
        assert data["folders"][0]["notes"][0]["comments"][0]["note"]["folder"] is not None
        assert [len(each["folder"]["notes"]) for each in shared["notes"]] == [5] * 5

    async def test_what_a_function_finds_is_shown_as_everything_else(self, api: Client) -> None:
        for name in ("a", "b"):
            await api.data(
                "mutation ($n: String!) { openFolder(input: {name: $n}) { errors { code } } }", n=name
            )
        data = await api.data(
            "{ folders(sort: [{field: NAME}]) { neighbours { name noteCount notes(limit: 1) { title }"
            " more: notes(limit: 2) { slug } neighbours { name } } } }"
        )
        shown = {"name": "a", "noteCount": 0, "notes": [], "more": [], "neighbours": []}
        assert data["folders"] == [{"neighbours": []}, {"neighbours": [shown]}]
        answer = await api.ask('{ folders(filter: {neighbours: {name: {eq: "a"}}}) { name } }')
        assert (answer.status, answer.code) == (400, "graphql-invalid")

    async def test_nothing_hidden_comes_in_by_a_relationship(self, api: Client, bobs_api: Client) -> None:
        folder = (await api.data('mutation { openFolder(input: {name: "f"}) { result { id } } }'))[
            "openFolder"
        ]
        note = await api.write("mine", "Mine", folderId=folder["result"]["id"])
        await say(api, note["id"], "private")
        query = "{ folders { name notes { id } notesConnection { totalCount nodes { id } } noteCount } }"
        assert await bobs_api.data(query) == {
            "folders": [
                {
                    "name": "f",
                    "notes": [],
                    "notesConnection": {"totalCount": 0, "nodes": []},
                    "noteCount": 0,
                }
            ]
        }


class TestConnections:
    QUERY = """query ($first: Int, $after: String, $last: Int, $before: String) {
      notesConnection(first: $first, after: $after, last: $last, before: $before, sort: [{field: SLUG}]) {
        totalCount
        edges { cursor node { slug } }
        nodes { slug comments { text } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      } }"""

    async def page(self, api: Client, **variables: Any) -> Any:
        return (await api.data(self.QUERY, **variables))["notesConnection"]

    async def test_pages_go_forward_and_back(self, api: Client) -> None:
        await several(api, 5)
        first = await self.page(api, first=2)
        assert first["totalCount"] == 5
        assert [each["node"]["slug"] for each in first["edges"]] == ["n-0", "n-1"]
        assert first["nodes"] == [{"slug": "n-0", "comments": []}, {"slug": "n-1", "comments": []}]
        info = first["pageInfo"]
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
        assert (info["startCursor"], info["endCursor"]) == (
            first["edges"][0]["cursor"],
            first["edges"][1]["cursor"],
        )
        last = await self.page(api, first=3, after=info["endCursor"])
        assert [each["slug"] for each in last["nodes"]] == ["n-2", "n-3", "n-4"]
        assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
        back = await self.page(api, last=1, before=last["pageInfo"]["startCursor"])
        assert [each["slug"] for each in back["nodes"]] == ["n-1"]
        assert (back["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (True, True)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"first": 2, "last": 2},
            {"last": 2},
            {"first": 0},
            {"first": -1},
            {"first": 1001},
            {"first": 1, "before": "x"},
            {"after": "x", "before": "y"},
        ],
    )
    async def test_arguments_that_contradict_are_refused(
        self, api: Client, arguments: dict[str, Any]
    ) -> None:
        answer = await api.ask(self.QUERY, arguments)
        assert answer.code == "invalid-page"
        assert answer.json["data"] == {"notesConnection": None}

    @pytest.mark.parametrize("cursor", ["garbage", "", "AAAA.BBBB", "x" * 3000])
    async def test_a_forged_cursor_is_refused(self, api: Client, cursor: str) -> None:
        assert (await api.ask(self.QUERY, {"first": 2, "after": cursor})).code == "invalid-cursor"

    async def test_a_cursor_is_of_one_tenant(self, api: Client, session: Any, served: Any) -> None:
        from tests.integration.callers import Caller

        await several(api, 3)
        cursor = (await self.page(api, first=1))["pageInfo"]["endCursor"]
        stranger = Client(session, served.url, Caller.new())
        assert (await stranger.ask(self.QUERY, {"first": 2, "after": cursor})).code == "invalid-cursor"

    async def test_related_rows_have_pages_too(self, api: Client) -> None:
        folder = (await api.data('mutation { openFolder(input: {name: "f"}) { result { id } } }'))[
            "openFolder"
        ]
        await several(api, 3, folderId=folder["result"]["id"])
        query = """query ($after: String) { folders {
          a: notesConnection(first: 2, after: $after, sort: [{field: SLUG}]) {
            totalCount nodes { slug } pageInfo { endCursor hasNextPage } }
          b: notesConnection(first: 1, sort: [{field: SLUG, order: DESC}]) { edges { node { slug } } }
        } }"""
        (first,) = (await api.data(query))["folders"]
        assert first["a"]["totalCount"] == 3
        assert [each["slug"] for each in first["a"]["nodes"]] == ["n-0", "n-1"]
        assert first["b"] == {"edges": [{"node": {"slug": "n-2"}}]}
        (second,) = (await api.data(query, after=first["a"]["pageInfo"]["endCursor"]))["folders"]
        assert [each["slug"] for each in second["a"]["nodes"]] == ["n-2"]
        assert second["a"]["pageInfo"]["hasNextPage"] is False

    async def test_a_read_that_says_how_many_rows_there_are_has_no_pages(self, api: Client) -> None:
        answer = await api.ask("{ topNotesConnection { nodes { id } } }")
        assert answer.code == "invalid-page"


async def test_many_requests_at_once_do_not_mix(api: Client) -> None:
    notes = await several(api, 8)
    query = "query ($id: ID!) { note(id: $id) { slug comments { text } } }"
    found = await asyncio.gather(*(api.data(query, id=each["id"]) for each in notes for _ in range(5)))
    assert [each["note"]["slug"] for each in found] == [each["slug"] for each in notes for _ in range(5)]
