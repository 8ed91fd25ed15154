"""The parts of the conformance suite of data layers."""

from sorbus.testing.conformance.press import DOMAINS

__all__ = ["DOMAINS"]
