"""Values from the command line: texts, files and standard input, cast to the declared types."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from sorbus.errors.cli import PathNotFound, UnreadableValue
from sorbus.types.base import FieldType
from sorbus.types.files import File
from sorbus.types.texts import from_text, item_of, takes_several

_OPENERS = ("{", "[", '"')


def value_of(name: str, kind: FieldType, texts: tuple[str, ...]) -> Any:
    """The value of an option; a text that cannot be cast is left to the action to refuse.

    A list is given by repeating the option, or as one JSON array. `@file` is the content of a file, `-` that of
    standard input; `@@` stands for an `@` at the front. Where the input is a file, it is the file itself.

    Raises:
        PathNotFound: the file is not there.
        UnreadableValue: it is no text, or a structure is not given as JSON.
    """
    several = takes_several(kind)
    single = item_of(kind) if several else kind
    if single is not None and single.annotation is File:
        files = [_file(name, each) for each in texts]
        whole = not several or (len(files) == 1 and isinstance(files[0], list))
        return files[-1] if whole else files
    read = [read_text(name, each) for each in texts]
    if several:
        if len(read) == 1 and read[0].lstrip().startswith("["):
            return json_of(name, read[0])
        item = item_of(kind)
        return [each if item is None else _cast(name, item, each) for each in read]
    return _cast(name, kind, read[-1])


def _cast(name: str, kind: FieldType, text: str) -> Any:
    if kind.nullable and text == "null" and kind.python is not str:
        return None
    if kind.sql == "jsonb" or kind.embeds:
        return json_of(name, text) if text.lstrip().startswith(_OPENERS) else _plain(text)
    return from_text(kind, text)


def _file(name: str, text: str) -> Any:
    """A file from its path or from standard input; else what the text says as JSON."""
    if text == "-":
        return File.from_bytes(sys.stdin.buffer.read(), name="stdin")
    if not text.startswith("@"):
        return _plain(text)
    path = Path(text[1:])
    try:
        path.open("rb").close()
        return File.from_path(path)
    except FileNotFoundError:
        raise PathNotFound(text[1:]) from None
    except OSError as error:
        raise UnreadableValue(name, problem=(error.strerror or "it cannot be read").lower()) from None


def _plain(text: str) -> Any:
    """JSON where it is some, else the text itself: `--extra 5`, `--extra word`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text


def json_of(name: str, text: str) -> Any:
    """A text as JSON.

    Raises:
        UnreadableValue: it is none.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnreadableValue(name, problem=f"it is no JSON: {error}") from None


def read_text(name: str, text: str) -> str:
    """What a text of an option stands for.

    Raises:
        PathNotFound, UnreadableValue: see `value_of`.
    """
    try:
        if text == "-":
            return sys.stdin.buffer.read().decode()
        if text.startswith("@@"):
            return text[1:]
        if text.startswith("@"):
            return Path(text[1:]).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UnreadableValue(name, problem="it is no text in UTF-8") from None
    except FileNotFoundError:
        raise PathNotFound(text[1:]) from None
    except OSError as error:
        raise UnreadableValue(name, problem=(error.strerror or "it cannot be read").lower()) from None
    return text
