"""Whether what a model says stands in the text that it read."""

from __future__ import annotations

import re
from collections.abc import Iterable

_QUOTE_MARKS = re.compile(r"(?m)^[ \t]*(?:[>|][>|\s]*)")
_FOOTER = re.compile(r"(?m)^(?:[-_~=*]{20,}.*|-- )$")
_ATTRIBUTION = re.compile(r"(?m)^.{0,120}\b(?:wrote|writes|said|mentioned) ?:[ \t]*$")
_SAID = re.compile(r"(?:wrote|writes|said|mentioned) ?:")
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_TOKEN = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[A-Z\"'(\[])")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_ADDRESS = re.compile(r"\S+@\S+|\w+://\S+|www\.\S+")
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|No|Inc|Ltd|Corp)|\b[A-Z])\.$")


def squeeze(text: str) -> str:
    """The text without quote marks, with every run of white space as one space and plain apostrophes."""
    return " ".join(_QUOTE_MARKS.sub(" ", text).replace("’", "'").split())


def occurs(name: str, text: str) -> bool:
    """Whether a name stands in a text as whole words, whatever its letter case and line breaks."""
    wanted = squeeze(name)
    pattern = rf"(?<!\w){re.escape(wanted)}(?!\w)"
    return bool(wanted) and re.search(pattern, squeeze(text), re.IGNORECASE) is not None


def grounded(statement: str, text: str, *, share: float = 0.6) -> bool:
    """Whether a statement keeps to a text: enough of its longer words, and all its names and numbers, stand
    there.

    Words count by their first five letters, so "merged" finds "merge". The first word of a sentence is no
    name.

    Args:
        statement: what a model said.
        text: what it read.
        share: how many of the statement's words of four letters and more must be found.
    """
    source = squeeze(text).casefold()
    known = {word[:5] for word in _words(source)}
    if any(char not in source for char in statement.casefold() if ord(char) > 0x24F):
        return False  # another script than the text's
    if any(number not in source for number in _NUMBER.findall(statement)):
        return False
    if any(_words(name)[0][:5] not in known for name in _inner_names(statement)):
        return False
    said = [word for word in _words(statement) if len(word) > 3]
    found = sum(word[:5] in known for word in said)
    return bool(said) and found / len(said) >= share


def clean(text: str, *, limit: int) -> str:
    """A mail's own words, cut to a length: without quoted lines (when enough is left) and list footers.

    Args:
        text: the plain text.
        limit: characters at most; the cut falls between words.
    """
    kept = without_footer(text)
    own = "\n".join(line for line in kept.splitlines() if not _QUOTE_MARKS.match(line))
    if len(own.split()) < 12:
        own = "\n".join(_QUOTE_MARKS.sub("", line) for line in kept.splitlines())
    if _SAID.search(own):
        own = _ATTRIBUTION.sub("", own)
    if "@" in own or "://" in own or "www." in own:
        own = _TOKEN.sub(_without_address, own)
    own = _BLANKS.sub(" ", own)
    own = re.sub(r"\n\s*\n+", "\n\n", own).strip()
    return own if len(own) <= limit else own[:limit].rsplit(None, 1)[0]


def without_footer(text: str) -> str:
    """The text up to a ruled line in its second half: what follows comes from a mailing list, not from the
    author.
    """
    footer = _FOOTER.search(text, len(text) // 2)
    return text[: footer.start()] if footer else text


def sentences(text: str, *, shortest: int = 25) -> list[str]:
    """The sentences of a text in order, white space squeezed, without those shorter than `shortest`
    characters.
    """
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        flat = squeeze(paragraph)
        for end in _SENTENCE_END.finditer(flat):
            if not _ABBREVIATED.search(flat[: end.start()]):
                found.append(flat[start : end.start()].strip())
                start = end.end()
        found.append(flat[start:].strip())
    return [sentence for sentence in found if len(sentence) >= shortest]


def unique(names: Iterable[str]) -> list[str]:
    """The names in order, each once whatever its letter case."""
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(name.casefold(), name)
    return list(seen.values())


def _words(text: str) -> list[str]:
    return [match[0].casefold().removesuffix("'s") for match in _WORD.finditer(text)]


def _inner_names(statement: str) -> list[str]:
    """Capitalised words that do not begin a sentence."""
    return [
        match[0]
        for match in _WORD.finditer(statement)
        if match[0][0].isupper()
        and statement[: match.start()].rstrip(" \"'(")[-1:] not in ("", ".", "!", "?", ":")
    ]


def _without_address(token: re.Match[str]) -> str:
    """A word without the address in it. Not one regular expression: that would be quadratic in a long word."""
    word = token[0]
    if "@" in word[1:-1]:
        return ""
    cut, scheme, web = len(word), word.find("://"), word.find("www.")
    while scheme >= 0 and not (scheme and (word[scheme - 1].isalnum() or word[scheme - 1] == "_")):
        scheme = word.find("://", scheme + 1)
    if 0 < scheme < len(word) - 3:
        cut = scheme
        while cut and (word[cut - 1].isalnum() or word[cut - 1] == "_"):
            cut -= 1
    return word[: min(cut, web)] if 0 <= web < len(word) - 4 else word[:cut]
