"""Opaque texts: a name with what belongs to it, which clients give back without looking into them."""

from __future__ import annotations

import base64

_BETWEEN = ":"


def opaque(name: str, rest: str = "") -> str:
    """One text for a name, which has no colon, and what belongs to it."""
    return base64.urlsafe_b64encode(f"{name}{_BETWEEN}{rest}".encode()).decode()


def opened(text: str, *, longest: int) -> tuple[str, str] | None:
    """The name in an opaque text and what belongs to it; None when the text is none, or longer than may be."""
    if len(text) > longest:
        return None
    try:
        name, between, rest = base64.urlsafe_b64decode(text).decode().partition(_BETWEEN)
    except ValueError:  # no base64, no ASCII or no UTF-8
        return None
    return (name, rest) if between else None
