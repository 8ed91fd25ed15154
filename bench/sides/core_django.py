"""The core suite on Django's ORM: its asynchronous methods, on psycopg.

Django's asynchronous methods run its synchronous ones in a thread, by default one for the whole process. Here there are
eight, each with a connection that stays open, as under a threaded server: of the ways that were tried the quickest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count, cycle
from typing import Any
from uuid import UUID

import django
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connections
from django.db.models import Count, F, OuterRef, Prefetch, QuerySet, Subquery, Sum
from rows import BODY, LABEL, METADATA, TITLE, letters
from serving import Command, loads, once, serve

THREADS = 8


def configure(url: str) -> None:
    """Set Django up for one database."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    settings.configure(
        USE_TZ=True,
        INSTALLED_APPS=["core_django_app"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts["dbname"],
                "USER": parts.get("user", ""),
                "PASSWORD": parts.get("password", ""),
                "HOST": parts.get("host", ""),
                "PORT": parts.get("port", ""),
                "CONN_MAX_AGE": None,
                "OPTIONS": {"prepare_threshold": 5},
            }
        },
    )
    django.setup()


class DjangoSide:
    """Django's ORM."""

    models: Any

    async def open(self, url: str) -> None:
        """Configure Django and import the models."""
        configure(url)
        from core_django_app import models

        self.models = models
        self.numbers = count()
        self.threads = [ThreadSensitiveContext() for _ in range(THREADS)]
        self.free: asyncio.Queue[ThreadSensitiveContext] = asyncio.Queue()
        for each in self.threads:
            self.free.put_nowait(each)

    async def close(self) -> None:
        """Close the connections and end their threads."""
        for each in self.threads:
            async with each:
                await sync_to_async(connections.close_all)()

    def in_a_thread(self, operation: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """An operation that runs in whichever of the threads is free."""

        async def run() -> Any:
            thread = await self.free.get()
            token = SyncToAsync.thread_sensitive_context.set(thread)
            try:
                return await operation()
            finally:
                SyncToAsync.thread_sensitive_context.reset(token)
                self.free.put_nowait(thread)

        return run

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check`, `load` and `once`."""
        operations = {
            "get": self.get,
            "list50": self.list50,
            "list50_load": self.load,
            "list50_nested": self.nested,
            "list50_aggregate": self.aggregate,
            "create": self.create,
            "update": self.update,
        }
        bulk = {"bulk_create": self.bulk_create, "bulk_update": self.bulk_update}
        return {
            "prepare": self.prepare,
            "check": self.in_a_thread(self.check),
            "load": loads({name: self.in_a_thread(each) for name, each in operations.items()}),
            "once": once({name: self.in_a_thread(each) for name, each in bulk.items()}),
        }

    async def prepare(self, *, org: str, owner: str, keys: list[str]) -> dict[str, Any]:
        """Choose the tenant, the owner of new rows and the keys to get."""
        self.org, self.owner = UUID(org), UUID(owner)
        self.last = UUID(keys[-1])
        self.keys = cycle([UUID(key) for key in keys])
        self.letters = letters(self.owner)
        return {}

    async def get(self) -> Any:
        """One row by its key."""
        return await self.models.Content.objects.aget(id=next(self.keys), org_id=self.org)

    def _fifty(self) -> QuerySet[Any]:
        return self.models.Content.objects.filter(org_id=self.org).order_by("id")

    async def list50(self) -> Any:
        """Fifty rows of the tenant."""
        return [each async for each in self._fifty()[:50]]

    async def load(self) -> Any:
        """Fifty rows with their runs."""
        runs = Prefetch("runs", self.models.Run.objects.filter(org_id=self.org).order_by("id"))
        return [each async for each in self._fifty().prefetch_related(runs)[:50]]

    async def nested(self) -> Any:
        """Fifty rows with their runs and the calls of those."""
        calls = Prefetch("calls", self.models.Call.objects.filter(org_id=self.org).order_by("id"))
        runs = self.models.Run.objects.filter(org_id=self.org).order_by("id").prefetch_related(calls)
        return [each async for each in self._fifty().prefetch_related(Prefetch("runs", runs))[:50]]

    async def aggregate(self) -> Any:
        """The newest fifty that are done, with the number of their runs and what their calls cost."""
        runs = self.models.Run.objects.filter(content=OuterRef("pk"), org_id=self.org).order_by()
        number = runs.values("content").annotate(number=Count("pk")).values("number")
        calls = self.models.Call.objects.filter(
            run__content=OuterRef("pk"), org_id=self.org, run__org_id=self.org
        )
        cost = calls.order_by().values("run__content").annotate(total=Sum("cost")).values("total")
        query = self.models.Content.objects.filter(org_id=self.org, state="done")
        query = query.annotate(run_count=Subquery(number), total=Subquery(cost))
        return [each async for each in query.order_by("-inserted_at", "id")[:50]]

    async def create(self) -> Any:
        """One new row."""
        return await self.models.Content.objects.acreate(
            org_id=self.org,
            owner_id=self.owner,
            kind="email",
            title=TITLE,
            body=BODY,
            metadata=METADATA,
        )

    async def update(self) -> Any:
        """Another title for one row, by its key; Django answers with how many rows that were."""
        rows = self.models.Content.objects.filter(id=next(self.keys), org_id=self.org)
        return await rows.aupdate(title=f"{TITLE} {next(self.numbers)}")

    async def bulk_create(self) -> int:
        """Ten thousand new rows: from unsaved records, in one statement as the backend allows it."""
        records = [self.models.Letter(org_id=self.org, **each) for each in self.letters]
        return len(await self.models.Letter.objects.abulk_create(records))

    async def bulk_update(self) -> int:
        """The ten thousand rows of the tenant that have no label get one, and a higher revision."""
        rows = self.models.Letter.objects.filter(org_id=self.org, label=None)
        changed: int = await rows.aupdate(label=LABEL, revision=F("revision") + 1)
        return changed

    async def check(self) -> dict[str, Any]:
        """What each operation answers with, to be compared."""
        contents = self.models.Content.objects
        one, many, loaded = await self.get(), await self.list50(), await self.load()
        made = await self.create()
        read = await contents.aget(id=made.id)
        await contents.filter(id=self.last, org_id=self.org).aupdate(title="Changed")
        changed = await contents.aget(id=self.last)
        return {
            "get": [one.id, one.org_id, one.kind, one.title, one.body, one.metadata],
            "list50": [[each.id, each.metadata] for each in many],
            "list50_load": [[each.id, [[run.id, run.state] for run in each.runs.all()]] for each in loaded],
            "list50_nested": [
                [
                    each.id,
                    [[run.id, [[call.id, call.cost] for call in run.calls.all()]] for run in each.runs.all()],
                ]
                for each in await self.nested()
            ],
            "list50_aggregate": [
                [each.id, each.state, each.run_count, each.total] for each in await self.aggregate()
            ],
            "create": [
                read.org_id,
                read.owner_id,
                read.kind,
                read.state,
                read.title,
                read.body,
                read.metadata,
            ],
            "update": [changed.id, changed.title, changed.state],
        }


if __name__ == "__main__":
    serve(DjangoSide())
