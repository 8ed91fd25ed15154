"""Where models lie on this machine: embedded in installed packages, or fetched into the user's cache."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sorbus.errors.llm import ModelEmbedded, ModelNotFetched, NoSuchModel
from sorbus.llm.catalogue import DEFAULT_ORDER, ModelKind, PackagedModel, catalogue
from sorbus.llm.fetching import fetch_parts

FOLDER_VARIABLE = "SORBUS_MODELS"


class ModelState(StrEnum):
    """How a packaged model is present."""

    EMBEDDED = "embedded"
    FETCHED = "fetched"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A packaged model and where it lies.

    Attributes:
        model: what the catalogue says about it.
        state: whether it is here.
        path: its file, or None while it is only available.
    """

    model: PackagedModel
    state: ModelState
    path: Path | None


class ModelStore:
    """Finds, fetches and removes packaged models.

    Args:
        folder: where fetched models lie; by default SORBUS_MODELS, or `sorbus/models` in the user's cache
            folder (XDG_CACHE_HOME, else `~/.cache`).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _folder()

    def list(self) -> list[StoredModel]:
        """All packaged models with their state, in the catalogue's order."""
        return [self._stored(model) for model in catalogue().values()]

    def default(self) -> str:
        """The model behind `local:default`: the embedded one, or else a fetched one.

        Raises:
            ModelNotFetched: none of them lies on this machine.
        """
        for name in DEFAULT_ORDER:
            if self._stored(catalogue()[name]).path is not None:
                return name
        first = catalogue()[DEFAULT_ORDER[0]]
        raise ModelNotFetched(first.name, size=first.bytes, packages=(first.package,))

    def model(self, name: str) -> PackagedModel:
        """The catalogue's entry.

        Raises:
            NoSuchModel: there is none; the message lists the names.
        """
        found = catalogue().get(name)
        if found is None:
            raise NoSuchModel(f"local:{name}", catalogue())
        return found

    def path(self, name: str, *, kind: ModelKind = ModelKind.CHAT) -> Path:
        """The file of a model: a packaged one by name, or any GGUF file by its path.

        Raises:
            NoSuchModel: neither the catalogue nor the disk knows it.
            ModelNotFetched: it is known and not here.
        """
        if name.endswith(".gguf"):
            file = Path(name).expanduser()
            if file.is_file():
                return file
        model = self.model(name)
        if model.kind is not kind:
            raise NoSuchModel(
                f"local:{name}", [each.name for each in catalogue().values() if each.kind is kind]
            )
        path = self._stored(model).path
        if path is None:
            raise ModelNotFetched(name, size=model.bytes, packages=(model.package,) if model.package else ())
        return path

    def fetch(self, name: str, *, progress: Callable[[int, int], None] | None = None) -> Path:
        """Download a model part by part from the package index that pip (or uv) is configured with.

        An interrupted fetch is resumed at the first missing part. The file appears only when its SHA-256 is
        right.

        Args:
            name: a model of the catalogue.
            progress: called with the bytes joined so far and the bytes in all.

        Raises:
            NoSuchModel, NotEnoughDisk, ModelFetchFailed, ModelHashMismatch: see there.
        """
        model = self.model(name)
        told = progress or _untold
        stored = self._stored(model)
        if stored.path is not None:
            told(model.bytes, model.bytes)
            return stored.path
        if not model.parts:
            raise ModelNotFetched(name, size=model.bytes, packages=(model.package,))
        return fetch_parts(model, self._file(model), progress=told)

    def remove(self, name: str) -> int:
        """Delete a fetched model and what an interrupted fetch left; returns the bytes set free.

        Raises:
            NoSuchModel: the catalogue does not know it.
            ModelEmbedded: it is part of an installed package.
        """
        model = self.model(name)
        if model.package:
            raise ModelEmbedded(name, packages=[model.package.partition("==")[0]])
        freed = 0
        for file in self._files(model):
            freed += file.stat().st_size
            file.unlink()
        return freed

    def _stored(self, model: PackagedModel) -> StoredModel:
        if model.installed:
            file = _installed(model.installed)
            state = ModelState.EMBEDDED if file else ModelState.AVAILABLE
            return StoredModel(model=model, state=state, path=file)
        file = self._file(model)
        if file.is_file() and file.stat().st_size == model.bytes:
            return StoredModel(model=model, state=ModelState.FETCHED, path=file)
        return StoredModel(model=model, state=ModelState.AVAILABLE, path=None)

    def _file(self, model: PackagedModel) -> Path:
        return self.folder / f"{model.name}.gguf"

    def _files(self, model: PackagedModel) -> Iterator[Path]:
        file = self._file(model)
        for each in (file, file.with_suffix(".partial")):
            if each.is_file():
                yield each


def _untold(done: int, total: int) -> None:
    """Progress that nobody watches."""


def _folder() -> Path:
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    cache = os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return Path(named or f"{cache}/sorbus/models").expanduser()


def _installed(path: str) -> Path | None:
    """A data file of an installed package, found without importing the package (its own imports may be
    missing).
    """
    package, _, rest = path.partition("/")
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (file := Path(folder) / rest).is_file():
            return file
    return None
