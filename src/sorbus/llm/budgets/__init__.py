"""Budgets: what runs and tenants may spend on models, reserved before each call."""

from sorbus.llm.budgets.keeper import BudgetKeeper
from sorbus.llm.budgets.needs import Need, need_of
from sorbus.llm.budgets.resources import Budget, BudgetPeriod, Reservation

__all__ = ["Budget", "BudgetKeeper", "BudgetPeriod", "Need", "Reservation", "need_of"]
