"""Mutations over a real socket: what came of them, or why they were refused, as data."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.callers import Caller
from tests.integration.graphql.client import Client
from tests.integration.graphql.office import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODY = "01a1fd0a-174d-721b-9583-a0289a8af260"
"""The key of nothing."""

ERRORS = "errors { code message path hint title }"


class TestCreate:
    async def test_the_result_shows_what_is_asked_for_also_related_rows(self, api: Client) -> None:
        folder = (await api.data('mutation { openFolder(input: {name: "f"}) { result { id } } }'))[
            "openFolder"
        ]
        data = await api.data(
            "mutation ($input: CreateNoteInput!) { createNote(input: $input) {"
            " __typename result { title wage folder { name noteCount } comments { text } } errors { code } } }",
            input={"slug": "a", "title": "A", "folderId": folder["result"]["id"], "loud": True},
        )
        assert data["createNote"] == {
            "__typename": "CreateNotePayload",
            "result": {
                "title": "A",
                "wage": 100,
                "folder": {"name": "f", "noteCount": 1},
                "comments": [],
            },
            "errors": [],
        }

    async def test_every_mistake_is_told_with_its_place(self, api: Client) -> None:
        data = await api.data(
            "mutation ($input: CreateNoteInput!) { createNote(input: $input) { result { id } "
            + ERRORS
            + " } }",
            input={"slug": "Not A Slug", "title": "x" * 201, "folderId": "no-uuid", "dueAt": "tomorrow"},
        )
        assert data["createNote"]["result"] is None
        errors = data["createNote"]["errors"]
        assert {each["code"] for each in errors} == {"invalid-input"}
        assert sorted(each["path"] for each in errors) == [
            ["input", "dueAt"],
            ["input", "folderId"],
            ["input", "slug"],
            ["input", "title"],
        ]

    async def test_a_document_inside_is_told_with_its_place(self, api: Client) -> None:
        data = await api.data(
            "mutation ($input: CreateNoteInput!) { createNote(input: $input) { " + ERRORS + " } }",
            input={"slug": "a", "title": "A", "place": {"city": "x" * 41}},
        )
        (error,) = data["createNote"]["errors"]
        assert (error["code"], error["path"]) == ("invalid-input", ["input", "place", "city"])

    async def test_a_taken_name_is_told_without_what_is_private(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        data = await api.data(
            'mutation { createNote(input: {slug: "first", title: "x"}) { ' + ERRORS + " } }"
        )
        (error,) = data["createNote"]["errors"]
        assert (error["code"], error["path"]) == ("already-taken", ["input", "slug"])
        assert "org_id" not in error["message"]

    async def test_an_upsert_changes_the_row_there_is(self, api: Client, note: dict[str, Any]) -> None:
        query = (
            'mutation ($t: String!) { putNote(input: {slug: "first", title: $t}) { result { id title } } }'
        )
        assert (await api.data(query, t="Anew"))["putNote"]["result"] == {"id": note["id"], "title": "Anew"}

    async def test_nobody_is_refused_as_data(self, session: Any, served: Any) -> None:
        nobody = Client(session, served.url, None)
        data = await nobody.data(
            'mutation { createNote(input: {slug: "a", title: "x"}) { result { id } ' + ERRORS + " } }"
        )
        assert data["createNote"]["errors"][0]["code"] in {"tenant-required", "action-forbidden"}

    async def test_what_may_be_written_and_not_read_is_written(self, api: Client) -> None:
        data = await api.data(
            'mutation { makeSuggestion(input: {text: "abc"}) { result { id textLength } errors { code } } }'
        )
        assert data["makeSuggestion"] == {"result": None, "errors": []}


class TestChange:
    async def test_an_update_changes_what_it_is_given(self, api: Client, note: dict[str, Any]) -> None:
        query = """mutation ($id: ID!, $in: EditNoteInput!) {
          editNote(id: $id, input: $in) { result { title body } errors { code } } }"""
        first = await api.data(query, id=note["id"], **{"in": {"title": "B", "body": "words"}})
        assert first["editNote"] == {"result": {"title": "B", "body": "words"}, "errors": []}
        second = await api.data(query, id=note["id"], **{"in": {"title": "C"}})
        assert second["editNote"]["result"] == {"title": "C", "body": "words"}
        third = await api.data(query, id=note["id"], **{"in": {"title": "C", "body": None}})
        assert third["editNote"]["result"] == {"title": "C", "body": None}

    async def test_a_rule_of_the_action_is_told(self, api: Client, note: dict[str, Any]) -> None:
        data = await api.data(
            'mutation ($id: ID!) { editNote(id: $id, input: {title: "forbidden words"}) { ' + ERRORS + " } }",
            id=note["id"],
        )
        (error,) = data["editNote"]["errors"]
        assert (error["code"], error["path"]) == ("rejected", ["input", "title"])

    @pytest.mark.parametrize("key", [NOBODY, "garbage"])
    async def test_what_is_not_there_is_told(self, api: Client, key: str) -> None:
        data = await api.data("mutation ($id: ID!) { publishNote(id: $id) { " + ERRORS + " } }", id=key)
        assert data["publishNote"]["errors"][0]["code"] == "not-found"

    async def test_others_change_nothing(self, api: Client, bobs_api: Client, note: dict[str, Any]) -> None:
        query = (
            'mutation ($id: ID!) { editNote(id: $id, input: {title: "bob was here"}) { result { id } '
            + ERRORS
            + " } }"
        )
        data = await bobs_api.data(query, id=note["id"])
        assert data["editNote"]["result"] is None
        assert data["editNote"]["errors"][0]["code"] in {"not-found", "action-forbidden"}
        shown = await api.data("query ($id: ID!) { note(id: $id) { title } }", id=note["id"])
        assert shown["note"]["title"] == "The first note"

    async def test_a_transition_starts_once(self, api: Client, note: dict[str, Any]) -> None:
        query = "mutation ($id: ID!) { publishNote(id: $id) { result { state } " + ERRORS + " } }"
        assert (await api.data(query, id=note["id"]))["publishNote"] == {
            "result": {"state": "PUBLISHED"},
            "errors": [],
        }
        again = (await api.data(query, id=note["id"]))["publishNote"]
        assert (again["result"], again["errors"][0]["code"]) == (None, "wrong-state")


class TestDestroy:
    async def test_the_record_is_shown_as_it_was(self, session: Any, served: Any, ada: Caller) -> None:
        admin = Client(session, served.url, Caller(ada.id, ada.org_id, admin=True))
        note = await admin.write("gone", "Gone")
        query = """mutation ($id: ID!) { removeNote(id: $id) {
          result { title commentCount comments { text } } errors { code } } }"""
        assert (await admin.data(query, id=note["id"]))["removeNote"] == {
            "result": {"title": "Gone", "commentCount": 0, "comments": []},
            "errors": [],
        }
        assert await admin.data("query ($id: ID!) { note(id: $id) { id } }", id=note["id"]) == {"note": None}

    async def test_who_may_not_is_told(self, api: Client, note: dict[str, Any]) -> None:
        data = await api.data(
            "mutation ($id: ID!) { removeNote(id: $id) { result { id } " + ERRORS + " } }", id=note["id"]
        )
        assert data["removeNote"]["result"] is None
        assert data["removeNote"]["errors"][0]["code"] == "action-forbidden"


class TestPrivate:
    ADD = (
        'mutation ($c: String) { addTask(input: {name: "t", codeText: $c}) { result { id } ' + ERRORS + " } }"
    )

    async def test_a_private_state_is_not_told(self, api: Client) -> None:
        task = (await api.data(self.ADD))["addTask"]["result"]
        query = "mutation ($id: ID!) { buryTask(id: $id) { result { id } " + ERRORS + " } }"
        await api.data(query, id=task["id"])
        answer = await api.ask(query, {"id": task["id"]})
        (error,) = answer.data["buryTask"]["errors"]
        assert error["code"] == "wrong-state"
        assert "open" not in answer.text
        assert "buried" not in answer.text

    async def test_a_private_attribute_is_not_told(self, api: Client) -> None:
        await api.data(self.ADD)
        taken = await api.ask(self.ADD)
        assert taken.data["addTask"]["errors"][0]["code"] == "already-taken"
        long = await api.ask(self.ADD, {"c": "x" * 31})
        assert long.data["addTask"]["errors"][0]["path"] == []
        for answer in (taken, long):
            assert SECRET not in answer.text
            assert "`code`" not in answer.text
            assert "org_id" not in answer.text


class TestSeveral:
    async def test_mutations_run_one_after_the_other_and_each_is_told(self, api: Client) -> None:
        data = await api.data(
            'mutation { a: createNote(input: {slug: "s", title: "1"}) { result { title } errors { code } }'
            ' b: createNote(input: {slug: "s", title: "2"}) { result { title } errors { code } }'
            ' c: putNote(input: {slug: "s", title: "3"}) { result { title } errors { code } } }'
        )
        assert data == {
            "a": {"result": {"title": "1"}, "errors": []},
            "b": {"result": None, "errors": [{"code": "already-taken"}]},
            "c": {"result": {"title": "3"}, "errors": []},
        }

    async def test_a_generic_action_without_answer_says_that_it_has_run(self, api: Client) -> None:
        data = await api.data("mutation { explodeNote(input: {quietly: true}) { result errors { code } } }")
        assert data["explodeNote"] == {"result": True, "errors": []}

    async def test_what_nobody_foresaw_is_null_and_an_id(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.ask(
            "mutation { explodeNote { result errors { message } }"
            ' putNote(input: {slug: "z", title: "z"}) { result { slug } } }'
        )
        assert answer.status == 200
        (error,) = answer.errors
        assert error["extensions"]["code"] == "internal-error"
        assert error["extensions"]["id"] in error["message"]
        assert error["path"] == ["explodeNote"]
        assert answer.json["data"] == {"explodeNote": None, "putNote": {"result": {"slug": "z"}}}
        assert SECRET not in answer.text
        assert "ZeroDivision" not in answer.text
