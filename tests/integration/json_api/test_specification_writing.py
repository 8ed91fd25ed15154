"""JSON:API 1.1, statement by statement: what a server owes to those who create, update and relate."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.json_api.atlas import HIDDEN_TEXT, Seal
from tests.integration.json_api.atlas_server import Atlassed, made, remark, tag
from tests.integration.json_api.client import MEDIA_TYPE, Client
from tests.integration.json_api.documents import identifiers, names

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def api(atlas_api: Client) -> Client:
    return atlas_api


class TestCreating:
    async def test_location_is_the_self_link(self, api: Client) -> None:
        answer = await api.send("POST", "/writers", {"type": "writers", "attributes": {"name": "L"}})
        assert answer.status == 201
        assert answer.headers["location"] == answer.data["links"]["self"]

    async def test_a_clients_id_is_taken_where_the_action_takes_one(self, api: Client) -> None:
        key = await tag(api, "mine")
        assert (await api.get(f"/tags/{key}")).data["attributes"] == {"name": "mine"}

    async def test_a_clients_id_that_is_there_is_409(self, api: Client) -> None:
        key = await tag(api, "once")
        again = await api.send("POST", "/tags", {"type": "tags", "id": key, "attributes": {"name": "twice"}})
        assert again.status == 409, again.text

    async def test_a_clients_id_is_no_attribute(self, api: Client) -> None:
        answer = await api.send(
            "POST", "/tags", {"type": "tags", "attributes": {"id": str(uuid4()), "name": "x"}}
        )
        assert answer.status == 422
        bad = await api.send("POST", "/tags", {"type": "tags", "id": "x", "attributes": {"name": "x"}})
        assert (bad.status, bad.error["source"]) == (422, {"pointer": "/data/id"})

    async def test_a_clients_id_elsewhere_is_403(self, api: Client) -> None:
        data = {"type": "writers", "id": str(uuid4()), "attributes": {"name": "x"}}
        answer = await api.send("POST", "/writers", data)
        assert (answer.status, answer.error["source"]) == (403, {"pointer": "/data/id"})

    async def test_another_type_is_409(self, api: Client) -> None:
        answer = await api.send("POST", "/writers", {"type": "articles", "attributes": {"name": "x"}})
        assert (answer.status, answer.error["source"]) == (409, {"pointer": "/data/type"})

    async def test_members_that_begin_with_an_at_sign_are_passed_over(self, api: Client) -> None:
        writer = await made(api, "/writers", name="At")
        body = {
            "@top": 1, "type": "articles",
            "attributes": {"@lang": "en", "title": "x"},
            "relationships": {
                "@all": {"a": 1}, "author": {"@one": 1, "data": {"@id": 1, "type": "writers", "id": writer["id"]}}
            },
        }  # fmt: skip
        answer = await api.send("POST", "/articles", body)
        assert (answer.status, answer.data["attributes"]["author_id"]) == (201, writer["id"]), answer.text

    async def test_a_related_record_that_is_not_there_is_404(self, api: Client) -> None:
        for relation, data in (
            ("author", {"type": "writers", "id": str(uuid4())}),
            ("tags", identifiers("tags", str(uuid4()))),
        ):
            body = {
                "type": "articles",
                "attributes": {"title": "x"},
                "relationships": {relation: {"data": data}},
            }
            answer = await api.send("POST", "/articles", body)
            assert answer.status == 404, answer.text
            assert answer.error["source"]["pointer"].startswith(f"/data/relationships/{relation}/data")

    async def test_a_lid_names_the_record_in_its_document(self, api: Client) -> None:
        data = {"type": "writers", "lid": "new-1", "attributes": {"name": "x"}}
        assert (await api.send("POST", "/writers", data)).status == 201
        assert (await api.send("POST", "/writers", {**data, "lid": 1})).status == 400
        body = {
            "type": "articles", "attributes": {"title": "x"},
            "relationships": {"author": {"data": {"type": "writers", "lid": "new-1"}}},
        }  # fmt: skip
        answer = await api.send("POST", "/articles", body)
        assert (answer.status, answer.error["source"]["pointer"]) == (
            400,
            "/data/relationships/author/data/lid",
        )

    @pytest.mark.parametrize(
        ("relationships", "pointer"),
        [
            ({"tags": {"data": None}}, "/data/relationships/tags/data"),
            ({"tags": {"data": {"type": "tags", "id": "x"}}}, "/data/relationships/tags/data"),
            ({"tags": {"data": [{"type": "writers", "id": "x"}]}}, "/data/relationships/tags/data/0/type"),
            ({"tags": {"data": [{"type": "tags"}]}}, "/data/relationships/tags/data/0"),
            ({"tags": {"data": [{"type": "tags", "id": "no-uuid"}]}}, "/data/relationships/tags/data/0/id"),
            ({"tags": {"data": [7]}}, "/data/relationships/tags/data/0"),
            ({"tags": {}}, "/data/relationships/tags"),
            ({"author": {"data": []}}, "/data/relationships/author/data"),
            ({"taggings": {"data": []}}, "/data/relationships/taggings"),
        ],
    )
    async def test_wrong_linkage_is_pointed_at(self, api: Client, relationships: Any, pointer: str) -> None:
        data = {"type": "articles", "attributes": {"title": "x"}, "relationships": relationships}
        answer = await api.send("POST", "/articles", data)
        assert answer.status in {400, 409, 422}
        assert answer.error["source"] == {"pointer": pointer}


class TestUpdating:
    async def test_missing_attributes_keep_their_values(self, api: Client) -> None:
        article = await made(api, "/articles", title="Kept", rating=3)
        here = f"/articles/{article['id']}"
        answer = await api.send(
            "PATCH", here, {"type": "articles", "id": article["id"], "attributes": {"rating": 4}}
        )
        assert answer.status == 200
        assert (answer.data["attributes"]["title"], answer.data["attributes"]["rating"]) == ("Kept", 4)

    async def test_missing_relationships_keep_what_they_lead_to(self, api: Client) -> None:
        writer, key = await made(api, "/writers", name="Kept"), await tag(api, "kept")
        article = await made(api, "/articles", title="x", author_id=writer["id"], tags=[key])
        here = f"/articles/{article['id']}"
        answer = await api.send("PATCH", here, {"type": "articles", "attributes": {"title": "y"}})
        assert answer.data["relationships"]["author"]["data"] == {"type": "writers", "id": writer["id"]}
        assert (await api.get(f"{here}/relationships/tags")).data == identifiers("tags", key)

    @pytest.mark.parametrize("name", ["tags", "author", "comments"])
    async def test_a_relationship_that_is_not_supported_is_403_and_nothing_is_changed(
        self, api: Client, name: str
    ) -> None:
        article = await made(api, "/articles", title="before")
        data = {"type": "articles", "attributes": {"title": "after"}, "relationships": {name: {"data": []}}}
        answer = await api.send("PATCH", f"/articles/{article['id']}", data)
        assert (answer.status, answer.error["code"]) == (403, "relationship-not-taken")
        assert answer.error["source"] == {"pointer": f"/data/relationships/{name}"}
        assert (await api.get(f"/articles/{article['id']}")).data["attributes"]["title"] == "before"

    async def test_a_related_record_that_is_not_there_is_404(self, api: Client) -> None:
        crate = await made(api, "/crates", **{"packed-by": "Ada"})
        nothing = {"type": "crates", "id": str(uuid4())}
        whole = {"type": "crates", "relationships": {"inside-of": {"data": nothing}}}
        for path, data, pointer in (
            ("", whole, "/data/relationships/inside-of/data/id"),
            ("/relationships/inside-of", nothing, "/data/id"),
        ):
            answer = await api.send("PATCH", f"/crates/{crate['id']}{path}", data)
            assert (answer.status, answer.error.get("source")) == (404, {"pointer": pointer}), answer.text

    async def test_another_type_or_id_is_409(self, api: Client) -> None:
        article = await made(api, "/articles", title="x")
        here = f"/articles/{article['id']}"
        for data in ({"type": "tags", "id": article["id"]}, {"type": "articles", "id": str(uuid4())}):
            assert (await api.send("PATCH", here, {**data, "attributes": {}})).status == 409

    async def test_what_is_not_there_is_404(self, api: Client) -> None:
        key = str(uuid4())
        data = {"type": "articles", "id": key, "attributes": {"title": "x"}}
        assert (await api.send("PATCH", f"/articles/{key}", data)).status == 404
        assert (await api.send("DELETE", f"/articles/{key}")).status == 404

    async def test_a_change_that_is_not_served_is_403(self, api: Client) -> None:
        key = await tag(api, "fixed")
        answer = await api.send("PATCH", f"/tags/{key}", {"type": "tags", "id": key, "attributes": {}})
        assert (answer.status, answer.error["code"]) == (403, "change-not-served")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"

    async def test_a_deleted_record_is_gone(self, api: Client) -> None:
        article = await made(api, "/articles", title="x")
        answer = await api.send("DELETE", f"/articles/{article['id']}")
        assert (answer.status, answer.text) == (204, "")
        assert (await api.send("DELETE", f"/articles/{article['id']}")).status == 404


class TestRelationships:
    async def test_a_to_one_is_replaced_and_cleared(self, api: Client) -> None:
        writer = await made(api, "/writers", name="W")
        article = await made(api, "/articles", title="x")
        here = f"/articles/{article['id']}/relationships/author"
        one = {"type": "writers", "id": writer["id"]}
        answer = await api.send("PATCH", here, one)
        assert (answer.status, answer.data) == (200, one)
        document = json.dumps({"data": None})
        cleared = await api.ask("PATCH", f"/api{here}", data=document, headers={"content-type": MEDIA_TYPE})
        assert (cleared.status, cleared.data) == (200, None)
        assert (await api.get(here)).data is None

    async def test_a_to_many_is_replaced_added_to_and_taken_from(self, api: Client) -> None:
        a, b, c = [await tag(api, name) for name in "abc"]
        article = await made(api, "/articles", title="x")
        here = f"/articles/{article['id']}/relationships/tags"

        async def keys() -> set[str]:
            return {each["id"] for each in (await api.get(here)).data}

        answer = await api.send("POST", here, identifiers("tags", a, b))
        assert answer.status == 200
        assert {each["id"] for each in answer.data} == {a, b}
        assert (await api.send("POST", here, identifiers("tags", b))).status == 200
        assert await keys() == {a, b}, "what is there already is not added again"
        assert (await api.send("DELETE", here, identifiers("tags", a, c))).status == 200
        assert await keys() == {b}, "what is not there needs not be taken away"
        assert (await api.send("PATCH", here, identifiers("tags", a, c))).status == 200
        assert await keys() == {a, c}
        assert (await api.send("PATCH", here, [])).status == 200
        assert await keys() == set()

    async def test_nothing_is_changed_when_one_is_not_there(self, api: Client) -> None:
        a = await tag(api, "a")
        article = await made(api, "/articles", title="x")
        here = f"/articles/{article['id']}/relationships/tags"
        for method in ("POST", "PATCH"):
            answer = await api.send(method, here, identifiers("tags", a, str(uuid4())))
            assert answer.status == 404, answer.text
            assert answer.error["source"]["pointer"] == "/data/1/id"
            assert (await api.get(here)).data == []

    async def test_changes_that_are_not_served_are_403(self, api: Client) -> None:
        article = await made(api, "/articles", title="x")
        here = f"/articles/{article['id']}/relationships"
        for method, name in (
            ("PATCH", "comments"), ("POST", "comments"), ("DELETE", "comments"), ("POST", "author"),
        ):  # fmt: skip
            answer = await api.send(method, f"{here}/{name}", [])
            assert (answer.status, answer.error["code"]) == (403, "change-not-served")

    async def test_a_wrong_document_is_pointed_at(self, api: Client) -> None:
        article = await made(api, "/articles", title="x")
        here = f"/articles/{article['id']}/relationships/tags"
        for data, status, pointer in (
            (None, 400, "/data"),
            ({}, 400, "/data"),
            ([{"type": "writers", "id": "x"}], 409, "/data/0/type"),
            ([{"type": "tags", "id": 1}], 400, "/data/0/id"),
            ([{"type": "tags", "id": "x"}], 422, "/data/0/id"),
        ):
            body = json.dumps({"data": data})
            answer = await api.ask("POST", f"/api{here}", data=body, headers={"content-type": MEDIA_TYPE})
            assert (answer.status, answer.error["source"]) == (status, {"pointer": pointer}), data
        nobody = f"/articles/{uuid4()}/relationships/tags"
        assert (await api.send("POST", nobody, [])).status == 404

    async def test_related_records_are_filtered_sorted_and_paged(self, api: Client) -> None:
        keys = [await tag(api, name) for name in ("x", "y", "z")]
        article = await made(api, "/articles", title="x", tags=keys)
        here = f"/articles/{article['id']}/tags"
        assert names(await api.get(here, sort="-name")) == ["z", "y", "x"]
        assert names(await api.get(here, filter={"name": "y"})) == ["y"]
        page = await api.get(here, sort="name", page={"limit": 2, "count": "true"})
        assert (names(page), page.json["meta"]["page"]["total"]) == (["x", "y"], 3)
        assert names(await api.ask("GET", page.json["links"]["next"])) == ["z"]
        weighty = await api.get(f"/articles/{article['id']}/weighty", page={"limit": 2})
        assert len(weighty.data) == 2, "an order by the row between has pages too"
        linkage = await api.get(
            f"/articles/{article['id']}/relationships/tags", page={"limit": 2}, sort="name"
        )
        assert [each["id"] for each in linkage.data] == keys[:2]
        assert (await api.ask("GET", linkage.json["links"]["next"])).data == identifiers("tags", keys[2])

    async def test_policies_hold_for_what_is_related(self, api: Client, atlas: Atlassed) -> None:
        article = await made(api, "/articles", title="x")
        await remark(atlas, article["id"], HIDDEN_TEXT)
        await remark(atlas, article["id"], "seen", 1)
        for number in range(1, 7):
            await Seal.put(atlas.app.scope(), article_id=article["id"], number=number)  # type: ignore[arg-type]
        here = f"/articles/{article['id']}"
        assert names(await api.get(f"{here}/comments"), "text") == ["seen"]
        assert len((await api.get(f"{here}/relationships/comments")).data) == 1
        for path in (f"{here}/seals", f"{here}/relationships/seals"):
            assert (await api.get(path)).data == [], "what only Python can judge is not shown in a cut list"
        included = await api.get(here, include="seals")
        assert included.json["included"] == []
