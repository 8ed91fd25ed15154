"""What is typed into the forms that start and repeat runs, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid4

from sorbus.errors.base import SorbusError

BUDGET = ("budget_usd", "budget_tokens")
"""The fields of a budget."""

_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What was wrong with a form: the field, and the message."""

    at: str = ""
    message: str = ""


FINE = Wrong()


def wrong_with(error: SorbusError, fields: Sequence[str]) -> Wrong:
    """An error at the field that it is about; at none where it is about no field of the form."""
    named = next((str(each) for each in error.path[1:] if str(each) in fields), "")
    return Wrong(at=named, message=str(error))


def fresh_key() -> str:
    """What tells a form that is sent twice from two forms."""
    return str(uuid4())


def key_of(typed: Mapping[str, Any]) -> str | None:
    """The idempotency key of a form: the second of two that a double click sends comes to the run of the first."""
    given = typed.get("key")
    try:
        return f"web-{UUID(str(given))}" if given else None
    except ValueError:
        return None


def word(typed: Mapping[str, Any], name: str) -> str | None:
    """A text that may be left out."""
    return str(typed.get(name) or "").strip() or None


def dollars(typed: Mapping[str, Any]) -> Any:
    """An amount that may be left out; what is none is left for the action to refuse."""
    given = word(typed, "budget_usd")
    if given is None or len(given) > _LONGEST:
        return given
    try:
        found = Decimal(given.removeprefix("$"))
    except InvalidOperation:
        return given
    # An exponent may stand for more digits than a column holds.
    return found if found.is_finite() and -_LONGEST < found.adjusted() < _LONGEST else given


def tokens(typed: Mapping[str, Any]) -> Any:
    """A whole number that may be left out; what is none is left for the action to refuse."""
    given = word(typed, "budget_tokens")
    if given is None or not given.lstrip("-").isdecimal() or len(given) > _LONGEST:
        return given
    return int(given)
