"""A domain with every kind of relationship that clients may read and change."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    File,
    JsonApi,
    Limits,
    Many,
    One,
    Policies,
    Postgres,
    PrivateArg,
    Resource,
    Scope,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    check,
    forbid_if,
    has_many,
    has_one,
    linkage,
    manage_relationship,
    many_to_many,
    policy,
    uuid_primary_key,
)
from sorbus.schema.actions import UNCHANGED

OPEN = Policies(policy("any", authorize_if(True)))
HIDDEN_TEXT = "what nobody may read"


class Tag(Resource):
    """A word for articles; clients choose its id."""

    id: Attr[UUID] = uuid_primary_key(writable=True)
    name: Attr[str] = attribute(public=True)
    private_note: Attr[str] = attribute(default="tag-secret")

    @action.create
    def coin(self, scope: Scope, id: UUID, name: str, minted: PrivateArg[str] = "") -> None:
        """Coin a tag."""
        if minted:
            self.private_note = minted

    storage = Postgres("atlas_tags")
    policies = OPEN
    json_api = JsonApi("/tags", "get", "index", coin)


class Writer(Resource):
    """Somebody who writes."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    salary: Attr[int] = attribute(default=4711)
    articles: Many[Article] = has_many(via=lambda article: article.author_id, public=True)
    article_count = agg.count(articles, public=True)

    @action.create
    def enrol(self, scope: Scope, name: str) -> None:
        """Enrol a writer."""

    @action.update
    def rename(self, scope: Scope, name: str = UNCHANGED) -> None:
        """Change the name."""

    storage = Postgres("atlas_writers")
    policies = OPEN
    json_api = JsonApi(
        "/writers",
        "get",
        "index",
        enrol,
        rename,
        includes=["articles.tags", "articles.comments"],
        related=[articles],
    )


class Tagging(Resource):
    """That an article has a tag."""

    id: Attr[UUID] = uuid_primary_key()
    article_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()
    weight: Attr[int] = attribute(default=1)
    article: One[Article] = belongs_to(via=article_id, on_delete="cascade")
    tag: One[Tag] = belongs_to(via=tag_id)

    @action.create
    def tie(self, scope: Scope, article_id: UUID, tag_id: UUID, weight: int = 1) -> None:
        """Tie a tag to an article."""

    @action.destroy
    def untie(self, scope: Scope) -> None:
        """Take it off again."""

    storage = Postgres("atlas_taggings")
    policies = OPEN


