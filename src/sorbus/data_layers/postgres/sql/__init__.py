"""The static SQL of the layer, one statement in each file."""

from sorbus.data_layers.postgres.sql.loading import sql

__all__ = ["sql"]
