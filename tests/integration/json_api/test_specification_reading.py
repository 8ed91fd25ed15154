"""JSON:API 1.1, statement by statement: what a server owes to those who fetch, filter and include."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote
from uuid import uuid4

import pytest
from tests.integration.json_api.atlas import HIDDEN_TEXT
from tests.integration.json_api.atlas_server import Atlassed, made, remark, tag
from tests.integration.json_api.client import Answer, Client
from tests.integration.json_api.documents import check_document, names
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def api(atlas_api: Client) -> Client:
    return atlas_api


async def raw(api: Client, target: str) -> Answer:
    """GET over a bare connection, since clients escape what is not ASCII."""
    at = URL(api.url)
    reader, writer = await asyncio.open_connection(at.host, at.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {at.host}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    return Answer(int(head.split()[1]), {}, body.decode(), json.loads(body))


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

    async def test_nothing_is_included_that_was_not_asked_for(self, api: Client, atlas: Atlassed) -> None:
        writer = await made(api, "/writers", name="Asked")
        article = await made(api, "/articles", title="x", author_id=writer["id"], tags=[await tag(api, "t")])
        await remark(atlas, article["id"], "x")
        for include, kinds in (("author", {"writers"}), ("author,tags", {"writers", "tags"})):
            answer = await api.get(f"/articles/{article['id']}", include=include)
            assert {each["type"] for each in answer.json["included"]} == kinds

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

    async def test_a_query_is_text_in_utf_8(self, api: Client) -> None:
        mark = f"\u00e9{uuid4().hex}"
        for number in range(2):
            await made(api, "/articles", title=mark, rating=number)
        # The second one as some clients send it, not escaped.
        for written in (quote(mark), mark):
            page = await raw(api, f"/api/articles?filter[title]={written}&page[limit]=1&sort=rating")
            rest = await api.ask("GET", page.json["links"]["next"])
            assert names(page, "rating") + names(rest, "rating") == [0, 1]
        for query in ("filter[title]=%ff", "filter%5B%C3%28%5D=x", "sort=%E2%82"):
            answer = await api.ask("GET", f"/api/articles?{query}")
            assert (answer.status, answer.error["code"]) == (400, "invalid-parameter"), query

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
