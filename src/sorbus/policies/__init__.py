"""Policies: fold to true, false or a filter; field policies; explain."""

from sorbus.policies.explain import CheckOutcome, Explanation, PolicyOutcome, explain, refusal
from sorbus.policies.fold import PolicyProgram, Variant
from sorbus.policies.rows import DICT_ROW, DictRow

__all__ = [
    "DICT_ROW",
    "CheckOutcome",
    "DictRow",
    "Explanation",
    "PolicyOutcome",
    "PolicyProgram",
    "Variant",
    "explain",
    "refusal",
]
