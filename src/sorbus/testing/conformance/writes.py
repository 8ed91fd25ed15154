"""Behaviours of create, update and destroy: inputs, defaults, atomic changes, identities, references."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest

from sorbus import Resource
from sorbus.errors.database import CheckViolation
from sorbus.errors.inputs import (
    AlreadyTaken,
    InvalidAction,
    InvalidInput,
    NoSuchInput,
    NotFound,
    Rejected,
    RelatedMissing,
    Required,
    WrongState,
)
from sorbus.testing.conformance.people import Person
from sorbus.testing.conformance.press import Article, Author, Comment, Level, Profile, Status
from sorbus.testing.conformance.world import Behaviour, Tenant, only


def values(record: Resource) -> dict[str, Any]:
    """What is stored of a record."""
    return dict(record.__dict__)


class Creates(Behaviour):
    """What a create does."""

    async def test_a_created_record_is_what_is_read_back(self, here: Tenant) -> None:
        made = await here.article(
            "Bugs",
            slug="bugs",
            status=Status.REVIEW,
            level=Level.HARD,
            price=Decimal("12.50"),
            rating=0.1,
            tries=2**60,
            meta={"deep": [1, {"null": None}], "text": "ü'\"\\"},
            labels=["a", "b,c", ""],
            deadline=datetime(2030, 5, 6, 7, 8, 9, 123456, UTC),
        )
        found = await Article.get(here.scope, made.id)
        assert values(found) == values(made)
        assert type(found.status) is Status
        assert type(found.level) is Level
        assert found.price is not None
        assert str(found.price) == "12.50"

    async def test_a_time_of_another_zone_is_the_same_moment(self, here: Tenant) -> None:
        noon = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
        made = await here.article(deadline=noon)
        found = await Article.get(here.scope, made.id)
        assert found.deadline is not None
        assert found.deadline == noon
        assert found.deadline.tzinfo == UTC

    async def test_defaults_fill_what_was_not_given(self, here: Tenant) -> None:
        made = await here.article()
        assert (made.status, made.level, made.tries, made.body) == (Status.DRAFT, Level.EASY, 0, "empty")
        assert (made.meta, made.labels, made.price) == ({}, [], None)

    async def test_a_null_that_was_given_beats_the_default(self, here: Tenant) -> None:
        made = await here.article(body=None)
        assert made.body is None
        assert (await Article.get(here.scope, made.id)).body is None

    async def test_defaults_are_not_shared_between_records(self, here: Tenant) -> None:
        author = await here.author()
        first = await Article.jot(here.scope, author_id=author.id, title="a")
        first.meta["spoilt"] = True
        second = await Article.jot(here.scope, author_id=author.id, title="b")
        assert second.meta == {}

    async def test_a_record_that_is_changed_outside_changes_nothing_that_is_stored(
        self, here: Tenant
    ) -> None:
        made = await here.article(meta={"list": [1]})
        cast("list[int]", made.meta["list"]).append(2)
        found = await Article.get(here.scope, made.id)
        assert found.meta == {"list": [1]}
        cast("list[int]", found.meta["list"]).append(3)
        assert (await Article.get(here.scope, made.id)).meta == {"list": [1]}

    async def test_an_unknown_input_is_refused_with_what_is_near(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction) as caught:
            await here.article(titel="x")
        error = only(caught.value)
        assert isinstance(error, NoSuchInput)
        assert error.path == ("input", "titel")
        assert "title" in error.hint
        assert "labels" in error.message

    async def test_an_attribute_that_the_action_does_not_accept_is_no_input(self, here: Tenant) -> None:
        for name in ("id", "org_id", "written_at"):
            with pytest.raises(InvalidAction) as caught:
                await here.article(**cast("Any", {name: uuid4()}))
            assert isinstance(only(caught.value), NoSuchInput)

    async def test_every_error_of_a_call_is_reported_at_once(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction) as caught:
            await Article.draft(here.scope, **cast("Any", {"author_id": "no uuid", "nonsense": 1}))
        kinds = {(type(each), each.path[-1]) for each in caught.value.errors}
        assert kinds == {(InvalidInput, "author_id"), (Required, "title"), (NoSuchInput, "nonsense")}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("title", "x" * 41),
            ("title", 7),
            ("title", None),
            ("title", "nul \x00"),
            ("tries", -1),
            ("tries", "many"),
            ("level", 3),
            ("status", "gone"),
            ("price", "cheap"),
            ("rating", "good"),
            ("meta", [1]),
            ("labels", ["a", 1]),
            ("deadline", "tomorrow"),
        ],
    )
    async def test_a_value_that_does_not_fit_is_refused(self, here: Tenant, name: str, value: Any) -> None:
        with pytest.raises(InvalidAction) as caught:
            await here.article(**{"title": "Bugs", name: value})
        error = caught.value.errors[0]
        assert isinstance(error, InvalidInput)
        assert error.path[:2] == ("input", name)
        assert await Article.query(here.scope).count() == 0

    async def test_text_takes_as_many_characters_as_declared(self, here: Tenant) -> None:
        made = await here.article("ü" * 40)
        assert (await Article.get(here.scope, made.id)).title == "ü" * 40

    async def test_a_body_may_change_what_was_given(self, here: Tenant) -> None:
        assert (await here.article("quiet", loud=True)).title == "QUIET"

    async def test_a_rule_in_the_body_refuses(self, here: Tenant) -> None:
        author = await here.author()
        with pytest.raises(Rejected, match="say something") as caught:
            await Article.jot(here.scope, author_id=author.id, title="  ")
        assert caught.value.path == ("input", "title")
        assert await Article.query(here.scope).count() == 0

    async def test_keys_sort_by_the_time_of_creation(self, here: Tenant) -> None:
        author = await here.author()
        made = [await here.article(f"{number}", author_id=author.id) for number in range(5)]
        assert await Article.query(here.scope).all() == made


class Updates(Behaviour):
    """What an update does."""

    async def test_an_update_answers_with_the_changed_record(self, here: Tenant) -> None:
        made = await here.article(body="old")
        changed = await made.revise(here.scope, title="New", body="new")
        assert (changed.title, changed.body) == ("New", "new")
        assert made.title == "Bugs"
        assert await Article.get(here.scope, made.id) == changed

    async def test_only_an_update_that_changes_something_touches_its_time(self, here: Tenant) -> None:
        made = await here.article()
        same = await made.nothing(here.scope)
        assert same.changed_at == made.changed_at
        changed = await made.revise(here.scope, title="New")
        assert changed.changed_at > made.changed_at
        assert changed.written_at == made.written_at

    async def test_an_update_by_key_needs_no_record(self, here: Tenant) -> None:
        made = await here.article()
        assert (await Article.revise.by_key(made.id, here.scope, title="New")).title == "New"
        assert (await Article.revise.by_key(str(made.id), here.scope, title="Newer")).title == "Newer"

    async def test_an_update_of_what_is_not_there_is_not_found(self, here: Tenant) -> None:
        with pytest.raises(NotFound):
            await Article.revise.by_key(uuid4(), here.scope, title="New")
        with pytest.raises(NotFound):
            await Article.nothing.by_key(uuid4(), here.scope)
        with pytest.raises(InvalidInput):
            await Article.revise.by_key("no key", here.scope, title="New")

    async def test_an_update_checks_its_inputs(self, here: Tenant) -> None:
        made = await here.article()
        with pytest.raises(InvalidAction) as caught:
            await made.revise(here.scope, title="x" * 41)
        assert isinstance(only(caught.value), InvalidInput)
        assert await Article.get(here.scope, made.id) == made

    async def test_an_expression_is_computed_in_the_statement(self, here: Tenant) -> None:
        made = await here.article(tries=5)
        assert (await made.retry(here.scope)).tries == 6
        assert (await made.retry(here.scope)).tries == 7

    async def test_no_atomic_update_is_lost_among_twenty(self, here: Tenant) -> None:
        made = await here.article()
        results = await asyncio.gather(*(made.retry(here.scope) for _ in range(20)))
        assert sorted(each.tries for each in results) == list(range(1, 21))
        assert (await Article.get(here.scope, made.id)).tries == 20

    async def test_what_an_expression_computes_keeps_the_limits(self, here: Tenant) -> None:
        made = await here.article(tries=0)
        with pytest.raises(CheckViolation):
            await made.lose(here.scope)
        assert (await Article.get(here.scope, made.id)).tries == 0

    async def test_a_transition_moves_the_state(self, here: Tenant) -> None:
        made = await here.article()
        reviewed = await made.submit(here.scope)
        assert reviewed.status is Status.REVIEW
        published = await reviewed.publish(here.scope, price=Decimal(3))
        assert (published.status, published.price) == (Status.PUBLISHED, Decimal(3))

    async def test_a_transition_from_another_state_is_refused(self, here: Tenant) -> None:
        made = await here.article(status=Status.PUBLISHED)
        with pytest.raises(WrongState) as caught:
            await made.submit(here.scope)
        assert here.visits.names == [], "its body does not run in vain"
        assert caught.value.current == "published"
        assert "draft" in str(caught.value)

    async def test_of_two_that_make_a_transition_at_once_one_wins(self, here: Tenant) -> None:
        made = await here.article()
        outcomes = await asyncio.gather(
            made.publish(here.scope, price=Decimal(1)),
            made.publish(here.scope, price=Decimal(2)),
            return_exceptions=True,
        )
        refused = [each for each in outcomes if isinstance(each, WrongState)]
        won = [each for each in outcomes if isinstance(each, Article)]
        assert (len(refused), len(won)) == (1, 1), outcomes
        assert (await Article.get(here.scope, made.id)).price == won[0].price

    async def test_a_stale_record_does_not_pass_the_guard(self, here: Tenant) -> None:
        stale = await here.article()
        await stale.publish(here.scope)
        with pytest.raises(WrongState):
            await stale.submit(here.scope)


class Destroys(Behaviour):
    """What a destroy does."""

    async def test_a_destroyed_record_is_gone_and_answered_with(self, here: Tenant) -> None:
        made = await here.article()
        assert await made.remove(here.scope) == made
        with pytest.raises(NotFound):
            await Article.get(here.scope, made.id)
        with pytest.raises(NotFound):
            await made.remove(here.scope)

    async def test_a_destroy_by_key(self, here: Tenant) -> None:
        made = await here.article()
        assert (await Article.remove.by_key(made.id, here.scope)).id == made.id
        assert await Article.query(here.scope).count() == 0

    async def test_rows_that_cascade_go_along(self, here: Tenant) -> None:
        made, other = await here.article(), await here.article()
        await here.comment(made)
        kept = await here.comment(other)
        await made.remove(here.scope)
        assert await Comment.query(here.scope).all() == [kept]

    async def test_a_row_that_is_referred_to_stays(self, here: Tenant) -> None:
        author = await here.author()
        await here.article(author_id=author.id)
        with pytest.raises(InvalidAction) as caught:
            await author.leave(here.scope)
        error = only(caught.value)
        assert isinstance(error, RelatedMissing)
        assert "suite_articles" in error.message
        assert await Author.get(here.scope, author.id) == author

    async def test_a_reference_that_may_be_null_becomes_null(self, here: Tenant) -> None:
        editor = await here.author()
        made = await here.article()
        await made.revise(here.scope, title="New", editor_id=editor.id)
        await editor.leave(here.scope)
        assert (await Article.get(here.scope, made.id)).editor_id is None


class Constraints(Behaviour):
    """Identities and references."""

    async def test_an_identity_that_is_taken_names_its_field(self, here: Tenant) -> None:
        await here.article(slug="same")
        with pytest.raises(InvalidAction) as caught:
            await here.article(slug="same")
        error = only(caught.value)
        assert isinstance(error, AlreadyTaken)
        assert error.names == ("slug",)
        assert await Article.query(here.scope).count() == 1

    async def test_an_identity_is_held_at_updates_too(self, here: Tenant) -> None:
        await here.article(slug="same")
        other = await here.article(slug="other")
        with pytest.raises(InvalidAction) as caught:
            await other.tag_with(here.scope, slug="same")
        assert isinstance(only(caught.value), AlreadyTaken)
        assert (await other.tag_with(here.scope, slug="other")).slug == "other"
        assert (await other.tag_with(here.scope, slug=None)).slug is None

    async def test_nulls_are_never_the_same(self, here: Tenant) -> None:
        await here.article(slug=None)
        await here.article(slug=None)
        assert await Article.query(here.scope).count() == 2

    async def test_an_identity_of_another_tenant_is_free(self, here: Tenant, there: Tenant) -> None:
        await here.article(slug="same")
        assert (await there.article(slug="same")).slug == "same"

    async def test_of_twenty_with_one_identity_one_is_made(self, here: Tenant) -> None:
        async def join() -> Person:
            return await Person.join(here.scope, name="Bob", email="bob@example.org")

        outcomes = await asyncio.gather(*(join() for _ in range(20)), return_exceptions=True)
        taken = [each for each in outcomes if isinstance(each, InvalidAction)]
        assert len(taken) == 19
        assert all(isinstance(only(each), AlreadyTaken) for each in taken)

    async def test_a_reference_to_nothing_is_refused(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction) as caught:
            await here.article(author_id=uuid4())
        error = only(caught.value)
        assert isinstance(error, RelatedMissing)
        assert error.path == ("input", "author_id")
        assert "Author" in error.message
        made = await here.article()
        with pytest.raises(InvalidAction) as caught:
            await made.revise(here.scope, title="New", editor_id=uuid4())
        assert only(caught.value).path == ("input", "editor_id")

    async def test_an_identity_with_one_row_for_each_source(self, here: Tenant) -> None:
        author = await here.author()
        await Profile.add(here.scope, author_id=author.id, bio="a")
        with pytest.raises(InvalidAction) as caught:
            await Profile.add(here.scope, author_id=author.id, bio="b")
        error = only(caught.value)
        assert isinstance(error, AlreadyTaken)
        assert error.names == ("author_id",)


class Writes(Creates, Updates, Destroys, Constraints):
    """Everything that changes rows."""
