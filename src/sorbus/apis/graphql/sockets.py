"""Sockets: operations over WebSocket by the graphql-transport-ws protocol, many at once on each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from sorbus.apis.graphql import frames
from sorbus.apis.graphql.answering import Prepared, refused
from sorbus.apis.graphql.callers import address_of, caller_of, client_of, is_still
from sorbus.apis.graphql.frames import PROTOCOL, Code, Ends, Frame, frame_of
from sorbus.apis.graphql.openings import Openings
from sorbus.apis.graphql.requests import Asked
from sorbus.apis.graphql.sharing import LISTENING, Told
from sorbus.apis.graphql.subscriptions import Subscriber
from sorbus.errors.base import SorbusError
from sorbus.errors.graphql import (
    ForeignSocket,
    QueryTooLarge,
    TooManyOperations,
    TooManyOwnStreams,
    TooManyStreams,
)
from sorbus.http.application import HttpSettings
from sorbus.http.bodies import header
from sorbus.http.callers import scope_of
from sorbus.http.faults import fault_of
from sorbus.http.origins import is_own, normalised
from sorbus.http.problems import problem
from sorbus.scope import Scope

INIT = 10.0
"""Seconds that a client has to say who it is."""

HEARTBEAT = 12.0
"""Seconds after which a client is pinged, and it is asked again who it is."""

STALL = 30.0
"""Seconds that one message waits for a client that reads nothing."""

_SILENCE = 3
"""Heartbeats without a word from the client after which it is taken for dead."""

_WAITING = 16
"""Messages that wait for a client; what an operation has to say beyond them waits in the operation."""

_PARTING = 2.0
"""Seconds that a socket that ends has for its last words."""


class Sockets:
    """The WebSockets of this process.

    Args:
        origins: pages that may open one, as in `https://app.example.com`, besides the server's own.
        headers: names of headers that are taken from the payload of `connection_init`.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        openings: Openings,
        settings: HttpSettings,
        *,
        origins: Iterable[str],
        headers: Iterable[str],
    ) -> None:
        self.subscriber = subscriber
        self.answerer = subscriber.answerer
        self.limits = subscriber.answerer.limits
        self.openings = openings
        self.settings = settings
        self.origins = frozenset(map(normalised, origins))
        self.headers = frozenset(each.lower() for each in headers)
        self.open: set[Socket] = set()
        self.tasks: set[asyncio.Task[None] | None] = set()
        settings.closing.tell(self.end)

    def end(self) -> None:
        """End every socket."""
        for each in tuple(self.open):
            each.stop.set()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one socket until either side ends it."""
        await receive()
        address = client_of(scope)
        with self.settings.closing.held(), ExitStack() as counted:
            try:
                self._check_origin(header(scope, b"origin"), header(scope, b"host"))
                # Until a client has said who it is, it counts for the place that it calls from.
                counted.enter_context(self.openings.one(("socket", address_of(address))))
            except SorbusError as error:
                await _refuse(error, scope, send)
                return
            socket = Socket(self, scope, receive, send, address=address, counted=counted)
            self.open.add(socket)
            try:
                await socket.run()
            finally:
                self.open.discard(socket)

    def _check_origin(self, origin: str, host: str) -> None:
        """Nothing, when the page may open a socket; browsers let any page, and send the reader's cookies along.

        Raises:
            ForeignSocket: it comes from elsewhere.
        """
        if origin and origin.lower() not in self.origins and not is_own(origin, host):
            raise ForeignSocket(origin, host=host)


@dataclass(slots=True, eq=False)
class _Operation:
    """An operation of a socket.

    Attributes:
        kept: whether it runs to its end though nobody listens any more.
        settled: set when nothing is missed from now on.
    """

    id: str
    counted: ExitStack
    kept: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """End it, unless it is kept."""
        if self.task is not None and not self.kept:
            self.task.cancel()


class Socket:
    """One socket, from its handshake to its end.

    A mutation that has begun is finished, as over HTTP, also when the client goes; all else ends with the socket.

    Args:
        counted: what it counts for; changed when the client has said who it is.
    """

    def __init__(
        self,
        serving: Sockets,
        scope: AsgiScope,
        receive: Receive,
        send: Send,
        *,
        address: str,
        counted: ExitStack,
    ) -> None:
        self.stop = asyncio.Event()
        self._serving = serving
        self._scope: AsgiScope = scope
        self._receive = receive
        self._send = send
        self._address = address
        self._counted = counted
        self._where = _where(scope)
        self._caller: Scope | None = None
        self._asked = False
        self._named = asyncio.Event()
        self._heard = monotonic()
        self._out: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        self._operations: dict[str, _Operation] = {}
        self._running: set[_Operation] = set()

    async def run(self) -> None:
        """Speak with the client until either side ends it."""
        spoken = PROTOCOL in self._scope.get("subprotocols", ())
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None})
        writing = asyncio.create_task(self._until(self._write()))
        try:
            if spoken:
                ends = await self._live(writing)
            else:
                ends = Ends(Code.NO_PROTOCOL, f"The sub-protocol spoken here is {PROTOCOL}.")
            await self._part(ends, writing)
        finally:
            writing.cancel()
            await self._settle([writing, *(each.task for each in self._running if not each.kept)])

    async def _live(self, writing: asyncio.Task[Ends]) -> Ends:
        """Everything, until something says that it is over."""
        parts = (self._read(), self._watch(), self._stopped())
        tasks = [asyncio.create_task(self._until(each)) for each in parts]
        try:
            done, _ = await asyncio.wait({*tasks, writing}, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await self._settle(tasks)
            self._let_go()

    async def _until(self, part: Coroutine[Any, Any, None]) -> Ends:
        """Why a part of the socket's life is over."""
        try:
            await part
        except Ends as ends:
            return ends
        except Exception as error:  # the boundary: the client is told an id, and the log has the rest
            return Ends(Code.FAILED, fault_of(error, where=self._where).detail)
        return Ends(None)

    def _let_go(self) -> None:
        """Nobody is told anything any more; only what is kept goes on, and the server waits for it."""
        self._operations.clear()
        for each in self._running:
            each.cancel()

    async def _settle(self, tasks: Iterable[asyncio.Task[Any] | None]) -> None:
        await asyncio.gather(*(each for each in tasks if each is not None), return_exceptions=True)

    async def _part(self, ends: Ends, writing: asyncio.Task[Ends]) -> None:
        """Say what is left to say, and close, as long as the client takes it."""
        if ends.code is None:
            return
        with suppress(OSError):  # a time-out is one
            async with asyncio.timeout(_PARTING):
                if not writing.done():
                    await self._out.join()
                await self._send({"type": "websocket.close", "code": int(ends.code), "reason": ends.reason})

    # the parts of its life

    async def _write(self) -> None:
        while True:
            text = await self._out.get()
            try:
                async with asyncio.timeout(STALL):
                    await self._send({"type": "websocket.send", "text": text})
            except TimeoutError:
                raise Ends(Code.TRY_AGAIN, "The client reads too slowly.") from None
            except OSError:
                raise Ends(None) from None
            self._out.task_done()

    async def _stopped(self) -> None:
        await self.stop.wait()
        raise Ends(Code.GOING_AWAY, "The server stops.")

    async def _watch(self) -> None:
        """Wait for the caller's name, then look now and then whether both sides are still there."""
        try:
            await asyncio.wait_for(self._named.wait(), INIT)
        except TimeoutError:
            raise Ends(Code.NOT_INITIALISED, "Connection initialisation timeout") from None
        ends = monotonic() + self._serving.limits.stream_seconds
        while (left := ends - monotonic()) > 0:
            await asyncio.sleep(min(HEARTBEAT, left))
            if monotonic() - self._heard > HEARTBEAT * _SILENCE:
                raise Ends(Code.GOING_AWAY, "The client is silent.")
            if not await is_still(
                self._serving.settings.scope_from, Request(self._scope), self._named_caller()
            ):
                raise Ends(Code.FORBIDDEN, "The caller is not who it was.")
            await self._out.put(frames.PING)
        raise Ends(Code.GOING_AWAY, "The socket has had its time; open another one.")

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise Ends(None)
            self._heard = monotonic()
            frame = frame_of(message.get("text"), self._serving.limits)
            match frame.type:
                case "connection_init":
                    await self._begin(frame)
                case "ping":
                    # Who gets the answer misses nothing of what was subscribed to before.
                    new = [each for each in self._operations.values() if not each.settled.is_set()]
                    await self._settle([asyncio.create_task(each.settled.wait()) for each in new])
                    await self._out.put(frames.pong(frame.payload))
                case "subscribe":
                    await self._subscribe(frame)
                case "complete":
                    operation = self._operations.pop(frame.id, None)
                    if operation is not None:
                        operation.cancel()
                case _:
                    pass

    # who calls

    def _named_caller(self) -> Scope:
        """Who calls.

        Raises:
            Ends: nobody has said so.
        """
        if self._caller is None:
            raise Ends(Code.UNAUTHORIZED, "Unauthorized: `connection_init` comes first.")
        return self._caller

    async def _begin(self, frame: Frame) -> None:
        """Find out who calls, by the handshake and by headers that browsers cannot send with one."""
        if self._asked:
            raise Ends(Code.INITIALISED_TWICE, "Too many initialisation requests")
        self._asked = True
        given = frames.headers_of(frame.payload, self._serving.headers)
        names = {name for name, _ in given}
        kept = [(name, value) for name, value in self._scope["headers"] if name not in names]
        # A source knows requests of HTTP, and the handshake is one.
        scheme = "https" if self._scope.get("scheme") == "wss" else "http"
        self._scope = {
            **self._scope,
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "headers": [*kept, *given],
        }
        try:
            caller = await scope_of(self._serving.settings.scope_from, Request(self._scope))
            self._counted.close()
            self._counted.enter_context(self._serving.openings.one(caller_of(caller, self._address)))
        except (TooManyStreams, TooManyOwnStreams) as error:
            raise Ends(Code.TRY_AGAIN, error.message) from None
        except SorbusError as error:
            fault = fault_of(error, where=self._where)
            raise Ends(Code.FAILED if fault.status >= 500 else Code.FORBIDDEN, fault.detail) from None
        self._caller = caller
        self._named.set()
        await self._out.put(frames.ACK)

    # operations

    async def _subscribe(self, frame: Frame) -> None:
        """Begin an operation, or say why not."""
        caller = self._named_caller()
        if frame.id in self._operations:
            raise Ends(Code.ALREADY_SUBSCRIBED, f"Subscriber for {frame.id} already exists")
        asked, after = frames.asked_of(frame.payload)
        counted = ExitStack()
        try:
            await self._take_room(caller, counted)
            prepared = self._serving.answerer.prepare(asked, streams=True)
        except Exception as error:  # the boundary: everything becomes an error object
            counted.close()
            await self._out.put(frames.error(frame.id, self._errors(error)))
            return
        operation = _Operation(frame.id, counted)

        def answering() -> Coroutine[Any, Any, None]:
            if prepared.operation.subscribes:
                return self._stream(operation, asked, after, caller)
            return self._answer(operation, prepared, caller)

        operation.task = asyncio.create_task(self._operate(operation, answering))
        operation.task.add_done_callback(lambda _: self._ended(operation))
        self._serving.tasks.add(operation.task)
        self._running.add(operation)
        self._operations[frame.id] = operation

    async def _take_room(self, caller: Scope, counted: ExitStack) -> None:
        """Count one more operation.

        Raises:
            TooManyOperations, TooManyStreams, TooManyOwnStreams: there is no room for it.
        """
        serving = self._serving
        # What was completed a moment ago makes room first.
        ending = [each for each in self._running if each.task is not None and each.task.cancelling()]
        await self._settle(each.task for each in ending)
        for each in ending:
            self._ended(each)
        if len(self._running) >= serving.limits.operations:
            raise TooManyOperations(serving.limits.operations)
        counted.enter_context(serving.openings.one(caller_of(caller, self._address)))

    def _errors(self, error: BaseException) -> list[dict[str, Any]]:
        """The error objects of an operation that comes to nothing."""
        if isinstance(error, RecursionError):
            error = QueryTooLarge("depth", limit=self._serving.limits.depth)
        found: list[dict[str, Any]] = refused(error, where=self._where).document["errors"]
        return found

    def _ended(self, operation: _Operation) -> None:
        """Give back what an operation took; once more does no harm."""
        operation.settled.set()
        operation.counted.close()
        self._running.discard(operation)
        self._serving.tasks.discard(operation.task)

    async def _operate(
        self, operation: _Operation, answering: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Answer, and say when that is all."""
        try:
            await answering()
        except Exception as error:  # the boundary: everything becomes an error object
            await self._say(operation, Told(document={"errors": self._errors(error)}))
        if self._listens(operation):
            del self._operations[operation.id]
            await self._out.put(frames.complete(operation.id))

    async def _answer(self, operation: _Operation, prepared: Prepared, caller: Scope) -> None:
        """Answer a query or a mutation."""
        operation.settled.set()
        operation.kept = prepared.operation.mutates
        try:
            with self._serving.settings.closing.held():
                response = await self._serving.answerer.run(prepared, caller, where=self._where)
        finally:
            operation.kept = False
        await self._say(operation, Told(document=response.document))

    async def _stream(self, operation: _Operation, asked: Asked, after: int | None, caller: Scope) -> None:
        """Tell of the events of a subscription."""
        answers = self._serving.subscriber.answers(asked, caller, after=after, where=self._where)
        async with aclosing(answers):
            async for told in answers:
                operation.settled.set()
                if told is not LISTENING:
                    await self._say(operation, told)

    def _listens(self, operation: _Operation) -> bool:
        """Whether the client still waits for what an operation says."""
        return self._operations.get(operation.id) is operation

    async def _say(self, operation: _Operation, told: Told) -> None:
        """Send one response; one without data is the last."""
        if not self._listens(operation):
            return
        if "data" in told.document:
            await self._out.put(frames.next_(operation.id, told))
        else:
            del self._operations[operation.id]
            await self._out.put(frames.error(operation.id, told.document["errors"]))


async def _refuse(error: SorbusError, scope: AsgiScope, send: Send) -> None:
    """Answer a handshake with a problem."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return

    async def denial(message: Any) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await problem(fault_of(error, where=_where(scope))).send(denial)


def _where(scope: AsgiScope) -> str:
    return f"WS {scope['path']}"
