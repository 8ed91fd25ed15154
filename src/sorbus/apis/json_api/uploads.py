"""Uploads: a document in the part `data` of a form, with files in the other parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from sorbus.apis.json_api.routes import RouteSpec
from sorbus.errors.http import InvalidDocument
from sorbus.http.multipart import Part, parts_of
from sorbus.schema.actions import InputSpec
from sorbus.types.base import FieldType
from sorbus.types.files import File

DOCUMENT = "data"
"""The part that holds the JSON:API document."""


def takes_files(route: RouteSpec) -> bool:
    """Whether an action has an input that is a file, or a list of them."""
    return route.kind.takes_body and any(map(is_upload, route.action.public_inputs))


def is_upload(given: InputSpec) -> bool:
    """Whether an input is a file, or a list of them."""
    return given.type.annotation is File or is_list_of_files(given.type)


def is_list_of_files(kind: FieldType) -> bool:
    """Whether a type is a list of files."""
    return kind.python is list and get_args(kind.annotation)[:1] == (File,)


class UploadReader:
    """Takes a form apart for one route; built once."""

    def __init__(self, route: RouteSpec) -> None:
        names = route.exposed.names
        self.uploads: Mapping[str, InputSpec] = {
            names.wire(each.name): each for each in route.action.public_inputs if is_upload(each)
        }

    def read(self, body: bytes, content_type: str) -> tuple[bytes, dict[str, Any]]:
        """The document in a form, and the inputs that are files.

        A part bears the name of its input; a text part beside the document is refused, as it would be mistaken.

        Raises:
            MalformedForm: it is no form.
            InvalidDocument: a part is no input that takes files, or comes twice.
        """
        document: bytes | None = None
        files: dict[str, Any] = {}
        for part in parts_of(body, content_type):
            if part.name == DOCUMENT and part.filename is None:
                if document is not None:
                    raise InvalidDocument(f"the part `{DOCUMENT}` comes twice")
                document = part.data
                continue
            spec = self.uploads.get(part.name)
            if spec is None:
                raise InvalidDocument(
                    f"the part `{part.name[:100]}` is no input that takes a file",
                    hint=f"Parts: {', '.join((DOCUMENT, *self.uploads))}.",
                )
            if is_list_of_files(spec.type):
                files.setdefault(spec.name, []).append(self._file(part))
            elif spec.name in files:
                raise InvalidDocument(f"the part `{part.name[:100]}` comes twice")
            else:
                files[spec.name] = self._file(part)
        return document or msgspec.json.encode({"data": {}}), files

    def _file(self, part: Part) -> File:
        try:
            return File.from_bytes(
                part.data, name=part.filename or part.name, content_type=part.content_type or None
            )
        except ValueError as error:
            raise InvalidDocument(f"the part `{part.name[:100]}` cannot be taken: {error}") from None
