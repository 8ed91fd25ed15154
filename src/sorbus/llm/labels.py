"""Sentences and names that show what a label means; embeddings are compared with them."""

from __future__ import annotations

import json
from importlib.resources import files

from sorbus.llm.classify import Labels


def _read(group: str) -> Labels:
    every: dict[str, Labels] = json.loads(files("sorbus.llm").joinpath("data/labels.json").read_text("utf-8"))
    return every[group]


MAIL_LABELS: Labels = _read("mail")
"""Support, sales, general: the first sentence describes a class, the others are examples."""

NAME_LABELS: Labels = _read("names")
"""What a capitalised name may stand for, by `NameKind`, with examples."""
