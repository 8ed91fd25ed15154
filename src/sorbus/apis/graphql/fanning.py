"""Fanning out: each event of a topic is looked at once for everybody of a tenant who asks the same of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import batched
from typing import Any
from uuid import UUID

from sorbus.apis.graphql.compiling import TYPE_NAME
from sorbus.apis.graphql.faults import of_field
from sorbus.apis.graphql.operations import Runner, TopField
from sorbus.apis.graphql.sharing import LISTENING, Batch, Reader, Told
from sorbus.apis.graphql.surface import Root
from sorbus.engine.delivering import Sight
from sorbus.engine.notifications import Lagged, Notification
from sorbus.engine.subscriptions import Subscription
from sorbus.errors.base import Forbidden
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN

KINDS: Mapping[str, str] = {"create": "CREATED", "update": "UPDATED", "destroy": "GONE"}
"""What subscribers are told of each kind of write; what is out of sight now is gone, too."""
_READS_AT_ONCE = 4
"""Reads of more than the records' own attributes that are on their way for different actors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked of each event.

    Attributes:
        runner: makes what reads in a scope for a number of events.
        where: the request, for the log.
    """

    field: TopField
    root: Root
    runner: Callable[[Scope, int], Runner]
    where: str

    @property
    def plain(self) -> bool:
        """Whether the record's own attributes are enough."""
        return self.field.plan is None or self.field.plan.plain

    def told(self, event: Notification, record: Any) -> Told:
        """What is told of an event with its record, or without one that has gone."""
        kind = "GONE" if record is None else KINDS.get(event.kind, "UPDATED")
        # What is not served has no name here.
        served = any(getattr(each, "name", "") == event.action for each in self.root.exposed.section.actions)
        action = event.action if served and record is not None else None
        values = {"kind": kind, "action": action, "id": str(event.key), "lost": None}
        return self._told(values, record, event.position)

    def lagged(self, count: int | None) -> Told:
        """That so many events were lost."""
        return self._told({"kind": "LAGGED", "action": None, "id": None, "lost": count}, None, None)

    def failed(self, error: Exception) -> Told:
        """The last response of a stream that cannot go on."""
        return Told(document={"errors": of_field(error, self.root, [self.field.key], where=self.where)})

    def _told(self, values: Mapping[str, Any], record: Any, position: int | None) -> Told:
        shown: dict[str, Any] = {}
        for key, name, encode in self.field.payload:
            if name == TYPE_NAME:
                shown[key] = encode
            elif name == "record":
                shown[key] = None if record is None else encode(record)
            else:
                shown[key] = values[name]
        return Told(document={"data": {self.field.key: shown}}, position=position)


class Fan:
    """One subscription for several readers, each of whom is told what it may see.

    Args:
        forget: called when it has ended.
    """

    def __init__(self, listening: Subscription, selection: Selection, forget: Callable[[Fan], None]) -> None:
        self.readers: dict[Reader, None] = {}
        self._listening = listening
        self._selection = selection
        self._forget = forget
        self._listens = False
        self.task = asyncio.get_running_loop().create_task(self._run(), name="sorbus-graphql-fan")

    def join(self, reader: Reader) -> None:
        """One more reader; it is told at once where the fan listens already."""
        self.readers[reader] = None
        if self._listens:
            reader.put((LISTENING,))

    async def leave(self, reader: Reader) -> None:
        """One reader less; the last one ends it."""
        self.readers.pop(reader, None)
        if not self.readers:
            self._forget(self)
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        last: tuple[Told, ...] = ()
        try:
            async with self._listening as events:
                self._listens = True
                for each in self.readers:
                    each.put((LISTENING,))
                while batch := await events.batch():
                    await self._tell(batch)
        except Exception as error:  # the boundary: everything becomes an error object
            last = (self._selection.failed(error),)
        finally:
            self._forget(self)
            for each in self.readers:
                each.end(*last)

    async def _tell(self, batch: Sequence[Notification | Lagged]) -> None:
        """Tell everybody what it may see of some events."""
        for each in batch:
            if isinstance(each, Lagged):
                told = (self._selection.lagged(each.count),)
                for reader in self.readers:
                    reader.put(told)
        name = self._selection.root.exposed.spec.name
        events = [each for each in batch if isinstance(each, Notification) and each.resource == name]
        seats: dict[Hashable, list[Reader]] = {}
        for reader in self.readers:
            seats.setdefault(reader.seat, []).append(reader)
        if events and seats:
            await _Telling(self._selection, events, self._dismiss).run(self._listening, seats)

    def _dismiss(self, reader: Reader, error: Exception) -> None:
        """Tell one reader why it is told nothing any more."""
        self.readers.pop(reader, None)
        reader.end(self._selection.failed(error))


