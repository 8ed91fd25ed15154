"""Private fields cannot be read, and cannot be guessed by asking around them."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from tests.integration.callers import Caller
from tests.integration.json_api.client import Answer, Client
from tests.integration.json_api.desk import SECRET

from sorbus import Sorbus

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRIVATE = ["secret", "org_id", "author_id", "secret_length"]


def same_but_for(name: str, first: Answer, second: Answer, other: str) -> bool:
    """Whether two answers differ only in the name that the client itself sent, and in the near public one."""
    for answer in (first, second):
        hint = answer.error.pop("meta", {}).get("hint", "")
        assert not any(f"`{each}`" in hint for each in PRIVATE)
    left, right = json.dumps(first.error).replace(name, "?"), json.dumps(second.error).replace(other, "?")
    return (first.status, left) == (second.status, right)


@pytest.fixture
def unknown() -> str:
    return "qqqqqqqqqq"


@pytest.mark.parametrize("name", PRIVATE)
class TestPrivateFields:
    async def test_they_are_not_shown(self, api: Client, note: dict[str, Any], name: str) -> None:
        answer = await api.get("/notes", include="comments,folder")
        assert name not in answer.data[0]["attributes"]
        assert SECRET not in answer.text

    async def test_a_filter_treats_them_as_unknown(self, api: Client, name: str, unknown: str) -> None:
        for operator in ("eq", "starts_with", "is_nil"):
            private = await api.get("/notes", filter={(name, operator): "x"})
            missing = await api.get("/notes", filter={(unknown, operator): "x"})
            assert private.status == 400
            assert same_but_for(name, private, missing, unknown)

    async def test_a_sort_treats_them_as_unknown(self, api: Client, name: str, unknown: str) -> None:
        private, missing = (
            await api.get("/notes", sort=f"-{name}"),
            await api.get("/notes", sort=f"-{unknown}"),
        )
        assert private.status == 400
        assert same_but_for(name, private, missing, unknown)

    async def test_sparse_fields_treat_them_as_unknown(self, api: Client, name: str, unknown: str) -> None:
        private = await api.get("/notes", fields={"notes": name})
        missing = await api.get("/notes", fields={"notes": unknown})
        assert private.status == 400
        assert same_but_for(name, private, missing, unknown)

    async def test_a_write_treats_them_as_unknown(self, api: Client, name: str, unknown: str) -> None:
        attributes = {"slug": "s", "title": "t"}
        private = await api.send("POST", "/notes", {"attributes": {**attributes, name: SECRET}})
        missing = await api.send("POST", "/notes", {"attributes": {**attributes, unknown: SECRET}})
        assert private.status == 422
        assert same_but_for(name, private, missing, unknown)


async def test_private_fields_of_included_records_are_unknown_too(api: Client) -> None:
    answer = await api.get("/notes", include="comments", fields={"comment": "score"})
    assert (answer.status, answer.error["code"]) == (400, "invalid-fields")


async def test_a_taken_identity_does_not_name_its_private_keys(api: Client, note: dict[str, Any]) -> None:
    answer = await api.send("POST", "/notes", {"attributes": {"slug": "first", "title": "t"}})
    assert answer.status == 409
    assert "org_id" not in answer.text


async def test_a_wholly_private_identity_is_not_named_at_all(api: Client) -> None:
    data = {"attributes": {"name": "n", "code_text": "k-1"}}
    assert (await api.send("POST", "/tasks", data)).status == 201
    answer = await api.send("POST", "/tasks", data)
    assert (answer.status, answer.error["code"]) == (409, "already-taken")
    assert "org_id" not in answer.text
    assert "code," not in answer.error["detail"]
    assert "source" not in answer.error


async def test_a_value_that_an_action_computes_is_not_described(api: Client) -> None:
    answer = await api.send("POST", "/tasks", {"attributes": {"name": "n", "code_text": "k" * 31}})
    assert answer.status == 422
    assert "`code`" not in answer.text
    assert "30" not in answer.error["detail"]


async def test_a_private_state_is_not_told(api: Client) -> None:
    task = (await api.send("POST", "/tasks", {"attributes": {"name": "n"}})).data
    assert "state" not in task["attributes"]
    await api.send("POST", f"/tasks/{task['id']}/bury")
    answer = await api.send("POST", f"/tasks/{task['id']}/bury")
    assert (answer.status, answer.error["code"]) == (409, "wrong-state")
    assert "buried" not in answer.text


@pytest.mark.parametrize(
    "word", ["CHECK (name <> 'cursed') NOT VALID", "EXCLUDE (name WITH =) WHERE (name = 'cursed')"]
)
async def test_a_rule_of_the_database_alone_is_not_named(app: Sorbus, api: Client, word: str) -> None:
    async with app.database.pool.connection() as connection:
        await connection.execute(f"ALTER TABLE desk_folders ADD CONSTRAINT desk_curse {word}")
        try:
            document = {"attributes": {"name": "cursed"}}
            answers = [await api.send("POST", "/folders", document) for _ in range(2)]
        finally:
            await connection.execute("ALTER TABLE desk_folders DROP CONSTRAINT desk_curse")
    refused = answers[-1]
    assert (refused.status, refused.error["code"]) in [(422, "check-violation"), (409, "exclusion-violation")]
    assert not any(inside in refused.text for inside in ("desk_", "curse", "`"))


async def test_a_refusal_does_not_tell_the_policies(
    session: aiohttp.ClientSession, url: str, api: Client, bob: Caller, note: dict[str, Any]
) -> None:
    await api.send("POST", f"/notes/{note['id']}/publish")
    answer = await Client(session, url, bob).send("DELETE", f"/notes/{note['id']}")
    assert answer.status == 403
    for inside in ("admin", "author_id", "breakdown", "actor."):
        assert inside not in answer.text


async def test_the_description_does_not_name_private_fields(api: Client) -> None:
    answer = await api.ask("GET", "/api/openapi.json")
    for name in ("secret", "org_id", "author_id", "score", "buried"):
        assert name not in answer.text
