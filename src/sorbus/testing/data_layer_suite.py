"""The conformance suite of data layers: what every layer must do, as a pytest class to inherit from.

    class TestMine(DataLayerSuite):
        @pytest.fixture
        async def app(self):
            async with Sorbus(domains=DOMAINS, …) as app:
                yield app

The fixture gives an open application over an empty layer. The tests are coroutines: run them with
pytest-asyncio in its auto mode.
"""

from __future__ import annotations

from sorbus.testing.conformance.access import Kinds
from sorbus.testing.conformance.between import Between
from sorbus.testing.conformance.bulk import Bulk
from sorbus.testing.conformance.changing import Changing
from sorbus.testing.conformance.derived import Derived
from sorbus.testing.conformance.documents import Documents
from sorbus.testing.conformance.expressions import Expressions
from sorbus.testing.conformance.grouping import Grouping
from sorbus.testing.conformance.hidden import Hiding
from sorbus.testing.conformance.identities import IdentitiesOfSome
from sorbus.testing.conformance.looking import Looking
from sorbus.testing.conformance.managing import Managing
from sorbus.testing.conformance.managing_refusals import ManagedRefusals
from sorbus.testing.conformance.many_rows import ManyRows, ManyValues
from sorbus.testing.conformance.notices import Notices
from sorbus.testing.conformance.outside import Outside
from sorbus.testing.conformance.paging import Paging
from sorbus.testing.conformance.press import DOMAINS
from sorbus.testing.conformance.queries import Queries
from sorbus.testing.conformance.reads import Reads
from sorbus.testing.conformance.relationships import Relationships
from sorbus.testing.conformance.rules import Rules
from sorbus.testing.conformance.states import States
from sorbus.testing.conformance.tenants import Tenants
from sorbus.testing.conformance.transactions import Transactions
from sorbus.testing.conformance.types import Types
from sorbus.testing.conformance.writes import Writes

__all__ = ["DOMAINS", "DataLayerSuite"]


class DataLayerSuite(
    Writes,
    Changing,
    IdentitiesOfSome,
    Bulk,
    ManyRows,
    ManyValues,
    Grouping,
    Reads,
    Queries,
    Paging,
    Outside,
    Derived,
    Expressions,
    Relationships,
    Managing,
    ManagedRefusals,
    Rules,
    Kinds,
    Looking,
    Hiding,
    Between,
    Tenants,
    Transactions,
    Notices,
    Types,
    Documents,
    States,
):
    """Everything that a data layer must do."""
