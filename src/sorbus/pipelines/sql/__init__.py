"""The static SQL of the pipelines, one statement per file."""

from sorbus.pipelines.sql.loading import sql

__all__ = ["sql"]
