"""Who may send requests here: by the host that they name, and by the page that they come from.

A page of somebody else that rebinds its own name to this machine sends its own `Host`, and one that calls across
sites its own `Origin`; a program sends no `Origin` at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from sorbus.errors.mcp import HostRefused, OriginRefused
from sorbus.http.origins import is_own, normalised

_LOCAL = ("127.0.0.1", "[::1]", "localhost")
ANY_HOST = "*"


class Origins:
    """Checks the `Host` and `Origin` of requests.

    Args:
        hosts: names by which the server is known besides those of this machine, without ports; `"*"` allows any,
            for a server behind a proxy that checks them.
        origins: pages that may call, as in `https://chat.example.com`, besides the server's own.
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self.hosts = frozenset(each.lower() for each in hosts)
        self.origins = frozenset(map(normalised, origins))

    def check(self, host: str, origin: str) -> None:
        """Nothing, when a request may come in.

        Raises:
            HostRefused: it is for another host.
            OriginRefused: it comes from a page that may not call.
        """
        name = _name(host)
        if not (ANY_HOST in self.hosts or name in self.hosts or _is_local(name)):
            raise HostRefused(host, allowed=(*_LOCAL, *self.hosts))
        if origin and origin.lower() not in self.origins and not is_own(origin, host):
            raise OriginRefused(origin)


def _name(host: str) -> str:
    """The host's name without its port; empty for what is no host."""
    if "," in host or "/" in host or "@" in host:
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_local(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
