"""Managed relationships: what an input asks of related rows, matched with what is there, written in sets."""

from sorbus.engine.managing.manager import Manager

__all__ = ["Manager"]
