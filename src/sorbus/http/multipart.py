"""Multipart bodies: the parts of a form with files, read from bytes whose size has been checked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sorbus.errors.http import CrossOrigin, MalformedForm
from sorbus.http.origins import is_own

MULTIPART = "multipart/form-data"
MOST_PARTS = 64
_LARGEST_HEAD = 4096
_SILENT = logging.getLogger(f"{__name__}.parser")
"""The parser warns of each malformed form: whoever sends it is told, and could fill the log otherwise."""
# A server that configures logging, as granian does, enables again what is merely disabled.
_SILENT.addFilter(lambda _: False)


@dataclass(slots=True)
class Part:
    """One part of a form.

    Attributes:
        filename: None when it is no file.
        content_type: as the client says; empty when it does not.
    """

    name: str = ""
    filename: str | None = None
    content_type: str = ""
    data: bytes = b""


def parts_of(body: bytes, content_type: str) -> list[Part]:
    """The parts of a form.

    Raises:
        MalformedForm: it has no boundary, breaks off, has a part without a name, or too many parts.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > 70:
        raise MalformedForm("its Content-Type has no boundary of at most 70 characters")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        parser.logger = _SILENT
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        text = str(error)
        raise MalformedForm(text[:1].lower() + text[1:]) from None
    if not reader.ended:
        raise MalformedForm("it breaks off before its last boundary")
    return reader.parts


def check_not_from_elsewhere(site: str, origin: str, host: str) -> None:
    """Refuse a form that a page from elsewhere has let the browser send.

    A browser sends a form across sites with the reader's cookies and without asking first, unlike JSON. What is no
    browser says neither where it comes from nor whose page it is.

    Args:
        site, origin, host: the headers `Sec-Fetch-Site`, `Origin` and `Host`; empty when they are not there.

    Raises:
        CrossOrigin: it comes from elsewhere.
    """
    if site:
        if site not in {"same-origin", "none"}:
            raise CrossOrigin(site)
        return
    if origin and not is_own(origin, host):
        raise CrossOrigin(origin)


@dataclass(slots=True)
class _Reader:
    """Takes what the parser finds."""

    parts: list[Part] = field(default_factory=list[Part])
    ended: bool = False
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _data: bytearray = field(default_factory=bytearray)
    _head: int = 0

    def callbacks(self) -> dict[str, object]:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._text,
            "on_header_end": self._header,
            "on_headers_finished": self._named,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise MalformedForm(f"it has more than {MOST_PARTS} parts")
        self.parts.append(Part())
        self._data = bytearray()
        self._head = 0

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._count(end - start)

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > _LARGEST_HEAD:
            raise MalformedForm(f"the headers of a part are longer than {_LARGEST_HEAD} bytes")

    def _header(self) -> None:
        name, value = bytes(self._name).lower(), bytes(self._value)
        self._name, self._value = bytearray(), bytearray()
        part = self.parts[-1]
        if name == b"content-type":
            part.content_type = value.decode("latin-1")
        elif name == b"content-disposition":
            _, options = parse_options_header(value)
            part.name = _decoded(options.get(b"name", b""))
            filename = options.get(b"filename")
            part.filename = None if filename is None else _decoded(filename)

    def _named(self) -> None:
        if not self.parts[-1].name:
            raise MalformedForm("a part has no name")

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end(self) -> None:
        self.parts[-1].data = bytes(self._data)

    def _finish(self) -> None:
        self.ended = True


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
