"""Files as inputs of actions: a name, a content type, a size, and the bytes when somebody reads them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self, cast

from sorbus.errors.hints import listed
from sorbus.types.binary import from_base64
from sorbus.types.rules import TypeRule

CHUNK = 64 * 1024
LONGEST_NAME = 255
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")


class FileRule(TypeRule["File"]):
    """Files: one of Python's, or a JSON object with its name and its content in base64."""

    sql = ""

    def cast(self, value: Any) -> File:
        if isinstance(value, File):
            return value
        # A path is never taken from outside: it would let a caller read the server's own files.
        if not isinstance(value, Mapping):
            raise ValueError('it should be a file such as {"name": "a.txt", "content": "<base64>"}')  # noqa: TRY004
        given = cast("Mapping[str, Any]", value)
        unknown = [str(each) for each in given if each not in {"name", "content", "content_type"}]
        if unknown:
            raise ValueError(f"a file has no `{unknown[0][:100]}`; it has {listed(_MEMBERS)}")
        name, content, kind = given.get("name"), given.get("content"), given.get("content_type", "")
        if not isinstance(name, str) or not isinstance(content, str) or not isinstance(kind, str):
            raise ValueError("its `name`, `content` and `content_type` are texts")  # noqa: TRY004
        return File.from_bytes(from_base64(content), name=name, content_type=kind or None)

    def to_json(self, value: File) -> Any:
        return {"name": value.name, "content_type": value.content_type, "size": value.size}

    def json_schema(self, limits: Any) -> dict[str, Any]:
        kind: dict[str, Any] = {"type": "string"}
        if limits.content_types and not any("*" in each for each in limits.content_types):
            kind["enum"] = list(limits.content_types)
        return {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": LONGEST_NAME},
                "content_type": kind,
                "content": {"type": "string", "contentEncoding": "base64"},
            },
            "required": ["name", "content"],
            "additionalProperties": False,
        }

    def constrain(self, value: File, limits: Any) -> File:
        for name in ("max_size", "content_types"):
            limit = getattr(limits, name)
            if limit is not None:
                value.keep(name, limit)
        return value


_MEMBERS = ("name", "content", "content_type")


class File:
    """A file that somebody hands in: `Arg[Annotated[File, Limits(max_size=…, content_types=(…,))]]`.

    It is an input only: nothing stores it. Made from bytes or from a path of the server's own.

    Attributes:
        name: the last part of its name, never a path.
        content_type: as it was given, else by the name, else `application/octet-stream`.
        size: in bytes.
    """

    __slots__ = ("_bytes", "_path", "content_type", "name", "size")
    type_rule = FileRule()

    def __init__(
        self,
        *,
        name: str,
        content_type: str | None,
        size: int,
        data: bytes | None = None,
        path: Path | None = None,
    ) -> None:
        self.name = plain_name(name)
        import mimetypes

        guessed = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        self.content_type = _media_type(content_type) if content_type else guessed
        self.size = size
        self._bytes = data
        self._path = path

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str, content_type: str | None = None) -> Self:
        """A file out of memory.

        Raises:
            ValueError: the name or the content type is none.
        """
        return cls(name=name, content_type=content_type, size=len(data), data=bytes(data))

    @classmethod
    def from_path(cls, path: Path | str, *, name: str = "", content_type: str | None = None) -> Self:
        """A file on the server's disk, read when it is asked for.

        Raises:
            OSError: there is none, or it cannot be looked at.
        """
        found = Path(path)
        return cls(name=name or found.name, content_type=content_type, size=found.stat().st_size, path=found)

    async def read(self) -> bytes:
        """All of its bytes.

        Raises:
            OSError: it cannot be read any more.
        """
        if self._bytes is not None:
            return self._bytes
        from asyncio import to_thread

        return await to_thread(self._disk.read_bytes)

    async def chunks(self, size: int = CHUNK) -> AsyncIterator[bytes]:
        """Its bytes, part by part, so that a large file is never in memory as a whole.

        Raises:
            OSError: it cannot be read any more.
        """
        if self._bytes is not None:
            for start in range(0, len(self._bytes), size):
                yield self._bytes[start : start + size]
            return
        from asyncio import to_thread

        stream = await to_thread(self._disk.open, "rb")
        try:
            while part := await to_thread(stream.read, size):
                yield part
        finally:
            stream.close()

    @property
    def _disk(self) -> Path:
        return cast("Path", self._path)

    def __repr__(self) -> str:
        return f"<File {self.name} {self.content_type} {self.size} bytes>"

    def keep(self, limit: str, wanted: Any) -> None:
        """Look at a limit on it.

        Raises:
            ValueError: it is too large, or of another content type.
        """
        if limit == "max_size" and self.size > wanted:
            raise ValueError(f"it has {self.size} bytes and may have {wanted}")
        if limit == "content_types" and not any(_fits(self.content_type, each) for each in wanted):
            raise ValueError(f"its content type is {self.content_type[:100]}; allowed: {listed(wanted)}")


def _fits(kind: str, wanted: str) -> bool:
    wanted = wanted.lower()
    return kind == wanted or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))


def _media_type(text: str) -> str:
    """The media type without its parameters.

    Raises:
        ValueError: it is none; a line break in it would end a header that it is put into.
    """
    kind = text.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(kind):
        raise ValueError(f"its content type {kind[:100]!r} is none, such as `text/plain`")
    return kind


def plain_name(name: str) -> str:
    """The last part of a name, whichever system's path it was.

    Raises:
        ValueError: nothing is left of it, or it is too long.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    last = "".join(each for each in last if each.isprintable()).strip()
    if last in {"", ".", ".."} or len(last.encode(errors="replace")) > LONGEST_NAME:
        raise ValueError(f"its name must have 1 to {LONGEST_NAME} bytes besides folders")
    return last
