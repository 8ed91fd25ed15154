"""The keywords of `attribute(…)`: what they are called and what type they take."""

from __future__ import annotations

from typing import Any, TypedDict

from sorbus.types.vector import Hnsw


class AttributeKeywords(TypedDict, total=False):
    """Every option but the default; limits are explained at `sorbus.Limits`."""

    public: bool
    writable: bool
    sensitive: bool
    description: str
    column: str
    generated: bool
    filterable: bool
    sortable: bool
    select_by_default: bool
    share_default: bool
    update_default: Any
    index: bool | Hnsw
    min_length: int | None
    max_length: int | None
    pattern: str | None
    ge: Any
    gt: Any
    le: Any
    lt: Any
    max_digits: int | None
    decimal_places: int | None
    precision: int | None
    dimensions: int | None
    unique_items: bool
    drop_nulls: bool
    trim: bool
    empty_as_null: bool
