"""The conformance domain, third part: a shop whose actions have changes, validations, conditions and batches."""

# ruff: noqa: ARG002, ARG003 - the signatures are the contract of the actions

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Changes,
    Domain,
    Identities,
    Json,
    Policies,
    Postgres,
    PrivateArg,
    Query,
    Resource,
    Scope,
    Validations,
    action,
    actor,
    actor_present,
    attribute,
    authorize_if,
    change,
    identity,
    incoming,
    now,
    policy,
    require,
    timestamp,
    uuid_primary_key,
    validate,
)
from sorbus.testing.conformance.of_org import OfOrg
from sorbus.testing.conformance.people import Person, Visits


class Shelf(StrEnum):
    """Where an item stands."""

    STORE = "store"
    SHOP = "shop"
    SOLD = "sold"


class Place(StrEnum):
    """Which way an item faces."""

    FRONT = "front"
    BACK = "back"
    FLOOR = "floor"


class Item(OfOrg):
    """Something for sale."""

    code: Attr[str] = attribute(public=True)
    name: Attr[str] = attribute(default="thing", public=True, max_length=40)
    note: Attr[str | None] = attribute(default=None)
    stock: Attr[int] = attribute(default=0)
    price: Attr[Decimal] = attribute(default=Decimal(1))
    cost: Attr[Decimal | None] = attribute(default=None)
    shelf: Attr[Shelf] = attribute(default=Shelf.STORE)
    place: Attr[Place] = attribute(default=Place.FRONT)
    labels: Attr[list[str]] = attribute(default=list)
    days: Attr[list[datetime]] = attribute(default=list)
    meta: Attr[Json | None] = attribute(default=None)
    owner_id: Attr[UUID | None] = attribute(default=None)
    version: Attr[int] = attribute(default=1)
    gone_at: Attr[datetime | None] = attribute(default=None)
    changed_at: Attr[datetime] = timestamp(touch=True)

    @action.create
    def add(
        self,
        scope: Scope,
        code: str,
        name: str = "thing",
        stock: int = 0,
        price: Decimal = Decimal(1),
        cost: Decimal | None = None,
        labels: list[str] = [],  # noqa: B006
        days: list[datetime] = [],  # noqa: B006
        meta: Json | None = None,
        owner_id: UUID | None = None,
    ) -> None:
        """Add an item; the quick way of bulk creates."""

    @action.create
    def add_loudly(self, scope: Scope, code: str, name: str, twice: Arg[bool] = False) -> None:
        """A body that changes values."""
        require(name != "forbidden", "this name is forbidden", field="name")
        self.name = name.upper() * (2 if twice else 1)

    @action.create
    async def add_slowly(self, scope: Scope, code: str) -> None:
        """An async body."""
        scope.get(Visits).add(f"slowly {code}")
        self.name = "slow"

    @action.create
    def add_mine(self, scope: Scope, code: str, owner_id: UUID | None = None) -> None:
        """Its policy looks at the new row."""

    @action.create
    def import_(self, scope: Scope, code: str, source: PrivateArg[str] = "hand") -> None:
        """An input that only code can give."""
        self.note = f"from {source}"

    @action.create(upsert="code")
    def put(self, scope: Scope, code: str, name: str, stock: int = 0) -> None:
        """Add an item, or change the one with the code."""

    @action.create(upsert="code", upsert_fields=[name], upsert_where=incoming(version) > version)
    def put_newer(self, scope: Scope, code: str, name: str, version: int) -> None:
        """Update the name only, and only by a newer version."""

    @action.create(
        upsert="code",
        upsert_fields=[name, version],
        upsert_where=incoming(version) > version,
        skipped="return",
    )
    def keep_newest(self, scope: Scope, code: str, name: str, version: int) -> None:
        """As before, but an older one is answered with what is there."""

    @action.update
    def rename(self, scope: Scope, name: str) -> None:
        """Change the name."""

    @action.update
    def sell(self, scope: Scope, count: Arg[int] = 1) -> None:
        """Take from the stock, as far as there is any, in the statement itself."""
        require(Item.stock >= count, "there are not so many", field="count")
        self.stock = Item.stock - count

    @action.update
    def shout(self, scope: Scope) -> None:
        """A body that looks at the row."""
        self.name = self.name.upper()

    @action.update
    async def polish(self, scope: Scope) -> None:
        """An async body."""
        scope.get(Visits).add(f"polish {self.code}")
        self.note = "polished"

    @action.update(changes=[change.optimistic_lock(version)])
    def edit(self, scope: Scope, name: str) -> None:
        """Change the name of the version that was read."""

    @action.update(
        changes=[
            change.increment(stock, by=5).where(shelf == Shelf.STORE),
            change.set_attribute(note, "restocked"),
            validate.that(stock < 100, "the shelf is full", field=stock),
        ]
    )
    def restock(self, scope: Scope) -> None:
        """Changes in order, the first under a condition."""

    @action.update(
        changes=[
            validate.present(note, cost, at_least=1),
            validate.string_length(name, least=2, most=10),
            validate.match(code, r"^[a-z]+\d*$"),
            validate.one_of(place, [Place.FRONT, Place.BACK]),
            validate.byte_size(name, most=12),
            validate.confirm("code", "code_again")
            .message("the codes differ")
            .where(validate.argument_present("code_again")),
        ]
    )
    def check(
        self,
        scope: Scope,
        code: str,
        name: str,
        note: str | None = None,
        cost: Decimal | None = None,
        place: Place = Place.FRONT,
        code_again: Arg[str | None] = None,
    ) -> None:
        """Every rule that is broken is reported at once."""

    @action.update(changes=[change.prevent_change(code)])
    def relabel(self, scope: Scope, code: str, name: str) -> None:
        """The code must stay."""

    @action.update(changes=[change.only_where(gone_at.is_null())])
    def revive(self, scope: Scope, note: str) -> None:
        """Only where it is not gone."""

    @action.update(changes=[change.set_attribute(note, "moved").where(validate.changing(place))])
    def move(self, scope: Scope, place: Place) -> None:
        """Say so when the place changes."""

    @action.transition(Shelf.STORE, to=Shelf.SHOP)
    def put_out(self, scope: Scope) -> None:
        """Put it into the shop."""

    @action.update(atomic=True)
    def cheapen(self, scope: Scope) -> None:
        """A body that cannot be one statement although it should."""
        self.price = self.price / 2

    @action.destroy
    def drop(self, scope: Scope) -> None:
        """Take it away for good, when it is sold out."""
        require(Item.stock == 0, "there are some left")

    @action.destroy(soft=True)
    def retire(self, scope: Scope) -> None:
        """Keep the row, and note when it went."""
        self.gone_at = now()

    @action.read
    @classmethod
    def on_shelf(cls, scope: Scope, shelf: Shelf) -> Query[Item]:
        """The items of a shelf."""
        return cls.query().where(cls.shelf == shelf)

    storage = Postgres("suite_items")
    identities = Identities(code=[code])
    validations = Validations(
        validate.that(price >= Decimal(0), "the price is negative", field=price),
        validate.that(name != "cursed", "nobody buys that", field=name).on("create", rename),
    )
    policies = Policies(
        policy("read", authorize_if(name != "secret")),
        policy(add_mine, authorize_if(actor(Person.id) == owner_id)),
        policy(["update", "destroy"], authorize_if(name != "sealed")),
        policy(["create", "update", "destroy"], authorize_if(actor_present())),
    )


