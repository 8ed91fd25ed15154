"""The type of any JSON value."""

from __future__ import annotations

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
"""Anything that JSON can hold."""
