"""The application: domains put together, with a database and services, ready to act."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from sorbus.errors.framework import ApplicationClosed
from sorbus.errors.notifications import NoSuchTopic
from sorbus.resource.actions import Action
from sorbus.resource.domain import Domain
from sorbus.resource.tenants import Tenants
from sorbus.scope import Scope

if TYPE_CHECKING:
    # `import sorbus` declares; drivers, engine and validators are imported when an application needs them.
    from sorbus.data_layers.base import DataLayer
    from sorbus.data_layers.postgres.database import Database
    from sorbus.data_layers.postgres.migrations import SystemScript
    from sorbus.data_layers.postgres.tables import Schema
    from sorbus.engine.engine import Engine
    from sorbus.engine.notify import Hub
    from sorbus.engine.subscriptions import Subscription
    from sorbus.engine.transaction import Transaction
    from sorbus.policies.explain import Explanation
    from sorbus.resource.model import Resource


class Component(Protocol):
    """A part that lives as long as the application: job runners, listeners, model clients."""

    def system_scripts(self) -> Sequence[SystemScript]:
        """Tables of its own, made before it starts."""
        ...

    async def start(self, app: Sorbus) -> None:
        """Begin; the engine and the database are ready."""
        ...

    async def stop(self) -> None:
        """End, leaving nothing half done."""
        ...


class Sorbus:
    """An application: `app = Sorbus(domains=[Studio])`, then `async with app: …`.

    Args:
        domains: what it is made of. All mistakes in the declarations are reported at once.
        name: its name, used for the embedded database.
        database_url: the PostgreSQL server; by default `DATABASE_URL`, else an embedded one.
        storage: `"memory"` keeps the rows of every resource in this process; for tests.
        services: what `scope.get(type)` hands out.
        components: parts that are started and stopped with the application.
        secret: signs page cursors; by default `SORBUS_SECRET`, else a key kept in Sorbus' home folder.
        pool_size: the most connections to the database.
        home: where the embedded server and the secret live; by default `SORBUS_HOME` or `.sorbus`.
        auto_migrate: whether opening makes additive changes that the declarations need; by default only
            on the embedded database or with `SORBUS_AUTO_MIGRATE=1`. A database that is managed by migration
            files is left to them.
        migrations_folder: where `sorbus migrate` keeps its files.
        row_level_security: whether PostgreSQL itself keeps tenants apart too, by policies made of `Tenancy`. The
            application then acts as a role that obeys them: the one named here, by default `sorbus_app`.

    Raises:
        DefinitionErrors: the declarations have mistakes.
    """

    def __init__(
        self,
        *,
        domains: Sequence[Domain],
        name: str = "sorbus",
        database_url: str | None = None,
        storage: Literal["declared", "memory"] = "declared",
        services: Mapping[type, Any] | None = None,
        components: Sequence[Component] = (),
        secret: bytes | None = None,
        pool_size: int = 10,
        home: Path | None = None,
        auto_migrate: bool | None = None,
        migrations_folder: Path | str = "migrations",
        row_level_security: bool | str = False,
    ) -> None:
        self.name = name
        self.domains = tuple(domains)
        from sorbus.data_layers.postgres.embedded import sorbus_home
        from sorbus.resource.assembly.assemble import assemble

        self.spec = assemble(name, domains)
        self.home = home or sorbus_home()
        self.components: list[Component] = list(components)
        self._services: dict[type, Any] = dict(services or {})
        self._storage = storage
        self.database_url = database_url
        self._pool_size = pool_size
        self._secret = secret
        self._auto_migrate = auto_migrate
        self.row_level_security = row_level_security
        self.migrations_folder = Path(migrations_folder)
        self._database: Database | None = None
        self._engine: Engine | None = None
        self._hub: Hub | None = None
        self._stack = AsyncExitStack()
        self.tenants = Tenants(self)

    # life

    async def open(self, *, components: bool = True) -> Self:
        """Connect to the database, and start the components.

        Args:
            components: False leaves job runners and the like alone; commands use it.
        """
        from sorbus.engine.engine import Engine
        from sorbus.resource.extensions import install_extensions

        if self._engine is not None:
            return self
        try:
            layers = await self._open_layers()
            await self._prepare()
            await self._prove_wall(layers.get("postgres"))
            self._engine = Engine(self.spec, layers, secret=self._secret or _secret(self.home))
            install_extensions(self._engine)
            self._engine.effect_sources.append(self.tenants.effect)
            await self._open_hub(relay=components)
            if components:
                await self.start_components()
        except BaseException:
            await self.close()
            raise
        return self

    async def _prepare(self) -> None:
        """Bring the tables to the declarations, where that is wanted."""
        database = self._database
        if database is None:
            return
        from sorbus.data_layers.postgres.migrations import push
        from sorbus.data_layers.postgres.migrations.extensions import check_extensions
        from sorbus.errors.migrations import ManagedByFiles

        wanted = self._auto_migrate
        if wanted is None:
            wanted = database.server is not None or os.environ.get("SORBUS_AUTO_MIGRATE") == "1"
        if not wanted:
            # Not by the pool: a role that it acts as may be missing, and is asked about later.
            asking = await database.connect_as_login()
            try:
                await check_extensions(asking, self.schema())
            finally:
                await asking.close()
            return
        connection = await database.connect_as_login(application_name="sorbus-migrate")
        try:
            await push(connection, self.schema(), system_scripts=self.system_scripts())
            await self._push_tenants(connection)
        except ManagedByFiles:
            return
        finally:
            await connection.close()

    async def _push_tenants(self, connection: Any) -> None:
        from sorbus.data_layers.postgres.migrations import push_tenants

        if self.spec.schema_tenants:
            await push_tenants(connection, self.tenant_schema())

    async def migrate_tenants(self) -> None:
        """Bring the tables of every tenant up to date; `app.tenants.migrate()` calls it.

        Raises:
            TenantNotMigrated: those of one could not be.
        """
        from sorbus.data_layers.postgres.migrations import load, migrate_tenants

        database = self._database
        if database is None:
            return
        connection = await database.connect_as_login(application_name="sorbus-migrate")
        try:
            if load(self.tenants_folder):
                await migrate_tenants(connection, self.tenants_folder)
            else:
                await self._push_tenants(connection)
        finally:
            await connection.close()

    @property
    def role(self) -> str | None:
        """The role that the application acts as; None when row-level security is off."""
        given = self.row_level_security
        return given if isinstance(given, str) else "sorbus_app" if given else None

    async def _prove_wall(self, layer: DataLayer | None) -> None:
        """Refuse to open with a wall that keeps nothing out."""
        if self.role is None or self._database is None:
            return
        from sorbus.data_layers.postgres.layer import PostgresLayer
        from sorbus.data_layers.postgres.roles import prove_wall

        if not isinstance(layer, PostgresLayer) or layer.wall is None:
            return
        connection = await self._database.connect_as_login()
        try:
            await prove_wall(connection, self.role, layer.wall.tables)
        finally:
            await connection.close()

    async def _open_hub(self, *, relay: bool) -> None:
        from sorbus.resource.messaging import open_hub

        self._hub = hub = open_hub(self.engine)
        if hub is not None:
            self._stack.push_async_callback(hub.close)
            if relay and hub.outbox is not None:
                await hub.outbox.start()

    async def start_components(self) -> None:
        """Start every component, in the order in which they were given."""
        for component in self.components:
            await component.start(self)
            self._stack.push_async_callback(component.stop)

    async def _open_layers(self) -> Mapping[str, DataLayer]:
        from sorbus.data_layers.memory.layer import MemoryLayer

        memory = MemoryLayer(self.spec)
        if self._storage == "memory":
            return MappingProxyType({"memory": memory, "postgres": memory})
        from sorbus.data_layers.postgres.database import Database
        from sorbus.data_layers.postgres.layer import PostgresLayer
        from sorbus.data_layers.postgres.migrations import load
        from sorbus.data_layers.postgres.row_security import Wall

        layers: dict[str, DataLayer] = {"memory": memory}
        if any(each.layer == "postgres" for each in self.spec.resources.values()) or self.components:
            wall = Wall(self.spec) if self.role is not None else None
            options: dict[str, Any] = {
                "size": self._pool_size,
                **(wall.pool_options if wall is not None else {}),
            }
            self._database = Database.from_environment(
                self.database_url, home=self.home, name=self.name, pool=options, role=self.role
            )
            await self._stack.enter_async_context(self._database)
            layers["postgres"] = PostgresLayer(
                self.spec,
                self._database.pool,
                version=self._database.version,
                tenant_chain=lambda: load(self.tenants_folder),
                wall=wall,
            )
        return MappingProxyType(layers)

    async def close(self) -> None:
        """Stop the components in reverse order and leave the database."""
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            # The components come first: what they still run needs the engine and the database.
            await stack.aclose()
        finally:
            self._engine = None
            self._hub = None
            self._database = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # use

    @property
    def engine(self) -> Engine:
        """The engine.

        Raises:
            ApplicationClosed: outside `async with app`.
        """
        if self._engine is None:
            raise ApplicationClosed(self.name)
        return self._engine

    @property
    def database(self) -> Database:
        """The database.

        Raises:
            ApplicationClosed: outside `async with app`, or when no resource needs one.
        """
        if self._database is None:
            raise ApplicationClosed(self.name)
        return self._database

    def scope(
        self, *, actor: Any = None, tenant: Any = None, context: Mapping[str, Any] | None = None
    ) -> Scope:
        """The scope of a call: who acts, for which tenant.

        Args:
            context: what else is known about the call, for policies that ask `context_equals`.
        """
        return Scope(
            actor=actor, tenant=tenant, services=self._services, runtime=self.engine, context=context or {}
        )

    def system_scope(self, *, tenant: Any = None) -> Scope:
        """The scope of Sorbus' own work and of scripts that the operator runs: no policy is asked."""
        return Scope(tenant=tenant, authorize=False, services=self._services, runtime=self.engine)

    def provide(self, service: type[Any], value: Any) -> None:
        """Register a service for `scope.get`."""
        self._services[service] = value

    def service(self, service: type[Any]) -> Any:
        """A registered service, or None."""
        return self._services.get(service)

    def transaction(self, *, nested: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Every action inside the block commits together or not at all; blocks inside join the outermost.

        Args:
            nested: inside an open transaction, an error that leaves this block undoes this block alone, with
                its notifications and callbacks; catch it outside the block to go on.
        """
        return self.engine.transaction(nested=nested)

    def subscribe(
        self,
        topic: str,
        scope: Scope,
        *,
        after: int | None = None,
        records: bool = False,
        known: Iterable[Any] = (),
        backlog: int = 1000,
    ) -> Subscription:
        """What is published to a topic from now on, on any node: `async for event in app.subscribe(…)`.

        An event is a `Notification` or, when some were lost before it, `Lagged`.

        Args:
            topic: such as `"run:…"`; it belongs to the scope's tenant. `topic(…)` makes one from values that
                may hold a colon.
            after: the position of the last durable notification that was dealt with; those after it come
                first, without a gap.
            records: whether each comes with its record as the scope may read it at that moment. What the
                scope may not read is left out.
            known: keys of records that the subscriber shows already, so that it is told when they go.
            backlog: how many wait for a slow reader; when it is full they are dropped and `Lagged` says so.

        Raises:
            NoSuchTopic: nothing is ever published to it.
            TopicNeedsTenant: it is a tenant's, and the scope names none.
            NotResumable: `after` is given, and the topic is not durable.
            ActionForbidden: `records` is asked for, and no policy lets the actor read them.
        """
        self.engine  # noqa: B018 - says that the application is closed
        if self._hub is None:
            raise NoSuchTopic(topic, allowed=())
        return self._hub.subscribe(topic, scope, after=after, records=records, known=known, backlog=backlog)

    def announce(
        self,
        resource: type[Resource],
        row: Mapping[str, Any],
        *,
        action: str,
        tenant: str | None = None,
    ) -> None:
        """Tell the subscribers that a row has changed which SQL of your own has written. Call it after the commit.

        It goes to the topics of the resource that can be made of the row, whatever their `on` and `where`; never to
        durable ones, whose notifications must commit with the write.

        Args:
            row: the key, and the attributes that the topics name.
            action: what `Notification.action` says.
            tenant: the tenant's key, of a resource with tenants.

        Raises:
            UnknownResource: it is in no domain of this application.
        """
        spec = self.engine.spec_of(resource)
        if self._hub is not None:
            self._hub.announce(spec, row, action=action, tenant=tenant)

    async def can(
        self, action: Action | type[Resource], scope: Scope, subject: Any = None, /, **inputs: Any
    ) -> bool:
        """Whether the scope's actor may run an action. Exact also where it depends on the row: one statement asks.

        Args:
            action: the action, or a resource for its primary read.
            subject: the record, or its key, of an update, a destroy or a read.
            inputs: those of the action; a create is judged by the row that it would write.

        Raises:
            InvalidAction: the inputs are none that the action takes, so there is nothing to judge.
        """
        return await self.engine.can(action, scope, inputs, subject=subject)

    def explain(
        self, action: Action | type[Resource], scope: Scope, record: Any = None, /, **inputs: Any
    ) -> Explanation:
        """Whether the scope's actor may run an action and see which fields, and why, as data and as text.

        Args:
            action: the action, or a resource for its primary read.
            record: the record in question; without one, what depends on the row stays open.
        """
        return self.engine.explain(action, scope, inputs, record=record)

    def system_scripts(self) -> Sequence[SystemScript]:
        """The tables that parts of the application need besides those of the resources."""
        from sorbus.data_layers.postgres.migrations import REGISTRY
        from sorbus.resource.messaging import system_scripts

        parts = (each.system_scripts() for each in self.components)
        found = [script for scripts in (system_scripts(self.spec), *parts) for script in scripts]
        if self.spec.schema_tenants:
            found.append(REGISTRY)
        if self.role is not None:
            from sorbus.data_layers.postgres.roles import role_script

            found.insert(0, role_script(self.role, makes_schemas=bool(self.spec.schema_tenants)))
        return tuple({(script.name, script.version): script for script in found}.values())

    def schema(self) -> Schema:
        """The tables that the declarations need, but for those that each tenant has for itself."""
        from sorbus.data_layers.postgres.ddl import schema_of

        return schema_of(self.spec, row_security=self.role is not None)

    def tenant_schema(self) -> Schema:
        """The tables that each tenant has for itself."""
        from sorbus.data_layers.postgres.ddl import tenant_schema_of

        return tenant_schema_of(self.spec)

    @property
    def tenants_folder(self) -> Path:
        """Where the migrations of tenants' tables lie."""
        return self.migrations_folder / "tenants"


def _secret(home: Path) -> bytes:
    """The key that signs cursors: from the environment, else one made once and kept."""
    given = os.environ.get("SORBUS_SECRET")
    if given:
        return given.encode()
    path = home / "secret"
    try:
        home.mkdir(parents=True, exist_ok=True)
        # O_EXCL lets only one of several processes make it; the others read what it wrote.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    except OSError:
        return secrets.token_bytes(32)
    return path.read_bytes()
