"""Files in GraphQL requests: where they belong, what does not fit, and who may send a form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from gql import Client as GqlClient
from gql import FileVar, gql
from gql.transport.aiohttp import AIOHTTPTransport
from tests.integration.graphql.client import Answer, Client
from tests.integration.graphql.wire import wire

from sorbus import Sorbus
from sorbus.apis.graphql import GraphqlInterface, Limits
from sorbus.http import http_app, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

HAND_IN = """mutation ($file: Upload!, $label: String! = "x") {
  handInParcel(input: {label: $label, file: $file}) { result { label text } errors { code path message } }
}"""
LOOK = """mutation ($one: Upload, $several: [Upload!]) {
  lookParcel(input: {one: $one, several: $several}) { result errors { code } }
}"""
PREFLIGHT = {"apollo-require-preflight": "true"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(desk: Sorbus) -> AsyncIterator[str]:
    limits = Limits(batch=2, body=2_000, upload=10_000)
    async with serving(http_app(desk, interfaces=[GraphqlInterface(limits=limits)])) as found:
        yield found


@pytest.fixture
def post(session: Any, url: str) -> Any:
    """Send a form: the request, the map and files, by the names of their parts."""

    async def send(
        operations: Any, places: Any, *files: tuple[str, str | bytes], headers: Any = None, **more: Any
    ) -> Answer:
        form = aiohttp.FormData(default_to_multipart=True)
        if operations is not None:
            form.add_field(
                "operations", operations if isinstance(operations, str) else json.dumps(operations)
            )
        if places is not None:
            form.add_field("map", places if isinstance(places, str) else json.dumps(places))
        for name, data in files:
            form.add_field(name, data, filename=f"{name}.txt", content_type="text/plain")
        headers = PREFLIGHT if headers is None else headers
        return await Client(session, url, None).send(data=form, headers=headers, **more)

    return send


async def test_a_client_library_sends_files(url: str, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("from the disk")
    transport = AIOHTTPTransport(url=f"{url}/graphql", headers=PREFLIGHT)
    async with GqlClient(transport=transport) as session:
        file = FileVar(str(tmp_path / "a.txt"), content_type="text/plain")
        request = gql(HAND_IN)
        request.variable_values = {"file": file, "label": "by gql"}
        found = await session.execute(request, upload_files=True)
        assert found["handInParcel"] == {"result": {"label": "by gql", "text": "from the disk"}, "errors": []}
        request = gql(LOOK)
        file = FileVar(str(tmp_path / "a.txt"), content_type="text/plain")
        request.variable_values = {"several": [file]}
        found = await session.execute(request, upload_files=True)
        assert found["lookParcel"]["result"] == ["a.txt text/plain from the disk"]


async def test_files_stand_where_the_map_says(post: Any) -> None:
    operations = {"query": LOOK, "variables": {"one": None, "several": [None, None]}}
    places = {"a": ["variables.one", "variables.several.1"], "b": ["variables.several.0"]}
    answer = await post(operations, places, ("a", "A"), ("b", "B"))
    assert answer.data["lookParcel"]["result"] == [
        "a.txt text/plain A",
        "b.txt text/plain B",
        "a.txt text/plain A",
    ]


async def test_several_requests_have_files_of_their_own(post: Any) -> None:
    each = {"query": LOOK, "variables": {"one": None}}
    answer = await post(
        [each, each], {"a": ["0.variables.one"], "b": ["1.variables.one"]}, ("a", "A"), ("b", "B")
    )
    found = [part["data"]["lookParcel"]["result"] for part in answer.json]
    assert found == [["a.txt text/plain A"], ["b.txt text/plain B"]]
    answer = await post([each] * 3, {"a": ["0.variables.one"]}, ("a", "A"))
    assert (answer.status, answer.code) == (400, "batch-refused")


async def test_a_file_may_stand_in_the_request_itself(url: str, session: Any) -> None:
    content = {"name": "c.txt", "content": "QQ=="}
    client = Client(session, url, None)
    assert (await client.data(LOOK, one=content))["lookParcel"]["result"] == ["c.txt text/plain A"]
    literal = '{ lookParcel(input: {one: {name: "d.txt", content: "QQ=="}}) { result } }'
    assert (await client.data(f"mutation {literal}"))["lookParcel"]["result"] == ["d.txt text/plain A"]
    async with wire(session, url) as socket:
        await socket.subscribe("1", LOOK, one=content)
        assert (await socket.next("1"))["lookParcel"]["result"] == ["c.txt text/plain A"]
    for wrong in ("text", 1, ["x"], True):
        answer = await client.ask(LOOK, {"one": wrong})
        assert (answer.status, answer.code) == (400, "graphql-invalid")
    for wrong in ({}, {"name": "a"}, {"name": "../a", "content": 1}, {"path": "/etc/passwd"}):
        errors = (await client.data(LOOK, one=wrong))["lookParcel"]["errors"]
        assert [each["code"] for each in errors] == ["invalid-input"]


async def test_the_input_says_what_a_file_may_be(post: Any) -> None:
    operations = {"query": HAND_IN, "variables": {"file": None}}
    (error,) = (await post(operations, {"0": ["variables.file"]}, ("0", "x" * 1_001))).data["handInParcel"][
        "errors"
    ]
    assert (error["code"], error["path"]) == ("invalid-input", ["input", "file"])
    assert (await post(operations, {})).code == "graphql-invalid"


LONE = {"query": LOOK, "variables": {"one": None}}
ONE = {"query": LOOK, "variables": {"one": None, "several": [None]}}


@pytest.mark.parametrize(
    ("operations", "places", "files", "code"),
    [
        (None, {"a": ["variables.one"]}, ["a"], "upload-mismatch"),
        (ONE, None, ["a"], "upload-mismatch"),
        (ONE, {}, ["a"], "upload-mismatch"),
        (ONE, {"a": []}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.one"]}, [], "upload-mismatch"),
        (ONE, {"a": ["variables.one"]}, ["a", "b"], "upload-mismatch"),
        (ONE, {"a": ["variables.one"]}, ["a", "a"], "upload-mismatch"),
        (ONE, {"a": ["variables.one"], "b": ["variables.one"]}, ["a", "b"], "upload-mismatch"),
        (ONE, {"a": ["variables.one", "variables.one"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.other"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.several.1"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.several.-1"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.several.\u0660"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.several"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["variables.several.0.__class__"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": [""]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["."]}, ["a"], "upload-mismatch"),
        (ONE, {"a": ["query"]}, ["a"], "upload-mismatch"),
        (ONE, {"a": "variables.one"}, ["a"], "upload-mismatch"),
        (ONE, {"a": [1]}, ["a"], "upload-mismatch"),
        (ONE, ["a"], ["a"], "upload-mismatch"),
        (ONE, "{", ["a"], "upload-mismatch"),
        ("{", {"a": ["variables.one"]}, ["a"], "upload-mismatch"),
        ([], {"a": ["0.variables.one"]}, ["a"], "upload-mismatch"),
        ("null", {"a": ["variables"]}, ["a"], "upload-mismatch"),
        ({"query": None}, {"a": ["query"]}, ["a"], "malformed-graphql-request"),
        (ONE, {"a": [f"variables.x{each}" for each in range(65)]}, ["a"], "upload-mismatch"),
        (ONE, {}, [str(each) for each in range(70)], "malformed-form"),
        (
            {**ONE, "variables": {"one": None, "x": "y" * 3_000}},
            {"a": ["variables.one"]},
            ["a"],
            "payload-too-large",
        ),
    ],
)
async def test_what_does_not_fit_is_refused(
    post: Any, operations: Any, places: Any, files: list[str], code: str
) -> None:
    answer = await post(operations, places, *((name, "text") for name in files))
    assert answer.status in {400, 413}
    assert answer.code == code


async def test_a_form_has_a_size(post: Any) -> None:
    answer = await post(ONE, {"a": ["variables.one"]}, ("a", "x" * 20_000))
    assert (answer.status, answer.code) == (413, "payload-too-large")


async def test_a_form_that_a_browser_sends_unasked_is_not_read(post: Any, session: Any, url: str) -> None:
    for headers in ({}, {"apollo-require-preflight": ""}, {"x-requested-with": "XMLHttpRequest"}):
        answer = await post(LONE, {"a": ["variables.one"]}, ("a", "A"), headers=headers)
        assert (answer.status, answer.code) == (400, "preflight-missing")
    for name in ("graphql-require-preflight", "GraphQL-Preflight"):
        answer = await post(LONE, {"a": ["variables.one"]}, ("a", "A"), headers={name: "1"})
        assert answer.status == 200


async def test_a_form_is_answered_at_once(post: Any) -> None:
    headers = {**PREFLIGHT, "accept": "text/event-stream"}
    answer = await post(LONE, {"a": ["variables.one"]}, ("a", "A"), headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.data["lookParcel"]["result"] == ["a.txt text/plain A"]


async def test_where_nothing_takes_files_no_form_is_read(api: Client) -> None:
    form = aiohttp.FormData()
    form.add_field("operations", '{"query": "{ __typename }"}', filename="x")
    answer = await api.send(data=form, headers=PREFLIGHT)
    assert (answer.status, answer.code) == (415, "unsupported-media-type")
