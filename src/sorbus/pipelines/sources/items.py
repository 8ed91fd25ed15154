"""What a source yields: items, and failures of single items."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sorbus.errors.base import SorbusError
from sorbus.types.json import Json

MAX_BYTES = 20 * 1024 * 1024
"""The largest size of one item, in bytes, unless the caller says otherwise."""


class SourceType(StrEnum):
    """What kind of thing an item is."""

    EMAIL = "email"
    DOCUMENT = "document"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to analyse, cleaned: without NULs and half surrogates, so PostgreSQL takes all of it.

    Attributes:
        source_type: e-mail, document (with structure), or any other text.
        external_id: the Message-ID, or `sha256:` and the digest of the bytes; the same for the same input.
        title: the subject, the document's title, or the file's name; one line.
        text: the readable text, newlines as `\\n`. HTML is given as light Markdown.
        metadata: JSON values. Of an e-mail: `from` (`{name, address}` or null), `to`, `cc` (lists of these),
            `date` (ISO 8601 or null), `subject`, `message_id`, `in_reply_to`, `references`, `thread_id`,
            `attachments` (lists of `{name, content_type, size}`, size in bytes), `charset`, `warnings`.
            Of a document: `name`, `media_type` (of the file), `text_media_type` (of `text`), `charset`,
            `size` (in bytes), `warnings`.
    """

    source_type: SourceType
    external_id: str
    title: str
    text: str
    metadata: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFailed:
    """One thing that could not be read, where it lies, and why. The others are not touched by it."""

    where: str
    error: SorbusError
