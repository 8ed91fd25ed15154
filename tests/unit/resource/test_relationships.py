"""Mistakes in relationships are told when the application is put together, each with what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from tests.unit.resource.putting_together import mistakes, only

from sorbus import (
    Attr,
    Domain,
    Identities,
    InMemory,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    exists,
    has_many,
    has_one,
    manual,
    many_to_many,
    policy,
    through,
    uuid_primary_key,
)
from sorbus.errors.declaration import (
    MissingPart,
    NoSuchField,
    NoSuchResource,
    WrongRelationship,
)
from sorbus.schema.fields import Cardinality


class Page(Resource):
    """A page of a book."""

    id: Attr[UUID] = uuid_primary_key()
    chapter_id: Attr[UUID] = attribute()
    number: Attr[int] = attribute()

    chapter: One[Chapter] = belongs_to()


class Chapter(Resource):
    """A chapter of a book."""

    id: Attr[UUID] = uuid_primary_key()
    novel_id: Attr[UUID] = attribute()

    novel: One[Novel] = belongs_to()
    pages: Many[Page] = has_many()


class Novel(Resource):
    """A book."""

    id: Attr[UUID] = uuid_primary_key()
    title: Attr[str] = attribute()

    chapters: Many[Chapter] = has_many()


class TestPaths:
    def test_a_path_is_checked_step_by_step(self) -> None:
        class Novel(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many()
            pages: Many[Page] = through(chapters, lambda chapter: chapter.novel_id)  # type: ignore[arg-type]

        class Chapter(Resource):
            """A chapter."""

            id: Attr[UUID] = uuid_primary_key()
            novel_id: Attr[UUID] = attribute()
            pages: Many[Page] = has_many()

        class Page(Resource):
            """A page."""

            id: Attr[UUID] = uuid_primary_key()
            chapter_id: Attr[UUID] = attribute()

        error = only(Novel, Chapter, Page)
        assert isinstance(error, WrongRelationship)
        assert "`Chapter.novel_id`, which is no relationship. Relationships of Chapter: pages." in str(error)

    def test_a_misspelt_step_is_told_with_what_is_near(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many(via="novel_id")
            pages: Many[Page] = through(chapters, lambda chapter: chapter.pags)  # type: ignore[attr-defined, misc]

        error = only(Tome, Chapter, Page, Novel)
        assert isinstance(error, NoSuchField)
        assert error.hint == "Did you mean `pages`?"

    def test_a_path_leads_to_what_its_type_says(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many(via="novel_id")
            pages: Many[Novel] = through(chapters, lambda chapter: chapter.pages)  # type: ignore[assignment]

        error = only(Tome, Chapter, Page, Novel)
        assert "leads to Page; its type says Novel" in str(error)

    def test_one_and_many_are_told_apart(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many(via="novel_id")
            pages: One[Page] = through(chapters, lambda chapter: chapter.pages)  # type: ignore[assignment]

        class Leaf(Resource):
            """A page."""

            id: Attr[UUID] = uuid_primary_key()
            chapter_id: Attr[UUID] = attribute()
            chapter: One[Chapter] = belongs_to()
            novels: Many[Novel] = through(chapter, lambda chapter: chapter.novel)  # type: ignore[assignment]

        first, second = mistakes(Tome, Leaf, Chapter, Page, Novel)
        assert "leads to many rows; write `pages: Many[…]`" in str(first)
        assert "leads to at most one row; write `novels: One[…]`" in str(second)

    def test_a_circle_is_no_path(self) -> None:
        class Left(Resource):
            """One end."""

            id: Attr[UUID] = uuid_primary_key()
            right_id: Attr[UUID] = attribute()
            right: One[Right] = belongs_to()
            round: One[Left | None] = through(right, lambda right: right.back)

        class Right(Resource):
            """The other."""

            id: Attr[UUID] = uuid_primary_key()
            left_id: Attr[UUID] = attribute()
            left: One[Left] = belongs_to()
            back: One[Left | None] = through(left, lambda left: left.round)

        found = mistakes(Left, Right)
        assert "its path goes in a circle: Left.round → Right.back → Left.round" in str(found[0])

    def test_a_path_without_a_name_has_that_of_its_steps(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many(via="novel_id")
            numbers = agg.sum(through(chapters, lambda chapter: chapter.pages), lambda page: page.number)

        spec = Sorbus(domains=[Domain("test", resources=[Tome, Chapter, Page, Novel])]).spec.resources["Tome"]
        assert spec.aggregates["numbers"].node.relationship == "chapters.pages"
        assert list(spec.relationships) == ["chapters"]
        path = spec.relationships["chapters.pages"]
        assert (path.cardinality, path.path, path.destination) == (
            Cardinality.THROUGH, ("chapters", "pages"), "Page",
        )  # fmt: skip
        with pytest.raises(KeyError):
            spec.relationships["nothing"]


class TestOptions:
    def test_many_is_no_one(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_one(via="novel_id")  # type: ignore[assignment]

        error = only(Tome, Chapter, Page, Novel)
        assert isinstance(error, MissingPart)
        assert "One[…]" in str(error)

    @pytest.mark.parametrize("limit", [0, -1, "2"])
    def test_limits_are_numbers(self, limit: Any) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many(via="novel_id", limit=limit)

        assert "takes a whole number from 1 on" in str(only(Tome, Chapter, Page, Novel))

    def test_keys_that_are_not_there(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            chapters: Many[Chapter] = has_many(via=lambda chapter: chapter.tome_id)
            tags: Many[Novel] = many_to_many("Tagging")
            others: Many[Chapter] = many_to_many("Page", via="chapter_id", to="chapter_id", source=None)

        first, second = mistakes(Tome, Chapter, Page, Novel)
        assert isinstance(first, NoSuchField)
        assert "Chapter` has no field `tome_id`" in str(first)
        assert isinstance(second, NoSuchResource)
        assert "`Tagging`" in str(second)

    def test_a_row_between_has_both_keys(self) -> None:
        class Tome(Resource):
            """A book."""

            id: Attr[UUID] = uuid_primary_key()
            novels: Many[Novel] = many_to_many("Page")

        error = only(Tome, Chapter, Page, Novel)
        assert isinstance(error, NoSuchField)
        assert "`Page` has no field `tome_id` in the relationship `Tome.novels`" in str(error)

    def test_a_reference_needs_something_that_tells_rows_apart(self) -> None:
        class Review(Resource):
            """What somebody says of a book."""

            id: Attr[UUID] = uuid_primary_key()
            of: Attr[str] = attribute()
            novel: One[Novel] = belongs_to(via=of, destination="title")

        error = only(Review, Chapter, Page, Novel)
        assert "refers to `Novel.title`, which does not tell rows apart. Keys: id." in str(error)

    def test_a_tenant_to_match_must_be_there(self) -> None:
        class Review(Resource):
            """What somebody says of a book."""

            id: Attr[UUID] = uuid_primary_key()
            novel_id: Attr[UUID] = attribute()
            novel: One[Novel] = belongs_to(match_tenant=True)

        error = only(Review, Chapter, Page, Novel)
        assert "needs a tenancy over an attribute on both sides; Review has none" in str(error)

    def test_a_reference_matches_the_tenant_unless_told_otherwise(self) -> None:
        class Org(Resource):
            """A tenant's book."""

            id: Attr[UUID] = uuid_primary_key()
            org_id: Attr[UUID] = attribute()
            code: Attr[str] = attribute()
            tenancy = Tenancy(org_id)
            identities = Identities(code=[org_id, code])

        class Part(Resource):
            """A part of it."""

            id: Attr[UUID] = uuid_primary_key()
            org: Attr[UUID] = attribute()
            one_id: Attr[UUID] = attribute()
            two_id: Attr[UUID | None] = attribute()
            code: Attr[str] = attribute()
            one: One[Org] = belongs_to(on_update="cascade", deferrable=True, index=False)
            two: One[Org] = belongs_to(on_delete="nilify")
            three: One[Org] = belongs_to(
                via=code, destination=lambda org: org.code, match_tenant=False, foreign_key=False
            )
            loose: One[Org] = belongs_to(via=one_id, match_tenant=False)
            tenancy = Tenancy(org)

        schema = Sorbus(domains=[Domain("test", resources=[Org, Part])]).schema()
        keys = {each.name: each for each in schema.table("part").foreign_keys}
        assert keys["part_one_fkey"].columns == ("org", "one_id")
        assert keys["part_one_fkey"].keys == ("org_id", "id")
        assert (keys["part_one_fkey"].deferrable, keys["part_one_fkey"].on_update.value) == (True, "cascade")
        # The row stays its tenant's when what it refers to goes.
        assert keys["part_two_fkey"].nilified == ("two_id",)
        assert keys["part_loose_fkey"].columns == ("one_id",)
        assert "part_three_fkey" not in keys
        assert [each.columns for each in schema.table("org").uniques] == [
            ("org_id", "code"),
            ("org_id", "id"),
        ]
        assert [each.columns for each in schema.table("part").indexes] == [("two_id",), ("org", "id")]


