"""Content negotiation, as JSON:API 1.1 has it: one media type, without parameters but `profile`."""

from __future__ import annotations

from functools import lru_cache

from sorbus.errors.http import NotAcceptable, UnsupportedMediaType

MEDIA_TYPE = "application/vnd.api+json"
_PLAIN = "application/json"
_READ = (MEDIA_TYPE, _PLAIN)


def check_accept(accept: str) -> None:
    """Nothing, when the client takes what is answered with.

    Raises:
        NotAcceptable: it does not.
    """
    if accept and not _acceptable(accept):
        raise NotAcceptable(accept, offered=MEDIA_TYPE)


def check_content_type(given: str) -> None:
    """Nothing, when a body of this type is read.

    Plain `application/json` is read too; a browser asks before it sends either across sites.

    Raises:
        UnsupportedMediaType: it is not.
    """
    if not _readable(given):
        raise UnsupportedMediaType(given, allowed=_READ)


@lru_cache(maxsize=256)
def _acceptable(accept: str) -> bool:
    return any(map(_takes, accept.split(",")))


def _takes(item: str) -> bool:
    kind, parameters = _split(item)
    weight = parameters.pop("q", "1")
    if _is_zero(weight):
        return False
    if kind in {"*/*", "application/*", _PLAIN}:
        return True
    # An instance with `ext`, or with parameters of its own, asks for what is not offered.
    return kind == MEDIA_TYPE and parameters.keys() <= {"profile"}


@lru_cache(maxsize=256)
def _readable(given: str) -> bool:
    kind, parameters = _split(given)
    if kind == _PLAIN:
        return parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}
    return kind == MEDIA_TYPE and parameters.keys() <= {"profile"}


def _split(item: str) -> tuple[str, dict[str, str]]:
    kind, *rest = item.split(";")
    parameters: dict[str, str] = {}
    for each in rest:
        name, _, value = each.partition("=")
        if name.strip():
            parameters[name.strip().lower()] = value.strip().strip('"')
    return kind.strip().lower(), parameters


def _is_zero(weight: str) -> bool:
    try:
        return float(weight) == 0
    except ValueError:
        return False
