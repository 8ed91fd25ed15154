"""The static SQL of the budgets, one statement per file."""

from sorbus.llm.budgets.sql.loading import sql

__all__ = ["sql"]
