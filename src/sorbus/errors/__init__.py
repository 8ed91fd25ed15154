"""The error tree: four kinds, one class per cause."""

from sorbus.errors.base import Forbidden, FrameworkError, Invalid, Kind, SorbusError, UnknownError

__all__ = ["Forbidden", "FrameworkError", "Invalid", "Kind", "SorbusError", "UnknownError"]
