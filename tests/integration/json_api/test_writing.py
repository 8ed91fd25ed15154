"""Writes over a real socket: creates, changes, transitions, removals, generic actions."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from tests.integration.callers import Caller
from tests.integration.json_api.client import MEDIA_TYPE, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")


def pointers(answer: Any) -> list[str]:
    return sorted(each["source"]["pointer"] for each in answer.errors)


class TestCreate:
    async def test_a_new_record_is_answered_with_its_place(self, api: Client) -> None:
        answer = await api.send(
            "POST", "/notes", {"type": "notes", "attributes": {"slug": "new", "title": "New"}}
        )
        assert answer.status == 201
        assert answer.headers["location"] == answer.data["links"]["self"] == f"/api/notes/{answer.data['id']}"
        assert (await api.get(f"/notes/{answer.data['id']}")).data == answer.data

    async def test_an_argument_is_an_attribute_of_the_document_too(self, api: Client) -> None:
        assert (await api.write("loud", "shh", loud=True))["attributes"]["title"] == "SHH"

    async def test_a_further_create_has_a_path_of_its_own(self, api: Client) -> None:
        answer = await api.send(
            "POST", "/notes/import-text", {"attributes": {"slug": "imported", "text": "Hello"}}
        )
        assert (answer.status, answer.data["attributes"]["title"]) == (201, "Hello")

    async def test_plain_json_is_read_too(self, api: Client) -> None:
        body = json.dumps({"data": {"attributes": {"name": "Plain"}}})
        answer = await api.ask(
            "POST", "/api/folders", data=body, headers={"content-type": "application/json"}
        )
        assert answer.status == 201

    async def test_meta_may_stand_anywhere(self, api: Client) -> None:
        body = {
            "data": {"type": "folders", "attributes": {"name": "M"}, "meta": {"x": 1}},
            "meta": {"y": [2]},
        }
        answer = await api.ask(
            "POST", "/api/folders", data=json.dumps(body), headers={"content-type": MEDIA_TYPE}
        )
        assert answer.status == 201

    async def test_a_key_can_be_given_as_a_relationship(self, api: Client) -> None:
        folder = (await api.send("POST", "/folders", {"attributes": {"name": "Box"}})).data
        linked = {"folder": {"data": {"type": "folders", "id": folder["id"]}}}
        data = {"attributes": {"slug": "in", "title": "In"}, "relationships": linked}
        answer = await api.send("POST", "/notes?include=folder", data)
        assert answer.data["attributes"]["folder_id"] == folder["id"]
        assert answer.json["included"][0]["id"] == folder["id"]
        without = {"attributes": {"slug": "out", "title": "Out"}, "relationships": {"folder": {"data": None}}}
        assert (await api.send("POST", "/notes", without)).data["attributes"]["folder_id"] is None

    async def test_every_wrong_input_is_reported_with_its_place(self, api: Client) -> None:
        attributes = {"slug": "NOT A SLUG", "rank": "many", "titel": "x", "tags": ["a", 1], "price": "x"}
        answer = await api.send("POST", "/notes", {"attributes": attributes})
        assert answer.status == 422
        assert pointers(answer) == [
            "/data/attributes",
            "/data/attributes/price",
            "/data/attributes/rank",
            "/data/attributes/slug",
            "/data/attributes/tags/1",
            "/data/attributes/titel",
        ]
        absent = next(each for each in answer.errors if each["code"] == "required")
        assert absent["meta"]["missing"] == "title"
        misspelt = next(each for each in answer.errors if each["code"] == "no-such-input")
        assert misspelt["meta"]["hint"] == "Did you mean `title`?"

    @pytest.mark.parametrize(
        "attributes",
        [
            {"slug": "x", "title": "a" * 201},
            {"slug": "x", "title": "nul \x00"},
            {"slug": "x", "title": "t", "rank": 2**70},
            {"slug": "x", "title": "t", "price": "1e999999"},
            {"slug": "x", "title": "t", "extra": {"a": "\x00"}},
            {"slug": "x", "title": "t", "extra": "no object"},
            {"slug": "x", "title": "t", "body": 5},
            {"slug": None, "title": "t"},
        ],
    )
    async def test_values_that_cannot_be_stored_are_refused_not_crashed_on(
        self, api: Client, attributes: dict[str, Any]
    ) -> None:
        answer = await api.send("POST", "/notes", {"attributes": attributes})
        assert answer.status == 422, answer.text
        assert (await api.get("/notes")).data == []

    async def test_a_reference_to_nothing_is_not_found(self, api: Client) -> None:
        as_attribute = {"attributes": {"slug": "x", "title": "t", "folder_id": str(uuid4())}}
        answer = await api.send("POST", "/notes", as_attribute)
        assert (answer.status, answer.error["code"]) == (404, "related-missing")
        assert pointers(answer) == ["/data/attributes/folder_id"]
        linked = {"folder": {"data": {"type": "folders", "id": str(uuid4())}}}
        answer = await api.send(
            "POST", "/notes", {"attributes": {"slug": "x", "title": "t"}, "relationships": linked}
        )
        assert (answer.status, pointers(answer)) == (404, ["/data/relationships/folder/data/id"])

    async def test_a_taken_identity_is_a_conflict(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.send("POST", "/notes", {"attributes": {"slug": "first", "title": "Again"}})
        assert (answer.status, answer.error["code"]) == (409, "already-taken")
        assert "slug has already been taken" in answer.error["detail"]
        assert pointers(answer) == ["/data/attributes/slug"]

    async def test_another_tenant_may_have_the_same(
        self, session: aiohttp.ClientSession, url: str, note: dict[str, Any]
    ) -> None:
        assert await Client(session, url, Caller.new()).write("first", "Mine")

    async def test_of_many_at_once_one_gets_the_identity(self, api: Client) -> None:
        data = {"attributes": {"slug": "race", "title": "Race"}}
        answers = await asyncio.gather(*(api.send("POST", "/notes", data) for _ in range(8)))
        assert sorted(each.status for each in answers) == [201] + [409] * 7

    async def test_what_was_written_is_not_a_failure_when_it_may_not_be_read(self, api: Client) -> None:
        answer = await api.send("POST", "/suggestions", {"attributes": {"text": "More tea"}})
        assert (answer.status, answer.data["attributes"]) == (201, {"text": "More tea"})
        path = "/suggestions?fields[suggestions]=text_length"
        answer = await api.send("POST", path, {"attributes": {"text": "Less tea"}})
        assert (answer.status, answer.data) == (201, None)

    async def test_a_wrong_parameter_is_found_before_anything_is_written(self, api: Client) -> None:
        answer = await api.send("POST", "/folders?include=nothing", {"attributes": {"name": "Unmade"}})
        assert answer.status == 400
        assert (await api.get("/folders")).data == []

    async def test_nobody_may_not_write(self, session: aiohttp.ClientSession, url: str) -> None:
        answer = await Client(session, url, None).send(
            "POST", "/notes", {"attributes": {"slug": "x", "title": "t"}}
        )
        assert answer.status in {400, 403}
        assert answer.error["code"] in {"tenant-required", "action-forbidden"}


class TestChange:
    async def test_the_first_update_is_patch(self, api: Client, note: dict[str, Any]) -> None:
        data = {"type": "notes", "id": note["id"], "attributes": {"title": "Better"}}
        answer = await api.send("PATCH", f"/notes/{note['id']}", data)
        assert (answer.status, answer.data["attributes"]["title"]) == (200, "Better")

    async def test_a_further_update_has_a_path_of_its_own(self, api: Client, note: dict[str, Any]) -> None:
        folder = (await api.send("POST", "/folders", {"attributes": {"name": "Box"}})).data
        linked = {"relationships": {"folder": {"data": {"type": "folders", "id": folder["id"]}}}}
        answer = await api.send("POST", f"/notes/{note['id']}/move", linked)
        assert answer.data["relationships"]["folder"]["data"]["id"] == folder["id"]

    async def test_only_declared_inputs_are_taken(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.send(
            "PATCH", f"/notes/{note['id']}", {"attributes": {"title": "t", "state": "published"}}
        )
        assert (answer.status, answer.error["code"]) == (422, "no-such-input")
        assert pointers(answer) == ["/data/attributes/state"]

    async def test_a_rule_of_the_actions_own_names_its_field(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.send("PATCH", f"/notes/{note['id']}", {"attributes": {"title": "forbidden words"}})
        assert (answer.status, answer.error["detail"]) == (422, "These words are not said here.")
        assert pointers(answer) == ["/data/attributes/title"]

    async def test_what_may_be_seen_but_not_changed_is_forbidden(
        self, api: Client, bobs_api: Client, note: dict[str, Any]
    ) -> None:
        change = {"attributes": {"title": "Bob's"}}
        assert (await bobs_api.send("PATCH", f"/notes/{note['id']}", change)).status == 404
        await api.send("POST", f"/notes/{note['id']}/publish")
        answer = await bobs_api.send("PATCH", f"/notes/{note['id']}", change)
        assert (answer.status, answer.error["code"]) == (403, "action-forbidden")

    async def test_a_transition_starts_from_its_states_only(self, api: Client, note: dict[str, Any]) -> None:
        published = await api.send("POST", f"/notes/{note['id']}/publish")
        assert published.data["attributes"]["state"] == "published"
        answer = await api.send("POST", f"/notes/{note['id']}/publish")
        assert (answer.status, answer.error["code"]) == (409, "wrong-state")
        assert "the record is published" in answer.error["detail"]

    async def test_of_many_at_once_one_transition_happens(self, api: Client, note: dict[str, Any]) -> None:
        path = f"/notes/{note['id']}/publish"
        answers = await asyncio.gather(*(api.send("POST", path) for _ in range(8)))
        assert sorted(each.status for each in answers) == [200] + [409] * 7

    async def test_a_removed_record_is_gone(
        self, session: aiohttp.ClientSession, url: str, api: Client, ada: Caller, note: dict[str, Any]
    ) -> None:
        assert (await api.send("DELETE", f"/notes/{note['id']}")).status == 403
        admin = Client(session, url, Caller(ada.id, ada.org_id, admin=True))
        answer = await admin.send("DELETE", f"/notes/{note['id']}")
        assert (answer.status, answer.text) == (204, "")
        assert (await api.get(f"/notes/{note['id']}")).status == 404
        assert (await admin.send("DELETE", f"/notes/{note['id']}")).status == 404


class TestGeneric:
    async def test_the_answer_is_in_meta(self, api: Client) -> None:
        answer = await api.send("POST", "/notes/count-words", {"attributes": {"text": "a b c", "times": 2}})
        assert (answer.status, answer.json["meta"]) == (200, {"result": {"words": 6}})

    async def test_wrong_inputs_are_reported(self, api: Client) -> None:
        answer = await api.send("POST", "/notes/count-words", {"attributes": {"times": "x"}})
        assert (answer.status, pointers(answer)) == (422, ["/data/attributes", "/data/attributes/times"])


class TestDocuments:
    @pytest.mark.parametrize(
        ("body", "code", "pointer"),
        [
            ("{", "malformed-body", ""),
            ("nul", "malformed-body", ""),
            ('{"data": {"attributes": {"name": "\\ud800"}}}', "malformed-body", ""),
            ('{"data": NaN}', "malformed-body", ""),
            ("[" * 50_000, "malformed-body", ""),
            (b"\xff\xfe\x00", "malformed-body", ""),
            ("[]", "invalid-document", ""),
            ("null", "invalid-document", ""),
            ("{}", "invalid-document", ""),
            ('{"data": []}', "invalid-document", "/data"),
            ('{"data": null}', "invalid-document", "/data"),
            ('{"data": {"attributes": []}}', "invalid-document", "/data/attributes"),
            ('{"data": {"relationships": 1}}', "invalid-document", "/data/relationships"),
            ('{"data": {"relationships": {"folder": []}}}', "invalid-document", "/data/relationships/folder"),
            ('{"data": {"relationships": {"folder": {}}}}', "invalid-document", "/data/relationships/folder"),
            (
                '{"data": {"relationships": {"folder": {"data": {"type": "folders"}}}}}',
                "invalid-document",
                "/data/relationships/folder/data",
            ),
        ],
    )
    async def test_a_broken_document_is_refused_with_its_place(
        self, api: Client, body: Any, code: str, pointer: str
    ) -> None:
        answer = await api.ask("POST", "/api/notes", data=body, headers={"content-type": MEDIA_TYPE})
        assert (answer.status, answer.error["code"]) == (400, code), answer.text
        assert answer.error["source"] == {"pointer": pointer}

    async def test_another_type_is_a_conflict(self, api: Client) -> None:
        answer = await api.send("POST", "/notes", {"type": "note", "attributes": {}})
        assert (answer.status, answer.error["code"]) == (409, "type-conflict")
        linked = {"folder": {"data": {"type": "notes", "id": str(uuid4())}}}
        answer = await api.send("POST", "/notes", {"attributes": {}, "relationships": linked})
        assert (answer.status, pointers(answer)) == (409, ["/data/relationships/folder/data/type"])

    async def test_another_id_than_the_paths_is_a_conflict(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.send(
            "PATCH", f"/notes/{note['id']}", {"id": str(uuid4()), "attributes": {"title": "t"}}
        )
        assert (answer.status, answer.error["code"]) == (409, "id-conflict")

    async def test_a_client_cannot_choose_the_id(self, api: Client) -> None:
        answer = await api.send("POST", "/folders", {"id": str(uuid4()), "attributes": {"name": "Mine"}})
        assert (answer.status, answer.error["code"]) == (403, "client-id-refused")

    async def test_a_key_given_twice_is_refused(self, api: Client) -> None:
        key = str(uuid4())
        linked = {"folder": {"data": {"type": "folders", "id": key}}}
        data = {"attributes": {"slug": "x", "title": "t", "folder_id": key}, "relationships": linked}
        answer = await api.send("POST", "/notes", data)
        assert (answer.status, pointers(answer)) == (400, ["/data/relationships/folder"])

    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [("comments", 403, "relationship-not-taken"), ("commands", 422, "no-such-input")],
    )
    async def test_a_relationship_that_is_no_input_is_refused(
        self, api: Client, note: dict[str, Any], name: str, status: int, code: str
    ) -> None:
        data = {"attributes": {"title": "t"}, "relationships": {name: {"data": []}}}
        answer = await api.send("PATCH", f"/notes/{note['id']}", data)
        assert (answer.status, answer.error["code"]) == (status, code)
        assert pointers(answer) == [f"/data/relationships/{name}"]
        assert (await api.get(f"/notes/{note['id']}")).data["attributes"]["title"] == "The first note"

    async def test_thousands_of_unknown_attributes_are_refused_at_once(self, api: Client) -> None:
        attributes = {f"unknown-{number}": 1 for number in range(5_000)}
        answer = await asyncio.wait_for(api.send("POST", "/notes", {"attributes": attributes}), 5)
        assert (answer.status, answer.error["code"]) == (400, "invalid-document")
        assert len(answer.text) < 2_000

    async def test_a_long_name_is_not_sent_back(self, api: Client) -> None:
        answer = await asyncio.wait_for(api.send("POST", "/notes", {"attributes": {"x" * 100_000: 1}}), 5)
        assert answer.status == 400
        assert len(answer.text) < 2_000

    async def test_nothing_needed_means_no_body_needed(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.ask("POST", f"/api/notes/{note['id']}/publish")
        assert answer.status == 200
