"""JSON:API 1.1, statement by statement: what a server owes in media types, documents, names and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.json_api.atlas_server import made, tag
from tests.integration.json_api.client import MEDIA_TYPE, Client
from tests.integration.json_api.documents import check_document, identifiers, names

from sorbus.resource.spelling import spelled

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def api(atlas_api: Client) -> Client:
    return atlas_api


class TestContentNegotiation:
    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            (MEDIA_TYPE, 201),
            (f'{MEDIA_TYPE}; profile="https://example.org/a, b https://example.org/c"', 201),
            (f"{MEDIA_TYPE}; charset=utf-8", 415),
            (f"{MEDIA_TYPE}; q=1", 415),
            (f'{MEDIA_TYPE}; ext="https://jsonapi.org/ext/atomic"', 415),
            (f'{MEDIA_TYPE}; ext="https://example.org/a"; profile="https://example.org/b"', 415),
        ],
    )
    async def test_a_content_type_with_other_parameters_than_profile_is_415(
        self, api: Client, content_type: str, status: int
    ) -> None:
        body = json.dumps({"data": {"type": "writers", "attributes": {"name": "x"}}})
        answer = await api.ask("POST", "/api/writers", data=body, headers={"content-type": content_type})
        assert answer.status == status

    @pytest.mark.parametrize(
        ("accept", "status"),
        [
            (f'{MEDIA_TYPE}; profile="https://example.org/a, b"', 200),
            (f"{MEDIA_TYPE}; charset=utf-8, {MEDIA_TYPE}; a=b", 406),
            (f'{MEDIA_TYPE}; ext="https://example.org/a", {MEDIA_TYPE}; charset=utf-8', 406),
            (f'{MEDIA_TYPE}; ext="https://example.org/a", {MEDIA_TYPE}', 200),
        ],
    )
    async def test_an_accept_whose_every_instance_is_modified_is_406(
        self, api: Client, accept: str, status: int
    ) -> None:
        answer = await api.ask("GET", "/api/tags", headers={"accept": accept})
        assert answer.status == status
        assert answer.headers["content-type"] == MEDIA_TYPE

    @pytest.mark.parametrize("path", ["/articles", "/articles/nowhere", "/articles?filter[x]=1", "/nothing"])
    async def test_no_cache_keeps_what_somebody_may_see(self, api: Client, path: str) -> None:
        assert (await api.ask("GET", f"/api{path}")).headers["cache-control"] == "no-store"

    async def test_answers_vary_with_accept(self, api: Client) -> None:
        for path in ("/tags", "/tags/x"):
            assert "accept" in (await api.get(path)).headers["vary"].lower()


class TestDocuments:
    async def test_every_kind_of_document_is_one(self, api: Client) -> None:
        writer = await made(api, "/writers", name="Ada")
        key = await tag(api, "maths")
        article = await api.send(
            "POST",
            "/articles?include=tags,author.articles",
            {
                "type": "articles",
                "attributes": {"title": "Notes"},
                "relationships": {
                    "author": {"data": {"type": "writers", "id": writer["id"]}},
                    "tags": {"data": identifiers("tags", key)},
                },
            },
        )
        assert article.status == 201, article.text
        here = f"/articles/{article.data['id']}"
        answers = [
            article,
            await api.get("/articles", include="author.articles,tags,comments,first_comment"),
            await api.get(here, include="tags"),
            await api.get(f"{here}/tags"),
            await api.get(f"{here}/author", include="articles.tags"),
            await api.get("/articles", fields={"articles": ""}),
            await api.get("/nothing"),
            await api.get("/articles", sort="nothing"),
            await api.send("PATCH", here, {"type": "articles", "id": article.data["id"], "attributes": {}}),
        ]
        for answer in answers:
            check_document(answer)
        assert {each["type"] for each in article.json["included"]} == {"tags", "writers"}

    async def test_a_self_link_leads_to_the_same_document(self, api: Client) -> None:
        article = await made(api, "/articles", title="Self")
        here = f"/articles/{article['id']}"
        for path, given in (
            (here, {"include": "tags"}),
            (here, {}),
            ("/articles", {"page": {"limit": 1}, "sort": "-id"}),
            (f"{here}/tags", {"page": {"limit": 1}}),
            (f"{here}/author", {"include": "articles"}),
            (f"{here}/relationships/tags", {}),
        ):
            answer = await api.get(path, **given)
            assert answer.status == 200, answer.text
            again = await api.ask("GET", answer.json["links"]["self"])
            assert (again.status, again.json) == (200, answer.json)

    async def test_a_resource_is_null_or_an_empty_list_when_nothing_is_there(self, api: Client) -> None:
        article = await made(api, "/articles", title="Alone")
        here = f"/articles/{article['id']}"
        for path in (f"{here}/author", f"{here}/relationships/author"):
            answer = await api.get(path)
            assert (answer.status, answer.data) == (200, None)
        for path in (f"{here}/tags", f"{here}/relationships/tags", f"{here}/comments"):
            answer = await api.get(path)
            assert (answer.status, answer.data) == (200, [])


class TestNames:
    async def test_names_are_spelled_in_camel_case_everywhere(self, api: Client) -> None:
        first = await made(api, "/parcels", sentBy="Ada", stopCount=2)
        assert first["attributes"] == {"sentBy": "Ada", "stopCount": 2, "nextOfKinId": None}
        body = {
            "type": "parcels", "attributes": {"sentBy": "Bob"},
            "relationships": {"nextOfKin": {"data": {"type": "parcels", "id": first["id"]}}},
        }  # fmt: skip
        second = (await api.send("POST", "/parcels?include=nextOfKin", body)).data
        assert second["relationships"]["nextOfKin"]["data"]["id"] == first["id"]
        related = await api.ask("GET", second["relationships"]["nextOfKin"]["links"]["related"])
        assert related.data["id"] == first["id"]
        found = await api.ask(
            "GET",
            "/api/parcels?filter[stopCount]=2&sort=-sentBy&fields[parcels]=sentBy&filter[sentBy][contains]=A",
        )
        assert found.data[0]["attributes"] == {"sentBy": "Ada"}
        assert names(await api.get("/parcels/from-sender", senderName="Bob"), "sentBy") == ["Bob"]
        through = await api.ask("GET", "/api/parcels?filter[nextOfKin][sentBy]=Ada&sort=nextOfKin.sentBy")
        assert names(through, "sentBy") == ["Bob"]

    async def test_names_are_spelled_with_dashes_everywhere(self, api: Client) -> None:
        outer = await made(api, "/crates", **{"packed-by": "Ada", "item-count": 2})
        assert outer["attributes"] == {"packed-by": "Ada", "item-count": 2, "inside-of-id": None}
        body = {
            "type": "crates", "attributes": {"packed-by": "Bob"},
            "relationships": {"inside-of": {"data": {"type": "crates", "id": outer["id"]}}},
        }  # fmt: skip
        inner = (await api.send("POST", "/crates?include=inside-of.inside-of", body)).data
        links = inner["relationships"]["inside-of"]["links"]
        assert links["self"] == f"/api/crates/{inner['id']}/relationships/inside-of"
        assert (await api.ask("GET", links["related"])).data["id"] == outer["id"]
        itself = {"type": "crates", "id": inner["id"]}
        assert (await api.send("PATCH", links["self"].removeprefix("/api"), itself)).data == itself
        moved = await api.send("PATCH", f"/crates/{inner['id']}", {"attributes": {"inside-of-id": None}})
        assert moved.data["attributes"]["inside-of-id"] is None
        found = await api.ask(
            "GET", "/api/crates?filter[item-count]=2&sort=--item-count,-packed-by&fields[crates]=packed-by"
        )
        assert found.data[0]["attributes"] == {"packed-by": "Ada"}
        assert names(await api.get("/crates/from-packer", **{"packer-name": "Bob"}), "packed-by") == ["Bob"]
        for query in ("filter[packed_by]=x", "sort=packed_by", "include=inside_of"):
            refused = await api.ask("GET", f"/api/crates?{query}")
            assert refused.error["meta"]["hint"].startswith("Did you mean `"), query
        wrong = await api.send("POST", "/crates", {"type": "crates", "attributes": {"packed_by": "x"}})
        assert wrong.error["source"] == {"pointer": "/data/attributes/packed_by"}
        assert "`packed_by`" in wrong.error["detail"]
        assert wrong.error["meta"]["hint"] == "Did you mean `packed-by`?"

    @pytest.mark.parametrize(
        "query", ["filter[sent_by]=x", "sort=sent_by", "fields[parcels]=sent_by", "include=next_of_kin"]
    )
    async def test_other_spellings_are_refused_with_the_right_one(self, api: Client, query: str) -> None:
        answer = await api.ask("GET", f"/api/parcels?{query}")
        assert answer.status == 400
        written = "next_of_kin" if "kin" in query else "sent_by"
        assert answer.error["detail"].count(f"`{written}`") == 1, "it says what was sent"
        assert answer.error["meta"]["hint"] == f"Did you mean `{spelled(written, 'camel')}`?"

    async def test_errors_speak_of_the_same_names(self, api: Client) -> None:
        attributes = {"stopCount": "many", "sentby": "x", "sent_by": "y"}
        answer = await api.send("POST", "/parcels", {"type": "parcels", "attributes": attributes})
        assert answer.status == 422
        assert answer.error["source"] == {"pointer": "/data/attributes/sent_by"}
        del attributes["sent_by"]
        answer = await api.send("POST", "/parcels", {"type": "parcels", "attributes": attributes})
        assert {each["source"]["pointer"] for each in answer.errors} == {
            "/data/attributes", "/data/attributes/sentby", "/data/attributes/stopCount",
        }  # fmt: skip
        missing = {each.get("meta", {}).get("missing") for each in answer.errors}
        assert missing == {"sentBy", None}
        assert "sent_by" not in answer.text
        assert "stop_count" not in answer.text


class TestErrors:
    async def test_several_problems_are_one_document_with_one_status(self, api: Client) -> None:
        answer = await api.send(
            "POST", "/articles", {"type": "articles", "attributes": {"rating": "x", "nope": 1}}
        )
        assert answer.status == 422
        assert len(answer.errors) == 3
        for each in answer.errors:
            assert each["status"] == "422"
            assert each["source"]["pointer"].startswith("/data/attributes")

    @pytest.mark.parametrize(
        ("data", "missing"),
        [
            (None, "data/attributes/title"),
            ({"type": "articles"}, "attributes/title"),
            ({"type": "articles", "attributes": {}}, "title"),
            ({"type": "articles", "attributes": {"title": "x", "rating": [1]}}, None),
            ({"type": "articles", "relationships": {"author": {"data": {"type": "writers"}}}}, "id"),
            ({"type": "articles", "relationships": {"author": {"id": "x"}}}, None),
            ({"type": "articles", "attributes": {"title": "x", "a/b~c": 1}}, None),
        ],
    )
    async def test_a_pointer_leads_to_a_value_that_was_sent(
        self, api: Client, data: Any, missing: str | None
    ) -> None:
        answer = await api.send("POST", "/articles", data)
        assert answer.status in {400, 422}
        for each in answer.errors:
            found: Any = {"data": data} if data is not None else {}
            for part in each["source"]["pointer"].split("/")[1:]:
                found = found[part.replace("~1", "/").replace("~0", "~")]
            assert each.get("meta", {}).get("missing") == missing
            if missing is not None:
                assert missing.partition("/")[0] not in found

    async def test_a_forbidden_record_is_403(self, api: Client) -> None:
        assert (await api.get("/vaults")).status == 403
