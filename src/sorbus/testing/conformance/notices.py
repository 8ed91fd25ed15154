"""Behaviours of notifications: who is told what, and that nobody is told of what did not happen."""

# ruff: noqa: PT012 - what is tried here is a whole block

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from uuid import uuid4

import pytest

from sorbus import topic
from sorbus.data_layers.base import Capability
from sorbus.engine.notifications import Lagged, Notification
from sorbus.engine.subscriptions import Subscription
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.framework import AfterCommitFailed
from sorbus.errors.notifications import NoSuchTopic, NotResumable, PositionGone, TopicNeedsTenant
from sorbus.testing.conformance.notices_world import HEARD, Bulletin, Letter, Parcel, Sticker
from sorbus.testing.conformance.people import Visits
from sorbus.testing.conformance.world import Behaviour, Tenant


class Spoilt(Exception):
    """What a test raises inside a transaction."""


async def told(events: Subscription, count: int) -> list[Notification]:
    """The next notifications of a subscription, none of them a gap."""
    found: list[Notification] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            event = await anext(events)
            assert isinstance(event, Notification)
            found.append(event)
    return found


async def delivered(here: Tenant) -> None:
    """Wait until what this node has sent so far has arrived: messages of one node arrive in their order.

    A subscription may hear of a write that was committed shortly before it began.
    """
    async with here.app.subscribe("bulletins", here.scope) as events, asyncio.timeout(10):
        posted = await Bulletin.post(here.scope, text="the last so far")
        async for event in events:
            if isinstance(event, Notification) and event.key == posted.id:
                return


def actions(events: Sequence[Notification]) -> list[str]:
    """The actions of notifications, in order."""
    return [each.action for each in events]


