"""The conformance domain of reads: shelves, volumes and loans, with nulls, ties and rows that some may not see."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    Identities,
    Many,
    One,
    Paging,
    Policies,
    Postgres,
    Query,
    Scope,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    coalesce,
    computed,
    forbid_if,
    has_many,
    input_value,
    policy,
    related,
)
from sorbus.testing.conformance.of_org import OfOrg


class Genre(Enum):
    """Kinds of volumes; neither texts nor numbers themselves."""

    TALE = "tale"
    ESSAY = "essay"
    VERSE = "verse"


class Shelf(OfOrg):
    """Where volumes stand."""

    name: Attr[str] = attribute(public=True)
    room: Attr[str | None] = attribute(default=None, public=True)
    code: Attr[str] = attribute(default="")

    volumes: Many[Volume] = has_many(public=True, order_by=lambda volume: volume.title)
    volume_count = agg.count(volumes, public=True)

    @action.create
    def build(self, scope: Scope, name: str, room: str | None = None, code: str = "") -> None:
        """Build a shelf."""

    storage = Postgres("suite_shelves")


class Volume(OfOrg):
    """A book on a shelf."""

    shelf_id: Attr[UUID | None] = attribute(default=None)
    title: Attr[str] = attribute(public=True)
    isbn: Attr[str | None] = attribute(default=None, public=True)
    genre: Attr[Genre] = attribute(default=Genre.TALE, public=True)
    price: Attr[Decimal | None] = attribute(default=None, public=True)
    weight: Attr[float | None] = attribute(default=None, public=True)
    pages: Attr[int] = attribute(default=0, public=True)
    printed: Attr[date | None] = attribute(default=None, public=True)
    read_at: Attr[datetime | None] = attribute(default=None, public=True)
    lent: Attr[bool] = attribute(default=False, public=True)
    words: Attr[list[str]] = attribute(default=list, public=True)
    note: Attr[str] = attribute(default="")
    mark: Attr[str] = attribute(default="", public=True, filterable=False)
    place: Attr[int] = attribute(default=0, public=True, sortable=False)

    shelf: One[Shelf | None] = belongs_to(via=shelf_id, on_delete="nilify", public=True)
    loans: Many[Loan] = has_many(public=True, order_by=lambda loan: loan.days)

    shelf_name = calculate(related(shelf, lambda each: each.name), public=True)
    worth = calculate(coalesce(price, Decimal(0)) * pages, public=True)
    per_page = calculate(price / pages, public=True)
    loan_days = agg.sum(loans, lambda loan: loan.days, public=True)
    longest = agg.max(loans, lambda loan: loan.days, public=True)

    @computed(loads=[title, pages], public=True)
    def label(self) -> str:
        """Title and pages."""
        return f"{self.title} ({self.pages})"

    @action.create
    def bind(
        self,
        scope: Scope,
        title: str,
        shelf_id: UUID | None = None,
        isbn: str | None = None,
        genre: Genre = Genre.TALE,
        price: Decimal | None = None,
        weight: float | None = None,
        pages: int = 0,
        printed: date | None = None,
        read_at: datetime | None = None,
        lent: bool = False,
        words: list[str] = [],  # noqa: B006
        note: str = "",
    ) -> None:
        """Bind a volume."""

    @action.update
    def rename(self, scope: Scope, title: str) -> None:
        """Give it another title."""

    @action.destroy
    def pulp(self, scope: Scope) -> None:
        """Throw it away."""

    @action.read
    @classmethod
    def of_genre(cls, scope: Scope, genre: Genre) -> Query[Volume]:
        """The volumes of a genre; the policy itself asks for the genre."""
        return cls.query().order_by(cls.title)

    @action.read
    @classmethod
    def lent_out(cls, scope: Scope) -> Query[Volume]:
        """The volumes that are lent; nobody may read them so."""
        return cls.query().where(cls.lent == True)  # noqa: E712

    @action.read(page=Paging(default=2, largest=3, required=True, count=False))
    @classmethod
    def in_pages(cls, scope: Scope, at_least: Arg[int] = 0) -> Query[Volume]:
        """Volumes that come in small pages only."""
        return cls.query().where(cls.pages >= at_least).order_by(cls.title)

    @action.read(page=Paging(count="always"))
    @classmethod
    def counted(cls, scope: Scope) -> Query[Volume]:
        """Volumes whose pages are always counted."""
        return cls.query().order_by(cls.title)

    storage = Postgres("suite_volumes")
    identities = Identities(isbn=[isbn])
    policies = Policies(
        policy(["create", "update", "destroy", "read"], authorize_if(actor_present())),
        policy(of_genre, authorize_if(input_value("genre") == genre)),
        policy(lent_out, forbid_if(True)),
    )


class Loan(OfOrg):
    """That a volume was away; hidden loans are nobody's business."""

    volume_id: Attr[UUID] = attribute()
    days: Attr[int] = attribute(default=0, public=True)
    hidden: Attr[bool] = attribute(default=False)

    volume: One[Volume] = belongs_to(via=volume_id, on_delete="cascade", public=True)

    @action.create
    def lend(self, scope: Scope, volume_id: UUID, days: int, hidden: bool = False) -> None:
        """Lend a volume."""

    storage = Postgres("suite_loans")
    policies = Policies(
        policy("create", authorize_if(actor_present())),
        policy("read", authorize_if(hidden == False)),  # noqa: E712
    )


Library = Domain("suite_reads", resources=[Shelf, Volume, Loan])
