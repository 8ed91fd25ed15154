"""The notifications of an application that runs: its hub, what carries messages, and what keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from sorbus.data_layers.base import DataLayer
from sorbus.data_layers.messages import Courier, Outbox
from sorbus.engine.engine import Engine
from sorbus.engine.notify import Channel, Hub
from sorbus.engine.publishing import install
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.notifications import Notifications, publications_of
from sorbus.resource.sections import section_of
from sorbus.schema.resource import ApplicationSpec

if TYPE_CHECKING:
    from sorbus.data_layers.postgres.migrations import SystemScript


def open_hub(engine: Engine) -> Hub | None:
    """The hub of an engine, which then publishes what its resources declare; None when they declare nothing."""
    found = {
        spec.name: declared
        for spec in engine.application.resources.values()
        if (declared := publications_of(spec, Lowerer(engine.planner.catalog, (spec.python,))))
    }
    if not found:
        return None
    channels = [
        Channel(each.spec, publication.template, each.durable)
        for each in found.values()
        for publication in each.publications
    ]
    durable = any(each.durable for each in found.values())
    courier, outbox = _carriers(engine.layers, keep=longest(engine.application))
    hub = Hub(engine, channels, courier, outbox if durable else None)
    install(hub, found)
    return hub


def _carriers(layers: Mapping[str, DataLayer], *, keep: timedelta) -> tuple[Courier, Outbox]:
    from sorbus.data_layers.memory.messages import MemoryCourier, MemoryOutbox
    from sorbus.data_layers.postgres.courier import PostgresCourier
    from sorbus.data_layers.postgres.layer import PostgresLayer
    from sorbus.data_layers.postgres.outbox import PostgresOutbox

    layer = layers.get("postgres")
    if isinstance(layer, PostgresLayer):
        courier = PostgresCourier(layer.pool)
        return courier, PostgresOutbox(layer, courier, keep=keep)
    local = MemoryCourier()
    return local, MemoryOutbox(local, keep=keep)


def _sections(application: ApplicationSpec) -> list[Notifications]:
    sections = (section_of(spec, Notifications) for spec in application.resources.values())
    return [each for each in sections if each is not None and each.durable]


def longest(application: ApplicationSpec) -> timedelta:
    """How long durable notifications are kept."""
    return max((each.keep for each in _sections(application)), default=timedelta(days=7))


def system_scripts(application: ApplicationSpec) -> tuple[SystemScript, ...]:
    """The tables of the outbox, where something is durable."""
    from sorbus.data_layers.postgres.migrations import SystemScript
    from sorbus.data_layers.postgres.sql import sql

    return (SystemScript("outbox", 1, sql("outbox_install")),) if _sections(application) else ()
