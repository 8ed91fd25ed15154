"""A thorough application: every type that a public field or input may have, and every kind of route.

`python -m tests.integration.json_api.every_type PLACE` serves it on loopback and prints its URL; PLACE is the URL of an
empty database, or a folder for an embedded one.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    CiStr,
    Domain,
    Embedded,
    Expr,
    FieldPolicies,
    File,
    Json,
    JsonApi,
    Limits,
    Many,
    One,
    Paging,
    Policies,
    Postgres,
    Query,
    Range,
    Resource,
    Scope,
    Sorbus,
    Tagged,
    action,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    calculation,
    computed,
    field_policy,
    forbid_if,
    has_many,
    integer_primary_key,
    linkage,
    manage_relationship,
    many_to_many,
    policy,
    timestamp,
    uuid_primary_key,
)
from sorbus.apis.json_api import json_api
from sorbus.data_layers.postgres.migrations import push
from sorbus.http import http_app, serving

OPEN = Policies(policy("any", authorize_if(True)))

type Short = Annotated[str, Limits(max_length=12)]


class Mood(StrEnum):
    """How it feels."""

    GOOD = "good"
    BAD = "so bad"


class Level(IntEnum):
    LOW = 1
    HIGH = 3


class Engine(Embedded):
    """What drives it."""

    id: Attr[UUID] = uuid_primary_key()
    power: Attr[int] = attribute(public=True, ge=0, le=1000)
    serial: Attr[str] = attribute(default="secret-serial")


@dataclass(frozen=True)
class Sold:
    to: str


@dataclass(frozen=True)
class Rented:
    days: int


Fate = Annotated[Sold | Rented, Tagged("how", sold=Sold, rented=Rented)]


class Label(Resource):
    """A label, which is told apart by a number."""

    id: Attr[int] = integer_primary_key()
    word: Attr[CiStr] = attribute(public=True, max_length=20)

    @action.create
    def coin(self, scope: Scope, word: CiStr) -> None:
        """Coin a label."""

    @action.update
    def reword(self, scope: Scope, word: CiStr = UNCHANGED) -> None:
        """Change its word."""

    storage = Postgres("every_labels")
    policies = OPEN
    json_api = JsonApi("/labels", "get", "index", coin, reword)


class Gluing(Resource):
    """That a thing has a label."""

    id: Attr[UUID] = uuid_primary_key()
    thing_id: Attr[UUID] = attribute()
    label_id: Attr[int] = attribute()
    thing: One[Thing] = belongs_to(via=thing_id, on_delete="cascade")
    label: One[Label] = belongs_to(via=label_id, on_delete="cascade")

    @action.create
    def glue(self, scope: Scope, thing_id: UUID, label_id: int) -> None:
        """Glue it on."""

    @action.destroy
    def peel(self, scope: Scope) -> None:
        """Peel it off."""

    storage = Postgres("every_gluings")
    policies = OPEN


class Thing(Resource):
    """A thing with a field of every type."""

    id: Attr[UUID] = uuid_primary_key(writable=True)
    text: Attr[str] = attribute(public=True, min_length=1, max_length=40)
    code: Attr[str] = attribute(default="ab-1", public=True, pattern=r"^[a-z]{2}-[0-9]$")
    nick: Attr[CiStr | None] = attribute(default=None, public=True)
    count: Attr[int] = attribute(default=0, public=True, ge=-5, le=5_000_000)
    big: Attr[int] = attribute(default=0, public=True)
    ratio: Attr[float] = attribute(default=0.5, public=True)
    price: Attr[Decimal] = attribute(
        default=Decimal("1.50"), public=True, max_digits=8, decimal_places=2, ge=0
    )
    free: Attr[Decimal | None] = attribute(default=None, public=True)
    flag: Attr[bool] = attribute(default=False, public=True)
    day: Attr[date | None] = attribute(default=None, public=True)
    at: Attr[datetime | None] = attribute(default=None, public=True)
    clock: Attr[time | None] = attribute(default=None, public=True)
    lasts: Attr[timedelta | None] = attribute(default=None, public=True)
    key: Attr[UUID | None] = attribute(default=None, public=True)
    mood: Attr[Mood] = attribute(default=Mood.GOOD, public=True)
    level: Attr[Level | None] = attribute(default=None, public=True)
    size: Attr[Literal["s", "m"]] = attribute(default="s", public=True)
    blob: Attr[bytes | None] = attribute(default=None, public=True)
    words: Attr[list[str]] = attribute(default=list, public=True)
    moods: Attr[list[Mood]] = attribute(default=list, public=True)
    extra: Attr[dict[str, Json]] = attribute(default=dict, public=True)
    anything: Attr[Json] = attribute(default=None, public=True)
    span: Attr[Range[int] | None] = attribute(default=None, public=True)
    days: Attr[Range[date] | None] = attribute(default=None, public=True)
    engine: Attr[Engine | None] = attribute(default=None, public=True)
    engines: Attr[list[Engine]] = attribute(default=list, public=True)
    fate: Attr[Fate | None] = attribute(default=None, public=True)
    large: Attr[str | None] = attribute(default=None, public=True, select_by_default=False)
    secret: Attr[str] = attribute(default="thing-secret")
    inserted_at: Attr[datetime] = timestamp(public=True)
    parent_id: Attr[UUID | None] = attribute(default=None, public=True)

    parent: One[Thing | None] = belongs_to(via=parent_id, on_delete="nilify", public=True)
    children: Many[Thing] = has_many(via=lambda thing: thing.parent_id, public=True)
    labels: Many[Label] = many_to_many("Gluing", public=True)
    child_count = agg.count(children, public=True)
    mean_count = agg.avg(children, lambda child: child.count, public=True)
    child_texts = agg.list(children, lambda child: child.text, public=True)
    text_length = calculate(text.length(), public=True)

    @calculation(public=True)
    @classmethod
    def above(cls, least: Decimal, twice: bool = False) -> Expr[bool]:
        """Whether the price is above a limit."""
        return cls.price > (least * 2 if twice else least)

    @computed(loads=[text], public=True)
    def loud(self) -> str:
        """The text, loudly."""
        return self.text.upper()

    @action.create(changes=[manage_relationship(labels, preset="append")])
    def make(
        self,
        scope: Scope,
        text: str,
        id: UUID = UNCHANGED,
        code: str = "ab-1",
        nick: CiStr | None = None,
        count: int = 0,
        big: int = 0,
        ratio: float = 0.5,
        price: Decimal = Decimal("1.50"),
        free: Decimal | None = None,
        flag: bool = False,
        day: date | None = None,
        at: datetime | None = None,
        clock: time | None = None,
        lasts: timedelta | None = None,
        key: UUID | None = None,
        mood: Mood = Mood.GOOD,
        level: Level | None = None,
        size: Literal["s", "m"] = "s",
        blob: bytes | None = None,
        words: list[str] = [],  # noqa: B006  # never changed
        moods: list[Mood] = [],  # noqa: B006  # never changed
        extra: dict[str, Json] = {},  # noqa: B006  # never changed
        anything: Json = None,
        span: Range[int] | None = None,
        days: Range[date] | None = None,
        engine: Engine | None = None,
        engines: list[Engine] = [],  # noqa: B006  # never changed
        fate: Fate | None = None,
        parent_id: UUID | None = None,
        labels: Arg[list[int]] = [],  # noqa: B006  # never changed
    ) -> None:
        """Make a thing."""

    @action.update
    def edit(
        self,
        scope: Scope,
        text: str = UNCHANGED,
        engine: Engine | None = UNCHANGED,
        span: Range[int] | None = UNCHANGED,
        note: Arg[Short] = "",
    ) -> None:
        """Change it."""

    @action.update
    def adopt(self, scope: Scope, parent_id: UUID | None) -> None:
        """Put it below another."""

    @action.update(changes=[manage_relationship(labels, preset="append_and_remove")])
    def relabel(self, scope: Scope, labels: Arg[list[int]]) -> None:
        """Give it exactly these labels."""

    @action.update(changes=[manage_relationship(labels, preset="append")])
    def stick(self, scope: Scope, labels: Arg[list[int]]) -> None:
        """Add labels."""

    @action.update(changes=[manage_relationship(labels, preset="remove", on_no_match="ignore")])
    def unstick(self, scope: Scope, labels: Arg[list[int]]) -> None:
        """Take labels off."""

    @action.destroy
    def scrap(self, scope: Scope) -> None:
        """Scrap it."""

    @action.read(page=Paging(default=3, largest=7, count=False))
    @classmethod
    def around(
        cls, scope: Scope, count: int, moods: list[Mood] | None = None, since: datetime | None = None
    ) -> Query[Thing]:
        """Things with a count near another."""
        found = cls.query().where(cls.count.between(count - 2, count + 2))
        if since is not None:
            found = found.where(cls.inserted_at >= since)
        return found.where(cls.mood.is_in(moods)) if moods else found

    @action.generic
    @classmethod
    async def weigh(
        cls, scope: Scope, upload: File, factor: Decimal = Decimal(1), mood: Mood | None = None
    ) -> dict[str, Json]:
        """Weigh a file."""
        return {"bytes": upload.size, "name": upload.name, "mood": None if mood is None else mood.value}

    @action.generic
    @classmethod
    async def sum_up(cls, scope: Scope, numbers: list[int], fate: Fate | None = None) -> Decimal:
        """Add numbers."""
        return Decimal(sum(numbers))

    storage = Postgres("every_things")
    policies = OPEN
    json_api = JsonApi(
        "/things",
        "get",
        "index",
        make,
        edit,
        adopt,
        scrap,
        around,
        weigh,
        sum_up,
        includes=["parent.labels", "children.labels", labels],
        related=[
            linkage(parent, replace=adopt),
            children,
            linkage(labels, replace=relabel, add=stick, remove=unstick),
        ],
    )


class Paper(Resource):
    """A paper with words that nobody may see, in camel case."""

    id: Attr[UUID] = uuid_primary_key()
    file_name: Attr[str] = attribute(public=True, max_length=60)
    hidden_word: Attr[int] = attribute(default=7, public=True)

    @action.create
    def put_down(self, scope: Scope, file_name: str) -> None:
        """Put it down."""

    storage = Postgres("every_papers")
    policies = Policies(policy(["read", "create"], authorize_if(True)), policy("destroy", forbid_if(True)))
    field_policies = FieldPolicies(
        field_policy(hidden_word, forbid_if(True)), field_policy([file_name], authorize_if(True))
    )
    json_api = JsonApi("/papers", "get", "index", put_down, names="camel")


Every = Domain("every", resources=[Label, Gluing, Thing, Paper])


def application(database_url: str | None = None, *, home: Path | None = None) -> Sorbus:
    """The application, not open yet."""
    return Sorbus(domains=[Every], name="every", database_url=database_url, home=home, secret=b"e" * 32)


async def main(place: str) -> None:
    home = None if "://" in place else Path(place)
    app = application(place if home is None else None, home=home)
    async with app:
        async with app.database.pool.connection() as connection:
            await push(connection, app.schema())
        async with serving(http_app(app, interfaces=[json_api], body_limit=1_000_000)) as url:
            print(url, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
