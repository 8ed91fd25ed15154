"""Reads over a real socket: lists, pages, filters, sorts, sparse fields, includes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio
from tests.integration.callers import Caller
from tests.integration.json_api.client import MEDIA_TYPE, Client
from tests.integration.json_api.desk import Comment

from sorbus import Sorbus

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def titles():
    return lambda answer: [each["attributes"]["title"] for each in answer.data]


async def several(api: Client, count: int) -> list[dict[str, Any]]:
    tags = ["even", "odd"]
    return [
        await api.write(
            f"n-{number}", f"Note {number}", rank=number % 3, tags=[f"n-{number}", tags[number % 2]]
        )
        for number in range(count)
    ]


class TestOne:
    async def test_a_record_is_shown_with_its_public_fields_only(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        answer = await api.get(f"/notes/{note['id']}")
        assert answer.status == 200
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert answer.headers["vary"] == "accept"
        assert answer.json["jsonapi"] == {"version": "1.1"}
        assert answer.data["type"] == "notes"
        assert answer.data["links"]["self"] == f"/api/notes/{note['id']}"
        names = "body due_at extra folder_id inserted_at price rank slug state tags title"
        assert sorted(answer.data["attributes"]) == names.split()

    async def test_values_come_back_as_they_were_written(self, api: Client) -> None:
        written = {
            "body": "línea\n\u2028",
            "rank": -(2**63),
            "price": "12.50",
            "due_at": "2026-02-28T23:30:00.123456Z",
            "tags": ["a,b", ""],
            "extra": {"deep": [1, {"x": None, "y": 1.5}], "ü": True},
        }
        note = await api.write("values", "Values", **written)
        answer = await api.get(f"/notes/{note['id']}")
        assert {name: answer.data["attributes"][name] for name in written} == written

    async def test_the_link_of_a_record_leads_to_it(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.ask("GET", note["links"]["self"])
        assert answer.data == note

    @pytest.mark.parametrize("key", ["no-uuid", "%00", "%20", "%F0%9F%8C%B3", "x" * 5000])
    async def test_a_text_that_is_no_key_is_not_found(self, api: Client, key: str) -> None:
        answer = await api.ask("GET", f"/api/notes/{key}")
        assert answer.status == 404
        assert answer.error["code"] == "not-found"

    async def test_what_the_actor_may_not_see_is_not_found(
        self, api: Client, bobs_api: Client, note: dict[str, Any]
    ) -> None:
        hidden = await bobs_api.get(f"/notes/{note['id']}")
        missing = await bobs_api.get(f"/notes/{uuid4()}")
        assert hidden.status == missing.status == 404
        assert hidden.error["code"] == missing.error["code"]
        await api.send("POST", f"/notes/{note['id']}/publish")
        assert (await bobs_api.get(f"/notes/{note['id']}")).status == 200

    async def test_another_tenants_record_is_not_found(
        self, session: aiohttp.ClientSession, url: str, api: Client, note: dict[str, Any]
    ) -> None:
        await api.send("POST", f"/notes/{note['id']}/publish")
        stranger = Client(session, url, Caller.new())
        assert (await stranger.get(f"/notes/{note['id']}")).status == 404
        assert (await stranger.get("/notes")).data == []

    async def test_head_has_the_headers_of_get_and_no_body(self, api: Client, note: dict[str, Any]) -> None:
        get = await api.get(f"/notes/{note['id']}")
        head = await api.ask("HEAD", f"/api/notes/{note['id']}")
        assert (head.status, head.text) == (200, "")
        assert head.headers["content-length"] == str(len(get.text.encode()))
        assert head.headers["content-type"] == MEDIA_TYPE


class TestFilters:
    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({"rank": 1}, [1, 4]),
            ({"rank": 1, ("slug", "not_eq"): "n-4"}, [1]),
            ({("rank", "eq"): 2}, [2, 5]),
            ({("slug", "in"): "n-0,n-3,n-9"}, [0, 3]),
            ({("body", "is_nil"): "true"}, [0, 1, 2, 3, 4, 5]),
            ({("body", "is_nil"): "false"}, []),
            ({("slug", "less_than"): "n-2"}, [0, 1]),
            ({("rank", "less_than_or_equal"): 0}, [0, 3]),
            ({("slug", "greater_than"): "n-4"}, [5]),
            ({("rank", "greater_than_or_equal"): 2}, [2, 5]),
            ({("title", "contains"): "ote 3"}, [3]),
            ({("title", "contains"): "%"}, []),
            ({("title", "starts_with"): "Note"}, [0, 1, 2, 3, 4, 5]),
            ({("title", "starts_with"): "ote"}, []),
            ({"title_length": 6, "rank": 0}, [0, 3]),
            ({("comment_count", "greater_than"): 0}, []),
            ({"state": "published"}, []),
            ({("tags", "has"): "even"}, [0, 2, 4]),
            ({("tags", "has"): "even,odd"}, []),
            ({("tags", "intersects"): "n-1,even"}, [0, 1, 2, 4]),
            ({("not", "tags", "has"): "even"}, [1, 3, 5]),
            ({("inserted_at", "greater_than"): "2020-01-01"}, [0, 1, 2, 3, 4, 5]),
        ],
    )
    async def test_only_matching_records_come(
        self, api: Client, filters: dict[Any, Any], expected: list[int]
    ) -> None:
        await several(api, 6)
        answer = await api.get("/notes", filter=filters, sort="slug")
        assert answer.status == 200, answer.text
        assert [each["attributes"]["slug"] for each in answer.data] == [f"n-{number}" for number in expected]

    async def test_a_record_is_found_by_its_id(self, api: Client) -> None:
        first, _ = await several(api, 2)
        assert [each["id"] for each in (await api.get("/notes", filter={"id": first["id"]})).data] == [
            first["id"]
        ]

    @pytest.mark.parametrize(
        ("filters", "parameter", "allowed"),
        [
            ({"nothing": 1}, "filter[nothing]", "slug"),
            ({("rank", "contains"): 1}, "filter[rank][contains]", "less_than"),
            ({("rank", "eqq"): 1}, "filter[rank][eqq]", "eq"),
            ({("state", "less_than"): "draft"}, "filter[state][less_than]", "not_eq"),
            ({("tags", "eq"): "a"}, "filter[tags][eq]", "intersects"),
            ({("tags", "has"): "\x00"}, "filter[tags][has]", "str"),
            ({("tags", "intersects"): ",".join("x" * 201)}, "filter[tags][intersects]", "up to 200"),
            ({"rank": "many"}, "filter[rank]", "int"),
            ({"rank": 2**63}, "filter[rank]", "int"),
            ({"state": "lost"}, "filter[state]", "draft, published"),
            ({"due_at": "tomorrow"}, "filter[due_at]", "datetime"),
            ({("body", "is_nil"): "maybe"}, "filter[body][is_nil]", "true, false"),
            ({"title": "\x00"}, "filter[title]", "str"),
            ({"shout": "X"}, "filter[shout]", "slug"),
            ({("slug", "in"): ",".join("x" * 300)}, "filter[slug][in]", "up to 200"),
        ],
    )
    async def test_a_wrong_filter_says_what_is_allowed(
        self, api: Client, filters: dict[Any, Any], parameter: str, allowed: str
    ) -> None:
        answer = await api.get("/notes", filter=filters)
        assert answer.status == 400
        assert answer.error["code"] == "invalid-filter"
        assert answer.error["source"] == {"parameter": parameter}
        assert allowed in answer.error["detail"]

    async def test_a_misspelt_field_is_answered_with_the_near_one(self, api: Client) -> None:
        answer = await api.get("/notes", filter={"titel": "x"})
        assert answer.error["meta"] == {"hint": "Did you mean `title`?"}

    async def test_a_huge_number_is_answered_not_crashed_on(self, api: Client) -> None:
        answer = await api.get("/notes", filter={"price": "1e999999"})
        assert answer.status < 500

    async def test_too_many_filters_are_refused(self, api: Client) -> None:
        query = "&".join("filter[rank]=1" for _ in range(30))
        answer = await api.ask("GET", f"/api/notes?{query}")
        assert (answer.status, answer.error["code"]) == (400, "invalid-parameter")


class TestSorts:
    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("slug", [0, 1, 2, 3]),
            ("-slug", [3, 2, 1, 0]),
            ("rank,-slug", [3, 0, 1, 2]),
            ("-rank,slug", [2, 1, 0, 3]),
            ("id", [0, 1, 2, 3]),
            ("-title_length,slug", [0, 1, 2, 3]),
            ("comment_count,-slug", [3, 2, 1, 0]),
        ],
    )
    async def test_records_come_in_the_order_asked_for(
        self, api: Client, sort: str, expected: list[int]
    ) -> None:
        await several(api, 4)
        answer = await api.get("/notes", sort=sort)
        assert [each["attributes"]["slug"] for each in answer.data] == [f"n-{number}" for number in expected]

    @pytest.mark.parametrize(
        "sort", ["nothing", "-nothing", "slug,", "---slug", "tags", "extra", "shout", "a" * 9000]
    )
    async def test_a_wrong_sort_says_what_is_allowed(self, api: Client, sort: str) -> None:
        answer = await api.get("/notes", sort=sort)
        assert answer.status == 400
        assert answer.error["source"] == {"parameter": "sort"}
        assert "title" in answer.error["detail"]

    async def test_too_many_terms_are_refused(self, api: Client) -> None:
        assert (await api.get("/notes", sort=",".join(["slug"] * 20))).status == 400


class TestPages:
    async def test_cursors_lead_through_everything_and_back(self, api: Client, titles) -> None:
        await several(api, 7)
        first = await api.get("/notes", sort="-rank,slug", page={"limit": 3})
        assert first.json["links"]["prev"] is None
        second = await api.ask("GET", first.json["links"]["next"])
        third = await api.ask("GET", second.json["links"]["next"])
        assert third.json["links"]["next"] is None
        whole = await api.get("/notes", sort="-rank,slug")
        assert titles(first) + titles(second) + titles(third) == titles(whole)
        assert [len(each.data) for each in (first, second, third)] == [3, 3, 1]
        back = await api.ask("GET", third.json["links"]["prev"])
        assert titles(back) == titles(second)
        assert titles(await api.ask("GET", third.json["links"]["first"])) == titles(first)

    async def test_links_keep_the_other_parameters(self, api: Client) -> None:
        await several(api, 4)
        answer = await api.get(
            "/notes", filter={("slug", "starts_with"): "n-"}, page={"limit": 1}, sort="-slug"
        )
        following = await api.ask("GET", answer.json["links"]["next"])
        assert following.data[0]["attributes"]["slug"] == "n-2"
        assert following.json["links"]["self"].startswith("/api/notes?filter%5Bslug%5D")
        again = await api.ask("GET", following.json["links"]["next"])
        assert again.json["links"]["next"].count("after") == 1

    async def test_pages_by_position_have_a_last_link_when_counted(self, api: Client, titles) -> None:
        await several(api, 5)
        answer = await api.get("/notes", sort="slug", page={"offset": 2, "limit": 2, "count": "true"})
        assert titles(answer) == ["Note 2", "Note 3"]
        assert answer.json["meta"] == {"page": {"limit": 2, "offset": 2, "total": 5}}
        links = answer.json["links"]
        assert titles(await api.ask("GET", links["last"])) == ["Note 4"]
        assert titles(await api.ask("GET", links["prev"])) == ["Note 0", "Note 1"]
        assert titles(await api.ask("GET", links["next"])) == ["Note 4"]

    async def test_counting_counts_only_what_the_actor_may_see(self, api: Client, bobs_api: Client) -> None:
        await several(api, 3)
        counted = {"count": "true"}
        assert (await api.get("/notes", page=counted)).json["meta"]["page"]["total"] == 3
        assert (await bobs_api.get("/notes", page=counted)).json["meta"]["page"]["total"] == 0

    async def test_a_sort_by_a_derived_field_is_paged_by_cursor_too(self, api: Client, titles) -> None:
        await several(api, 3)
        answer = await api.get("/notes", sort="title_length", page={"limit": 2})
        assert "after" in answer.json["links"]["next"]
        rest = await api.ask("GET", answer.json["links"]["next"])
        assert len({*titles(answer), *titles(rest)}) == 3

    @pytest.mark.parametrize(
        ("page", "parameter"),
        [
            ({"limit": 0}, "page[limit]"),
            ({"limit": 1001}, "page[limit]"),
            ({"limit": "ten"}, "page[limit]"),
            ({"limit": "１"}, "page[limit]"),
            ({"offset": -1}, "page[offset]"),
            ({"offset": 10**30}, "page[offset]"),
            ({"count": "perhaps"}, "page[count]"),
            ({"size": 3}, "page[size]"),
            ({"after": "x", "before": "y"}, "page[before]"),
            ({"after": "x", "offset": 1}, "page[offset]"),
            ({"after": "broken"}, "page[after]"),
            ({"after": ""}, "page[after]"),
            ({"before": "Ünïcode"}, "page[before]"),
            ({"before": "A" * 9000}, "page[before]"),
        ],
    )
    async def test_a_wrong_page_is_refused(self, api: Client, page: dict[str, Any], parameter: str) -> None:
        answer = await api.get("/notes", page=page)
        assert answer.status == 400, answer.text
        assert answer.error["source"] == {"parameter": parameter}

    async def test_a_cursor_does_not_fit_another_sort_and_cannot_be_forged(self, api: Client) -> None:
        await several(api, 3)
        following = (await api.get("/notes", sort="slug", page={"limit": 1})).json["links"]["next"]
        cursor = following.partition("page%5Bafter%5D=")[2]
        for sort, value in (("rank", cursor), ("slug", cursor[:-4] + "AAAA"), ("slug", cursor[::-1])):
            answer = await api.get("/notes", sort=sort, page={"after": value})
            assert (answer.status, answer.error["code"]) == (400, "invalid-cursor")


class TestNamedReads:
    async def test_the_inputs_are_query_parameters(self, api: Client, titles) -> None:
        await several(api, 3)
        assert titles(await api.get("/notes/search", text="te 1")) == ["Note 1"]
        both = await api.ask("GET", "/api/notes/search?text=Note&states=draft&states=published&sort=-slug")
        assert titles(both) == ["Note 2", "Note 1", "Note 0"]

    async def test_they_are_filtered_and_paged_too(self, api: Client, titles) -> None:
        await several(api, 4)
        answer = await api.get(
            "/notes/search", text="Note", filter={"rank": 0}, page={"limit": 1}, sort="slug"
        )
        assert titles(answer) == ["Note 0"]
        assert titles(await api.ask("GET", answer.json["links"]["next"])) == ["Note 3"]

    async def test_a_wrong_input_names_its_parameter(self, api: Client) -> None:
        missing = await api.get("/notes/search")
        assert (missing.status, missing.error["code"]) == (400, "required")
        assert missing.error["source"] == {"parameter": "text"}
        wrong = await api.get("/notes/search", text="x", states="lost")
        assert (wrong.status, wrong.error["source"]) == (400, {"parameter": "states"})
        unknown = await api.get("/notes/search", text="x", texts="y")
        assert (unknown.status, unknown.error["code"]) == (400, "unknown-parameter")
        assert unknown.error["meta"]["hint"] == "Did you mean `text`?"

    async def test_an_actions_own_limit_holds(self, api: Client) -> None:
        await several(api, 5)
        answer = await api.get("/notes/top")
        assert [each["attributes"]["rank"] for each in answer.data] == [2, 1]
        assert (await api.get("/notes/top", page={"limit": 5})).status == 400


class TestFields:
    async def test_only_the_fields_asked_for_come(self, api: Client, note: dict[str, Any]) -> None:
        answer = await api.get(f"/notes/{note['id']}", fields={"notes": "title,state"})
        assert answer.data["attributes"] == {"title": "The first note", "state": "draft"}
        assert "relationships" not in answer.data

    async def test_no_fields_means_none(self, api: Client, note: dict[str, Any]) -> None:
        assert (await api.get(f"/notes/{note['id']}", fields={"notes": ""})).data["attributes"] == {}

    async def test_derived_fields_come_when_asked_for(self, app: Sorbus, api: Client, ada: Caller) -> None:
        note = await api.write("derived", "Loud")
        scope = app.scope(actor=ada, tenant=ada.org_id)
        await Comment.say(scope, note_id=note["id"], text="hear, hear")
        asked = {"notes": "title_length,comment_count,shout"}
        expected = {"title_length": 4, "comment_count": 1, "shout": "LOUD"}
        assert (await api.get(f"/notes/{note['id']}", fields=asked)).data["attributes"] == expected
        assert (await api.get("/notes", fields=asked)).data[0]["attributes"] == expected

    @pytest.mark.parametrize(
        ("fields", "parameter"),
        [
            ({"notes": "titel"}, "fields[notes]"),
            ({"note": "title"}, "fields[note]"),
            ({"notes": "id"}, "fields[notes]"),
        ],
    )
    async def test_unknown_fields_and_types_are_refused(
        self, api: Client, fields: dict[str, str], parameter: str
    ) -> None:
        answer = await api.get("/notes", fields=fields)
        assert (answer.status, answer.error["code"]) == (400, "invalid-fields")
        assert answer.error["source"] == {"parameter": parameter}


class TestIncludes:
    @pytest_asyncio.fixture(loop_scope="session")
    async def folder(self, app: Sorbus, api: Client, ada: Caller) -> dict[str, Any]:
        folder = (await api.send("POST", "/folders", {"attributes": {"name": "Box"}})).data
        scope = app.scope(actor=ada, tenant=ada.org_id)
        for slug in ("a", "b"):
            note = await api.write(slug, slug, folder_id=folder["id"])
            await Comment.say(scope, note_id=note["id"], text=f"on {slug}")
        return folder

    async def test_related_records_come_along_once_each(self, api: Client, folder: dict[str, Any]) -> None:
        answer = await api.get("/notes", include="folder,comments", sort="slug")
        kinds = sorted(each["type"] for each in answer.json["included"])
        assert kinds == ["comment", "comment", "folders"]
        box = next(each for each in answer.json["included"] if each["type"] == "folders")
        assert box["attributes"] == {"name": "Box"}
        for each in answer.data:
            assert each["relationships"]["folder"]["data"] == {"type": "folders", "id": folder["id"]}
            (said,) = each["relationships"]["comments"]["data"]
            comment = next(found for found in answer.json["included"] if found["id"] == said["id"])
            assert comment["attributes"] == {
                "text": f"on {each['attributes']['slug']}",
                "note_id": each["id"],
            }

    async def test_paths_include_what_lies_on_the_way(self, api: Client, folder: dict[str, Any]) -> None:
        answer = await api.get(f"/folders/{folder['id']}", include="notes.comments")
        assert sorted(each["type"] for each in answer.json["included"]) == [
            "comment",
            "comment",
            "notes",
            "notes",
        ]

    async def test_a_record_is_never_both_data_and_included(
        self, api: Client, folder: dict[str, Any]
    ) -> None:
        answer = await api.get(f"/folders/{folder['id']}", include="notes.folder")
        assert {each["type"] for each in answer.json["included"]} == {"notes"}
        assert len(answer.data["relationships"]["notes"]["data"]) == 2

    async def test_sparse_fields_hold_for_included_records(self, api: Client, folder: dict[str, Any]) -> None:
        answer = await api.get(
            f"/folders/{folder['id']}", include="notes", fields={"notes": "comment_count", "folders": "notes"}
        )
        assert answer.data["attributes"] == {}
        assert [each["attributes"] for each in answer.json["included"]] == [{"comment_count": 1}] * 2

    async def test_included_records_obey_their_policies(
        self, api: Client, bobs_api: Client, folder: dict[str, Any]
    ) -> None:
        answer = await bobs_api.get(f"/folders/{folder['id']}", include="notes")
        assert answer.json["included"] == []
        assert answer.data["relationships"]["notes"]["data"] == []

    @pytest.mark.parametrize(
        "include", ["author", "comments.note", "folder.notes", "secret", "folder..", ".", "a" * 900]
    )
    async def test_only_allowed_paths_can_be_included(self, api: Client, include: str) -> None:
        answer = await api.get("/notes", include=include)
        assert (answer.status, answer.error["code"]) == (400, "invalid-include")
        assert answer.error["source"] == {"parameter": "include"}
        assert "comments, folder" in answer.error["detail"]

    async def test_a_very_long_relationship_is_cut_and_says_so(
        self, app: Sorbus, api: Client, ada: Caller, note: dict[str, Any]
    ) -> None:
        async with app.database.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO desk_comments (id, org_id, note_id, text, score) "
                "SELECT gen_random_uuid(), $1, $2, 'x', 0 FROM generate_series(1, 1001)",
                ada.org_id,
                UUID(note["id"]),
            )
        answer = await api.get(f"/notes/{note['id']}", include="comments")
        relationship = answer.data["relationships"]["comments"]
        assert (len(relationship["data"]), relationship["meta"]) == (1000, {"truncated": True})
        assert len(answer.json["included"]) == 1000

    async def test_an_empty_include_includes_nothing(self, api: Client, note: dict[str, Any]) -> None:
        assert (await api.get(f"/notes/{note['id']}", include="")).json["included"] == []
        assert "included" not in (await api.get(f"/notes/{note['id']}")).json
