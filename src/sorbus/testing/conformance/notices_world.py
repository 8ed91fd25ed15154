"""The conformance domain, part for notifications: parcels that are told of, letters that are told of durably."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Attr,
    Domain,
    Identities,
    Many,
    Notifications,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    action,
    actor,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    has_many,
    policy,
    publish,
    uuid_primary_key,
)
from sorbus.engine.notifications import Notification
from sorbus.resource.actions import Arg
from sorbus.testing.conformance.of_org import OfOrg
from sorbus.testing.conformance.people import Person, Visits


class Stage(StrEnum):
    """Where a parcel is."""

    PACKED = "packed"
    SENT = "sent"


EVERYBODY = UUID(int=0)
"""The owner of what everybody may see."""

HEARD: list[Notification] = []
"""What the notifier of this process was told; tests clear it."""


def hear(notification: Notification) -> None:
    """A notifier that remembers, and one that breaks when it is told of a fragile parcel."""
    HEARD.append(notification)
    if notification.record is not None and notification.record.room == "fragile":
        raise LookupError("fragile")


async def hear_later(notification: Notification) -> None:
    """A notifier that is a coroutine."""
    HEARD.append(notification)


def _label(parcel: Any) -> dict[str, Any] | None:
    return None if parcel.room == "silent" else {"label": f"{parcel.room}/{parcel.stickers_count}"}


class Parcel(OfOrg):
    """Something that travels from room to room."""

    room: Attr[str | None] = attribute(default=None)
    weight: Attr[int] = attribute(default=1)
    stage: Attr[Stage] = attribute(default=Stage.PACKED)
    owner_id: Attr[UUID] = attribute(default=EVERYBODY)

    stickers: Many[Sticker] = has_many()
    stickers_count = agg.count(stickers)

    @action.create
    def pack(
        self,
        scope: Scope,
        room: str | None = None,
        weight: int = 1,
        owner_id: UUID = EVERYBODY,
    ) -> None:
        """Pack a parcel."""

    @action.update
    def move(self, scope: Scope, room: str | None, weight: int = UNCHANGED) -> None:
        """Bring it to another room."""

    @action.update
    def weigh(self, scope: Scope, weight: int) -> None:
        """Weigh it."""

    @action.transition(Stage.PACKED, to=Stage.SENT)
    def send(self, scope: Scope) -> None:
        """Send it off."""

    @action.destroy
    def burn(self, scope: Scope) -> None:
        """Burn it."""

    @action.create
    def pack_with_sticker(self, scope: Scope, room: str | None = None, fail: Arg[bool] = False) -> None:
        """Pack it, and put a sticker on it."""

    @pack_with_sticker.after_write
    async def _stick(self, scope: Scope) -> None:
        await Sticker.put(scope, parcel_id=self.id)
        if self.room == "fail":
            raise LookupError(self.room)

    @action.generic(transaction=True)
    @classmethod
    async def pack_two(cls, scope: Scope, room: str) -> int:
        """Two parcels at once."""
        await cls.pack(scope, room=room)
        await cls.pack(scope, room=room)
        return 2

    @action.create
    def pack_loudly(self, scope: Scope, room: str | None = None) -> None:
        """Pack it, with hooks that fail after the commit."""

    @pack_loudly.after_commit
    def _first(self, scope: Scope) -> None:
        scope.get(Visits).add("first")
        raise LookupError("first")

    @pack_loudly.after_commit
    async def _second(self, scope: Scope) -> None:
        scope.get(Visits).add("second")
        raise KeyError("second")

    @pack_loudly.after_commit
    def _third(self, scope: Scope) -> None:
        scope.get(Visits).add("third")

    storage = Postgres("suite_parcels")
    policies = Policies(
        policy("read", authorize_if(owner_id == EVERYBODY), authorize_if(owner_id == actor(Person.id))),
        policy(["create", "update", "destroy", "generic"], authorize_if(actor_present())),
    )
    notifications = Notifications(
        publish("parcel:{id}"),
        publish("room:{room}", on=[pack, move, "destroy"], payload=[room, weight], previous=True),
        publish("heavy", where=weight > 10, on=["create", "update"]),
        publish("labels", on=["create", "update"], transform=_label, load=[stickers_count]),
        publish("sent:{stage}", on=send),
        notify=[hear, hear_later],
    )


class Sticker(OfOrg):
    """Something on a parcel."""

    parcel_id: Attr[UUID] = attribute()

    parcel: One[Parcel] = belongs_to(via=parcel_id, on_delete="cascade")

    @action.create
    def put(self, scope: Scope, parcel_id: UUID) -> None:
        """Put one on."""

    storage = Postgres("suite_stickers")
    notifications = Notifications(publish("stickers"))


class Letter(OfOrg):
    """Something whose ways must not be lost."""

    box: Attr[str] = attribute()
    stamp: Attr[str] = attribute(default="none")

    @action.create
    def write(self, scope: Scope, box: str, stamp: str = "none") -> None:
        """Write one."""

    @action.update
    def forward(self, scope: Scope, box: str) -> None:
        """Put it into another box."""

    @action.create(upsert="box")
    def only(self, scope: Scope, box: str, stamp: str) -> None:
        """The only letter of a box."""

    storage = Postgres("suite_letters")
    identities = Identities(box=[box])
    notifications = Notifications(
        publish("box:{box}", payload=[box, stamp], previous=True),
        publish("letter:{id}"),
        publish("letters", on="create", payload=[box]),
        publish("stamp:{stamp}", on=[only], payload=[stamp], previous=True),
        durable=True,
    )


class Bulletin(Resource):
    """Something without a tenant."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute()

    @action.create
    def post(self, scope: Scope, text: str) -> None:
        """Post one."""

    storage = Postgres("suite_bulletins")
    policies = Policies(policy("any", authorize_if(actor_present())))
    notifications = Notifications(publish("bulletins"))


Post = Domain("suite_post", resources=[Parcel, Sticker, Letter, Bulletin])
