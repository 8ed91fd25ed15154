"""Messages to every node over LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sorbus.data_layers.messages import Message, Receiver, Route
from sorbus.data_layers.postgres.faults import DRIVER_ERRORS
from sorbus.data_layers.postgres.json_codec import decode_json, encode_json
from sorbus.data_layers.postgres.listener import Listener, Notice
from sorbus.data_layers.postgres.own_connection import OwnConnection
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.base import SorbusError

logger = logging.getLogger(__name__)

CHANNEL = "sorbus_notifications"
LARGEST = 7_500
"""Bytes of a payload; PostgreSQL takes less than 8000."""
BACKLOG = 10_000
LONGEST_PAUSE = 1.0
NOTIFY = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"


class PostgresCourier:
    """Sends what a node has to say with one NOTIFY statement for each `window`, on a connection of its own.

    A NOTIFY in the transaction of the work would make all commits of the server wait for each other. It
    carries ids and topics, never values. While the server is away messages wait, at most `backlog` of them;
    where some had to be dropped, the nodes are told that they have missed something.

    Args:
        window: the least time between two statements, in seconds. The first goes at once.
    """

    def __init__(self, pool: Pool, *, window: float = 0.02, backlog: int = BACKLOG) -> None:
        self.line = OwnConnection(pool, name="sorbus-notify")
        self._listener = Listener(lambda: pool.connect(application_name="sorbus-listen"))
        self._window = window
        self._backlog = backlog
        self._waiting: list[Message] = []
        self._dropped = False
        self._sender: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    # sending

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages soon. Returns at once; call it after the commit."""
        self._waiting.extend(messages)
        if len(self._waiting) > self._backlog:
            del self._waiting[: -self._backlog]
            self._dropped = True
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send(), name="sorbus-notify")

    async def _send(self) -> None:
        pause = 0.05
        while self._waiting or self._dropped:
            messages, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, False
            payloads = [*([encode_missed()] if dropped else []), *pack(messages)]
            try:
                async with self.line.lend() as connection:
                    await connection.execute(NOTIFY, CHANNEL, payloads, timeout=10)
                pause = 0.05
                await asyncio.sleep(self._window)
            except (SorbusError, *DRIVER_ERRORS) as error:
                logger.warning("%d notifications wait for the database: %s", len(messages), error)
                self._waiting[:0] = messages
                self._dropped = self._dropped or dropped
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    # listening

    async def listen(self, receiver: Receiver) -> None:
        """Hand everything that any node sends from now on to a receiver."""
        if self._reader is None:
            await self._listener.start()
            self._reader = asyncio.get_running_loop().create_task(
                self._read(receiver), name="sorbus-notifications"
            )
        await self._listening.wait()

    async def _read(self, receiver: Receiver) -> None:
        async with self._listener.listen(CHANNEL) as notices:
            self._listening.set()
            async for notice in notices:
                try:
                    deliver(notice, receiver)
                except Exception:
                    # Another program may use the channel: what cannot be read is no reason to stop listening.
                    logger.exception("a notification could not be read: %.200s", notice.payload)

    async def close(self) -> None:
        """Send what waits, and stop."""
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=5)
        for task in (self._sender, self._reader):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._sender = self._reader = None
        self._listening.set()  # nothing comes any more, so nobody need wait for it
        await self._listener.close()
        await self.line.close()


# the text of a NOTIFY: one letter says what it is


def encode_missed() -> str:
    """That messages were lost."""
    return encode_json({"x": True}).decode()


def encode_advanced(routes: Sequence[Route]) -> str:
    """That the outbox has new messages for some routes; for too many of them, that it has some."""
    text = encode_json({"o": sorted(set(routes), key=str)}).decode()
    return text if len(text.encode()) <= LARGEST else encode_json({"o": None}).decode()


def pack(messages: Sequence[Message]) -> Iterator[str]:
    """Messages in as few payloads as they fit into, in their order. One that fits into none is told as missed."""
    parts: list[bytes] = []
    size = 0
    for message in messages:
        for text in _pieces(message):
            if len(text) > LARGEST:
                logger.warning("a notification of %s is too long to be sent", message.resource)
                yield encode_missed()
                continue
            if parts and size + len(text) > LARGEST:
                yield _joined(parts)
                parts, size = [], 0
            parts.append(text)
            size += len(text) + 1
    if parts:
        yield _joined(parts)


def _joined(parts: list[bytes]) -> str:
    return (b'{"m":[' + b",".join(parts) + b"]}").decode()


def _pieces(message: Message) -> Iterator[bytes]:
    """A message as JSON; one with more topics than a payload takes goes as several, each with some of them."""
    text = encode_json(_fields(message, message.topics))
    if len(text) <= LARGEST:
        yield text
        return
    for topic in message.topics:
        yield encode_json(_fields(message, (topic,)))


def _fields(message: Message, topics: tuple[str, ...]) -> list[Any]:
    return [
        message.id, message.resource, message.action, message.kind, message.key, topics, message.tenant,
        message.actor, message.at,
    ]  # fmt: skip


def _message(fields: list[Any]) -> Message:
    identity, resource, action, kind, key, topics, tenant, actor, at = fields
    return Message(
        id=UUID(identity),
        resource=resource,
        action=action,
        kind=kind,
        key=key,
        topics=tuple(topics),
        tenant=tenant,
        actor=actor,
        at=datetime.fromisoformat(at),
    )


def deliver(notice: Notice, receiver: Receiver) -> None:
    """Hand what a NOTIFY says to a receiver."""
    if notice.missed:
        receiver.missed()
        return
    content = decode_json(notice.payload.encode())
    match content:
        case {"m": [*messages]}:
            receiver.received([_message(each) for each in messages])
        case {"o": None}:
            receiver.advanced(None)
        case {"o": [*routes]}:
            receiver.advanced([(tenant, topic) for tenant, topic in routes])
        case {"x": True}:
            receiver.missed()
        case _:
            logger.warning("an unknown notification: %.200s", notice.payload)