class Article(Resource):
    """An article."""

    id: Attr[UUID] = uuid_primary_key()
    author_id: Attr[UUID | None] = attribute(default=None, public=True)
    title: Attr[str] = attribute(public=True, max_length=200)
    rating: Attr[int | None] = attribute(default=None, public=True)
    published_at: Attr[datetime | None] = attribute(default=None, public=True)
    draft: Attr[str] = attribute(default="article-secret")

    author: One[Writer | None] = belongs_to(via=author_id, public=True)
    taggings: Many[Tagging] = has_many()
    tags: Many[Tag] = many_to_many("Tagging", public=True)
    weighty: Many[Tag] = many_to_many("Tagging", public=True, order_by=lambda tag: Tagging.weight.desc())
    comments: Many[Remark] = has_many(public=True, order_by=lambda remark: remark.place)
    first_comment: One[Remark | None] = has_one(public=True, order_by=lambda remark: remark.place)
    seals: Many[Seal] = has_many(public=True)
    title_length = calculate(title.length(), public=True)

    @action.create(changes=[manage_relationship(tags, preset="append")])
    def write(
        self,
        scope: Scope,
        title: str,
        author_id: UUID | None = None,
        rating: int | None = None,
        published_at: datetime | None = None,
        tags: Arg[list[UUID]] = [],  # noqa: B006  # never changed
    ) -> None:
        """Write an article."""

    @action.update
    def edit(self, scope: Scope, title: str = UNCHANGED, rating: int | None = UNCHANGED) -> None:
        """Change it."""

    @action.update
    def hand_over(self, scope: Scope, author_id: UUID | None) -> None:
        """Give it another author."""

    @action.update(changes=[manage_relationship(tags, preset="append_and_remove")])
    def retag(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
        """Give it exactly these tags."""

    @action.update(changes=[manage_relationship(tags, preset="append")])
    def add_tags(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
        """Add tags."""

    @action.update(changes=[manage_relationship(tags, preset="remove", on_no_match="ignore")])
    def drop_tags(self, scope: Scope, tags: Arg[list[UUID]]) -> None:
        """Take tags off."""

    @action.update(changes=[manage_relationship(tags, preset="append", join_keys=["weight"])])
    def weigh(self, scope: Scope, tags: Arg[list[dict[str, str | int]]]) -> None:
        """Add tags with their weight."""

    @action.destroy
    def withdraw(self, scope: Scope) -> None:
        """Withdraw it."""

    @action.generic
    @classmethod
    async def measure(
        cls,
        scope: Scope,
        upload: Arg[Annotated[File, Limits(max_size=2000, content_types=("text/*",))]],
        note: str = "",
    ) -> dict[str, str | int]:
        """Measure a text."""
        data = await upload.read()
        return {"name": upload.name, "type": upload.content_type, "size": len(data), "note": note}

    @action.generic
    @classmethod
    async def count_files(cls, scope: Scope, files: Arg[list[File]]) -> list[int]:
        """The sizes of files."""
        return [each.size for each in files]

    storage = Postgres("atlas_articles")
    policies = OPEN
    json_api = JsonApi(
        "/articles",
        "get",
        "index",
        write,
        edit,
        withdraw,
        measure,
        count_files,
        includes=["author.articles", tags, weighty, comments, seals, "first_comment"],
        related=[
            linkage(author, replace=hand_over),
            linkage(tags, replace=retag, add=add_tags, remove=drop_tags),
            weighty,
            comments,
            seals,
        ],
    )


class Remark(Resource):
    """What somebody says about an article; some may be seen by nobody."""

    id: Attr[UUID] = uuid_primary_key()
    article_id: Attr[UUID] = attribute(public=True)
    text: Attr[str] = attribute(public=True)
    place: Attr[int] = attribute(default=0, public=True)
    score: Attr[int] = attribute(default=7)
    article: One[Article] = belongs_to(via=article_id, on_delete="cascade")

    @action.create
    def say(self, scope: Scope, article_id: UUID, text: str, place: int = 0) -> None:
        """Say something."""

    storage = Postgres("atlas_remarks")
    policies = Policies(
        policy("read", forbid_if(text == HIDDEN_TEXT), authorize_if(True)),
        policy("create", authorize_if(True)),
    )


class Seal(Resource):
    """Something of which Python decides who sees it."""

    id: Attr[UUID] = uuid_primary_key()
    article_id: Attr[UUID] = attribute(public=True)
    number: Attr[int] = attribute(public=True)

    @action.create
    def put(self, scope: Scope, article_id: UUID, number: int) -> None:
        """Put a seal on an article."""

    storage = Postgres("atlas_seals")
    policies = Policies(
        policy("read", authorize_if(check("even", lambda seal, _: seal.number % 2 == 0)), access="runtime"),
        policy("create", authorize_if(True)),
    )


class Parcel(Resource):
    """A thing whose names are spelled in camel case outside."""

    id: Attr[UUID] = uuid_primary_key()
    sent_by: Attr[str] = attribute(public=True)
    stop_count: Attr[int] = attribute(default=0, public=True)
    next_of_kin_id: Attr[UUID | None] = attribute(default=None, public=True)
    next_of_kin: One[Parcel | None] = belongs_to(via=next_of_kin_id, public=True)

    @action.create
    def send_off(
        self, scope: Scope, sent_by: str, stop_count: int = 0, next_of_kin_id: UUID | None = None
    ) -> None:
        """Send a parcel."""

    @action.read
    @classmethod
    def from_sender(cls, scope: Scope, sender_name: str):
        """Parcels of a sender."""
        return cls.query().where(cls.sent_by == sender_name)

    storage = Postgres("atlas_parcels")
    policies = OPEN
    json_api = JsonApi(
        "/parcels",
        "get",
        "index",
        send_off,
        from_sender,
        includes=[next_of_kin],
        related=[next_of_kin],
        names="camel",
    )


class Crate(Resource):
    """A thing whose names are spelled with dashes outside."""

    id: Attr[UUID] = uuid_primary_key()
    packed_by: Attr[str] = attribute(public=True)
    item_count: Attr[int | None] = attribute(default=None, public=True)
    inside_of_id: Attr[UUID | None] = attribute(default=None, public=True)
    inside_of: One[Crate | None] = belongs_to(via=inside_of_id, public=True)

    @action.create
    def pack_up(
        self, scope: Scope, packed_by: str, item_count: int | None = None, inside_of_id: UUID | None = None
    ) -> None:
        """Pack a crate."""

    @action.update
    def put_into(self, scope: Scope, inside_of_id: UUID | None) -> None:
        """Put it into another one."""

    @action.read
    @classmethod
    def from_packer(cls, scope: Scope, packer_name: str):
        """Crates of a packer."""
        return cls.query().where(cls.packed_by == packer_name)

    storage = Postgres("atlas_crates")
    policies = OPEN
    json_api = JsonApi(
        "/crates", "get", "index", pack_up, put_into, from_packer,
        includes=["inside_of.inside_of"], related=[linkage(inside_of, replace=put_into)], names="dash",
    )  # fmt: skip


class Vault(Resource):
    """What only somebody with a name may open."""

    id: Attr[UUID] = uuid_primary_key()
    article_id: Attr[UUID] = attribute(public=True)

    storage = Postgres("atlas_vaults")
    policies = Policies(policy("any", authorize_if(actor_present())))
    json_api = JsonApi("/vaults", "get", "index")


Atlas = Domain("atlas", resources=[Tag, Writer, Tagging, Article, Remark, Seal, Parcel, Crate, Vault])
