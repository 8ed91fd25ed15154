"""The static SQL of the HTTP application."""

from sorbus.http.sql.loading import sql

__all__ = ["sql"]
