"""Who calls by an API key: over each interface, and over a socket, whose key comes in its first message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.integration.callers import Caller
from tests.integration.graphql.conftest import Served
from tests.integration.graphql.wire import wire

from sorbus import Scope
from sorbus.apis.graphql import GraphqlInterface
from sorbus.http import ApiKey, anonymous, api_keys, digest_of, http_app, new_api_key, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTES = {"query": "{ notes { slug } }"}


@pytest.fixture
def key() -> ApiKey:
    return new_api_key()


@pytest_asyncio.fixture(loop_scope="session")
async def url(served: Served, ada: Caller, key: ApiKey) -> AsyncIterator[str]:
    """A server that knows one key."""

    def find(digest: str) -> Scope | None:
        return served.app.scope(actor=ada, tenant=ada.org_id) if digest == key.digest else None

    interface = GraphqlInterface(init_headers=["authorization"])
    async with serving(http_app(served.app, interfaces=[interface], scope_from=api_keys(find))) as found:
        yield found


async def asked(session: aiohttp.ClientSession, url: str, *headers: tuple[str, str]) -> tuple[int, Any, Any]:
    async with session.post(f"{url}/graphql", json=NOTES, headers=list(headers)) as response:
        return response.status, await response.json(), response.headers


async def test_of_a_key_the_digest_alone_is_kept(key: ApiKey) -> None:
    assert key.digest == digest_of(key.secret)
    assert key.secret.startswith("sk_")
    assert key.secret not in repr(key)
    assert new_api_key().secret != key.secret


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer  ", "BEARER "])
async def test_who_has_a_key_comes_in(
    session: aiohttp.ClientSession, url: str, key: ApiKey, scheme: str
) -> None:
    status, found, _ = await asked(session, url, ("Authorization", scheme + key.secret))
    assert (status, found) == (200, {"data": {"notes": []}})


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["{secret}"],
        ["Basic {secret}"],
        ["Bearer"],
        ["Bearer "],
        ["Bearer {secret}x"],
        ["Bearer {digest}"],
        ["Bearer {secret} {secret}"],
        ["Bearer {secret}", "Bearer {secret}"],
        ["Bearer " + "x" * 5_000],
        ["Bearer schlüssel"],
    ],
)
async def test_who_has_none_is_refused(
    session: aiohttp.ClientSession, url: str, key: ApiKey, headers: list[str]
) -> None:
    given = [("Authorization", each.format(secret=key.secret, digest=key.digest)) for each in headers]
    status, found, sent = await asked(session, url, *given)
    assert status == 401
    assert found["errors"][0]["extensions"]["code"] == "unauthenticated"
    assert sent["www-authenticate"] == "Bearer"
    assert key.secret not in str(found)


async def test_a_socket_says_its_key_first(session: Any, url: str, key: ApiKey) -> None:
    async with wire(session, url, payload={"headers": {"authorization": f"Bearer {key.secret}"}}) as socket:
        await socket.subscribe("1", NOTES["query"])
        assert await socket.next("1") == {"notes": []}


async def test_a_header_of_its_own_and_who_has_none(
    session: aiohttp.ClientSession, served: Served, ada: Caller, key: ApiKey
) -> None:
    async def find(digest: str) -> Scope | None:
        return served.app.scope(actor=ada, tenant=ada.org_id) if digest == key.digest else None

    source = api_keys(find, header="X-Api-Key", otherwise=anonymous(served.app))
    async with serving(http_app(served.app, interfaces=[GraphqlInterface()], scope_from=source)) as url:
        assert (await asked(session, url, ("x-api-key", key.secret)))[1] == {"data": {"notes": []}}
        assert "errors" in (await asked(session, url))[1]
        assert (await asked(session, url, ("x-api-key", "wrong")))[0] == 401
