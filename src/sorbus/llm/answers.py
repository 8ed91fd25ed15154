"""What a model client gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sorbus.llm.messages import ToolCall
from sorbus.llm.records import CallRecord, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAnswer:
    """Free text.

    Attributes:
        text: what the model said.
        call: the record of the call (of the earlier one when it was replayed).
        small: True when a small model said it, so that it should be checked.
        replayed: True when no model was asked, because this stage of the run had its answer already.
    """

    text: str
    call: CallRecord
    small: bool = False
    replayed: bool = False

    @property
    def usage(self) -> Usage:
        """The call's tokens."""
        return self.call.usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAnswer[T]:
    """A checked value.

    Attributes:
        value: of the declared type.
        call: the record of the call that gave it: the repair's, when there was one.
        repaired: True when the first answer did not fit.
        replayed: True when no model was asked.
    """

    value: T
    call: CallRecord
    repaired: bool = False
    replayed: bool = False

    @property
    def usage(self) -> Usage:
        """The call's tokens."""
        return self.call.usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTurn:
    """What a model wants called before it answers.

    Attributes:
        calls: in the model's order, as it wrote them: names and arguments are checked by whoever runs them.
        call: the record of the call to the model.
        replayed: True when no model was asked.
    """

    calls: tuple[ToolCall, ...]
    call: CallRecord
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """A text's class.

    Attributes:
        label: the most likely one.
        scores: all labels, between 0 and 1, together 1. They order the labels; they are not calibrated odds.
    """

    label: str
    scores: Mapping[str, float]

    @property
    def confidence(self) -> float:
        """The score of the label."""
        return self.scores[self.label]