class _Telling:
    """Some events, on their way to everybody."""

    def __init__(
        self,
        selection: Selection,
        events: Sequence[Notification],
        dismiss: Callable[[Reader, Exception], None],
    ) -> None:
        self.selection = selection
        self.events = events
        self.dismiss = dismiss
        self.keys = list(dict.fromkeys(each.key for each in events))
        places = {key: place for place, key in enumerate(self.keys)}
        self.places = [places[each.key] for each in events]
        self.names = [str(each.key) for each in events]
        # Each with its records: as long as these are there, no other ones get their places in memory.
        self._batches: dict[tuple[int, ...], tuple[Sequence[Any], Batch]] = {}
        self._told: dict[tuple[int, int], Told] = {}
        self._gone: dict[int, Told] = {}

    async def run(self, listening: Subscription, seats: Mapping[Hashable, list[Reader]]) -> None:
        """Look at the records for every seat, and tell its readers."""
        name = self.selection.root.exposed.spec.name
        scopes = [readers[0].scope for readers in seats.values()]
        sights = await listening.look(name, scopes, self.keys)
        if self.selection.plain:
            for readers, sight in zip(seats.values(), sights, strict=True):
                seen = self._in_sight(sight)
                self._deliver(readers, sight.error, seen, seen)
            return
        for some in batched(zip(seats.values(), sights, strict=True), _READS_AT_ONCE):
            await asyncio.gather(*(self._read(readers, sight) for readers, sight in some))

    def _in_sight(self, sight: Sight) -> Sequence[Any]:
        """The records of a sight, without those that are in the topic by a value which is hidden there."""
        guessed = self.selection.root.guessed
        if not guessed:
            return sight.records

        def told(record: Any) -> bool:
            return record is not None and all(
                record.__dict__.get(name, HIDDEN) is not HIDDEN for name in guessed
            )

        return [each if told(each) else None for each in sight.records]

    async def _read(self, readers: Sequence[Reader], sight: Sight) -> None:
        """Tell readers more than the records' own attributes, by a read of their own of those in sight."""
        plan, scope, error = self.selection.field.plan, readers[0].scope, sight.error
        seen = self._in_sight(sight)
        keys = [key for key, each in zip(self.keys, seen, strict=False) if each is not None]
        found: Mapping[Any, Any] = {}
        try:
            if keys and plan is not None:
                found = await self.selection.runner(scope, len(keys)).records(plan, keys)
        except Forbidden:
            pass
        except Exception as failure:  # the boundary: everything becomes an error object
            error = failure
        self._deliver(readers, error, seen, [found.get(key) for key in self.keys])

    def _deliver(
        self,
        readers: Sequence[Reader],
        error: Exception | None,
        seen: Sequence[Any],
        shown: Sequence[Any],
    ) -> None:
        """Tell readers who see the same.

        Args:
            seen: the records in sight.
            shown: those that are shown; what has gone out of sight in between is told with its next event.
        """
        if error is not None:
            for each in readers:
                self.dismiss(each, error)
            return
        alike = tuple(map(id, shown))
        known = self._batches.get(alike)
        if known is None:
            known = self._batches[alike] = shown, self._batch(seen, shown)
        for each in readers:
            each.tell(known[1], self._goes)

    def _batch(self, seen: Sequence[Any], shown: Sequence[Any]) -> Batch:
        return Batch(
            [
                (number, name, None if shown[place] is None else self._tells(number, shown[place]))
                for number, (place, name) in enumerate(zip(self.places, self.names, strict=True))
                if shown[place] is not None or seen[place] is None
            ]
        )

    def _tells(self, number: int, record: Any) -> Told:
        found = self._told.get((number, id(record)))
        if found is None:
            found = self._told[number, id(record)] = self.selection.told(self.events[number], record)
        return found

    def _goes(self, number: int) -> Told:
        found = self._gone.get(number)
        if found is None:
            found = self._gone[number] = self.selection.told(self.events[number], None)
        return found


def seat_of(scope: Scope, alike: Hashable | None) -> Hashable:
    """What is equal for scopes that may see the same, as far as that shows without a look at policies.

    Args:
        alike: what the application says about it.
    """
    if alike is not None:
        return "alike", alike
    if scope.context or scope.job is not None or not scope.authorize:
        return object()
    kind: type[Any] = scope.actor.__class__
    seat = kind, _values(scope.actor, kind)
    try:
        hash(seat)
    except TypeError:
        return object()
    return seat


def _values(actor: Any, kind: type[Any]) -> Hashable:
    """All that policies may ask of an actor that cannot change; of others what nobody else has."""
    if actor is None or isinstance(actor, (str, int, UUID)):
        return actor
    parameters = vars(kind).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        return object()
    found: list[Hashable] = []
    for each in fields(actor):
        value: Any = getattr(actor, each.name)
        found.append((value.__class__, value))
    return tuple(found)
