"""Requests that are meant to do harm: each is refused, says nothing of the inside, and leaves the server well."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from tests.integration.json_api.atlas import HIDDEN_TEXT
from tests.integration.json_api.atlas_server import Atlassed, made, remark, tag
from tests.integration.json_api.client import MEDIA_TYPE, Answer, Client

from sorbus.errors.http import NoSuchRoute

pytestmark = pytest.mark.asyncio(loop_scope="session")

INSIDE = ("Traceback", ".py", "asyncpg", "postgres", "SELECT", "atlas_", "secret")


@pytest.fixture
def api(atlas_api: Client) -> Client:
    return atlas_api


def refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in (statuses or (400, 404, 409, 413, 414, 415, 422)), (answer.status, answer.text)
    assert not [each for each in INSIDE if each in answer.text], answer.text


SMUGGLING = [
    "filter[draft]=article-secret",
    "filter[draft][starts_with]=a",
    "filter[taggings][weight]=1",
    "filter[tags][private_note]=tag-secret",
    "filter[author][salary][greater_than]=1",
    "filter[comments][score]=7",
    "filter[comments][article][title]=x",
    "filter[or][0][draft]=x",
    "filter[not][draft]=x",
    "filter[author][articles][draft]=x",
    'filter={"draft":{"eq":"x"}}',
    'filter={"or":[{"author":{"salary":{"eq":4711}}}]}',
    'filter={"title":{"eq":{"draft":"x"}}}',
    'filter={"title":{"in":[["x"]]}}',
    'filter={"title":{"eq":null}}',
    'filter={"__class__":{"eq":1}}',
    "filter[__class__]=x",
    "filter[title][__ne__]=x",
    "sort=draft",
    "sort=author.salary",
    "sort=tags.name",
    "sort=author.articles.title",
    "sort=__dict__",
    "fields[articles]=draft",
    "fields[articles]=__dict__",
    "fields[tagging]=weight",
    "fields[writers]=salary",
    "include=taggings",
    "include=author.salary",
    "include=comments&filter_included[comments][score]=7",
    "include=comments&sort_included[comments]=score",
    "include=comments.article",
    "page[limit]=1 OR 1=1",
]


@pytest.mark.parametrize("query", SMUGGLING)
async def test_private_fields_cannot_be_smuggled_in(api: Client, query: str) -> None:
    await made(api, "/articles", title="x")
    answer = await api.ask("GET", f"/api/articles?{quote(query, safe='=&')}")
    assert answer.status == 400, answer.text
    assert "article-secret" not in answer.text.replace(query, "")
    for private in ("draft", "salary", "private_note", "weight", "score"):
        assert f"{private}," not in answer.text, "no list of what is allowed names it"


async def test_what_may_not_be_seen_cannot_be_guessed(api: Client, atlas: Atlassed) -> None:
    """The answer is the same whether a hidden row matches or not, in filters, sorts and counts."""
    seen, unseen = await made(api, "/articles", title="a"), await made(api, "/articles", title="b")
    await remark(atlas, unseen["id"], HIDDEN_TEXT, 5)
    for article in (seen, unseen):
        here = f"/articles/{article['id']}"
        assert (await api.get(f"{here}/comments", page={"count": "true"})).json["meta"]["page"]["total"] == 0
        found = await api.ask(
            "GET", f"/api{here}?include=comments,first_comment&page_included[comments][count]=true"
        )
        assert found.json["included"] == []
        assert found.data["relationships"]["first_comment"]["data"] is None
        assert found.data["relationships"]["comments"]["meta"]["page"]["total"] == 0
    keys = f"{seen['id']},{unseen['id']}"
    query = f"filter[id][in]={keys}&filter[comments][place]=5"
    assert (await api.ask("GET", f"/api/articles?{query}")).data == []
    query = f"filter[id][in]={keys}&filter[not][comments][place]=5"
    assert len((await api.ask("GET", f"/api/articles?{query}")).data) == 2


@pytest.mark.parametrize("member", ["attributes", "relationships"])
async def test_inputs_that_only_code_may_give_are_not_there(api: Client, member: str) -> None:
    value: Any = "forged" if member == "attributes" else {"data": {"type": "tags", "id": str(uuid4())}}
    resource = {"type": "tags", "id": str(uuid4()), "attributes": {"name": "x"}}
    document = {"data": {**resource, member: {**resource.get(member, {}), "minted": value}}}  # type: ignore[dict-item]

    async def posted(body: str) -> Answer:
        return await api.ask("POST", "/api/tags", data=body, headers={"content-type": MEDIA_TYPE})

    found = await posted(json.dumps(document))
    other = await posted(json.dumps(document).replace("minted", "nowhere"))
    refused(found, 400, 422)
    assert found.text.replace("minted", "nowhere") == other.text, "it is answered as what there is not"
    assert (await api.get(f"/tags/{resource['id']}")).status == 404


DEEP = 60


@pytest.mark.parametrize(
    "query",
    [
        "filter" + "[not]" * DEEP + "[title]=x",
        "filter" + "[not]" * 12 + "[title]=x",
        "filter=" + '{"not":' * 12 + '{"title":{"eq":"x"}}' + "}" * 12,
        "filter" + "[author][articles]" * DEEP + "[title]=x",
        "filter" + "[or][0]" * DEEP + "[title]=x",
        "filter=" + '{"not":' * DEEP + '{"title":{"eq":"x"}}' + "}" * DEEP,
        "filter=" + "[" * 5000,
        "filter=" + '{"a":' * 2000,
        "&".join(f"filter[or][{number}][title]=x" for number in range(100)),
        "&".join("filter[title]=x" for _ in range(150)),
        "filter[title][in]=" + ",".join("x" * 300),
        "filter[or]=x",
        "filter[or][a][title]=x",
        "filter[or][-1][title]=x",
        "filter[\u0661][title]=x",
        "filter[and]=",
        "filter[not]=x",
        "filter[not][not]=x",
        "filter[title][eq][eq]=x",
        "filter[author]=x",
        "filter[author][is_nil]=true",
        "filter[]=x",
        "filter[][]=x",
        "filter[title=x",
        "filter]=x",
        "sort=" + "author." * 200 + "name",
        "sort=" + ",".join(["title"] * 30),
        "include=" + ".".join(["author", "articles"] * 100),
        "page[after]=" + "A" * 5000,
        "page[after]=%00%ff",
        "page[after]=..&page[before]=..",
        "page[offset]=-1",
        "page[offset]=99999999999999999999",
        "page[limit]=1e3",
        "page[limit]=\u0663",
        "filter[title]=%00",
        "filter[rating]=9223372036854775808",
        "filter[rating]=NaN",
        "filter[published_at]=99999-01-01T00:00:00Z",
        "filter[published_at]=0001-01-01T00:00:00%2B23:59",
        "filter[id]=' OR 1=1 --",
    ],
)
async def test_queries_that_are_too_deep_wide_or_odd_are_refused(api: Client, query: str) -> None:
    refused(await api.ask("GET", f"/api/articles?{quote(query, safe='=&%')}"), 400, 414)
    assert (await api.get("/articles", page={"limit": 1})).status == 200


async def test_a_cursor_is_good_for_its_own_list_only(api: Client) -> None:
    mine = await made(api, "/articles", title="mine", tags=[await tag(api, name) for name in "ab"])
    page = await api.get(f"/articles/{mine['id']}/tags", page={"limit": 1})
    cursor = page.json["links"]["next"].partition("page%5Bafter%5D=")[2].partition("&")[0]
    for path in ("/api/tags", "/api/articles", f"/api/articles/{mine['id']}/weighty"):
        refused(await api.ask("GET", f"{path}?page[after]={cursor}"), 400)
    refused(await api.ask("GET", f"/api/articles/{mine['id']}/tags?page[after]={cursor}&sort=name"), 400)
    turned = cursor[:-6] + ("A" if cursor[-6] != "A" else "B") + cursor[-5:]
    refused(await api.ask("GET", f"/api/articles/{mine['id']}/tags?page[after]={turned}"), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{",
        b"\xff\xfe{}",
        b'{"data": {}}',
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": {"attributes": []}}',
        b'{"data": {"attributes": {"title": "\\ud800"}}}',
        b'{"data": {"attributes": {"title": "\xff"}}}',
        b'{"data": {"attributes": {"title": "\\u0000"}}}',
        b'{"data": {"attributes": {"title": {"a": 1}}}}',
        b'{"data": {"relationships": []}}',
        b'{"data": {"relationships": {"tags": []}}}',
        b'{"data": {"relationships": {"tags": {"data": {}}}}}',
        b'{"data": {"type": 7, "attributes": {"title": "x"}}}',
        b'{"data": {"id": {}, "attributes": {"title": "x"}}}',
        b'{"data": {"attributes": {"title": "x", "draft": "smuggled"}}}',
        b'{"data": {"attributes": {"title": "x", "id": "01a1fd0a-174d-721b-9583-a0289a8af260"}}}',
        b'{"data": {"attributes": {"title": "x", "rating": 1e400}}}',
        b'{"data": {"attributes": {"title": "x", "rating": 99999999999999999999999}}}',
        b'{"data":' * 5000,
        b"[" * 100_000,
        '{"data": {}}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"data": {"attributes": {"title": "x", "tags": ["x"]}, "relationships": {"tags": {"data": []}}}}',
    ],
)
async def test_odd_bodies_are_refused(api: Client, body: bytes) -> None:
    headers = {"content-type": MEDIA_TYPE}
    refused(await api.ask("POST", "/api/articles", data=body, headers=headers), 400, 403, 409, 422)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        7,
        "x",
        [None],
        [[]],
        [{}],
        [{"type": "tags"}],
        [{"type": "tags", "id": "\x00"}],
        [{"type": "tags", "id": "x" * 9000}],
    ],
)
async def test_odd_linkage_is_refused(api: Client, data: Any) -> None:
    article = await made(api, "/articles", title="x")
    body = json.dumps({"data": data})
    for method in ("POST", "PATCH", "DELETE"):
        where = f"/api/articles/{article['id']}/relationships/tags"
        refused(await api.ask(method, where, data=body, headers={"content-type": MEDIA_TYPE}), 400, 409, 422)


async def test_many_identifiers_are_one_answer(api: Client) -> None:
    article = await made(api, "/articles", title="x")
    data = [{"type": "tags", "id": str(uuid4())} for _ in range(2000)]
    answer = await api.send("POST", f"/articles/{article['id']}/relationships/tags", data)
    refused(answer, 404, 422, 413, 400)
    assert len(answer.text) < 100_000


@pytest.mark.parametrize(
    "path",
    [
        "/articles/%2e%2e",
        "/articles/..%2f..%2fhealth",
        "/articles/%00",
        "/articles/%ff",
        "/articles/a%0Ab",
        "/articles/a%0A/tags",
        "/%0A",
        "/articles/a%2Fb",
        "/articles/%F0%9F%92%A9/tags",
        "/articles//tags",
        "/articles/{id}",
        "/articles/{id}/tags",
        "/articles/x/relationships/",
        "/articles/x/relationships/tags/y",
        "/articles/relationships/tags",
        "/articles/" + "x" * 5000,
        "/" + "/" * 500,
        "/articles/x/relationships/__class__",
    ],
)
async def test_odd_paths_are_not_found(api: Client, path: str) -> None:
    answer = await api.ask("GET", f"/api{path}")
    refused(answer, 404)
    assert answer.headers["content-type"] == MEDIA_TYPE


async def test_a_key_with_a_slash_is_a_key(api: Client) -> None:
    """Text keys may hold what a path may not; links to them are encoded, and read back."""
    from sorbus.apis.json_api.application import JsonApiApplication, Place

    served = JsonApiApplication.__new__(JsonApiApplication)
    served.prefix, served.places = "/api", {"/words/{id}": Place(), "/words/{id}/relationships/x": Place()}
    assert served.find("/words/a%2Fb")[1] == "a/b"
    assert served.find("/words/a%2Fb/relationships/x")[1] == "a/b"
    assert served.find("/%77ords/a")[1] == "a", "encoded or not, it is the same path"
    for path in ("/words%2Fa", "/words/a/relationships%2Fx", "/words/a/b", "/words/", "/words"):
        with pytest.raises(NoSuchRoute):
            served.find(path)
