"""HTTP to model providers: one session, and every failure as a typed leaf."""

# ruff: noqa: ASYNC109 - the contract passes time limits down

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from sorbus.errors.llm import (
    ApiKeyRefused,
    ModelTimeout,
    ModelUnavailable,
    NoSuchModel,
    RateLimited,
    RequestRefused,
    StreamCut,
)
from sorbus.llm.providers.sse import ServerEvent, SseDecoder

if TYPE_CHECKING:
    import aiohttp

type Body = Mapping[str, Any]


class HttpTransport:
    """Posts JSON to one provider and reads whole answers or event streams.

    Args:
        url: the provider's base URL.
        headers: sent with every request (the API key, the version).
        concurrency: connections open at once; further requests wait for one.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], concurrency: int = 100) -> None:
        self.url = url.rstrip("/")
        self._headers = dict(headers)
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: Body, *, model: str, timeout: float) -> bytes:
        """The answer's body. Cancelling closes the connection.

        Raises:
            ModelTimeout, ModelUnavailable, RateLimited, ApiKeyRefused, NoSuchModel, RequestRefused: see
                there.
        """
        import aiohttp

        try:
            async with (
                asyncio.timeout(timeout),
                self._open().post(self.url + path, json=body) as response,
            ):
                content = await response.read()
                _check(response.status, response.headers, content, model=model)
                return content
        except TimeoutError as error:
            raise ModelTimeout(model, seconds=timeout) from error
        except aiohttp.ClientError as error:
            raise ModelUnavailable(model, reason=_reason(error)) from error

    async def events(
        self, path: str, body: Body, *, model: str, timeout: float
    ) -> AsyncGenerator[ServerEvent]:
        """The events of a streamed answer; `timeout` is the longest silence in seconds.

        Raises:
            StreamCut: the connection broke after the first bytes; else as `post`.
        """
        import aiohttp

        received = 0
        decoder = SseDecoder()
        try:
            response = await asyncio.wait_for(self._open().post(self.url + path, json=body), timeout)
            try:
                if response.status != 200:
                    content = await asyncio.wait_for(response.read(), timeout)
                    _check(response.status, response.headers, content, model=model)
                while chunk := await asyncio.wait_for(response.content.readany(), timeout):
                    received += len(chunk)
                    for event in decoder.feed(chunk):
                        yield event
            finally:
                response.close()  # also when the consumer leaves: the provider must not go on writing
        except TimeoutError as error:
            raise ModelTimeout(model, seconds=timeout, waiting_for="the next piece of the stream") from error
        except aiohttp.ClientError as error:
            if received:
                raise StreamCut(model, received=received) from error
            raise ModelUnavailable(model, reason=_reason(error)) from error

    async def close(self) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=self._concurrency),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                json_serialize=json.dumps,
            )
        return self._session


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds demanded by a Retry-After header: a number of seconds or an HTTP date; None when it says
    neither.
    """
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def decoded[T](content: bytes, into: type[T], *, model: str) -> T:
    """An answer's body, or an event's, as what it should be.

    Raises:
        ModelUnavailable: it is no such JSON.
    """
    try:
        return msgspec.json.decode(content, type=into)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelUnavailable(model, reason=f"it answered with malformed JSON ({error})") from error


def _check(status: int, headers: Mapping[str, str], content: bytes, *, model: str) -> None:
    if status < 300:
        return
    reason = _said(content) or f"status {status}"
    if status == 429:
        raise RateLimited(model, retry_after=retry_after(headers.get("Retry-After")))
    if status >= 500 or status == 408:
        wait = retry_after(headers.get("Retry-After"))
        raise ModelUnavailable(model, reason=f"status {status}, {reason}", retry_after=wait)
    if status in (401, 403):
        raise ApiKeyRefused(model, status=status, reason=reason)
    if status == 404:
        raise NoSuchModel(model)
    raise RequestRefused(model, status=status, reason=reason)


def _said(content: bytes) -> str:
    """The provider's own words in an error body, shortened."""
    try:
        data: Any = json.loads(content)
        inner = data.get("error", data)
        text = inner.get("message", inner) if hasattr(inner, "get") else inner
    except (ValueError, AttributeError):
        text = content.decode("utf-8", "replace")
    return str(text).strip()[:300]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
