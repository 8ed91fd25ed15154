"""The server: granian inside this process and event loop, which own the database pool and the jobs too."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from time import monotonic

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette

from sorbus.errors.http import AddressInUse
from sorbus.http.closing import Closing

_POLL = 0.02
_STOP = 1.0
"""Seconds that the server has to stop by itself, when sockets have taken all of its grace."""

_BACKLOG = 1_024
_AT_ONCE = 8_192
"""Requests that are under way at once. Each stream of events is one, and must not shut out the others."""


async def serve(
    http_app: Starlette,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    grace: float = 10.0,
    drain: float = 0.0,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is running and return.

    The application's lifespan begins before the port is opened, and ends after the last request.

    Args:
        port: 0 takes any free port.
        grace: seconds that running requests get to finish.
        drain: seconds before that in which `/ready` says 503 and everything is still answered, so that a load
            balancer turns away in time. A second signal ends them.
        on_ready: called with the server's URL once it accepts connections.

    Raises:
        AddressInUse: the address is taken, or not this machine's.
    """
    async with serving(http_app, host=host, port=port, grace=grace) as url:
        with signalled() as stop:
            if on_ready is not None:
                on_ready(url)
            await stop.wait()
            if drain:
                http_app.state.stopping = True
                stop.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), drain)


@asynccontextmanager
async def serving(
    http_app: Starlette, *, host: str = "127.0.0.1", port: int = 0, grace: float = 10.0
) -> AsyncGenerator[str]:
    """A server for the length of the block, which gets its URL.

    Raises:
        AddressInUse: the address is taken, or not this machine's.
    """
    port = _free(host, port)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(http_app.router.lifespan_context(http_app))
        server = Server(
            http_app,
            address=host,
            port=port,
            # The lifespan is ours, so that it ends also when a request outlives its grace.
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            backlog=_BACKLOG,
            backpressure=_AT_ONCE,
            websockets=True,
            log_enabled=False,
        )
        running = asyncio.create_task(server.serve())
        stack.push_async_callback(_stop, server, running, http_app, grace)
        await _accepting(running, host, port)
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def _stop(server: Server, running: asyncio.Task[None], http_app: Starlette, grace: float) -> None:
    """Take no more requests, let the running ones finish, and cut off what takes longer than `grace`."""
    ends = monotonic() + grace
    closing = getattr(http_app.state, "closing", None)
    if isinstance(closing, Closing):
        # Streams of events would last out every grace; sockets are told while there is a server to carry it.
        closing.begin()
        await closing.freed(grace)
    server.stop()  # type: ignore[no-untyped-call]
    done, _ = await asyncio.wait({running}, timeout=max(_STOP, ends - monotonic()))
    if not done:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _free(host: str, port: int) -> int:
    """The port, after a look whether it can be had; another process may still take it in between."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            problem = (getattr(error, "strerror", None) or str(error)).lower()
            raise AddressInUse(host, port, problem=problem) from error
        found: int = probe.getsockname()[1]
        return found


async def _accepting(running: asyncio.Task[None], host: str, port: int) -> None:
    """Wait until the server takes connections."""
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_POLL)
            continue
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return
    await running


@contextmanager
def signalled() -> Generator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, for the length of the block; after it they end the process as usual."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
