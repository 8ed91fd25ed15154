"""Specs of policies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sorbus.expressions.nodes import Node


class Effect(StrEnum):
    """What a check does where its condition holds."""

    AUTHORIZE_IF = "authorize_if"
    FORBID_IF = "forbid_if"
    AUTHORIZE_UNLESS = "authorize_unless"
    FORBID_UNLESS = "forbid_unless"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One check: the first whose effect applies decides its policy."""

    effect: Effect
    condition: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """Checks for some actions.

    Attributes:
        actions: the names of the actions it is for.
        bypass: whether its authorisation is enough, whatever later policies say.
    """

    actions: frozenset[str]
    checks: tuple[CheckSpec, ...]
    bypass: bool = False
    description: str = ""
