"""Budgets: what runs and tenants may spend on models, reserved before each call."""

from sorbus.llm.budgets.needs import Need, need_of

__all__ = ["Need", "need_of"]
