"""What goes back over HTTP: finished bytes with a status and headers."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Send

Header = tuple[bytes, bytes]

JSON = b"application/json"
PROBLEM = b"application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One response.

    Attributes:
        media_type: the Content-Type; left out when there is no body.
        headers: further headers, names in lower case.
    """

    status: int = 200
    body: bytes = b""
    media_type: bytes = JSON
    headers: tuple[Header, ...] = ()

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it.

        Args:
            head: send the headers only, as HEAD wants it.
        """
        headers = [(b"x-content-type-options", b"nosniff"), *self.headers]
        if self.status != 204:
            headers.append((b"content-length", b"%d" % len(self.body)))
            headers.append((b"content-type", self.media_type))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})
