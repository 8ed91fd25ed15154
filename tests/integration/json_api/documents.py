"""What JSON:API says of every document, and short ways to read and write them."""

from __future__ import annotations

from typing import Any

from tests.integration.json_api.client import MEDIA_TYPE, Answer

TOP = {"data", "errors", "meta", "jsonapi", "links", "included"}


def identifiers(kind: str, *keys: str) -> list[dict[str, str]]:
    return [{"type": kind, "id": key} for key in keys]


def names(answer: Answer, field: str = "name") -> list[Any]:
    return [each["attributes"][field] for each in answer.data]


def check_resource(data: dict[str, Any]) -> None:
    assert isinstance(data["type"], str)
    assert isinstance(data["id"], str)
    assert not {"id", "type"} & set(data.get("attributes", {}))
    fields = [*data.get("attributes", {}), *data.get("relationships", {})]
    assert len(fields) == len(set(fields)), "attributes and relationships share one namespace"
    for each in data.get("relationships", {}).values():
        assert {"links", "data", "meta"} & each.keys(), "a relationship object has one of them at least"


def check_document(answer: Answer) -> None:
    """What every document must be."""
    document = answer.json
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert document.keys() <= TOP
    assert {"data", "errors", "meta"} & document.keys()
    assert not {"data", "errors"} <= document.keys()
    assert "included" not in document or "data" in document
    data = document.get("data") or []
    everything = [*(data if isinstance(data, list) else [data]), *document.get("included", [])]
    for each in everything:
        check_resource(each)
    full = [(each["type"], each["id"]) for each in everything]
    assert len(full) == len(set(full)), "one resource object for each type and id"
    if "included" in document:
        linked = {
            (one["type"], one["id"])
            for each in everything
            for relation in each.get("relationships", {}).values()
            for one in _several(relation.get("data"))
        }
        assert {(each["type"], each["id"]) for each in document["included"]} <= linked, "full linkage"


def _several(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [] if data is None else [data]
