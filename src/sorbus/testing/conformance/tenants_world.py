"""The conformance domain of tenants: firms whose rows share tables, and firms that have tables of their own."""

from __future__ import annotations

from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    ManageTenants,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    SchemaTenancy,
    Scope,
    Tenancy,
    action,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    exists,
    has_many,
    identity,
    policy,
    related,
    tenant,
    unrelated,
    uuid_primary_key,
)

OPEN = Policies(policy("any", authorize_if(True)))


class Firm(Resource):
    """A tenant: by its key in shared tables, by its slug with tables of its own."""

    id: Attr[UUID] = uuid_primary_key()
    slug: Attr[str] = attribute(public=True)

    racks: Many[Rack] = has_many()
    flyers: Many[Flyer] = unrelated(where=lambda flyer: flyer.text == Firm.slug)
    rack_count = agg.count(racks)
    flyer_count = agg.count(flyers)
    first_label = agg.first(racks, lambda rack: rack.label)

    @action.create
    def found(self, scope: Scope, slug: str) -> None:
        """Found a firm."""

    @action.update
    def relabel(self, scope: Scope, slug: str) -> None:
        """Give it another slug."""

    @action.destroy
    def dissolve(self, scope: Scope) -> None:
        """Dissolve it."""

    storage = Postgres("suite_firms")
    tenants = ManageTenants(slug)
    policies = OPEN


class Rack(Resource):
    """Belongs to a firm by an attribute."""

    id: Attr[UUID] = uuid_primary_key()
    firm_id: Attr[UUID] = attribute()
    label: Attr[str] = attribute()
    serial: Attr[str | None] = attribute(default=None)

    firm: One[Firm] = belongs_to(via=firm_id)
    cartons: Many[Carton] = has_many()
    carton_count = agg.count(cartons)
    is_used = calculate(exists(cartons))

    @action.create(upsert="label")
    def put_up(self, scope: Scope, label: str, serial: str | None = None) -> None:
        """Put up a rack, or change the one with this label."""

    @action.create(upsert="serial")
    def register(self, scope: Scope, label: str, serial: str | None) -> None:
        """Put up a rack, or change the one with this serial number, which is one of a kind everywhere."""

    @action.create(tenancy="all")
    def plant(self, scope: Scope, firm_id: UUID, label: str) -> None:
        """Put up a rack for any firm."""

    @action.update
    def relabel(self, scope: Scope, label: str) -> None:
        """Give it another label."""

    @action.update(tenancy="all")
    def stamp(self, scope: Scope, serial: str) -> None:
        """Give any firm's rack a serial number."""

    @action.update(tenancy="optional")
    def dust(self, scope: Scope) -> None:
        """Clean one."""
        self.label = self.label.strip()

    @action.destroy
    def take_down(self, scope: Scope) -> None:
        """Take it down."""

    @action.destroy(tenancy="all")
    def burn(self, scope: Scope) -> None:
        """Take down any firm's."""

    @action.read(tenancy="all")
    @classmethod
    def everywhere(cls, scope: Scope) -> Query[Rack]:
        """The racks of all firms."""
        return cls.query().order_by(cls.label)

    @action.read(tenancy="optional")
    @classmethod
    def survey(cls, scope: Scope) -> Query[Rack]:
        """The racks of the firm, or of all."""
        return cls.query().order_by(cls.label)

    @action.generic(tenancy="optional")
    @classmethod
    async def ask(cls, scope: Scope) -> str:
        """Works with and without a firm."""
        return "with" if scope.tenant is not None else "without"

    storage = Postgres("suite_racks")
    tenancy = Tenancy(firm_id)
    identities = Identities(label=[label], serial=identity(serial, all_tenants=True))
    policies = OPEN


