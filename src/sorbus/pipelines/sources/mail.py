"""One e-mail message as an item: the best text, decoded headers, and what is attached."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage, Message
from typing import cast

from sorbus.errors.sources import MailTooComplex, MalformedMail, SourceEmpty
from sorbus.pipelines.sources import headers
from sorbus.pipelines.sources.charsets import clean, decode, html_charset, one_line
from sorbus.pipelines.sources.html import html_to_text
from sorbus.pipelines.sources.items import Item, SourceType
from sorbus.pipelines.sources.threads import Threads
from sorbus.types.json import Json

MAX_PARTS = 100_000
MAX_DEPTH = 100
MAX_ATTACHMENTS = 1_000
_TELLING = (
    "from",
    "subject",
    "date",
    "message-id",
    "to",
    "received",
    "return-path",
    "mime-version",
    "delivered-to",
)
_PART_LINE = re.compile(rb"^--", re.MULTILINE)
_MBOX_LINE = re.compile(rb"\AFrom [^\n]*\n")
_NO_TEXT_YET = 40


@dataclass(slots=True)
class _Reading:
    """What was gathered from a message's parts."""

    texts: list[str] = field(default_factory=list[str])
    attachments: list[Json] = field(default_factory=list[Json])
    charsets: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def warn(self, *warnings: str) -> None:
        """Note what was odd, each once."""
        self.warnings += [each for each in warnings if each not in self.warnings]


def parse_mail(raw: bytes, *, where: str = "the message", threads: Threads | None = None) -> Item:
    """The item that these bytes of one message are.

    Args:
        raw: the message as it is stored; a leading mbox `From ` line is left out.
        where: what to call it in an error.
        threads: the threads of its source; without them it is threaded by its own headers only.

    Raises:
        SourceEmpty: there is nothing.
        MalformedMail: it has none of a message's headers.
        MailTooComplex: it has too many parts, or they are nested too deeply.
    """
    raw = _MBOX_LINE.sub(b"", raw, count=1)
    if not raw.strip():
        raise SourceEmpty(where)
    message = _parsed(raw, where)
    if not any(name in message for name in _TELLING):
        raise MalformedMail(
            where, problem="it has none of the headers From, To, Subject, Date and Message-ID"
        )
    reading = _Reading()
    _read_parts(message, reading, where)
    _note_defects(message, reading)
    subject = headers.text_of(message, "subject")
    message_id = headers.message_id_of(message)
    if not message_id:
        reading.warn("no Message-ID")
    external_id = message_id or f"sha256:{hashlib.sha256(raw).hexdigest()}"
    text = "\n\n".join(filter(None, (each.strip("\n") for each in reading.texts)))
    if not text.strip():
        reading.warn("no readable text")
    metadata = _metadata(
        message, reading, subject=subject, external_id=external_id, threads=threads or Threads()
    )
    return Item(
        source_type=SourceType.EMAIL,
        external_id=external_id,
        title=subject or _first_line(text) or "(no subject)",
        text=text,
        metadata=metadata,
    )


def _metadata(
    message: EmailMessage, reading: _Reading, *, subject: str, external_id: str, threads: Threads
) -> dict[str, Json]:
    references = headers.ids_of(message, "references")
    in_reply_to = headers.ids_of(message, "in-reply-to")
    ancestors = list(dict.fromkeys([*references, *in_reply_to]))
    senders = headers.addresses_of(message, "from")
    return {
        "from": senders[0] if senders else None,
        "to": headers.addresses_of(message, "to"),
        "cc": headers.addresses_of(message, "cc"),
        "date": headers.date_of(message),
        "subject": subject,
        "message_id": headers.message_id_of(message) or None,
        "in_reply_to": in_reply_to[0] if in_reply_to else None,
        "references": cast("list[Json]", references),
        "thread_id": threads.thread_id(external_id, ancestors=ancestors, subject=subject),
        "attachments": reading.attachments,
        "charset": reading.charsets[0] if reading.charsets else None,
        "warnings": cast("list[Json]", reading.warnings),
    }


def _parsed(raw: bytes, where: str) -> EmailMessage:
    if b"multipart/" in raw[:65_536].lower() and sum(1 for _ in _PART_LINE.finditer(raw)) > MAX_PARTS:
        raise MailTooComplex(where, problem=f"more than {MAX_PARTS:,} lines that may begin a part")
    return _message(raw, where)


def _message(raw: bytes, where: str) -> EmailMessage:
    try:
        return cast("EmailMessage", message_from_bytes(raw, policy=headers.TOLERANT))
    except RecursionError:
        raise MailTooComplex(where, problem="parts nested hundreds deep") from None
    except Exception as error:
        raise MalformedMail(where, problem=f"the parser gave up ({type(error).__name__})") from error


def _read_parts(message: EmailMessage, reading: _Reading, where: str) -> None:
    nested: list[Message] = []
    for part in _leaves(message, where):
        if part.get_content_type() == "message/rfc822":
            nested.append(part)
            _attach(part, reading)
        elif _is_body(part):
            _read_text(part, reading)
        else:
            _attach(part, reading)
    if not any(each.strip() for each in reading.texts):
        for part in nested[:20]:
            for inner in part.get_payload() if part.is_multipart() else []:
                _read_nested(cast("EmailMessage", inner), reading, where)


