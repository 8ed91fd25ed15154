"""Errors about tenants: which there are, what they may be called, and the wall between their rows."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.base import Forbidden, FrameworkError, Invalid, SorbusError
from sorbus.errors.hints import did_you_mean, listed


class InvalidTenant(Invalid):
    """The scope's tenant can be no tenant of the resource."""

    code = "invalid-tenant"

    def __init__(self, resource: str, tenant: object, *, expected: str) -> None:
        self.tenant = tenant
        super().__init__(
            f"The tenant of the scope is {type(tenant).__name__} {tenant!r:.80}; a tenant of {resource} is {expected}.",
            path=(resource, "tenant"),
            hint="Give `app.scope(tenant=…)` such a key or a record that has one, or say `Tenancy(…, parse=…)`.",
        )


class UnknownTenant(Invalid):
    """There is no schema for the tenant, or its tables have not been made."""

    code = "unknown-tenant"

    def __init__(self, name: str, *, known: Iterable[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"There is no tenant `{name}` with tables of its own.",
            path=("tenant",),
            hint=did_you_mean(name, known)
            or "Make it with `app.tenants.create(…)`, or bring its tables up to date with `sorbus migrate`.",
        )


class TenantNameNotAllowed(Invalid):
    """A tenant cannot have this name, because a PostgreSQL schema bears it."""

    code = "tenant-name-not-allowed"

    def __init__(self, name: str, *, problem: str) -> None:
        self.name = name
        super().__init__(
            f"A tenant cannot be called {name!r:.80}: {problem}.",
            path=("tenant",),
            hint="Allowed are 1 to 48 characters of a-z, 0-9, `_` and `-`, the first one a letter or digit.",
        )


class TenantExists(Invalid):
    """A tenant or another schema of the database has this name already."""

    code = "tenant-exists"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"The name `{name}` is taken by a tenant or by another schema of the database.",
            path=("tenant",),
            hint="`app.tenants.list()` names the tenants.",
        )


class TenantNotConfirmed(Invalid):
    """A tenant was to be dropped with all its rows, and its name was not repeated."""

    code = "tenant-not-confirmed"

    def __init__(self, name: str, confirmed: str) -> None:
        super().__init__(
            f"To drop the tenant `{name}` with all its rows its name must be repeated; `{confirmed}` was.",
            path=("confirm",),
            hint=f"Say `drop({name!r}, confirm={name!r})`.",
        )


class NoTenantSchemas(FrameworkError):
    """The application's tenants have no schemas: no resource says `SchemaTenancy()`."""

    code = "no-tenant-schemas"

    def __init__(self, application: str) -> None:
        super().__init__(
            f"The application `{application}` has no resource with `tenancy = SchemaTenancy()`, so its tenants have "
            "no schemas to make, rename or drop.",
            hint="Tenants of `Tenancy(attribute)` need no preparation: a scope with the key is enough.",
        )


class TenantNotMigrated(FrameworkError):
    """The migrations of one tenant's tables failed; those of the tenants before it are done."""

    code = "tenant-not-migrated"

    def __init__(self, name: str, cause: SorbusError) -> None:
        self.name = name
        self.cause = cause
        super().__init__(
            f"The tables of the tenant `{name}` could not be migrated: {cause.message}",
            path=("tenant", name),
            hint=cause.hint,
        )


class RowSecurityBypassed(FrameworkError):
    """Row-level security is on, and the application's role is not subject to it."""

    code = "row-security-bypassed"

    def __init__(self, role: str, *, reason: str) -> None:
        super().__init__(
            f"Row-level security is switched on, but PostgreSQL does not apply it to the role `{role}`: {reason}.",
            hint="Let the application run as a role that is neither superuser nor BYPASSRLS: "
            '`Sorbus(row_level_security="role")`.',
        )


class RowSecurityMissing(FrameworkError):
    """Row-level security is on, and tables with a tenancy have no policy."""

    code = "row-security-missing"

    def __init__(self, tables: Iterable[str]) -> None:
        super().__init__(
            f"Row-level security is switched on, but these tables have no policy that is enforced: {listed(tables)}.",
            hint="Run `sorbus migrate`.",
        )


class RowSecurityRole(FrameworkError):
    """The role that row-level security needs cannot be used."""

    code = "row-security-role"

    def __init__(self, role: str, *, problem: str, login: str) -> None:
        super().__init__(
            f"The application cannot run as the role `{role}`: {problem}.",
            hint=f"Run `sorbus migrate` as a role that may make roles, or by hand: "
            f'`CREATE ROLE "{role}" NOLOGIN; GRANT "{role}" TO "{login}";`',
        )


class RowSecurityRefused(Forbidden):
    """A policy of PostgreSQL refused the row: it belongs to another tenant."""

    code = "row-security-refused"

    def __init__(self) -> None:
        super().__init__(
            "Row-level security of the database refused the row: it belongs to another tenant than the scope's.",
            path=("tenant",),
        )
