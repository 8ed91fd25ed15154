"""A document or any text file as an item."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import cast

from sorbus.errors.sources import SourceEmpty
from sorbus.pipelines.sources.charsets import decode, html_charset, one_line
from sorbus.pipelines.sources.html import blocks_to_text, html_blocks
from sorbus.pipelines.sources.items import Item, SourceType
from sorbus.pipelines.sources.parsing import parse_document
from sorbus.pipelines.sources.sniffing import MEDIA_TYPES
from sorbus.types.json import Json

_PARSED_FOR_TITLE = 65_536


def read_document(raw: bytes, *, name: str, where: str = "") -> Item:
    """The item that these bytes of a file are.

    Args:
        raw: the whole file.
        name: the file's name; its ending says what it is.
        where: what to call it in an error.

    Raises:
        SourceEmpty: it has no text.
        MalformedDocument: it is not what its ending says (JSON, CSV).
    """
    where = where or name
    suffix = PurePath(name).suffix.lower()
    media_type = MEDIA_TYPES.get(suffix, "text/plain")
    decoded = decode(raw, declared=html_charset(raw) if media_type == "text/html" else None)
    text, title, text_type = decoded.text, "", media_type
    if media_type == "text/html":
        title, blocks = html_blocks(text)
        text, text_type = blocks_to_text(blocks), "text/markdown"
    if not text.strip():
        raise SourceEmpty(where)
    if not title:
        whole = media_type in {"application/json", "text/csv"}
        title = parse_document(text if whole else text[:_PARSED_FOR_TITLE], text_type, where=where).title
    shown = one_line(PurePath(name).name, limit=255)
    return Item(
        source_type=SourceType.DOCUMENT if suffix in MEDIA_TYPES else SourceType.TEXT,
        external_id=f"sha256:{hashlib.sha256(raw).hexdigest()}",
        title=one_line(title, limit=200) or shown,
        text=text,
        metadata={
            "name": shown,
            "media_type": media_type,
            "text_media_type": text_type,
            "charset": decoded.charset,
            "size": len(raw),
            "warnings": cast("list[Json]", list(decoded.warnings)),
        },
    )
