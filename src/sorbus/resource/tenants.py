"""`app.tenants`: the tenants that have tables of their own, made, renamed and dropped by hand or by actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sorbus.errors.inputs import InvalidAction
from sorbus.errors.tenancy import NoTenantSchemas, TenantExists, TenantNameNotAllowed, TenantNotConfirmed
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.schema.tenant_names import checked_name

if TYPE_CHECKING:
    # `import sorbus` declares; drivers and engine are imported when an application needs them.
    from sorbus.data_layers.base import DataLayer
    from sorbus.data_layers.tenants import TenantTables
    from sorbus.engine.engine import Effect
    from sorbus.engine.lifecycle import ActionCall
    from sorbus.resource.application import Sorbus


type Names = list[str]


class Moved(NamedTuple):
    """A tenant that is called something else now, or is gone (`new` is None)."""

    name: str
    new: str | None


class Tenants:
    """The tenants of an application whose resources say `SchemaTenancy()`.

    Every method joins the open transaction of the task: what was made goes when it is rolled back. A name has 1 to
    48 characters of a-z, 0-9, `_` and `-`, and begins with a letter or digit.
    """

    def __init__(self, app: Sorbus) -> None:
        self._app = app

    async def create(self, name: str) -> None:
        """Make a tenant with all its tables.

        Raises:
            TenantNameNotAllowed, TenantExists: the name cannot be used.
            MigrationFailed: its tables could not be made.
        """
        checked_name(name)

        async def create(tables: TenantTables, session: Any) -> None:
            await tables.create(session, name)

        await self._everywhere(create)

    async def rename(self, name: str, new: str) -> None:
        """Give a tenant another name; its rows stay what they are.

        Raises:
            UnknownTenant, TenantNameNotAllowed, TenantExists: one of the names cannot be used.
        """
        checked_name(new)
        await self._everywhere(lambda tables, session: _rename(tables, session, name, new))

    async def drop(self, name: str, *, confirm: str) -> None:
        """Remove a tenant with all its rows, for good.

        Args:
            confirm: the name once more.

        Raises:
            TenantNotConfirmed: it is another name.
            UnknownTenant: there is no such tenant.
        """
        if confirm != name:
            raise TenantNotConfirmed(name, confirm)
        await self._everywhere(lambda tables, session: _drop(tables, session, name))

    async def migrate(self) -> None:
        """Bring every tenant's tables up to date: by the migration files where there are any, else as declared.

        Raises:
            TenantNotMigrated: one could not be; the tenants before it are done.
        """
        self._layers()
        await self._app.migrate_tenants()

    # by actions

    def effect(self, spec: ResourceSpec, action: ActionSpec) -> Effect | None:
        """What a write of a resource that manages tenants does to the tenants, in its own transaction."""
        managed = spec.manages_tenants
        if managed is None or not action.kind.writes:
            return None

        async def follow(call: ActionCall) -> None:
            name = managed.name
            if action.kind is ActionKind.UPDATE and name not in call.changeset.changes:
                return
            row = call.result.__dict__
            wanted = None if action.kind is ActionKind.DESTROY else row[name]
            key = str(row[spec.primary_key.name])
            try:
                await self._everywhere(
                    lambda tables, session: _follow(tables, session, key, wanted, drops=managed.drops)
                )
            except (TenantNameNotAllowed, TenantExists) as error:
                raise InvalidAction(action.label, [error]) from error

        return follow

    def _layers(self) -> list[DataLayer]:
        """The layers that hold tenants' tables.

        Raises:
            NoTenantSchemas: there is none.
        """
        spec, layers = self._app.spec, self._app.engine.layers
        found = (layers[each.layer] for each in spec.resources.values() if each.schema_tenancy is not None)
        distinct = list({layer.name: layer for layer in found}.values())
        if not distinct:
            raise NoTenantSchemas(self._app.name)
        return distinct

    async def _everywhere(self, work: Callable[[TenantTables, Any], Awaitable[Moved | None]]) -> None:
        layers = self._layers()
        hub = self._app._hub
        async with self._app.engine.transaction() as opened:
            moved = [await work(layer.tenants, await opened.session(layer)) for layer in layers]
            if hub is not None and hub.outbox is not None and moved[0] is not None:
                # Else a later tenant of the name could read what its namesake has published.
                await hub.outbox.move_tenant(opened, moved[0].name, moved[0].new, self._owned())

    def _owned(self) -> Names:
        """The resources that have tables for each tenant."""
        return [name for name, spec in self._app.spec.resources.items() if spec.schema_tenancy is not None]

    async def list(self) -> Names:
        """The names of all tenants, sorted."""
        engine = self._app.engine
        layer = self._layers()[0]
        async with engine.session(layer) as session:
            found: Names = await layer.tenants.names(session)
            return found


async def _rename(tables: TenantTables, session: Any, name: str, new: str) -> Moved:
    await tables.rename(session, name, new)
    return Moved(name, new)


async def _drop(tables: TenantTables, session: Any, name: str) -> Moved:
    await tables.drop(session, name)
    return Moved(name, None)


async def _follow(
    tables: TenantTables, session: Any, key: str, wanted: str | None, *, drops: bool
) -> Moved | None:
    """Make a tenant what the row that manages it says; the row's key finds it, whatever it was called before."""
    known = await tables.name_of(session, key)
    if wanted is None:
        if known is not None and drops:
            return await _drop(tables, session, known)
    elif known is None:
        await tables.create(session, checked_name(wanted), key=key)
    elif known != wanted:
        return await _rename(tables, session, known, checked_name(wanted))
    return None
