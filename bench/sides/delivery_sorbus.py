"""The suite `delivery`: the node that serves the subscriptions."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Any

from delivery_app import application, scope_from
from serving import Command, serve

from sorbus.apis.graphql import GraphqlInterface
from sorbus.http import http_app, serving


class DeliverySide:
    """Serves the same application twice: as it comes, and where all of a tenant may see the same."""

    async def open(self, url: str) -> None:
        """Open the node."""
        self.stack = AsyncExitStack()
        app = await self.stack.enter_async_context(application(url))
        alone = http_app(app, interfaces=[GraphqlInterface()], scope_from=scope_from(app))
        alike = http_app(
            app, interfaces=[GraphqlInterface(share=lambda _: "member")], scope_from=scope_from(app)
        )
        self.urls = {
            "alone": await self.stack.enter_async_context(serving(alone)),
            "alike": await self.stack.enter_async_context(serving(alike)),
        }

    async def close(self) -> None:
        """Close it."""
        await self.stack.aclose()

    def commands(self) -> dict[str, Command]:
        """`where` it is served, and the `cpu` seconds that it has used."""
        return {"where": self.where, "cpu": self.cpu}

    async def where(self) -> dict[str, Any]:
        """The URLs."""
        return self.urls

    async def cpu(self) -> dict[str, Any]:
        """CPU seconds of this process."""
        return {"seconds": time.process_time()}


if __name__ == "__main__":
    serve(DeliverySide())
