"""Choosing a label for a text: by the nearest sentences, or by asking."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sorbus.llm.answers import Classified

type Labels = Mapping[str, str | Sequence[str]]
"""What each label means: a description, or a description followed by examples."""

_NEAREST = 3
_SHARPNESS = 20.0  # cosine similarities lie close together; this spreads them before they become scores

CLASSIFY = "Which one of these labels fits the text best?\n\n{labels}\n\nText:\n{text}"


class LabelVectors:
    """The vectors of labels' sentences, each computed once."""

    def __init__(self) -> None:
        self._vectors: dict[str, list[float]] = {}

    @staticmethod
    def sentences(said: str | Sequence[str]) -> Sequence[str]:
        """A label's description and examples as a list."""
        return (said,) if isinstance(said, str) else said

    def missing(self, labels: Labels) -> list[str]:
        """The sentences whose vectors are not known yet."""
        every = dict.fromkeys(each for said in labels.values() for each in self.sentences(said))
        return [sentence for sentence in every if sentence not in self._vectors]

    def learn(self, sentences: Sequence[str], vectors: Iterable[list[float]]) -> None:
        """Keep vectors for sentences."""
        self._vectors.update(zip(sentences, vectors, strict=True))

    def nearest(self, vectors: Sequence[Sequence[float]], labels: Labels) -> list[Classified]:
        """For each vector the label whose nearest three sentences are nearest on average."""
        import numpy as np

        rows = np.asarray(vectors)
        names = list(labels)
        columns: list[Any] = []
        for said in labels.values():
            known = np.asarray([self._vectors[each] for each in self.sentences(said)])
            columns.append(np.sort(rows @ known.T, axis=1)[:, -_NEAREST:].mean(axis=1))
        similar = np.stack(columns, axis=1) * _SHARPNESS
        odds = np.exp(similar - similar.max(axis=1, keepdims=True))
        shares = (odds / odds.sum(axis=1, keepdims=True)).round(4).tolist()
        return [
            Classified(label=_best(names, row), scores=dict(zip(names, row, strict=True))) for row in shares
        ]


def classification_prompt(text: str, labels: Labels) -> str:
    """The question for a model that classifies by reading."""
    told = "\n".join(f"- {label}: {LabelVectors.sentences(said)[0]}" for label, said in labels.items())
    return CLASSIFY.format(labels=told, text=text)


def choice_of(labels: Labels) -> Any:
    """The type that allows exactly the labels."""
    return Literal[tuple(labels)]


def dump(found: Sequence[Classified]) -> str:
    """Classifications as JSON, for the record."""
    return json.dumps([{"label": each.label, "scores": dict(each.scores)} for each in found])


def load(response: str) -> list[Classified]:
    """Classifications from their record."""
    return [Classified(label=each["label"], scores=each["scores"]) for each in json.loads(response)]


def _best(names: Sequence[str], row: Sequence[float]) -> str:
    return max(zip(names, row, strict=True), key=lambda pair: pair[1])[0]
