"""The sink of an application's model calls, which keeps to its budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorbus.data_layers.postgres.pool import Pool
from sorbus.jobs.component import Jobs
from sorbus.llm.budgets.keeper import BudgetKeeper
from sorbus.llm.budgets.resources import Accounts
from sorbus.llm.budgets.signs import SignsOfLife
from sorbus.llm.calls import DatabaseSink

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus


def budgeted_sink(app: Sorbus, pool: Pool, jobs: Jobs) -> DatabaseSink:
    """The sink, with its budgets provided to the application; what it reserves is known to be held as long as the
    process gives signs of life.

    Args:
        pool: connections to the application's database.
        jobs: whose node this process is known as, when it runs any.
    """
    signs = SignsOfLife(app.database.url, lambda: jobs.runner.node if jobs.runner else None)
    sink = DatabaseSink(pool, signs=signs)
    sink.budgets.app = app
    app.provide(Accounts, sink.budgets)
    app.provide(BudgetKeeper, sink.budgets)
    return sink
