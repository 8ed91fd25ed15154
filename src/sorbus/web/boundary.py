"""Where errors become pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sorbus.http.faults import fault_of
from sorbus.web.rendering import Renderer
from sorbus.web.requests import is_partial
from sorbus.web.security import HEADERS

type Handler = Callable[[Request], Awaitable[ASGIApp]]


class Boundary:
    """Makes a page of every error: what it is, and what can be done; never what is not the reader's business."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def __call__(self, handler: Handler) -> Handler:
        """The handler, from which no error escapes."""

        async def guarded(request: Request) -> ASGIApp:
            try:
                return await handler(request)
            except Exception as error:  # the boundary: everything becomes a page
                return self.page(request, error)

        return guarded

    def page(self, request: Request, error: Exception) -> Response:
        """An error as a page, or as a notice on the page that asked."""
        fault = fault_of(error, where=f"{request.method} {request.url.path}")
        if is_partial(request):
            return self.notice(f"{fault.detail} {fault.hint}".strip(), kind="bad", status=fault.status)
        return self.renderer.page("error.html", status=fault.status, fault=fault, here="")

    def notice(self, text: str, *, kind: str = "good", status: int = 200, further: str = "") -> Response:
        """What a script of a page puts where the page shows notices.

        Args:
            further: more parts of the page.
        """
        html = self.renderer.macro("parts.html", "notice", text, kind)
        partial = f'<hx-partial hx-target="#notice" hx-swap="outerHTML">{html}</hx-partial>'
        return Response(partial + further, status, headers=HEADERS, media_type="text/html")