class Carton(Resource):
    """Stands on a rack of the same firm."""

    id: Attr[UUID] = uuid_primary_key()
    firm_id: Attr[UUID] = attribute()
    rack_id: Attr[UUID] = attribute()
    spare_id: Attr[UUID | None] = attribute(default=None)

    rack: One[Rack] = belongs_to(via=rack_id, on_delete="cascade")
    spare: One[Rack | None] = belongs_to(via=spare_id, on_delete="nilify")
    rack_label = calculate(related(rack, lambda rack: rack.label))

    @action.create
    def pack(self, scope: Scope, rack_id: UUID, spare_id: UUID | None = None) -> None:
        """Pack a carton."""

    @action.update
    def move(self, scope: Scope, rack_id: UUID) -> None:
        """Move it."""

    storage = Postgres("suite_cartons")
    tenancy = Tenancy(firm_id)
    policies = OPEN


class Flyer(Resource):
    """May belong to a firm, or to none; the firm's key is kept as text."""

    id: Attr[UUID] = uuid_primary_key()
    owner: Attr[str | None] = attribute(default=None)
    text: Attr[str] = attribute()

    @action.create
    def print_one(self, scope: Scope, text: str) -> None:
        """Print one."""

    @action.create
    def print_for(self, scope: Scope, text: str, owner: str | None) -> None:
        """Print one for a firm."""

    @action.update
    def rewrite(self, scope: Scope, text: str) -> None:
        """Change the text."""

    @action.read(tenancy="enforce")
    @classmethod
    def own(cls, scope: Scope) -> Query[Flyer]:
        """Those of the firm."""
        return cls.query()

    @action.read
    @classmethod
    def by_firm(cls, scope: Scope) -> Query[Flyer]:
        """Those whose text is the firm's key, which a condition may ask for too."""
        return cls.query().where(cls.text == tenant())

    storage = Postgres("suite_flyers")
    tenancy = Tenancy(owner, parse=str, optional=True)
    policies = OPEN


class Currency(Resource):
    """Shared by all firms."""

    id: Attr[UUID] = uuid_primary_key()
    code: Attr[str] = attribute()

    ledgers: Many[Ledger] = has_many()
    ledger_count = agg.count(ledgers)

    @action.create
    def add(self, scope: Scope, code: str) -> None:
        """Add a currency."""

    @action.destroy
    def remove(self, scope: Scope) -> None:
        """Remove it; ledgers of any firm do not allow it."""

    storage = Postgres("suite_currencies")
    policies = OPEN


class Ledger(Resource):
    """Each firm has a table of its own."""

    id: Attr[UUID] = uuid_primary_key()
    currency_id: Attr[UUID | None] = attribute(default=None)
    name: Attr[str] = attribute()

    currency: One[Currency | None] = belongs_to(via=currency_id)
    entries: Many[Entry] = has_many(order_by=lambda entry: entry.amount)
    total = agg.sum(entries, lambda entry: entry.amount)
    currency_code = calculate(related(currency, lambda currency: currency.code))

    @action.create(upsert="name")
    def begin(self, scope: Scope, name: str, currency_id: UUID | None = None) -> None:
        """Begin a ledger, or change the one with this name."""

    @action.update
    def relabel(self, scope: Scope, name: str) -> None:
        """Give it another name."""

    @action.destroy
    def close(self, scope: Scope) -> None:
        """Close it with its entries."""

    storage = Postgres("suite_ledgers")
    tenancy = SchemaTenancy()
    identities = Identities(name=[name])
    policies = OPEN


class Entry(Resource):
    """Each firm has a table of its own."""

    id: Attr[UUID] = uuid_primary_key()
    ledger_id: Attr[UUID] = attribute()
    amount: Attr[int] = attribute()

    ledger: One[Ledger] = belongs_to(via=ledger_id, on_delete="cascade")

    @action.create
    def book(self, scope: Scope, ledger_id: UUID, amount: int) -> None:
        """Book an amount."""

    storage = Postgres("suite_entries")
    tenancy = SchemaTenancy()
    policies = OPEN


Firms = Domain("suite_firms", resources=[Firm, Rack, Carton, Flyer, Currency, Ledger, Entry])