class Venue(Resource):
    """A place, in memory."""

    id: Attr[UUID] = uuid_primary_key()
    town: Attr[str] = attribute()
    storage = InMemory()


async def fans_of(gigs: Sequence[Any], scope: Scope) -> Mapping[UUID, list[Venue]]:
    return {}


class TestDataLayers:
    def test_expressions_stay_in_one_data_layer(self) -> None:
        class Gig(Resource):
            """A concert."""

            id: Attr[UUID] = uuid_primary_key()
            venue_id: Attr[UUID] = attribute()
            venue: One[Venue] = belongs_to()
            fans: Many[Venue] = manual(fans_of)
            far = calculate(exists(venue, lambda venue: venue.town == "Oslo"))
            many = agg.count(fans)
            storage = Postgres("gigs")
            policies = Policies(policy("any", authorize_if(exists(venue))))

        found = {error.path: str(error) for error in mistakes(Gig, Venue)}
        assert "the rows of Venue live in another data layer (memory)" in found["Gig", "far"]
        assert "a function finds its rows" in found["Gig", "many"]
        assert ("Gig", "policies") in found

    def test_a_path_stays_in_one_data_layer(self) -> None:
        class Tour(Resource):
            """Some concerts."""

            id: Attr[UUID] = uuid_primary_key()
            gigs: Many[Gig] = has_many()
            venues: Many[Venue] = through(gigs, lambda gig: gig.venue)
            fans: Many[Venue] = through(gigs, lambda gig: gig.fans)

        class Gig(Resource):
            """A concert."""

            id: Attr[UUID] = uuid_primary_key()
            venue_id: Attr[UUID] = attribute()
            tour_id: Attr[UUID] = attribute()
            venue: One[Venue] = belongs_to()
            fans: Many[Venue] = manual(fans_of)

        first, second = mistakes(Tour, Gig, Venue)
        assert "several data layers: Gig (postgres), Venue (memory)" in str(first)
        assert "whose rows a function finds: nothing can follow it" in str(second)