class Notices(Behaviour):
    """Everything about notifications."""

    @pytest.fixture(autouse=True)
    def heard(self) -> list[Notification]:
        """What the notifiers of this process were told."""
        HEARD.clear()
        return HEARD

    # what is told

    async def test_a_subscriber_hears_of_each_write(self, here: Tenant) -> None:
        made = await Parcel.pack(here.scope)
        await delivered(here)
        async with here.app.subscribe(f"parcel:{made.id}", here.scope) as events:
            await made.weigh(here.scope, weight=5)
            await made.burn(here.scope)
            first, second = await told(events, 2)
        assert (first.resource, first.action, first.kind, first.key) == ("Parcel", "weigh", "update", made.id)
        assert (second.action, second.kind) == ("burn", "destroy")
        assert first.topic == f"parcel:{made.id}"
        assert (first.tenant, first.actor) == (str(here.org.id), str(here.ada.id))
        assert (first.data, first.record, first.position) == ({}, None, None), "ids travel, values do not"

    async def test_an_update_is_published_to_the_old_and_the_new_topic(self, here: Tenant) -> None:
        made = await Parcel.pack(here.scope, room="a")
        await delivered(here)
        async with (
            here.app.subscribe("room:a", here.scope) as left,
            here.app.subscribe("room:b", here.scope) as entered,
        ):
            await made.move(here.scope, room="b", weight=7)
            await made.move(here.scope, room="b", weight=8)
            assert (await told(left, 1))[0].topics == ("room:b", "room:a")
            both = await told(entered, 2)
        assert both[1].topics == ("room:b",), "where nothing moved there is one topic"

    async def test_old_values_come_from_the_statement_and_not_from_a_record_that_is_out_of_date(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        stale = await Parcel.pack(here.scope, room="a")
        await stale.move(here.scope, room="b", weight=2)
        heard.clear()
        await stale.move(here.scope, room="c", weight=3)
        assert heard[0].topics[1:3] == ("room:c", "room:b")
        assert heard[0].previous == {"room": "b", "weight": 2}
        assert heard[0].data == {"room": "c", "weight": 3, "label": "c/0"}

    async def test_a_null_names_no_topic(self, here: Tenant, heard: list[Notification]) -> None:
        made = await Parcel.pack(here.scope)
        assert not [each for each in heard[0].topics if each.startswith("room:")]
        await made.move(here.scope, room="a", weight=1)
        assert "room:a" in heard[-1].topics
        await made.move(here.scope, room=None, weight=1)
        assert "room:a" in heard[-1].topics

    async def test_a_condition_looks_at_the_row_as_it_was_written(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        made = await Parcel.pack(here.scope, weight=11)
        await made.weigh(here.scope, weight=3)
        await made.weigh(here.scope, weight=30)
        heavy = ["heavy" in each.topics for each in heard[::2]]
        assert heavy == [True, False, True]

    async def test_only_listed_actions_are_published(self, here: Tenant, heard: list[Notification]) -> None:
        made = await Parcel.pack(here.scope)
        await made.send(here.scope)
        assert "sent:sent" in heard[-1].topics
        assert not [each for each in heard[0].topics if each.startswith("sent:")]

    async def test_transform_sees_what_is_loaded_and_may_say_no(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        await Parcel.pack_with_sticker(here.scope, room="a")
        assert heard[0].data["label"] == "a/1"
        assert heard[0].record.stickers_count == 1
        heard.clear()
        await Parcel.pack(here.scope, room="silent")
        assert "labels" not in heard[0].topics

    async def test_values_with_colons_cannot_reach_into_other_topics(self, here: Tenant) -> None:
        name = topic("room:{room}", room="a:b%")
        assert name == "room:a%3Ab%25"
        async with here.app.subscribe(name, here.scope) as events:
            await Parcel.pack(here.scope, room="a:b%")
            await told(events, 1)

    async def test_a_very_long_topic_arrives(self, here: Tenant) -> None:
        room = "long " * 1000
        async with here.app.subscribe(f"room:{room}", here.scope) as events:
            await Parcel.pack(here.scope, room=room)
            assert (await told(events, 1))[0].topic == f"room:{room}"

    # when it is told

    async def test_nested_actions_and_hooks_are_told_of_after_the_outermost_commit(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        async with here.app.subscribe("stickers", here.scope) as events:
            async with here.app.transaction():
                await Parcel.pack_with_sticker(here.scope, room="a")
                await Parcel.pack_two(here.scope, room="b")
                assert heard == []
            assert actions(heard[::2]) == ["pack_with_sticker", "pack", "pack"]
            assert actions(await told(events, 1)) == ["put"]

    async def test_rolled_back_work_is_told_to_nobody(self, here: Tenant, heard: list[Notification]) -> None:
        made = await Parcel.pack(here.scope)
        heard.clear()
        await delivered(here)
        async with here.app.subscribe(f"parcel:{made.id}", here.scope) as events:
            with pytest.raises(Spoilt):
                async with here.app.transaction():
                    await made.weigh(here.scope, weight=2)
                    raise Spoilt
            with pytest.raises(LookupError):
                await Parcel.pack_with_sticker(here.scope, room="fail")
            assert heard == []
            await made.weigh(here.scope, weight=3)
            await made.send(here.scope)
            assert actions(await told(events, 2)) == ["weigh", "send"]
        assert (await Parcel.get(here.system, made.id)).weight == 3

    async def test_a_part_that_is_rolled_back_takes_its_notifications_along(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        async with here.app.subscribe("stickers", here.scope) as events:
            async with here.app.transaction():
                kept = await Parcel.pack(here.scope, room="kept")
                with pytest.raises(Spoilt):
                    async with here.app.transaction(nested=True):
                        await Parcel.pack_with_sticker(here.scope, room="gone")
                        raise Spoilt
                async with here.app.transaction(nested=True):
                    await Sticker.put(here.scope, parcel_id=kept.id)
                await kept.weigh(here.scope, weight=2)
            assert actions(heard[::2]) == ["pack", "weigh"]
            await Sticker.put(here.scope, parcel_id=kept.id)
            assert len(await told(events, 2)) == 2
        assert [each.room for each in await Parcel.query(here.system).all()] == ["kept"]

    async def test_a_part_can_mend_a_failed_statement(self, here: Tenant) -> None:
        async with here.app.transaction():
            await Letter.write(here.scope, box="a")
            with pytest.raises(Exception, match="taken"):
                async with here.app.transaction(nested=True):
                    await Letter.write(here.scope, box="b")
                    await Letter.write(here.scope, box="a")
            await Letter.write(here.scope, box="c")
        assert sorted(each.box for each in await Letter.query(here.scope).all()) == ["a", "c"]

    async def test_parts_within_parts(self, here: Tenant, heard: list[Notification]) -> None:
        async with here.app.transaction():
            with pytest.raises(Spoilt):
                async with here.app.transaction(nested=True):
                    await Parcel.pack(here.scope, room="a")
                    async with here.app.transaction(nested=True):
                        await Parcel.pack(here.scope, room="b")
                    raise Spoilt
            async with here.app.transaction(nested=True):
                await Parcel.pack(here.scope, room="c")
                with pytest.raises(Spoilt):
                    async with here.app.transaction(nested=True):
                        await Parcel.pack(here.scope, room="d")
                        raise Spoilt
        assert [each.room for each in await Parcel.query(here.system).all()] == ["c"]
        assert len(heard) == 2

    # bulk

    async def test_bulk_tells_of_each_row_with_its_old_values(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        await Parcel.pack.bulk(here.scope, [{"room": f"r{number}"} for number in range(3)])
        assert actions(heard[::2]) == ["pack"] * 3
        heard.clear()
        await Parcel.move.bulk(here.scope, Parcel.query(), {"room": "hall"})
        moved = heard[::2]
        assert sorted(str(each.previous["room"]) for each in moved) == ["r0", "r1", "r2"]
        assert all({"room:hall", f"room:{each.previous['room']}"} <= set(each.topics) for each in moved)
        heard.clear()
        keys = [each.key for each in moved]
        pairs = [(key, {"room": f"x{number}"}) for number, key in enumerate(keys)]
        await Parcel.move.bulk_rows(here.scope, pairs)
        told_of = {each.key: (each.previous["room"], each.data["room"]) for each in heard[::2]}
        assert told_of == {key: ("hall", f"x{number}") for number, key in enumerate(keys)}
        heard.clear()
        await Parcel.burn.bulk(here.scope, keys)
        assert sorted(topic for each in heard[::2] for topic in each.topics if "room:" in topic) == [
            "room:x0", "room:x1", "room:x2",
        ]  # fmt: skip

    async def test_bulk_keeps_durable_notifications_in_order(self, here: Tenant) -> None:
        async with here.app.subscribe("letters", here.system) as events:
            await Letter.write.bulk(here.scope, [{"box": str(number)} for number in range(250)])
            found = await told(events, 250)
        assert [each.data["box"] for each in found] == [str(number) for number in range(250)]

    # who fails

    async def test_callbacks_that_fail_lose_no_other_and_undo_nothing(
        self, here: Tenant, visits: Visits
    ) -> None:
        with pytest.raises(AfterCommitFailed) as caught:
            await Parcel.pack_loudly(here.scope, room="a")
        assert [type(each) for each in caught.value.errors] == [LookupError, KeyError]
        assert visits.names == ["first", "second", "third"]
        assert await Parcel.query(here.system).count() == 1

    async def test_callbacks_of_a_transaction_fail_together(self, here: Tenant, visits: Visits) -> None:
        with pytest.raises(AfterCommitFailed) as caught:
            async with here.app.transaction():
                await Parcel.pack_loudly(here.scope, room="a")
                await Parcel.pack_loudly(here.scope, room="b")
        assert len(caught.value.errors) == 4
        assert visits.names == ["first", "second", "third"] * 2
        assert await Parcel.query(here.system).count() == 2

    async def test_a_notifier_that_fails_disturbs_nobody(
        self, here: Tenant, heard: list[Notification]
    ) -> None:
        made = await Parcel.pack(here.scope, room="fragile")
        assert [each.key for each in heard] == [made.id, made.id]

    # who may hear

    async def test_topics_are_apart_for_each_tenant(self, here: Tenant, there: Tenant) -> None:
        async with (
            here.app.subscribe("stickers", here.scope) as ours,
            here.app.subscribe("stickers", there.scope) as theirs,
        ):
            for tenant in (there, here, there):
                parcel = await Parcel.pack(tenant.scope)
                await Sticker.put(tenant.scope, parcel_id=parcel.id)
            assert [each.tenant for each in await told(ours, 1)] == [str(here.org.id)]
            assert [each.tenant for each in await told(theirs, 2)] == [str(there.org.id)] * 2

    async def test_a_resource_without_a_tenancy_has_topics_for_everybody(
        self, here: Tenant, there: Tenant
    ) -> None:
        async with (
            here.app.subscribe("bulletins", here.scope) as ours,
            here.app.subscribe("bulletins", here.app.scope()) as anybodys,
        ):
            await Bulletin.post(there.scope, text="x")
            assert (await told(ours, 1))[0].tenant is None
            await told(anybodys, 1)

    async def test_records_come_as_the_scope_may_read_them_at_that_moment(self, here: Tenant) -> None:
        grace = await here.person("Grace")
        mine = await Parcel.pack(here.scope, room="x", owner_id=here.ada.id)
        await delivered(here)
        async with here.app.subscribe("room:x", here.as_(grace), records=True) as events:
            await mine.move(here.scope, room="x", weight=2)
            free = await Parcel.pack(here.scope, room="x")
            await free.move(here.scope, room="x", weight=3)
            found = await told(events, 2)
        assert {each.key for each in found} == {free.id}
        assert {each.record.weight for each in found} <= {1, 3}
        assert found[-1].record.weight == 3

    async def test_what_goes_out_of_sight_is_told_to_those_who_saw_it(self, here: Tenant) -> None:
        grace = await here.person("Grace")
        shown, other = await Parcel.pack(here.scope, room="x"), await Parcel.pack(here.scope, room="x")
        await delivered(here)
        async with here.app.subscribe("room:x", here.as_(grace), records=True, known=[shown.id]) as events:
            await other.burn(here.scope)
            await shown.burn(here.scope)
            (gone,) = await told(events, 1)
        assert (gone.key, gone.record, gone.kind) == (shown.id, None, "destroy")

    async def test_who_may_read_nothing_cannot_ask_for_records(self, here: Tenant) -> None:
        with pytest.raises(ActionForbidden):
            here.app.subscribe("bulletins", here.app.scope(), records=True)

    async def test_wrong_topics_are_refused_with_what_there_is(self, here: Tenant) -> None:
        with pytest.raises(NoSuchTopic, match=r"parcel:\{id\}") as caught:
            here.app.subscribe(f"parcels:{uuid4()}", here.scope)
        assert "stickers" in caught.value.message
        with pytest.raises(TopicNeedsTenant):
            here.app.subscribe("stickers", here.app.scope())
        with pytest.raises(NotResumable):
            here.app.subscribe("stickers", here.scope, after=3)

    # slow, and gone

    async def test_a_slow_reader_is_told_what_it_missed(self, here: Tenant) -> None:
        made = await Parcel.pack(here.scope)
        await delivered(here)
        async with (
            here.app.subscribe(f"parcel:{made.id}", here.scope, backlog=3) as slow,
            here.app.subscribe(f"parcel:{made.id}", here.scope) as quick,
        ):
            for weight in range(8):
                await made.weigh(here.scope, weight=weight)
            await told(quick, 8)
            event = await asyncio.wait_for(anext(slow), 10)
            assert event == Lagged(6)
            assert len(await told(slow, 2)) == 2

    async def test_a_subscription_ends_with_its_block_and_by_being_let_go(self, here: Tenant) -> None:
        hub = here.app._hub
        assert hub is not None
        made = await Parcel.pack(here.scope)
        name = f"parcel:{made.id}"
        await delivered(here)
        async with here.app.subscribe(name, here.scope) as events:
            await made.weigh(here.scope, weight=1)
            await told(events, 1)

        async def follow() -> None:
            async for _ in here.app.subscribe(name, here.scope):
                pass

        def listening() -> bool:
            return any(route[1] == name and len(each) for route, each in hub._subscriptions.items())

        assert not listening()
        task = asyncio.create_task(follow())
        async with asyncio.timeout(10):
            while not listening():  # noqa: ASYNC110 - nothing tells that it listens
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del task
        await asyncio.sleep(0)  # the loop lets go of what it has run
        gc.collect()
        assert not listening()
        assert [each async for each in events] == []

    # durable

    async def test_durable_notifications_have_positions_and_data(self, here: Tenant) -> None:
        async with here.app.subscribe("box:a", here.system) as events:
            made = await Letter.write(here.scope, box="a", stamp="red")
            await made.forward(here.scope, box="b")
            first, second = await told(events, 2)
        assert first.position is not None
        assert second.position is not None
        assert first.position < second.position
        assert (first.data, first.previous) == ({"box": "a", "stamp": "red"}, {})
        assert (second.data, second.previous) == ({"box": "b", "stamp": "red"}, {"box": "a", "stamp": "red"})
        assert events.position == second.position

    async def test_an_upsert_that_updates_is_published_to_the_old_and_the_new_topic(
        self, here: Tenant
    ) -> None:
        engine = here.app.engine
        knows = engine.layer_of(engine.spec_of(Letter)).can(Capability.UPSERT_OLD)
        async with here.app.subscribe("box:a", here.system) as events:
            await Letter.only(here.scope, box="a", stamp="red")
            await Letter.only(here.scope, box="a", stamp="blue")
            await Letter.only.bulk(here.scope, [{"box": "a", "stamp": "green"}, {"box": "b", "stamp": "red"}])
            found = await told(events, 3)
        old = [{"box": "a", "stamp": stamp} for stamp in ("red", "blue")]
        assert [each.previous for each in found] == [{}, *(old if knows else [{}, {}])]
        async with (
            here.app.subscribe("stamp:green", here.scope) as left,
            here.app.subscribe("stamp:black", here.scope) as entered,
        ):
            await Letter.only(here.scope, box="a", stamp="black")
            topics = ("stamp:black", "stamp:green") if knows else ("stamp:black",)
            assert (await told(entered, 1))[0].topics == topics
            if knows:
                assert (await told(left, 1))[0].topics == topics

    async def test_an_actor_hears_ids_also_of_durable_notifications(self, here: Tenant) -> None:
        async with here.app.subscribe("box:a", here.scope) as events:
            await Letter.write(here.scope, box="a")
            (event,) = await told(events, 1)
        assert (event.data, event.previous) == ({}, {})

    async def test_a_subscriber_goes_on_from_where_it_was(self, here: Tenant) -> None:
        async with here.app.subscribe("box:a", here.scope) as events:
            made = await Letter.write(here.scope, box="a")
            (first,) = await told(events, 1)
        await made.forward(here.scope, box="b")
        await made.forward(here.scope, box="a")
        await made.forward(here.scope, box="a")
        async with here.app.subscribe("box:a", here.scope, after=first.position) as events:
            missed = await told(events, 3)
            await made.forward(here.scope, box="c")
            (live,) = await told(events, 1)
        positions = [each.position or 0 for each in [first, *missed, live]]
        assert positions == sorted(set(positions))

    async def test_a_slow_durable_reader_misses_nothing(self, here: Tenant) -> None:
        made = await Letter.write(here.scope, box="start")
        async with here.app.subscribe(f"letter:{made.id}", here.scope, backlog=1) as events:
            async with here.app.transaction():
                for number in range(150):
                    await made.forward(here.scope, box=str(number))
            found = await told(events, 150)
        assert actions(found) == ["forward"] * 150

    async def test_rolled_back_work_leaves_nothing_in_the_outbox(self, here: Tenant) -> None:
        async with here.app.subscribe("box:a", here.scope) as events:
            with pytest.raises(Spoilt):
                async with here.app.transaction():
                    await Letter.write(here.scope, box="a")
                    raise Spoilt
            async with here.app.transaction():
                with pytest.raises(Spoilt):
                    async with here.app.transaction(nested=True):
                        await Letter.write(here.scope, box="a")
                        raise Spoilt
                kept = await Letter.write(here.scope, box="a")
            (event,) = await told(events, 1)
        assert event.key == kept.id

    async def test_what_was_pruned_cannot_be_gone_on_from(self, here: Tenant) -> None:
        hub = here.app._hub
        assert hub is not None
        assert hub.outbox is not None
        async with here.app.subscribe("box:a", here.scope) as events:
            made = await Letter.write(here.scope, box="a")
            (event,) = await told(events, 1)
            assert event.position is not None
            assert await hub.outbox.prune(event.at.replace(year=event.at.year + 1)) >= 1
        with pytest.raises(PositionGone) as caught:
            await anext(here.app.subscribe("box:a", here.scope, after=event.position - 1))
        async with here.app.subscribe("box:a", here.scope, after=caught.value.oldest) as events:
            await made.forward(here.scope, box="b")
            await told(events, 1)
