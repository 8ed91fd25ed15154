"""Open a source: an mbox, a message, a document, a text, or a folder of these."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sorbus.errors.base import SorbusError
from sorbus.errors.sources import (
    SourceEmpty,
    SourceNotFound,
    SourceTooLarge,
    SourceUnreadable,
    SourceWithoutItems,
    UnknownContent,
)
from sorbus.pipelines.sources.documents import read_document
from sorbus.pipelines.sources.items import MAX_BYTES, Item, ItemFailed
from sorbus.pipelines.sources.mail import parse_mail
from sorbus.pipelines.sources.mbox import Entry, split_mbox
from sorbus.pipelines.sources.sniffing import SNIFFED, Holds, binary_kind, sniff
from sorbus.pipelines.sources.threads import Threads


def open_source(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Iterator[Item | ItemFailed]:
    """Everything that can be read at `path`, one by one, in a stable order.

    A folder is read with its folders, by name, hidden files left out; links to folders are not followed. An
    mbox is streamed: memory stays constant however large it is. What cannot be read is yielded as an
    `ItemFailed`, and the next one follows; nothing is raised for what a source holds.

    Args:
        path: a file or a folder.
        max_bytes: the largest size of one item (20 MB unless given); for an mbox, of one message in it.
    """
    root, source = Path(path), _Source(max_bytes)
    if not root.is_dir():
        yield from source.file(root)
        return
    found = False
    for each in _files_under(root):
        found = True
        if isinstance(each, ItemFailed):
            yield each
        else:
            yield from source.file(each)
    if not found:
        yield ItemFailed(where=_shown(root), error=SourceWithoutItems(_shown(root)))


def _files_under(root: Path) -> Iterator[Path | ItemFailed]:
    failures: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=failures.append):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
        while failures:
            yield _unreadable(failures.pop(), root)
    while failures:
        yield _unreadable(failures.pop(), root)


class _Source:
    """Reads the files of one source; its messages share their threads."""

    def __init__(self, max_bytes: int) -> None:
        self._limit = max_bytes
        self._threads = Threads()

    def file(self, path: Path) -> Iterator[Item | ItemFailed]:
        """What one file holds."""
        where = _shown(path)
        try:
            yield from self._read(path, where)
        except SorbusError as error:
            yield ItemFailed(where=where, error=error)
        except (FileNotFoundError, NotADirectoryError):
            yield ItemFailed(where=where, error=SourceNotFound(where))
        except (OSError, ValueError) as error:
            yield _unreadable(error, path)

    def _read(self, path: Path, where: str) -> Iterator[Item | ItemFailed]:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceUnreadable(where, reason="it is no regular file")
        if not status.st_size:
            raise SourceEmpty(where)
        with path.open("rb") as stream:
            head = stream.read(SNIFFED)
            holds = sniff(path.name, head)
            if holds is Holds.BINARY:
                raise UnknownContent(where, looks_like=binary_kind(head))
            stream.seek(0)
            if holds is Holds.MBOX:
                yield from self._mbox(stream, where)
                return
            raw = stream.read(self._limit + 1)
        if len(raw) > self._limit:
            raise SourceTooLarge(where, size=max(status.st_size, len(raw)), limit=self._limit)
        if holds is Holds.MAIL:
            yield parse_mail(raw, where=where, threads=self._threads)
        else:
            yield read_document(raw, name=path.name, where=where)

    def _mbox(self, stream: BinaryIO, where: str) -> Iterator[Item | ItemFailed]:
        empty = True
        for entry in split_mbox(stream, max_bytes=self._limit):
            if entry.raw is not None and not entry.raw.strip():
                continue
            empty = False
            there = f"{where}, message {entry.number} at byte {entry.offset:,}"
            try:
                yield self._entry(entry, there)
            except SorbusError as error:
                yield ItemFailed(where=there, error=error)
        if empty:
            raise SourceWithoutItems(where)

    def _entry(self, entry: Entry, there: str) -> Item:
        if entry.raw is None:
            raise SourceTooLarge(there, size=entry.size, limit=self._limit)
        return parse_mail(entry.raw, where=there, threads=self._threads)


def _unreadable(error: OSError | ValueError, path: Path) -> ItemFailed:
    where = _shown(Path(error.filename)) if isinstance(error, OSError) and error.filename else _shown(path)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ItemFailed(where=where, error=SourceUnreadable(where, reason=reason.lower()))


def _shown(path: Path) -> str:
    """The path as text that can be stored and printed, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace").replace("\0", "\ufffd")
