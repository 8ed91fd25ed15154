"""Idempotency keys of runs: who asks twice with one key has one run."""

from __future__ import annotations

from typing import Any

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.errors.inputs import InvalidInput
from sorbus.errors.pipelines import IdempotencyKeyReused
from sorbus.pipelines.resources.digests import digest


def note_asked(run: Any, action: str, **inputs: Any) -> None:
    """Note on a new run that has a key what it was asked for.

    Raises:
        InvalidInput: the key is empty.
    """
    if run.idempotency_key is not None:
        if not run.idempotency_key.strip():
            raise InvalidInput(f"Run.{action}", "idempotency_key", problem="it is empty")
        run.asked = run.asked_again = digest([action, inputs])


def is_repeated(run: Any) -> bool:
    """Whether a run that an action answers with was started by an earlier one with the same key.

    Raises:
        IdempotencyKeyReused: the earlier one had other inputs.
    """
    if outcome_of(run) is not UpsertOutcome.UPDATED:
        return False
    if run.asked != run.asked_again:
        raise IdempotencyKeyReused(str(run.idempotency_key), run.id)
    return True
