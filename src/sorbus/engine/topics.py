"""Topics: what subscribers name and publications fill in, such as `run:{id}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import Enum
from hashlib import blake2b
from string import Formatter
from typing import Any

from sorbus.errors.notifications import BadTopic

LONGEST = 200
"""The most bytes of a topic that is sent as it is; a longer one travels as its hash."""


@dataclass(frozen=True, slots=True)
class Template:
    """A topic with holes for fields.

    Attributes:
        text: as it was written.
        parts: pieces of text, each followed by the field whose value comes next (None after the last).
    """

    text: str
    parts: tuple[tuple[str, str | None], ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it names, in order."""
        return tuple(field for _, field in self.parts if field is not None)

    def topic(self, values: Mapping[str, Any]) -> str | None:
        """The topic for one row; None where a field is null, since that names nothing."""
        found: list[str] = []
        for text, field in self.parts:
            found.append(text)
            if field is not None:
                value = values[field]
                if value is None:
                    return None
                found.append(topic_part(value))
        return "".join(found)

    def matches(self, topic: str) -> bool:
        """Whether a topic can come from this template. No stored text holds a NUL or half a surrogate pair."""
        value = r"[^:\x00\ud800-\udfff]*"
        pattern = "".join(re.escape(text) + (value if field else "") for text, field in self.parts)
        return re.fullmatch(pattern, topic) is not None


def parse_template(text: str, *, where: str) -> Template:
    """Read a template.

    Raises:
        BadTopic: it is empty, its braces do not fit, or a hole is no plain name.
    """
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise BadTopic(where, text, problem=str(error)) from None
    parts: list[tuple[str, str | None]] = []
    for literal, field, spec, conversion in pieces:
        if field is not None and (spec or conversion or not field.isidentifier()):
            shown = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise BadTopic(where, text, problem=f"`{{{shown}}}` is no name of a field")
        parts.append((literal, field))
    if not text.strip():
        raise BadTopic(where, text, problem="it is empty")
    return Template(text, tuple(parts))


def topic_part(value: Any) -> str:
    """A value as it stands in a topic. The colon separates parts, so one inside a value is escaped."""
    if isinstance(value, Enum):
        value = value.value
    text = value.isoformat() if isinstance(value, (date, time)) else str(value)
    return text.replace("%", "%25").replace(":", "%3A")


def fitted(topic: str) -> str:
    """A topic as it travels: one that is too long as its hash."""
    if len(topic.encode()) <= LONGEST:
        return topic
    return "#" + blake2b(topic.encode(), digest_size=32).hexdigest()


def topic(template: str, **values: Any) -> str:
    """The topic of a template with values: `topic("room:{name}", name="a: b")` is `"room:a%3A b"`.

    Plain keys may as well be written into the text; this is for texts that may hold a colon.

    Raises:
        BadTopic: the template cannot be read, or a value is missing.
    """
    parsed = parse_template(template, where="topic")
    missing = [name for name in parsed.fields if values.get(name) is None]
    if missing:
        raise BadTopic("topic", template, problem=f"it has no value for {', '.join(missing)}")
    return str(parsed.topic(values))
