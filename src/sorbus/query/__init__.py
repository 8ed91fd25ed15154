"""Queries, pages and statements."""

from sorbus.query.page import Page
from sorbus.query.query import LoadItem, Query

__all__ = ["LoadItem", "Page", "Query"]
