"""Checks of a whole application's spec, one module each."""

from sorbus.schema.verifiers.all import verify

__all__ = ["verify"]