def _read_nested(message: EmailMessage, reading: _Reading, where: str) -> None:
    for part in _leaves(message, where):
        if _is_body(part) and part.get_content_type() != "message/rfc822":
            _read_text(part, reading)


def _leaves(message: Message, where: str) -> Iterator[Message]:
    """The parts that have content, in order; of alternatives the best one."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise MailTooComplex(where, problem=f"parts nested more than {MAX_DEPTH} deep")
        children = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() != "multipart" or not isinstance(children, list):
            yield part
            continue
        inner = cast("list[Message]", children)
        chosen = _best(inner) if part.get_content_subtype() == "alternative" else inner
        waiting += [(each, depth + 1) for each in reversed(chosen)]


def _best(alternatives: list[Message]) -> list[Message]:
    """Plain text when it says something, else HTML; what is no text (a picture) stays an attachment."""
    plain = [each for each in alternatives if each.get_content_type() == "text/plain"][-1:]
    rich = [each for each in alternatives if _holds_html(each)][-1:]
    if not plain and not rich:
        return alternatives[-1:]
    if not plain or (rich and not _says_something(plain[0], rich[0])):
        chosen, left = rich, plain
    else:
        chosen, left = plain, rich
    inside = [
        each for part in left if part.is_multipart() for each in cast("list[Message]", part.get_payload())
    ]
    rest = [each for each in (*alternatives, *inside) if each not in chosen and each not in left]
    return [*chosen, *(each for each in rest if each.get_content_maintype() != "text")]


def _says_something(plain: Message, rich: Message) -> bool:
    length = len(b" ".join(_bytes(plain)[0].split()))
    return length >= _NO_TEXT_YET or (not rich.is_multipart() and length * 4 > len(_bytes(rich)[0]))


def _holds_html(part: Message) -> bool:
    if part.get_content_maintype() != "multipart":
        return part.get_content_type() == "text/html"
    if not part.is_multipart():
        return False
    children = cast("list[Message]", part.get_payload())
    return any(each.get_content_type() == "text/html" for each in children)


def _is_body(part: Message) -> bool:
    if part.get_content_maintype() == "multipart":
        return not part.is_multipart()
    if part.get_content_type() not in {
        "text/plain",
        "text/html",
        "text/enriched",
        "text/markdown",
        "text/x-markdown",
    }:
        return False
    return part.get_content_disposition() != "attachment" and not part.get_filename()


def _read_text(part: Message, reading: _Reading) -> None:
    raw, warnings = _bytes(part)
    reading.warn(*warnings)
    if not raw.strip():
        return
    is_html = part.get_content_type() == "text/html"
    decoded = decode(raw, declared=_charset(part) or (html_charset(raw) if is_html else None))
    reading.warn(*decoded.warnings)
    reading.charsets.append(decoded.charset)
    reading.texts.append(html_to_text(decoded.text) if is_html else decoded.text)


def _charset(part: Message) -> str | None:
    found = part.get_param("charset")
    if isinstance(found, tuple):
        found = found[2]
    return one_line(found, limit=60) or None if isinstance(found, str) else None


def _attach(part: Message, reading: _Reading) -> None:
    if len(reading.attachments) >= MAX_ATTACHMENTS:
        reading.warn(f"more than {MAX_ATTACHMENTS:,} attachments")
        return
    name = one_line(part.get_filename() or "", limit=255)
    if part.get_content_type() == "message/rfc822" and not name and part.is_multipart():
        inner = cast("list[EmailMessage]", part.get_payload())
        name = headers.text_of(inner[0], "subject") if inner else ""
    raw, warnings = _bytes(part)
    reading.warn(*warnings)
    reading.attachments.append(
        {"name": name, "content_type": one_line(part.get_content_type(), limit=200), "size": len(raw)}
    )


def _bytes(part: Message) -> tuple[bytes, tuple[str, ...]]:
    """The decoded content of a part, and a warning when its transfer encoding is broken."""
    if part.is_multipart():
        return b"".join(_flat(part)), ()
    try:
        raw = part.get_payload(decode=True)
    except Exception:  # broken encodings raise ValueError, AssertionError, KeyError and more
        return clean(str(part.get_payload())).encode(), ("broken transfer encoding",)
    broken = any("Base64" in type(each).__name__ for each in part.defects)
    return raw if isinstance(raw, bytes) else b"", ("broken base64",) if broken else ()


def _flat(part: Message) -> Iterator[bytes]:
    try:
        yield part.as_bytes()
    except Exception:  # writing a broken message again may fail in any way; only its size is wanted
        yield b""


def _note_defects(message: Message, reading: _Reading) -> None:
    for defect in message.defects[:20]:
        name = re.sub(r"(?<!^)(?=[A-Z][a-z])", " ", type(defect).__name__.removesuffix("Defect")).lower()
        reading.warn(name)


def _first_line(text: str) -> str:
    return one_line(next((each for each in text.split("\n") if each.strip()), ""), limit=80)
