"""Mistakes in managed relationships and cascades are told when the application is put together."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.unit.resource.putting_together import mistakes, only

from sorbus import (
    Arg,
    Attr,
    Identities,
    Many,
    Resource,
    Scope,
    action,
    attribute,
    cascade_destroy,
    has_many,
    identity,
    manage_relationship,
    many_to_many,
    unrelated,
    uuid_primary_key,
)
from sorbus.errors.declaration import (
    WrongRelationship,
)


class Tag(Resource):
    """A word."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute()

    @action.create
    def coin(self, scope: Scope, name: str) -> None:
        """Coin it."""

    @action.create
    def mint(self, scope: Scope, name: str) -> None:
        """Coin it elsewhere."""

    identities = Identities(short=identity(name, where=name < "m"))


class Tagging(Resource):
    """That a post has a tag."""

    id: Attr[UUID] = uuid_primary_key()
    post_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()


def post_with(**options: Any) -> type[Any]:
    class Post(Resource):
        """A post."""

        id: Attr[UUID] = uuid_primary_key()
        tags: Many[Tag] = many_to_many("Tagging")
        first: Many[Tag] = many_to_many("Tagging", limit=1)
        all: Many[Tag] = unrelated(where=lambda tag: tag.name == "x")
        taggings: Many[Tagging] = has_many()

        @action.update(changes=[manage_relationship(options.pop("of", tags), **options)])
        def retag(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
            """Tag it anew."""

    return Post


class TestManaging:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"preset": "append"}, "needs a create action of Tagging (`join_create`), which has none"),
            ({"preset": "remove"}, "needs a destroy action of Tagging (`join_destroy`), which has none"),
            ({"on_no_match": "create"}, "needs a create action of Tag (`create`), which has several (coin, mint)"),
            ({"on_match": "update"}, "needs an update action of Tag (`update`), which has none"),
            ({"on_missing": "destroy"}, "needs a destroy action of Tag (`destroy`), which has none"),
            ({"from_input": "tag"}, "Post.retag has no input `tag` to follow. Inputs: tags. Did you mean `tags`?"),
            ({"value_is_key": "nam"}, "`nam` is no attribute of Tag. Attributes: id, name."),
            ({"order_is_key": "place"}, "needs an update action of Tagging (`join_update`), which has none"),
            ({"use_identities": ["slug"]}, "`slug` is no identity of Tag."),
            ({"use_identities": ["short"]}, "`short` tells only some rows of Tag apart"),
            ({"join_keys": ["weight"]}, "`weight` is no attribute of Tagging."),
            (
                {"create": lambda tag: tag.name, "on_no_match": "create"},
                "`create` is no create action of Tag. There are: coin, mint",
            ),
        ],
    )  # fmt: skip
    def test_what_it_needs_must_be_there(self, options: dict[str, Any], message: str) -> None:
        error = only(post_with(**options), Tag, Tagging)
        assert isinstance(error, WrongRelationship)
        assert str(error).startswith("Post.retag: manage_relationship: ")
        assert message in str(error)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"preset": "appendd"}, "there is no preset `appendd`. Presets: append, append_and_remove"),
            (
                {"on_match": "create"},
                "`on_match` is 'create'; it takes destroy, error, ignore, unrelate, update",
            ),
            ({"on_mach": "update"}, "there is no option `on_mach`."),
        ],
    )
    def test_a_choice_must_be_one(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(WrongRelationship, match="manage_relationship") as caught:
            post_with(**options)
        assert message in str(caught.value)

    def test_nothing_is_written_through_what_is_read_only(self) -> None:
        class Post(Resource):
            """A post."""

            id: Attr[UUID] = uuid_primary_key()
            taggings: Many[Tagging] = has_many()
            newest: Many[Tagging] = has_many(limit=1)
            every: Many[Tag] = unrelated(where=lambda tag: tag.name == "x")

            @action.update(changes=[manage_relationship(every, from_input="tags")])
            def one(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
                """Try."""

            @action.update(changes=[manage_relationship(newest, from_input="tags")])
            def two(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
                """Try again."""

        first, second = mistakes(Post, Tag, Tagging)
        assert "nothing is written through `Post.every`: it is unrelated" in str(first)
        assert "Relationships that can be managed: taggings." in str(first)
        assert "nothing is written through `Post.newest`: it has a limit" in str(second)

    def test_a_key_that_cannot_be_null_cannot_be_taken_away(self) -> None:
        class Post(Resource):
            """A post."""

            id: Attr[UUID] = uuid_primary_key()
            remarks: Many[Remark] = has_many()

            @action.update(changes=[manage_relationship(remarks, on_missing="unrelate")])
            def clear(self, scope: Scope, remarks: Arg[list[UUID]]) -> None:
                """Clear it."""

        class Remark(Resource):
            """What somebody says."""

            id: Attr[UUID] = uuid_primary_key()
            post_id: Attr[UUID] = attribute()

            @action.update
            def edit(self, scope: Scope) -> None:
                """Edit it."""

        assert "is to set `Remark.post_id` to null, which it cannot be" in str(only(Post, Remark))

    def test_a_cascade_needs_its_action(self) -> None:
        class Post(Resource):
            """A post."""

            id: Attr[UUID] = uuid_primary_key()
            taggings: Many[Tagging] = has_many()

            @action.destroy(changes=[cascade_destroy(taggings)])
            def drop(self, scope: Scope) -> None:
                """Drop it."""

        assert "needs a destroy action of Tagging" in str(only(Post, Tag, Tagging))
