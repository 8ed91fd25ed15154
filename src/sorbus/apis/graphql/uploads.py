"""Uploads: requests with files, by the GraphQL multipart request specification."""

from __future__ import annotations

from typing import Any, cast

from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.requests import Asked, from_json
from sorbus.errors.graphql import PreflightMissing, UploadMismatch
from sorbus.errors.http import MalformedBody, PayloadTooLarge
from sorbus.http.bodies import json_of
from sorbus.http.multipart import MOST_PARTS, Part, parts_of
from sorbus.types.files import File

OPERATIONS = "operations"
MAP = "map"

PREFLIGHT = ("graphql-require-preflight", "apollo-require-preflight", "graphql-preflight")
"""Headers any of which makes a browser ask before it sends a form across sites."""


def check_preflight(headers: list[tuple[bytes, bytes]]) -> None:
    """Nothing, when a form cannot come from a page from elsewhere that nobody was asked about.

    A browser sends a form across sites with the reader's cookies and without asking first, unlike JSON.

    Raises:
        PreflightMissing: it could.
    """
    if not any(value and name.decode("latin-1") in PREFLIGHT for name, value in headers):
        raise PreflightMissing(PREFLIGHT)


def from_form(body: bytes, content_type: str, limits: Limits) -> Asked | list[Asked]:
    """The request in a form, with its files where it has null for them; several where the limits allow it.

    Raises:
        MalformedForm, MalformedBody: it is no form, or its parts are no JSON.
        PayloadTooLarge: the request is too large without its files.
        UploadMismatch: the files and the map do not fit each other.
        MalformedGraphqlRequest, BatchRefused: it is no request, or too many.
    """
    parts: dict[str, Part] = {}
    for part in parts_of(body, content_type):
        if parts.setdefault(part.name, part) is not part:
            raise UploadMismatch(f"the part `{part.name[:100]}` comes twice")
    request = _json(parts, OPERATIONS, limits)
    places = _places(_json(parts, MAP, limits))
    for name, paths in places.items():
        if name not in parts:
            raise UploadMismatch(f"`map` speaks of `{name[:100]}`, and there is no such part")
        file = _file(parts.pop(name))
        for path in paths:
            _put(request, path, file)
    for name in parts:
        raise UploadMismatch(f"the file `{name[:100]}` is in no entry of `map`")
    return from_json(request, limits)


def _json(parts: dict[str, Part], name: str, limits: Limits) -> Any:
    """What a part says as JSON."""
    if name not in parts:
        raise UploadMismatch(f"there is no part `{name}`")
    part = parts.pop(name)
    if len(part.data) > limits.body:
        raise PayloadTooLarge(limits.body)
    try:
        return json_of(part.data)
    except MalformedBody as error:
        raise UploadMismatch(f"the part `{name}` is no JSON: {error.message}") from None


def _places(found: Any) -> dict[str, list[str]]:
    """For each file, where it belongs."""
    if not isinstance(found, dict):
        raise UploadMismatch("`map` is no object")
    given = cast("dict[str, Any]", found)
    for name, paths in given.items():
        several: list[Any] = paths if isinstance(paths, list) else []  # pyright: ignore[reportUnknownVariableType]
        if not several or not all(isinstance(each, str) for each in several):
            raise UploadMismatch(f"`map` says of `{name[:100]}` no list of paths")
    if sum(map(len, given.values())) > MOST_PARTS:
        raise UploadMismatch(f"`map` has more than {MOST_PARTS} paths")
    return given


def _put(request: Any, path: str, file: File) -> None:
    """Put a file where a request has null for it."""
    *way, last = path.split(".")
    holder = request
    for step in way:
        holder = _member(holder, step, path)
    if _member(holder, last, path) is not None:
        raise UploadMismatch(f"at `{path[:100]}` the request has something else than null")
    holder[last if isinstance(holder, dict) else int(last)] = file


def _member(holder: Any, step: str, path: str) -> Any:
    if isinstance(holder, dict) and step in holder:
        return cast("dict[str, Any]", holder)[step]
    if isinstance(holder, list) and step.isascii() and step.isdigit() and len(step) < 10:
        items: list[Any] = holder  # pyright: ignore[reportUnknownVariableType]
        if int(step) < len(items):
            return items[int(step)]
    raise UploadMismatch(f"there is nothing at `{path[:100]}` in the request")


def _file(part: Part) -> File:
    try:
        return File.from_bytes(
            part.data, name=part.filename or part.name, content_type=part.content_type or None
        )
    except ValueError as error:
        raise UploadMismatch(f"the file `{part.name[:100]}` cannot be taken: {error}") from None
