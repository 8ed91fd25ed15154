"""Attacks: each is stopped by a defence of its own, and says nothing that a stranger may not know."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from tests.integration.graphql.client import Answer, Client
from tests.integration.graphql.conftest import ALLOWED
from tests.integration.graphql.office import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")


def nested(levels: int) -> str:
    inner = "id"
    for number in range(levels):
        inner = f"note {{ comments(limit: 1) {{ {inner} }} }}" if number else inner
    return f"{{ notes(limit: 1) {{ comments(limit: 1) {{ {inner} }} }} }}"


class TestSize:
    async def test_a_deep_query_is_refused(self, api: Client) -> None:
        assert (await api.ask(nested(2))).status == 200
        answer = await api.ask(nested(5))
        assert (answer.status, answer.code) == (400, "query-too-large")
        assert "depth" in answer.errors[0]["message"]

    @pytest.mark.parametrize("levels", [500, 1300])
    async def test_nesting_that_would_exhaust_the_stack_is_refused(self, api: Client, levels: int) -> None:
        answer = await api.ask("{a" * levels + "}" * levels)
        assert (answer.status, answer.code) == (400, "query-too-large")

    async def test_a_chain_of_fragments_is_refused(self, api: Client) -> None:
        fragments = " ".join(f"fragment F{n} on Note {{ ...F{n + 1} }}" for n in range(600))
        answer = await api.ask("{ notes { ...F0 } } " + fragments + " fragment F600 on Note { id }")
        assert answer.status == 400

    async def test_a_deep_question_about_the_schema_is_refused(self, api: Client) -> None:
        inner = "name"
        for _ in range(5):
            inner = f"fields {{ type {{ {inner} }} }}"
        answer = await api.ask(f'{{ __type(name: "Note") {{ {inner} }} }}')
        assert (answer.status, answer.errors[0]["extensions"]["code"]) == (400, "graphql-invalid")

    @pytest.mark.parametrize(
        ("query", "times"),
        [
            ("{ __schema { %s } }", 20),
            ("{ __schema { ...F } } fragment F on __Schema { %s }", 20),
            ("query ($d: Boolean = false) { __schema { %s } }", 20),
            ("{ %s }", 19),
        ],
    )
    async def test_the_schema_is_not_told_again_and_again(self, api: Client, query: str, times: int) -> None:
        told = "types { name fields%s { name args { name description type { name } } } }"
        told %= "(includeDeprecated: $d)" if "$d" in query else ""
        one = f"a%d: __schema {{ {told} }}" if times == 19 else f"a%d: {told}"
        answer = await api.ask(query.replace("%s", " ".join(one.replace("%d", str(n)) for n in range(times))))
        assert (answer.status, answer.code) == (400, "query-too-large")
        assert "about the schema" in answer.errors[0]["message"]

    async def test_many_aliases_are_refused(self, api: Client) -> None:
        fields = " ".join(f"a{n}: title" for n in range(300))
        answer = await api.ask(f"{{ notes {{ {fields} }} }}")
        assert (answer.status, answer.code) == (400, "query-too-large")

    @pytest.mark.parametrize(
        "query",
        ["{ %s }", "{ ... { %s } }", "{ ...F } fragment F on Query { ...G } fragment G on Query { %s }"],
    )
    async def test_many_fields_at_the_top_are_refused(self, api: Client, query: str) -> None:
        fields = " ".join(f"a{n}: notes {{ id }}" for n in range(21))
        answer = await api.ask(query.replace("%s", fields))
        assert (answer.status, answer.code) == (400, "query-too-large")
        assert "at the top" in answer.errors[0]["message"]

    async def test_fragments_that_multiply_are_refused(self, api: Client) -> None:
        doubled = " ".join(f"fragment F{n} on Note {{ ...F{n + 1} ...F{n + 1} }}" for n in range(30))
        answer = await api.ask("{ notes { ...F0 } } " + doubled + " fragment F30 on Note { id }")
        assert (answer.status, answer.code) == (400, "query-too-large")

    async def test_a_cycle_of_fragments_is_refused(self, api: Client) -> None:
        answer = await api.ask("{ notes { ...A } } fragment A on Note { ...B } fragment B on Note { ...A }")
        assert (answer.status, answer.errors[0]["extensions"]["code"]) == (400, "graphql-invalid")

    async def test_long_lists_inside_long_lists_are_refused(self, api: Client) -> None:
        query = "query ($n: Int!) { notes(limit: $n) { id comments(limit: $n) { id text } } }"
        assert (await api.ask(query, {"n": 50})).status == 200
        answer = await api.ask(query, {"n": 1000})
        assert (answer.status, answer.code) == (400, "query-too-large")

    async def test_a_costly_answer_of_a_mutation_is_refused_before_anything_is_written(
        self, api: Client
    ) -> None:
        answer = await api.ask(
            'mutation { createNote(input: {slug: "costly", title: "x"}) { result { comments(limit: 1000) {'
            " note { comments(limit: 1000) { id } } } } } }"
        )
        assert answer.code == "query-too-large"
        assert await api.data('{ noteBySlug(slug: "costly") { id } }') == {"noteBySlug": None}

    @pytest.mark.parametrize("limit", [0, -1, 1001, 2**31 - 1])
    async def test_a_limit_out_of_range_is_refused(self, api: Client, limit: int) -> None:
        assert (await api.ask(f"{{ notes(limit: {limit}) {{ id }} }}")).code == "invalid-page"
        nested_list = f"{{ notes {{ comments(limit: {limit}) {{ id }} }} }}"
        assert (await api.ask(nested_list)).code in {"invalid-page", "query-too-large"}

    async def test_a_position_before_the_first_row_is_refused(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        assert (await api.ask("{ notes(offset: -1) { id } }")).code == "invalid-page"
        assert (await api.ask("{ notes { comments(offset: -1) { id } } }")).code == "invalid-page"
        assert (await api.ask("{ topNotes(offset: -1) { id } }")).code == "invalid-page"

    async def test_a_long_document_is_refused_unread(self, api: Client) -> None:
        answer = await api.ask("{ notes { id } } #" + "x" * 40_000)
        assert (answer.status, answer.code) == (400, "query-too-large")

    async def test_many_tokens_are_refused(self, api: Client) -> None:
        values = " ".join(['"a"'] * 2_500)
        answer = await api.ask(f"{{ notes(filter: {{slug: {{in: [{values}]}}}}) {{ id }} }}")
        assert "tokens" in answer.errors[0]["message"]
        assert (answer.status, answer.code) == (400, "query-too-large")

    async def test_a_large_body_is_refused(self, api: Client, served: Any) -> None:
        # On a connection of its own, which the server closes without reading on.
        async with aiohttp.ClientSession() as session:
            alone = Client(session, served.url, api.person)
            answer = await alone.ask("{ notes { id } }", {"x": "y" * 200_000})
        assert (answer.status, answer.code) == (413, "payload-too-large")

    async def test_a_filter_is_bounded(self, api: Client) -> None:
        wide = {"or": [{"slug": {"eq": str(number)}} for number in range(200)]}
        query = "query ($w: NoteFilter) { notes(filter: $w) { id } }"
        assert (await api.ask(query, {"w": wide})).code == "invalid-filter"
        deep: dict[str, Any] = {"slug": {"eq": "a"}}
        for _ in range(20):
            deep = {"not": deep}
        assert (await api.ask(query, {"w": deep})).code == "invalid-filter"
        for _ in range(400):
            deep = {"not": deep}
        answer = await api.ask(query, {"w": deep})
        assert answer.status in {200, 400}
        assert answer.code in {"invalid-filter", "query-too-large", "graphql-invalid"}

    async def test_deep_json_is_refused(self, api: Client) -> None:
        body = '{"query": "{ __typename }", "variables": {"x": ' + "[" * 20_000 + "]" * 20_000 + "}}"
        answer = await api.send(data=body, headers={"content-type": "application/json"})
        assert (answer.status, answer.code) == (400, "malformed-body")


class TestBatches:
    async def test_a_list_of_requests_is_refused(self, api: Client) -> None:
        body = json.dumps([{"query": "{ __typename }"}] * 2)
        answer = await api.send(data=body, headers={"content-type": "application/json"})
        assert (answer.status, answer.code) == (400, "batch-refused")

    async def test_where_lists_are_taken_they_are_short(self, closed: Client) -> None:
        async def send(count: int) -> Answer:
            body = json.dumps([{"query": ALLOWED[0]}] * count)
            return await closed.send(data=body, headers={"content-type": "application/json"})

        assert (await send(2)).json == [{"data": {"notes": []}}] * 2
        assert (await send(3)).code == "batch-refused"
        assert (await send(0)).code == "batch-refused"


class TestSmuggling:
    @pytest.mark.parametrize(
        "query",
        [
            "{ notes { secret } }",
            "{ notes { orgId } }",
            "{ notes { secretLength } }",
            "{ notes { hidden { text } } }",
            "{ notes { comments { score } } }",
            "{ notes { place { code } } }",
            '{ notes(filter: {secret: {startsWith: "t"}}) { id } }',
            '{ notes(filter: {hidden: {text: {eq: "t"}}}) { id } }',
            "{ notes(filter: {comments: {score: {eq: 7}}}) { id } }",
            "{ notes(sort: [{field: SECRET}]) { id } }",
            "{ notes(sort: [{field: SECRET_LENGTH}]) { id } }",
            "{ persons { id } }",
            "{ hiddens { id } }",
            "{ comments { id } }",
            'mutation { createNote(input: {slug: "a", title: "b", orgId: "x"}) { errors { code } } }',
            'mutation { createNote(input: {slug: "a", title: "b", place: {code: "x"}}) { errors { code } } }',
        ],
    )
    async def test_what_is_not_public_is_unknown(self, api: Client, note: dict[str, Any], query: str) -> None:
        answer = await api.ask(query)
        assert answer.status == 400
        assert {each["extensions"]["code"] for each in answer.errors} == {"graphql-invalid"}
        assert SECRET not in answer.text

    async def test_variables_are_held_to_the_same_names(self, api: Client, note: dict[str, Any]) -> None:
        query = "query ($w: NoteFilter) { notes(filter: $w) { id } }"
        for smuggled in (
            {"secret": {"eq": SECRET}},
            {"orgId": {"isNil": False}},
            {"slug": {"matches": "x"}},
            {"out_name": 1},
        ):
            assert (await api.ask(query, {"w": smuggled})).status == 400

    async def test_a_field_that_a_policy_hides_cannot_be_guessed(
        self, api: Client, bobs_api: Client, note: dict[str, Any]
    ) -> None:
        await api.data("mutation ($id: ID!) { publishNote(id: $id) { errors { code } } }", id=note["id"])
        query = "query ($w: NoteFilter) { notes(filter: $w) { slug } }"
        assert await api.data(query, w={"wage": {"eq": 100}}) == {"notes": [{"slug": "first"}]}
        assert await bobs_api.data(query, w={"wage": {"eq": 100}}) == {"notes": []}
        assert await bobs_api.data(query, w={"wage": {"isNil": True}}) == {"notes": [{"slug": "first"}]}
        written = await api.data(
            "query { folders(filter: {notes: {wage: {eq: 100}}}) { id } }",
        )
        assert written == {"folders": []}

    async def test_values_are_never_conditions(self, api: Client, note: dict[str, Any]) -> None:
        query = "query ($v: String) { notes(filter: {slug: {eq: $v}}) { id } }"
        for value in ({"eq": "x"}, ["first"], 5):
            assert (await api.ask(query, {"v": value})).status == 400
        assert await api.data(query, v="first' OR 1=1 --") == {"notes": []}
        assert (await api.ask(query, {"v": "nul\u0000"})).code == "invalid-filter"
        assert (await api.ask(query, {"v": None})).code == "invalid-filter"

    async def test_names_of_the_schema_are_not_suggested_where_it_is_closed(self, closed: Client) -> None:
        answer = await closed.ask("{ notez { slug } }")
        assert answer.code == "query-not-allowed"


class TestKnownDocuments:
    async def test_a_closed_server_answers_known_documents_only(self, closed: Client) -> None:
        assert (await closed.ask(ALLOWED[0])).data == {"notes": []}
        answer = await closed.ask("{ notes { id } }")
        assert (answer.status, answer.code) == (403, "query-not-allowed")
        by_hash = hashlib.sha256(ALLOWED[0].encode()).hexdigest()
        known = {"persistedQuery": {"version": 1, "sha256Hash": by_hash}}
        body = json.dumps({"extensions": known})
        answer = await closed.send(data=body, headers={"content-type": "application/json"})
        assert answer.data == {"notes": []}

    async def test_a_closed_server_registers_nothing(self, closed: Client) -> None:
        text = "{ notes { title } }"
        extensions = {
            "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}
        }
        assert (await closed.ask(text, extensions=extensions)).code == "query-not-allowed"

    async def test_a_document_is_registered_by_its_hash(self, api: Client, note: dict[str, Any]) -> None:
        text = "query ($id: ID!) { note(id: $id) { slug } } # by hash"
        extensions = {
            "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}
        }
        body = {"variables": {"id": note["id"]}, "extensions": extensions}
        headers = {"content-type": "application/json"}
        answer = await api.send(data=json.dumps(body), headers=headers)
        assert (answer.status, answer.code) == (200, "PERSISTED_QUERY_NOT_FOUND")
        assert answer.errors[0]["message"] == "PersistedQueryNotFound"
        assert (await api.ask(text, body["variables"], extensions=extensions)).data == {
            "note": {"slug": "first"}
        }
        assert (await api.send(data=json.dumps(body), headers=headers)).data == {"note": {"slug": "first"}}

    async def test_a_hash_must_be_the_documents_own(self, api: Client) -> None:
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
        answer = await api.ask("{ notes { id } }", extensions=extensions)
        assert (answer.status, answer.code) == (400, "persisted-query-mismatch")

    async def test_an_invalid_document_is_not_registered(self, api: Client) -> None:
        text = "{ nonsense }"
        extensions = {
            "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}
        }
        assert (await api.ask(text, extensions=extensions)).code == "graphql-invalid"
        body = json.dumps({"extensions": extensions})
        answer = await api.send(data=body, headers={"content-type": "application/json"})
        assert answer.code == "PERSISTED_QUERY_NOT_FOUND"


class TestHttp:
    QUERY = "{ __typename }"

    async def test_the_media_type_is_the_clients_choice(self, api: Client) -> None:
        for accept, kind in (
            (
                "application/graphql-response+json, application/json;q=0.9",
                "application/graphql-response+json",
            ),
            ("application/json", "application/json"),
            ("*/*", "application/graphql-response+json"),
            ("text/html, application/json;q=0.1", "application/json"),
        ):
            answer = await api.ask(self.QUERY, headers={"accept": accept})
            assert (answer.status, answer.headers["content-type"]) == (200, kind)
        answer = await api.ask(self.QUERY, headers={"accept": "text/html"})
        assert (answer.status, answer.code) == (406, "not-acceptable")

    @pytest.mark.parametrize(("accept", "status"), [("application/json", 200), ("*/*", 400)])
    @pytest.mark.parametrize(
        "query", ["{", "{ nothing }", "query ($x: Int!) { __typename @include(if: $x) }"]
    )
    async def test_a_bad_document_has_the_status_of_its_media_type(
        self, api: Client, accept: str, status: int, query: str
    ) -> None:
        answer = await api.ask(query, headers={"accept": accept})
        assert answer.status == status
        assert "data" not in answer.json
        assert answer.errors[0]["locations"]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "malformed-body"),
            (b"{", "malformed-body"),
            (b"\xff\xfe", "malformed-body"),
            (b'{"query": "\xff"}', "malformed-body"),
            (b"1", "malformed-graphql-request"),
            (b"{}", "malformed-graphql-request"),
            (b'{"query": 1}', "malformed-graphql-request"),
            (b'{"query": "{ __typename }", "variables": []}', "malformed-graphql-request"),
            (b'{"query": "{ __typename }", "operationName": 1}', "malformed-graphql-request"),
            (b'{"query": "{ __typename }", "operationName": "X"}', "malformed-graphql-request"),
            (b'{"query": "{ __typename }", "extensions": 1}', "malformed-graphql-request"),
            (
                b'{"query": "{ __typename }", "extensions": {"persistedQuery": 1}}',
                "malformed-graphql-request",
            ),
            (b'{"query": "fragment A on Note { id }"}', "graphql-invalid"),
            (b'{"query": "query A { __typename } query B { __typename }"}', "malformed-graphql-request"),
            (b'{"query": "subscription { x }"}', "graphql-invalid"),
            (b'{"query": "{ note(id: 1.5) { id } }"}', "graphql-invalid"),
            (b'{"query": "{ \\u0000 }"}', "graphql-syntax"),
        ],
    )
    async def test_a_bad_request_is_no_server_error(self, api: Client, body: bytes, code: str) -> None:
        answer = await api.send(data=body, headers={"content-type": "application/json"})
        assert answer.status == 400, answer.text
        assert answer.errors[0]["extensions"]["code"] == code

    @pytest.mark.parametrize(
        "given",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/graphql",
            "application/json; charset=utf-16",
            "",
        ],
    )
    async def test_what_a_browser_sends_unasked_is_not_read(self, api: Client, given: str) -> None:
        answer = await api.send(data=b'{"query": "{ __typename }"}', headers={"content-type": given})
        assert (answer.status, answer.code) == (415, "unsupported-media-type")

    async def test_a_query_may_come_by_get_and_a_mutation_may_not(
        self, api: Client, note: dict[str, Any]
    ) -> None:
        query = "query ($id: ID!) { note(id: $id) { slug } }"
        path = "/graphql?" + urlencode({"query": query, "variables": json.dumps({"id": note["id"]})})
        assert (await api.send("GET", path)).data == {"note": {"slug": "first"}}
        path = "/graphql?" + urlencode(
            {"query": 'mutation { putNote(input: {slug: "x", title: "x"}) { errors { code } } }'}
        )
        answer = await api.send("GET", path)
        assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method-not-allowed", "POST")
        assert await api.data('{ noteBySlug(slug: "x") { id } }') == {"noteBySlug": None}

    @pytest.mark.parametrize(
        "path", ["?query=%7B", "?query=%FF", "?variables=x&query=a", "", "?query=" + "a" * 200_000]
    )
    async def test_a_bad_query_string_is_no_server_error(self, api: Client, path: str) -> None:
        answer = await api.send("GET", f"/graphql{path}")
        assert answer.status in {400, 414}

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    async def test_other_methods_are_refused(self, api: Client, method: str) -> None:
        answer = await api.send(method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, POST"

    async def test_introspection_can_be_shut(self, session: Any, served: Any, api: Client) -> None:
        assert (await api.send("GET", "/graphql/schema.graphql")).text.count("type Note ") == 1
        closed = Client(session, served.closed_url, api.person)
        assert (await closed.send("GET", "/graphql/schema.graphql")).status == 404
