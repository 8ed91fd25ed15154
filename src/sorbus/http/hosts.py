"""Hosts: the names by which a server is known.

A page of somebody else that rebinds its own name to this machine sends its own name in `Host`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from sorbus.errors.http import BadHostName

ANY_HOST = "*"
"""Any name, for a server behind a proxy that checks them."""

_LOCAL = ("127.0.0.1", "[::1]", "localhost")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Za-z:.%]+\])(:[0-9]*)?")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class Hosts:
    """The names of this machine, and those that are given besides.

    Args:
        names: without scheme, port and path, as in `books.example.com`; `"*"` means any.

    Raises:
        BadHostName: one of them is no such name.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(map(_checked, names))

    def __iter__(self) -> Iterator[str]:
        return iter((*_LOCAL, *sorted(self.names)))

    def __or__(self, other: Hosts) -> Hosts:
        return Hosts(self.names | other.names)

    @property
    def any(self) -> bool:
        """Whether every name is one of them."""
        return ANY_HOST in self.names

    def know(self, host: str) -> bool:
        """Whether a `Host` header names this server."""
        name = _name(host)
        return self.any or name in self.names or is_local(name)


def is_local(name: str) -> bool:
    """Whether a name or an address is this machine's."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _name(host: str) -> str:
    """The host's name without its port; empty for what is no host."""
    # Without this `[::1].example.com` would be an address, and `127.0.0.1#.example.com` too.
    if not _HOST.fullmatch(host):
        return ""
    try:
        found = urlsplit(f"//{host}")
        _ = found.port  # raises for what is none
    except ValueError:
        return ""
    return found.hostname or ""


def _checked(name: str) -> str:
    """A name as it is compared."""
    small = name.lower()
    if small == ANY_HOST or _NAME.fullmatch(small):
        return small
    try:
        return str(ip_address(small.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise BadHostName(name) from None
