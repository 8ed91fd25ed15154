"""Changesets: recorded writes."""

from sorbus.changeset.changeset import Changeset

__all__ = ["Changeset"]
