"""Nearest names: the "did you mean" of every error message."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The sentence "Did you mean `x`?" for the nearest of `allowed`, or an empty string when none is near."""
    near = get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`?" if near else ""


def listed(names: Iterable[str], *, none: str = "none") -> str:
    """The names, sorted and joined by commas, as they stand in a message."""
    return ", ".join(sorted(names)) or none
