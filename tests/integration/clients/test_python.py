"""The generated Python client against the real server."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest
import pytest_asyncio
from tests.integration.clients.conftest import Served
from tests.integration.json_api.atlas import Remark

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def client(shop: Any, served: Served) -> AsyncIterator[Any]:
    async with shop.Client(served.url) as opened:
        yield opened


async def article(client: Any, title: str, *, writer: str = "", tags: tuple[str, ...] = ()) -> Any:
    keys = [(await client.tags.create(id=uuid4(), name=name)).id for name in tags]
    author = (await client.writers.create(name=writer)).id if writer else None
    return await client.articles.create(title=title, author_id=author, tags=keys)


class TestRecords:
    async def test_have_the_types_of_python(self, client: Any, shop: Any) -> None:
        made = await client.things.create(
            anything=0,
            text="all",
            price=Decimal("12.30"),
            day=date(2030, 1, 31),
            at=datetime(2030, 1, 31, 12, tzinfo=UTC),
            clock=time(8, 30),
            lasts=timedelta(days=2, hours=3, microseconds=5),
            key=UUID(int=7),
            mood=shop.Mood.SO_BAD,
            level=shop.Level.VALUE_3,
            size="m",
            blob=b"\x00\xff",
            moods=[shop.Mood.GOOD],
            extra={"a": [1, None]},
            span={"lower": 1, "upper": 5},
            engine={"power": 9},
            engines=[{"power": 1}],
            fate={"how": "rented", "days": 3},
        )
        assert (made.price, made.day, made.at) == (
            Decimal("12.30"),
            date(2030, 1, 31),
            datetime(2030, 1, 31, 12, tzinfo=UTC),
        )
        assert (made.clock, made.lasts, made.key) == (
            time(8, 30),
            timedelta(days=2, hours=3, microseconds=5),
            UUID(int=7),
        )
        assert (made.mood, made.level, made.size) == (shop.Mood.SO_BAD, shop.Level.VALUE_3, "m")
        assert (made.blob, made.moods, made.extra) == (b"\x00\xff", [shop.Mood.GOOD], {"a": [1, None]})
        assert (made.span.lower, made.span.upper, made.span.bounds) == (1, 5, "[)")
        assert isinstance(made.engine, shop.Engine)
        assert made.engine.power == 9
        assert made.fate == shop.Rented(how="rented", days=3)
        # What was shown can be given back.
        again = await client.things.create(
            anything=0, text="again", fate=made.fate, lasts=-made.lasts, span=made.span
        )
        assert (again.fate, again.lasts, again.span) == (made.fate, -made.lasts, made.span)
        assert await client.things.get(made.id) == made

    async def test_have_the_fields_that_were_chosen(self, client: Any, shop: Any) -> None:
        made = await article(client, "Chosen")
        found = await client.articles.get(made.id, fields=["title", "title_length"])
        assert (found.title, found.title_length) == ("Chosen", 6)
        with pytest.raises(shop.NotChosen, match="`rating` was not chosen"):
            _ = found.rating
        with pytest.raises(AttributeError, match="has no `ratting`"):
            _ = found.ratting
        assert repr(found) == "Article(title='Chosen', title_length=6)"
        plain = await client.articles.get(made.id)
        assert plain.rating is None
        assert not hasattr(plain, "title_length")

    async def test_can_be_copied(self, client: Any) -> None:
        made = await article(client, "Copied", writer="Ada")
        found = await client.articles.get(made.id, fields=["title", {"author": ["name"]}])
        for each in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
            assert each == found
            assert each.author.name == "Ada"
        with pytest.raises(FrozenInstanceError):
            found.title = "Changed"

    async def test_keys_that_are_numbers_are_numbers(self, client: Any) -> None:
        word = await client.labels.create(word="one")
        assert isinstance(word.id, int)
        assert (await client.labels.get(word.id)).word == "one"
        thing = await client.things.create(anything=0, text="labelled", labels=[word.id])
        assert [
            each.id for each in (await client.things.get(thing.id, fields=[{"labels": ["id"]}])).labels
        ] == [word.id]
        assert (await client.labels.list(filter={"id": {"in": [word.id]}})).items == [word]

    async def test_what_the_actor_may_not_see_is_none(self, client: Any) -> None:
        made = await client.papers.create(file_name="a.txt")
        assert (made.file_name, made.hidden_word) == ("a.txt", None)
        assert [
            each.file_name for each in (await client.papers.list(filter={"file_name": {"eq": "a.txt"}})).items
        ]


class TestRelated:
    async def test_are_joined_and_shared(self, client: Any) -> None:
        mark = uuid4().hex
        first = await article(client, f"{mark} 1", writer="Ada", tags=("maths", "engines"))
        await client.articles.create(title=f"{mark} 2", author_id=first.author_id)
        page = await client.articles.list(
            fields=[
                "title",
                {
                    "author": ["name", {"articles": ["title"]}],
                    "tags": {"fields": ["name"], "sort": ["-name"]},
                },
            ],
            filter={"title": {"starts_with": mark}},
            sort=["title"],
        )
        one, two = page.items
        assert one.author is two.author
        assert one.author.name == "Ada"
        assert {each.title for each in one.author.articles} == {f"{mark} 1", f"{mark} 2"}
        assert [each.name for each in one.tags] == ["maths", "engines"]
        assert two.tags == ()

    async def test_lead_back_to_where_they_came_from(self, client: Any) -> None:
        made = await article(client, "Round", writer="Eva")
        writer = await client.writers.get(
            made.author_id, fields=["name", {"articles": ["title", {"tags": ["name"]}]}]
        )
        assert [each.title for each in writer.articles] == ["Round"]
        assert "articles" not in repr(writer)

    async def test_of_each_way_only_what_was_chosen_there(self, client: Any, shop: Any) -> None:
        parent = await client.things.create(anything=0, text="parent")
        child = await client.things.create(anything=0, text="child", parent_id=parent.id)
        found = await client.things.get(child.id, fields=["text", {"parent": ["count"]}])
        assert (found.text, found.parent.count) == ("child", 0)
        with pytest.raises(shop.NotChosen):
            _ = found.parent.text

    async def test_pages_of_them_say_so(self, client: Any, served: Served) -> None:
        made = await article(client, "Remarked")
        for place in range(3):
            await Remark.say(served.app.scope(), article_id=made.id, text=f"no {place}", place=place)
        options = {"fields": ["text"], "sort": ["-place"], "page": {"limit": 2, "count": True}}
        found = await client.articles.get(made.id, fields=[{"comments": options}])
        assert [each.text for each in found.comments] == ["no 2", "no 1"]
        assert found.comments.meta.total == 3
        rest = await client.articles.related.comments.list(
            made.id, fields=["text"], sort=["-place"], page={"limit": 2, "after": found.comments.meta.after}
        )
        assert [each.text for each in rest.items] == ["no 0"]
        filtered = await client.articles.get(
            made.id, fields=[{"comments": {"fields": ["text"], "filter": {"place": {"eq": 0}}}}]
        )
        assert filtered.comments.meta.filtered
        assert len(filtered.comments) == 1

    async def test_can_be_read_and_changed_by_themselves(self, client: Any) -> None:
        made = await article(client, "Linked", writer="Ada", tags=("a", "b"))
        related = client.articles.related
        assert (await related.author.get(made.id, fields=["name"])).name == "Ada"
        assert await related.author.id(made.id) == made.author_id
        await related.author.replace(made.id, None)
        assert await related.author.get(made.id) is None
        keys = [each async for each in await related.tags.ids(made.id, page={"limit": 1})]
        assert len(keys) == 2
        await related.tags.remove(made.id, keys[:1])
        assert [each.id for each in (await related.tags.list(made.id)).items] == keys[1:]
        await related.tags.add(made.id, keys[:1])
        await related.tags.replace(made.id, [])
        assert (await related.tags.list(made.id)).items == []


class TestPages:
    async def test_lead_on_and_back(self, client: Any) -> None:
        mark = uuid4().hex
        for number in range(5):
            await client.articles.create(title=f"{mark} {number}")
        page = await client.articles.list(
            fields=["title"],
            filter={"title": {"starts_with": mark}},
            sort=["-title"],
            page={"limit": 2, "count": True},
        )
        assert (page.count, page.has_next, page.has_previous) == (5, True, False)
        following = await page.next()
        assert [each.title[-1] for each in following.items] == ["2", "1"]
        assert [each.title[-1] for each in (await following.previous()).items] == ["4", "3"]
        assert await page.previous() is None
        assert [each.title[-1] async for each in page] == ["4", "3", "2", "1", "0"]
        later = await client.articles.list(
            filter={"title": {"starts_with": mark}}, sort=["-title"], page={"after": page.after}
        )
        assert [each.title[-1] for each in later.items] == ["2", "1", "0"]
        by_position = await client.articles.list(
            filter={"title": {"starts_with": mark}}, page={"offset": 4, "limit": 2}
        )
        assert (len(by_position.items), by_position.has_next, by_position.after) == (1, False, None)

    async def test_conditions_go_over_relationships_and_together(self, client: Any) -> None:
        mark = uuid4().hex
        made = await article(client, f"{mark} a", writer="Zoe")
        await client.articles.create(title=f"{mark} b", rating=4)
        either = {
            "or": [{"author": {"name": {"eq": "Zoe"}}}, {"rating": {"greater_than": 3}}],
            "title": {"contains": mark},
        }
        found = await client.articles.list(filter=either, sort=["author.name"])
        assert [each.title[-1] for each in found.items] == ["a", "b"]
        neither = await client.articles.list(
            filter={"title": {"contains": mark}, "not": {"id": {"in": [made.id]}}}
        )
        assert [each.title[-1] for each in neither.items] == ["b"]

    async def test_read_actions_take_their_inputs(self, client: Any, shop: Any) -> None:
        await client.things.create(anything=0, text="around", count=77, mood=shop.Mood.SO_BAD)
        since = datetime(2020, 1, 1, tzinfo=UTC)
        found = await client.things.around(
            count=78, moods=[shop.Mood.SO_BAD, shop.Mood.GOOD], since=since, fields=["text"]
        )
        assert [each.text for each in found.items] == ["around"]
        await client.parcels.create(sent_by="Ada", stop_count=2)
        parcels = await client.parcels.from_sender(sender_name="Ada", sort=["-stop_count"])
        assert [each.stop_count for each in parcels.items] == [2]


class TestCalls:
    async def test_generic_actions_take_files(self, client: Any, shop: Any) -> None:
        upload = shop.Upload(data=b"12345", name="a.txt", content_type="text/plain")
        assert await client.articles.measure(upload=upload, note="n") == {
            "name": "a.txt",
            "type": "text/plain",
            "size": 5,
            "note": "n",
        }
        assert await client.articles.count_files(files=[upload, upload]) == [5, 5]
        assert await client.things.sum_up(numbers=[1, 2], fate={"how": "sold", "to": "Ada"}) == Decimal(3)

    async def test_updates_and_destroys(self, client: Any, shop: Any) -> None:
        made = await article(client, "Before")
        assert (await client.articles.update(made.id, title="After")).title == "After"
        assert (
            await client.articles.update(made.id, rating=3, fields=["title", "title_length"])
        ).title_length == 5
        await client.articles.destroy(made.id)
        with pytest.raises(shop.SorbusError) as caught:
            await client.articles.get(made.id)
        assert (caught.value.code, caught.value.status) == ("not-found", 404)


class TestErrors:
    async def test_tell_what_is_wrong_and_where(self, client: Any, shop: Any) -> None:
        with pytest.raises(shop.SorbusError) as caught:
            await client.articles.create(title="x" * 300, rating="many")
        error = caught.value
        assert error.status == 422
        assert {each.pointer for each in error.errors} == {
            "/data/attributes/title",
            "/data/attributes/rating",
        }
        assert error.code == error.errors[0].code == "invalid-input"

    async def test_name_what_is_missing(self, client: Any, shop: Any) -> None:
        with pytest.raises(shop.SorbusError) as caught:
            await client.articles.create(rating=3)
        (error,) = caught.value.errors
        assert (error.code, error.pointer, error.missing) == ("required", "/data/attributes", "title")

    async def test_hints_come_along(self, client: Any, shop: Any) -> None:
        with pytest.raises(shop.SorbusError) as caught:
            await client.articles.list(page={"limit": 100_000})
        assert caught.value.parameter == "page[limit]"

    async def test_nobody_answers(self, shop: Any) -> None:
        async with shop.Client("http://127.0.0.1:1", retries=1) as nobody:
            with pytest.raises(shop.SorbusError) as caught:
                await nobody.articles.list()
        assert (caught.value.code, caught.value.status) == ("no-answer", 0)

    async def test_keys_cannot_leave_their_place_in_the_path(self, client: Any, shop: Any) -> None:
        with pytest.raises(ValueError, match="cannot be a key"):
            await client.articles.get("..")
        with pytest.raises(shop.SorbusError) as caught:
            await client.articles.get("../writers?x=1#y")
        assert caught.value.code == "not-found"

    async def test_busy_servers_are_asked_again_for_reads_only(self, shop: Any, served: Served) -> None:
        asked: list[str] = []

        async def busy(request: httpx.Request) -> httpx.Response:
            asked.append(request.method)
            if len(asked) == 1:
                return httpx.Response(503, json={"errors": [{"status": "503", "code": "unavailable"}]})
            return await real.handle_async_request(request)

        real = httpx.AsyncHTTPTransport()
        async with httpx.AsyncClient(transport=httpx.MockTransport(busy)) as http:
            client = shop.Client(served.url, http=http)
            assert (await client.tags.list(filter={"name": {"eq": uuid4().hex}})).items == []
            asked.clear()
            with pytest.raises(shop.SorbusError) as caught:
                await client.articles.create(title="once")
        await real.aclose()
        assert (asked, caught.value.code) == (["POST"], "unavailable")

    async def test_who_says_much_later_is_not_waited_for(self, shop: Any) -> None:
        asked: list[str] = []

        def later(request: httpx.Request) -> httpx.Response:
            asked.append(request.method)
            return httpx.Response(
                429, json={"errors": [{"code": "backlog-full"}]}, headers={"retry-after": "60"}
            )

        async with httpx.AsyncClient(transport=httpx.MockTransport(later)) as http:
            with pytest.raises(shop.SorbusError) as caught:
                await shop.Client("http://shop.example", http=http).articles.list()
        assert (asked, caught.value.code) == (["GET"], "backlog-full")

    async def test_answers_of_another_kind_are_refused(self, shop: Any) -> None:
        wrong = [
            (200, b"<html>"),
            (200, b"[]"),
            (200, b"null"),
            (200, b'{"data": {"type": "articles", "id": "x", "attributes": {}}}'),
            (200, b'{"data": {"type": "strangers", "id": "x", "attributes": {}}}'),
            (200, b'{"data": {"id": "x"}}'),
            (502, b'{"errors": 7}'),
            (502, b'{"errors": [7, {"status": "many"}]}'),
            (307, b""),
        ]
        answers = iter(wrong)

        def answer(_: httpx.Request) -> httpx.Response:
            status, content = next(answers)
            return httpx.Response(status, content=content)

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            client = shop.Client("http://shop.example", http=http)
            for status, _ in wrong:
                with pytest.raises(shop.SorbusError) as caught:
                    await client.articles.get(uuid4())
                assert (caught.value.code, caught.value.status) == ("unreadable-answer", status)

    async def test_what_no_checker_has_seen_is_refused_by_the_server(self, client: Any, shop: Any) -> None:
        for options in ({"fields": ["titel"]}, {"filter": {"titel": {"eq": 1}}}, {"sort": ["author.nam"]}):
            with pytest.raises(shop.SorbusError) as caught:
                await client.articles.list(**options)
            assert (caught.value.status, caught.value.hint is not None) == (400, True)
        with pytest.raises(shop.SorbusError, match="titel"):
            await client.articles.create(title="x", titel="x")
        with pytest.raises(ValueError, match="`auther` is no relationship"):
            await client.articles.list(fields=[{"auther": ["name"]}])

    async def test_time_runs_out_and_calls_can_be_cancelled(self, shop: Any) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await reader.read(-1)
            writer.close()

        asked = asyncio.Event()
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with shop.Client(f"http://127.0.0.1:{port}") as client:
                with pytest.raises(shop.SorbusError) as caught:
                    await client.articles.list(timeout=0.05)
                assert caught.value.code == "timed-out"
                asked.clear()
                waiting = asyncio.create_task(client.articles.list())
                await asked.wait()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting


class TestStrangeNames:
    async def test_do_what_they_say(self, client: Any, shop: Any) -> None:
        key = uuid4()
        made = await client.client_records.create(
            id=key,
            str='"""',
            timeout_=3,
            delete_at_once=1,
            quote=shop.Quote("a\nb"),
            odd={"a-b": 1, "class": "c", '*/"': "x"},
            tree={"kind": "branch", "left": {"left": None}, "leaves": [{"value": 2}]},
        )
        assert (made.id, made.str_, made.delete_at_once, made.quote.value) == (key, '"""', 1, "a\nb")
        assert made.odd.a_b == 1
        assert made.odd.class_ == "c"
        assert made.tree.leaves[0].value == 2
        found = await client.client_records.list_action(quote=made.quote, fields=["id", {"pages": ["id"]}])
        assert [each.id for each in found.items] == [key]
        turned = await client.x2_then.create(client_id=key)
        seen = await client.x2_then.get(turned.id, fields=[{"client": ["str_", "constructor", "then"]}])
        assert (seen.client.str_, seen.client.constructor, seen.client.then) == ('"""', 0, False)
        assert await client.client_records.then_(mixed=shop.Mixed.WORD, fields_=["x"]) == {
            "mixed": "word",
            "fields": ["x"],
        }
        far = await client.client_records.create(quote=shop.Quote("😀\u2028"))
        assert (await client.client_records.get(far.id)).quote is far.quote
        merged = await client.client_records.merge(key, key=UUID(int=3), filter_="f")
        assert merged.str_ == f"{UUID(int=3)} f"
        assert {each.value for each in shop.Quote} >= {"", '"""', "\\", "`${1}`"}
