"""Who may send requests here: by the host that they name, and by the page that they come from.

A page of somebody else that rebinds its own name to this machine sends its own `Host`, and one that calls across
sites its own `Origin`; a program sends no `Origin` at all.
"""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.mcp import HostRefused, OriginRefused
from sorbus.http.hosts import Hosts
from sorbus.http.origins import is_own, normalised


class Origins:
    """Checks the `Host` and `Origin` of requests.

    Args:
        hosts: the names by which the server is known.
        origins: pages that may call, as in `https://chat.example.com`, besides the server's own.
    """

    def __init__(self, hosts: Hosts, origins: Iterable[str] = ()) -> None:
        self.hosts = hosts
        self.origins = frozenset(map(normalised, origins))

    def check(self, host: str, origin: str) -> None:
        """Nothing, when a request may come in.

        Raises:
            HostRefused: it is for another host.
            OriginRefused: it comes from a page that may not call.
        """
        if not self.hosts.know(host):
            raise HostRefused(host, allowed=self.hosts)
        if origin and origin.lower() not in self.origins and not is_own(origin, host):
            raise OriginRefused(origin)
