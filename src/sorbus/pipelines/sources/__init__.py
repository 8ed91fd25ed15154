"""Sources: mail, documents and text as clean items, and failures one by one."""

from sorbus.pipelines.sources.documents import read_document
from sorbus.pipelines.sources.html import html_to_text
from sorbus.pipelines.sources.items import MAX_BYTES, Item, ItemFailed, SourceType
from sorbus.pipelines.sources.mail import parse_mail
from sorbus.pipelines.sources.parsing import KeyValue, ParsedDocument, Section, Table, parse_document
from sorbus.pipelines.sources.quotes import quoted_reply_removed
from sorbus.pipelines.sources.reading import open_source
from sorbus.pipelines.sources.threads import Threads, normalised_subject

__all__ = [
    "MAX_BYTES",
    "Item",
    "ItemFailed",
    "KeyValue",
    "ParsedDocument",
    "Section",
    "SourceType",
    "Table",
    "Threads",
    "html_to_text",
    "normalised_subject",
    "open_source",
    "parse_document",
    "parse_mail",
    "quoted_reply_removed",
    "read_document",
]
