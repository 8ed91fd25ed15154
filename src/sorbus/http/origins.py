"""Origins: which page a browser says that a request comes from."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_own(origin: str, host: str) -> bool:
    """Whether an `Origin` is a page of the server that the request names in `Host`.

    The scheme is not compared: what ends TLS before the server does not tell it.
    """
    return authority_of(origin) == host.lower() != ""


def authority_of(origin: str) -> str:
    """Host and port of an origin in small letters; empty for what is none, such as `null`."""
    try:
        found = urlsplit(origin)
    except ValueError:
        return ""
    return found.netloc.lower() if found.scheme in {"http", "https"} else ""


def normalised(origin: str) -> str:
    """An origin as it is compared: in small letters, without a slash at its end."""
    return origin.lower().rstrip("/")
