"""Where the sample data lies, and what is known about it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TypedDict

import msgspec


class Label(TypedDict):
    """What a reader says about one sample mail.

    `category` is `support`, `sales` or `general`; `thread` names its conversation; `people` are the whole
    names that stand in it; `why` is the reason for the category.
    """

    category: str
    thread: str
    people: list[str]
    why: str


class Expected(TypedDict):
    """What a reader finds in one sample document; `fields` are texts as they stand in it."""

    kind: str
    media_type: str
    charset: str
    title: str
    fields: dict[str, str]


def _folder() -> Path:
    return Path(str(files("sorbus.pipelines.sample")))


def sample_mails() -> Path:
    """The folder of the sample mails, one `.eml` file each."""
    return _folder() / "mails"


def sample_documents() -> Path:
    """The folder of the sample documents."""
    return _folder() / "documents"


def labels() -> dict[str, Label]:
    """What is known about each sample mail, by file name."""
    return msgspec.json.decode((_folder() / "labels.json").read_bytes(), type=dict[str, Label])


def documents_expected() -> dict[str, Expected]:
    """What is known about each sample document, by file name."""
    return msgspec.json.decode((_folder() / "documents.json").read_bytes(), type=dict[str, Expected])
