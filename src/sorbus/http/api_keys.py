"""API keys: who calls says so by a secret, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import inspect
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from sorbus.errors.http import Unauthenticated
from sorbus.http.callers import KeyScheme, ScopeSource, scope_of
from sorbus.scope import Scope

type KeyLookup = Callable[[str], Scope | Awaitable[Scope | None] | None]
"""From the digest of a key to the scope of whoever it was given to; None for one that nobody has, or has any more."""

AUTHORIZATION = "authorization"
_LONGEST = 512
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A new key.

    Attributes:
        secret: what is given to the caller, and kept nowhere. It has 256 bits of chance.
        digest: what is kept, and what a `KeyLookup` gets: 64 hexadecimal digits.
    """

    secret: str = field(repr=False)
    digest: str


def new_api_key(prefix: str = "sk") -> ApiKey:
    """A key that nobody has yet.

    Args:
        prefix: what it begins with, so that people, and scanners for lost secrets, see what it is.
    """
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    return ApiKey(secret, digest_of(secret))


def digest_of(secret: str) -> str:
    """The SHA-256 of a key. A key has too much chance in it to be guessed, so that a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def api_keys(
    find: KeyLookup, *, header: str = AUTHORIZATION, otherwise: ScopeSource | None = None
) -> ScopeSource:
    """Who calls says so by an API key: `Authorization: Bearer sk_…`, or the key alone in a header of another name.

    Args:
        find: looks a key up by its digest, at each request: one that was taken back counts no more.
        header: the name of the header.
        otherwise: who calls without a key; by default such requests are refused. A key that is none is always refused.

    Raises:
        Unauthenticated: from the source, when there is no key or nobody has it.
    """
    bearer = header.lower() == AUTHORIZATION
    return _KeySource(
        find, KeyScheme(header=header, bearer=bearer, optional=otherwise is not None), otherwise
    )


@dataclass(frozen=True, slots=True)
class _KeySource:
    """Finds out by a key who calls."""

    find: KeyLookup
    scheme: KeyScheme
    otherwise: ScopeSource | None

    async def __call__(self, request: Request) -> Scope:
        header = self.scheme.header
        given = request.headers.getlist(header)
        if not given and self.otherwise is not None:
            return await scope_of(self.otherwise, request)
        secret = _secret(given, bearer=self.scheme.bearer)
        if secret is None:
            raise Unauthenticated(
                header, problem="there is none" if not given else "it is not written as one"
            )
        found = self.find(digest_of(secret))
        scope = await found if inspect.isawaitable(found) else found
        if scope is None:
            raise Unauthenticated(header, problem="nobody has it")
        return scope


def _secret(given: list[str], *, bearer: bool) -> str | None:
    """The key in a header; None when it is none, or when there are several."""
    if len(given) != 1 or len(given[0]) > _LONGEST:
        return None
    text = given[0].strip()
    if bearer:
        if text[: len(_SCHEME)].lower() != _SCHEME:
            return None
        text = text[len(_SCHEME) :].strip()
    return text if text and text.isascii() and " " not in text else None
