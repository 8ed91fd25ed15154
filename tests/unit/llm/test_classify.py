from __future__ import annotations

import pytest

from sorbus.llm.classify import LabelVectors, dump, load

LABELS = {"up": ("north", "above"), "right": "east"}


def vectors() -> LabelVectors:
    known = LabelVectors()
    known.learn(["north", "above", "east"], [[0.0, 1.0], [0.1, 0.9], [1.0, 0.0]])
    return known


def test_the_nearest_label_wins_and_scores_share_one() -> None:
    up, right = vectors().nearest([[0.0, 1.0], [1.0, 0.1]], LABELS)
    assert (up.label, right.label) == ("up", "right")
    assert up.confidence > 0.9
    assert sum(up.scores.values()) == pytest.approx(1, abs=0.001)


def test_only_unknown_sentences_are_missing() -> None:
    assert LabelVectors().missing(LABELS) == ["north", "above", "east"]
    assert vectors().missing(LABELS) == []


def test_classifications_survive_their_record() -> None:
    found = vectors().nearest([[0.0, 1.0]], LABELS)
    assert load(dump(found)) == found
