"""Two runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sorbus.types.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StageComparison:
    """One stage in two runs.

    Attributes:
        same: whether it came to the same state and the same output in both.
        left, right: its state and output in each; None where the run has no such stage.
    """

    stage: str
    same: bool
    left: dict[str, Json] | None
    right: dict[str, Json] | None


def compared(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[StageComparison]:
    """The stages of two runs, in the order of the first.

    Args:
        left, right: the stages of each by name.
    """
    return [
        StageComparison(
            stage=name,
            same=_shown(left.get(name)) == _shown(right.get(name)),
            left=_shown(left.get(name)),
            right=_shown(right.get(name)),
        )
        for name in dict.fromkeys((*left, *right))
    ]


def _shown(stage: Any) -> dict[str, Json] | None:
    return None if stage is None else {"state": stage.state.value, "output": stage.output}
