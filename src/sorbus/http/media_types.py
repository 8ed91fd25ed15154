"""Media types in headers: what a body is, and what a client takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type, such as `application/json; charset=utf-8`.

    Attributes:
        kind: type and subtype in small letters.
        parameters: by their names in small letters.
        weight: how much a client wants it, where it stands in an `Accept`.
    """

    kind: str
    parameters: Mapping[str, str]
    weight: float = 1.0

    @property
    def is_json(self) -> bool:
        """Whether it is plain JSON as it is read here: in UTF-8."""
        return self.kind == JSON and self.parameters.get("charset", "utf-8").lower() in {"", "utf-8", "utf8"}


def media_type_of(text: str) -> MediaType:
    """The media type in a `Content-Type`."""
    kind, *rest = text.split(";")
    parameters: dict[str, str] = {}
    for each in rest:
        name, _, value = each.partition("=")
        if name.strip():
            parameters[name.strip().lower()] = value.strip().strip('"')
    return MediaType(kind.strip().lower(), parameters)


def accepted(accept: str) -> Iterator[MediaType]:
    """What an `Accept` lists and does not refuse, in its order; `q` is the weight, and no parameter."""
    for each in map(media_type_of, accept.split(",")):
        weight = _weight(each.parameters.get("q", "1"))
        if weight > 0:
            own = {name: value for name, value in each.parameters.items() if name != "q"}
            yield MediaType(each.kind, own, weight)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if isfinite(weight) else 0.0
