"""The static SQL of the pipelines, one statement per file."""

from sorbus.pipelines.running.sql.loading import sql

__all__ = ["sql"]
