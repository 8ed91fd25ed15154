"""The static SQL of the jobs, one statement per file."""

from sorbus.jobs.sql.loading import sql

__all__ = ["sql"]
