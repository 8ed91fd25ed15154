"""The application: domains put together, with a database and services, ready to act."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from sorbus.errors.framework import ApplicationClosed
from sorbus.resource.actions import Action
from sorbus.resource.domain import Domain
from sorbus.scope import Scope

if TYPE_CHECKING:
    # `import sorbus` declares; drivers, engine and validators are imported when an application needs them.
    from sorbus.data_layers.base import DataLayer
    from sorbus.data_layers.postgres.database import Database
    from sorbus.data_layers.postgres.migrations import SystemScript
    from sorbus.data_layers.postgres.tables import Schema
    from sorbus.engine.engine import Engine
    from sorbus.engine.transaction import Transaction
    from sorbus.policies.explain import Explanation


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
        self.migrations_folder = Path(migrations_folder)
        self._database: Database | None = None
        self._engine: Engine | None = None
        self._stack = AsyncExitStack()

    # life

    async def open(self, *, components: bool = True) -> Self:
        """Connect to the database, and start the components.

        Args:
            components: False leaves job runners and the like alone; commands use it.
        """
        from sorbus.engine.engine import Engine

        if self._engine is not None:
            return self
        try:
            layers = await self._open_layers()
            await self._prepare()
            self._engine = Engine(self.spec, layers, secret=self._secret or _secret(self.home))
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
        wanted = self._auto_migrate
        if wanted is None:
            wanted = database.server is not None or os.environ.get("SORBUS_AUTO_MIGRATE") == "1"
        if not wanted:
            return
        from sorbus.data_layers.postgres.migrations import push
        from sorbus.errors.migrations import ManagedByFiles

        connection = await database.pool.connect(application_name="sorbus-migrate")
        try:
            await push(connection, self.schema(), system_scripts=self.system_scripts())
        except ManagedByFiles:
            return
        finally:
            await connection.close()

    async def start_components(self) -> None:
        """Start every component, in the order in which they were given."""
        for component in self.components:
            await component.start(self)
            self._stack.push_async_callback(component.stop)

    async def _open_layers(self) -> Mapping[str, DataLayer]:
        from sorbus.data_layers.memory.layer import MemoryLayer
        from sorbus.data_layers.postgres.database import Database
        from sorbus.data_layers.postgres.layer import PostgresLayer

        memory = MemoryLayer(self.spec)
        if self._storage == "memory":
            return MappingProxyType({"memory": memory, "postgres": memory})
        layers: dict[str, DataLayer] = {"memory": memory}
        if any(each.layer == "postgres" for each in self.spec.resources.values()) or self.components:
            self._database = Database.from_environment(
                self.database_url, home=self.home, name=self.name, pool={"size": self._pool_size}
            )
            await self._stack.enter_async_context(self._database)
            layers["postgres"] = PostgresLayer(self.spec, self._database.pool)
        return MappingProxyType(layers)

    async def close(self) -> None:
        """Stop the components in reverse order and leave the database."""
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            # The components come first: what they still run needs the engine and the database.
            await stack.aclose()
        finally:
            self._engine = None
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

    def scope(self, *, actor: Any = None, tenant: Any = None) -> Scope:
        """The scope of a call: who acts, for which tenant."""
        return Scope(actor=actor, tenant=tenant, services=self._services, runtime=self.engine)

    def system_scope(self, *, tenant: Any = None) -> Scope:
        """The scope of Sorbus' own work and of scripts that the operator runs: no policy is asked."""
        return Scope(tenant=tenant, authorize=False, services=self._services, runtime=self.engine)

    def provide(self, service: type[Any], value: Any) -> None:
        """Register a service for `scope.get`."""
        self._services[service] = value

    def service(self, service: type[Any]) -> Any:
        """A registered service, or None."""
        return self._services.get(service)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Every action inside the block commits together or not at all."""
        return self.engine.transaction()

    def explain(self, action: Action, scope: Scope, **inputs: Any) -> Explanation:
        """Whether the scope's actor may run an action, and why, as data."""
        return self.engine.explain(action, scope, inputs)

    def system_scripts(self) -> Sequence[SystemScript]:
        """The tables that parts of the application need besides those of the resources."""
        found = (script for each in self.components for script in each.system_scripts())
        return tuple({(script.name, script.version): script for script in found}.values())

    def schema(self) -> Schema:
        """The tables that the declarations need."""
        from sorbus.data_layers.postgres.ddl import schema_of

        return schema_of(self.spec)


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