def _note_validated(draft: Any, scope: Scope) -> None:
    del draft
    scope.get(Visits).add("validated")


class Crate(Resource):
    """Hooks around batches, single rows and ends."""

    id: Attr[UUID] = uuid_primary_key()
    label: Attr[str] = attribute()
    weight: Attr[int] = attribute(default=1, ge=0)

    @action.create
    def pack(self, scope: Scope, label: str, weight: int = 1) -> None:
        """Pack a crate."""

    @pack.before_batch
    @staticmethod
    def _pack_before_batch(scope: Scope) -> None:
        scope.get(Visits).add("before batch")

    @pack.after_write
    def _pack_after_write(self, scope: Scope) -> None:
        scope.get(Visits).add(f"wrote {self.label}")

    @pack.after_batch
    @staticmethod
    def _pack_after_batch(records: list[Any], scope: Scope) -> None:
        scope.get(Visits).add(f"batch of {','.join(each.label for each in records)}")

    @pack.after_commit
    def _pack_after_commit(self, scope: Scope) -> None:
        scope.get(Visits).add(f"committed {self.label}")

    @action.update
    def weigh(self, scope: Scope, weight: int) -> None:
        """Set the weight."""

    @weigh.after_transaction
    @staticmethod
    async def _weigh_after_transaction(outcome: Any, scope: Scope) -> Any:
        kind = "error" if outcome.error is not None else "record"
        scope.get(Visits).add(f"ended with {kind}")
        if kind == "error" and "rescue" in scope.get(Visits).names:
            return await Crate.pack(scope, label="rescued")
        return None

    @action.update
    def ship(self, scope: Scope, weight: int) -> None:
        """Ship it; nobody comes for it."""

    @ship.after_write
    def _ship_after_write(self, scope: Scope) -> None:
        raise LookupError(self.label)

    @ship.after_transaction
    @staticmethod
    async def _ship_after_transaction(outcome: Any, scope: Scope) -> Any:
        return await Crate.pack(scope, label=f"instead of {outcome.error}")

    @action.update
    def fill(self, scope: Scope, weight: int) -> None:
        """A hook that runs inside the transaction."""

    @fill.before_write
    def _fill_before_write(self, scope: Scope) -> None:
        scope.get(Visits).add(f"loading {self.label}")

    @action.create
    async def pack_slowly(self, scope: Scope, label: str) -> None:
        """Slow work that a taken label makes needless."""
        scope.get(Visits).add(f"packing {label}")

    @action.update
    async def relabel(self, scope: Scope, label: str) -> None:
        """Slow work too."""
        scope.get(Visits).add(f"relabelling {label}")

    @action.update(
        changes=[
            validate.that(label != "bad", "no such label", field=label),
            change.run(_note_validated).only_when_valid(),
            validate.that(weight < 100, "too heavy", field=weight).only_when_valid(),
        ]
    )
    def check(self, scope: Scope, label: str, weight: int) -> None:
        """Later items are left out once something is wrong."""

    storage = Postgres("suite_crates")
    identities = Identities(label=identity(label, message="is on another crate", early=True))
    policies = Policies(policy("any", authorize_if(True)))


class Guarded(Resource):
    """Sections of changes for kinds of actions."""

    id: Attr[UUID] = uuid_primary_key()
    title: Attr[str] = attribute()
    slug: Attr[str | None] = attribute(default=None)
    edits: Attr[int] = attribute(default=0)
    kept: Attr[bool] = attribute(default=False)

    @action.create
    def make(self, scope: Scope, title: str, slug: str | None = None) -> None:
        """Make one."""

    @action.update
    def retitle(self, scope: Scope, title: str) -> None:
        """Change the title."""

    @action.destroy
    def unmake(self, scope: Scope) -> None:
        """Unmake it."""

    storage = Postgres("suite_guarded")
    changes = Changes(
        change.set_new_attribute(slug, "made").on("create"),
        change.increment(edits).on("update"),
        change.update_change(title, str.strip),
    )
    validations = Validations(
        validate.present(title),
        validate.that(kept == False, "it must be kept").on("destroy"),  # noqa: E712
    )
    policies = Policies(policy("any", authorize_if(True)))


Shop = Domain("suite_shop", resources=[Item, Crate, Guarded])
