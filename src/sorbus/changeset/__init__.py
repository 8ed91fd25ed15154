"""Changesets: recorded writes, changes and validations."""

from sorbus.changeset.changeset import Changeset, Requirement, RowFilter
from sorbus.changeset.collecting import collecting, running
from sorbus.changeset.items import Change, Item, Validation, run_items

__all__ = [
    "Change",
    "Changeset",
    "Item",
    "Requirement",
    "RowFilter",
    "Validation",
    "collecting",
    "run_items",
    "running",
]
