"""JSON:API 1.1, statement by statement: each MUST of the specification that is about a server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from tests.integration.json_api.atlas import HIDDEN_TEXT, Seal
from tests.integration.json_api.atlas_server import Atlassed, made, remark, tag
from tests.integration.json_api.client import MEDIA_TYPE, Answer, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def api(atlas_api: Client) -> Client:
    return atlas_api


TOP = {"data", "errors", "meta", "jsonapi", "links", "included"}


def identifiers(kind: str, *keys: str) -> list[dict[str, str]]:
    return [{"type": kind, "id": key} for key in keys]


def names(answer: Answer, field: str = "name") -> list[Any]:
    return [each["attributes"][field] for each in answer.data]


def check_resource(data: dict[str, Any]) -> None:
    assert isinstance(data["type"], str)
    assert isinstance(data["id"], str)
    assert not {"id", "type"} & set(data.get("attributes", {}))
    fields = [*data.get("attributes", {}), *data.get("relationships", {})]
    assert len(fields) == len(set(fields)), "attributes and relationships share one namespace"
    for each in data.get("relationships", {}).values():
        assert {"links", "data", "meta"} & each.keys(), "a relationship object has one of them at least"


def check_document(answer: Answer) -> None:
    """What every document must be."""
    document = answer.json
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert document.keys() <= TOP
    assert {"data", "errors", "meta"} & document.keys()
    assert not {"data", "errors"} <= document.keys()
    assert "included" not in document or "data" in document
    data = document.get("data") or []
    everything = [*(data if isinstance(data, list) else [data]), *document.get("included", [])]
    for each in everything:
        check_resource(each)
    full = [(each["type"], each["id"]) for each in everything]
    assert len(full) == len(set(full)), "one resource object for each type and id"
    if "included" in document:
        linked = {
            (one["type"], one["id"])
            for each in everything
            for relation in each.get("relationships", {}).values()
            for one in _several(relation.get("data"))
        }
        assert {(each["type"], each["id"]) for each in document["included"]} <= linked, "full linkage"


def _several(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [] if data is None else [data]


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


class TestFetching:
    async def test_what_is_not_there_is_404(self, api: Client) -> None:
        nobody = uuid4()
        for path in (
            f"/articles/{nobody}",
            f"/articles/{nobody}/tags",
            f"/articles/{nobody}/author",
            f"/articles/{nobody}/relationships/tags",
            f"/articles/{nobody}/relationships/author",
            "/articles/x/tags",
            f"/articles/{nobody}/relationships/nothing",
            f"/articles/{nobody}/taggings",
            f"/articles/{nobody}/relationships/taggings",
        ):
            assert (await api.get(path)).status == 404, path

    async def test_the_links_of_a_relationship_lead_to_it(self, api: Client) -> None:
        writer = await made(api, "/writers", name="Linked")
        article = await made(api, "/articles", title="x", author_id=writer["id"])
        relation = article["relationships"]["author"]
        assert relation["data"] == {"type": "writers", "id": writer["id"]}
        linkage = await api.ask("GET", relation["links"]["self"])
        assert linkage.data == relation["data"]
        assert linkage.json["links"] == relation["links"]
        related = await api.ask("GET", relation["links"]["related"])
        assert (related.data["type"], related.data["id"]) == ("writers", writer["id"])
        assert related.data["links"]["self"] == f"/api/writers/{writer['id']}"

    async def test_an_unsupported_include_is_400(self, api: Client) -> None:
        article = await made(api, "/articles", title="x")
        for path, include in (
            ("/articles", "nothing"),
            ("/articles", "taggings"),
            ("/articles", "author.articles.tags"),
            ("/tags", "articles"),
            (f"/articles/{article['id']}/relationships/tags", "tags"),
        ):
            answer = await api.get(path, include=include)
            assert answer.status == 400, path
            assert answer.error["source"] == {"parameter": "include"}

    async def test_an_empty_include_gives_an_empty_list(self, api: Client) -> None:
        assert (await api.get("/articles", include="")).json["included"] == []
        article = await made(api, "/articles", title="x")
        assert (await api.get(f"/articles/{article['id']}", include="tags")).json["included"] == []
        assert "included" not in (await api.get("/articles")).json

    async def test_fieldsets_are_kept_to(self, api: Client) -> None:
        article = await made(api, "/articles", title="four")
        here = f"/articles/{article['id']}"
        shown = (await api.get(here, fields={"articles": "title,tags,title_length"})).data
        assert shown["attributes"] == {"title": "four", "title_length": 4}
        assert list(shown["relationships"]) == ["tags"]
        bare = (await api.get(here, fields={"articles": ""})).data
        assert bare.keys() == {"type", "id", "attributes", "links"}
        assert bare["attributes"] == {}

    async def test_sorting_goes_both_ways_with_nulls_where_they_are_wanted(self, api: Client) -> None:
        mark = uuid4().hex
        for rating in (2, None, 1):
            await made(api, "/articles", title=mark, rating=rating)
        for sort, expected in (
            ("rating", [1, 2, None]),
            ("-rating", [None, 2, 1]),
            ("++rating", [None, 1, 2]),
            ("--rating", [2, 1, None]),
        ):
            answer = await api.get("/articles", sort=sort, filter={"title": mark})
            assert names(answer, "rating") == expected, sort
        unencoded = await api.ask("GET", f"/api/articles?filter[title]={mark}&sort=++rating")
        assert names(unencoded, "rating") == [None, 1, 2]
        for size in (1, 2):
            seen, here = [], f"/api/articles?filter[title]={mark}&sort=%2B%2Brating&page[limit]={size}"
            while here:
                page = await api.ask("GET", here)
                seen += names(page, "rating")
                here = page.json["links"]["next"]
            assert seen == [None, 1, 2]

    async def test_sorting_goes_over_relationships(self, api: Client) -> None:
        mark = uuid4().hex
        for name in ("Bea", "Abe"):
            writer = await made(api, "/writers", name=name)
            await made(api, "/articles", title=mark, author_id=writer["id"])
        answer = await api.get("/articles", sort="-author.name", filter={"title": mark}, include="author")
        assert [each["attributes"]["name"] for each in answer.json["included"]] == ["Bea", "Abe"]

    async def test_pages_have_links_or_null(self, api: Client) -> None:
        mark = uuid4().hex
        for number in range(5):
            await made(api, "/articles", title=mark, rating=number)
        for page in ({"limit": 2}, {"limit": 2, "offset": 0, "count": "true"}):
            first = await api.get("/articles", page=page, filter={"title": mark}, sort="rating")
            assert first.json["links"]["prev"] is None
            second = await api.ask("GET", first.json["links"]["next"])
            third = await api.ask("GET", second.json["links"]["next"])
            assert names(first, "rating") + names(second, "rating") + names(third, "rating") == [
                0,
                1,
                2,
                3,
                4,
            ]
            assert third.json["links"]["next"] is None
            assert (await api.ask("GET", third.json["links"]["prev"])).data == second.data
            assert (await api.ask("GET", third.json["links"]["first"])).data == first.data
        assert first.json["meta"]["page"]["total"] == 5
        assert names(await api.ask("GET", first.json["links"]["last"]), "rating") == [4]

    async def test_parameters_of_no_known_family_are_400(self, api: Client) -> None:
        for query in ("q=1", "pageSize=3", "filters[a]=1", "page[size]=3", "fields[nothing]=a", "sort[a]=b"):
            answer = await api.ask("GET", f"/api/articles?{query}")
            assert answer.status == 400, query
            assert answer.error["source"]["parameter"] in query


class TestConditions:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("filter[or][0][rating]=1&filter[or][1][rating]=3", [1, 3]),
            ("filter[not][rating]=1", [2, 3]),
            ("filter[rating][greater_than]=1&filter[rating][less_than]=3", [2]),
            ("filter[or][0][and][0][rating]=1&filter[or][0][and][1][rating]=2&filter[or][1][rating]=3", [3]),
            ("filter[not][or][0][rating]=1&filter[not][or][1][rating][in]=2,5", [3]),
            ("filter[author][name]=Cy", [1, 2, 3]),
            ("filter[author][not][name]=Cy", []),
            ("filter[comments][text][contains]=two", [2]),
            ("filter[not][comments][place][greater_than_or_equal]=0", [1, 3]),
            ('filter={"or":[{"rating":{"eq":1}},{"rating":{"in":[2]}}]}', [1, 2]),
            ('filter={"author":{"name":{"starts_with":"C"}},"not":{"rating":{"less_than":3}}}', [3]),
            ('filter={"rating":{"is_nil":true}}', []),
        ],
    )
    async def test_and_or_not_and_relationships(
        self, api: Client, atlas: Atlassed, query: str, expected: list[int]
    ) -> None:
        mark = uuid4().hex
        writer = await made(api, "/writers", name="Cy")
        for number in (1, 2, 3):
            article = await made(api, "/articles", title=mark, rating=number, author_id=writer["id"])
            if number == 2:
                await remark(atlas, article["id"], "one two", 1)
        query = quote(query, safe="&=")
        answer = await api.ask("GET", f"/api/articles?sort=rating&filter[title]={mark}&{query}")
        assert answer.status == 200, answer.text
        assert names(answer, "rating") == expected

    async def test_rows_that_may_not_be_seen_meet_no_condition(self, api: Client, atlas: Atlassed) -> None:
        mark = uuid4().hex
        article = await made(api, "/articles", title=mark)
        await remark(atlas, article["id"], HIDDEN_TEXT)
        found = await api.ask(
            "GET", f"/api/articles?filter[title]={mark}&filter[comments][text][contains]=what"
        )
        assert found.data == []


class TestIncluded:
    async def test_each_path_has_its_own_filter_order_and_page(self, api: Client, atlas: Atlassed) -> None:
        article = await made(api, "/articles", title="Talked about")
        for number in range(4):
            await remark(atlas, article["id"], f"word {number}", number)
        here = f"/articles/{article['id']}?include=comments"
        some = await api.ask(
            "GET",
            f"/api{here}&filter_included[comments][place][greater_than]=1&sort_included[comments]=-place",
        )
        assert [each["attributes"]["place"] for each in some.json["included"]] == [3, 2]
        assert some.data["relationships"]["comments"]["meta"] == {"filtered": True}
        paged = await api.ask(
            "GET", f"/api{here}&page_included[comments][limit]=3&page_included[comments][count]=true"
        )
        relation = paged.data["relationships"]["comments"]
        assert [each["attributes"]["place"] for each in paged.json["included"]] == [0, 1, 2]
        assert relation["meta"]["page"]["total"] == 4
        cursor = relation["meta"]["page"]["after"]
        rest = await api.ask("GET", f"/api{here}&page_included[comments][after]={cursor}")
        assert [each["attributes"]["place"] for each in rest.json["included"]] == [3]
        related = await api.get(f"/articles/{article['id']}/comments", page={"after": cursor})
        assert names(related, "place") == [3], "the cursor leads on in the related route"

    async def test_below_another_path(self, api: Client, atlas: Atlassed) -> None:
        writer = await made(api, "/writers", name="Deep")
        article = await made(api, "/articles", title="a", author_id=writer["id"])
        for number in range(3):
            await remark(atlas, article["id"], "x", number)
        answer = await api.ask(
            "GET",
            f"/api/writers/{writer['id']}?include=articles.comments"
            "&page_included[articles.comments][limit]=1&sort_included[articles.comments]=-place"
            "&page_included[articles][limit]=5",
        )
        places = [
            each["attributes"].get("place") for each in answer.json["included"] if each["type"] == "remark"
        ]
        assert places == [2]
        check_document(answer)

    @pytest.mark.parametrize(
        "query",
        [
            "filter_included[comments][text]=x",
            "include=comments&filter_included[tags][name]=x",
            "include=author&filter_included[author][name]=x",
            "include=comments&filter_included[comments][score]=7",
            "include=comments&sort_included[comments]=score",
            "include=comments&page_included[comments][limit]=0",
            "include=comments&page_included[comments][size]=1",
            "include=comments&page_included[comments][after]=forged",
            "include=comments&filter_included[comments]=x",
            "include=comments&filter_included=x",
        ],
    )
    async def test_what_is_not_included_or_not_public_is_refused(self, api: Client, query: str) -> None:
        await made(api, "/articles", title="x")
        answer = await api.ask("GET", f"/api/articles?{query}")
        assert answer.status == 400, answer.text


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
            ({"tags": {"data": [{"type": "tags"}]}}, "/data/relationships/tags/data/0/id"),
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

    @pytest.mark.parametrize(
        "query", ["filter[sent_by]=x", "sort=sent_by", "fields[parcels]=sent_by", "include=next_of_kin"]
    )
    async def test_other_spellings_are_refused_with_the_right_one(self, api: Client, query: str) -> None:
        answer = await api.ask("GET", f"/api/parcels?{query}")
        assert answer.status == 400
        assert "sent_by" not in answer.text.replace(query, "").replace("`sent_by`", "").replace(
            "[sent_by]", ""
        )

    async def test_errors_speak_of_the_same_names(self, api: Client) -> None:
        attributes = {"stopCount": "many", "sentby": "x", "sent_by": "y"}
        answer = await api.send("POST", "/parcels", {"type": "parcels", "attributes": attributes})
        assert answer.status == 422
        assert answer.error["source"] == {"pointer": "/data/attributes/sent_by"}
        del attributes["sent_by"]
        answer = await api.send("POST", "/parcels", {"type": "parcels", "attributes": attributes})
        assert {each["source"]["pointer"] for each in answer.errors} == {
            "/data/attributes/sentBy", "/data/attributes/sentby", "/data/attributes/stopCount",
        }  # fmt: skip
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
            assert each["source"]["pointer"].startswith("/data/attributes/")

    async def test_a_forbidden_record_is_403(self, api: Client) -> None:
        assert (await api.get("/vaults")).status == 403
