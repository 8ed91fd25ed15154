"""Names that stand in a text: proposals by rule, so that a small model only has to judge, never to invent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from sorbus.llm.grounding import unique


class Evidence(StrEnum):
    """Why a proposal was made; everything but `SHAPE` is trusted without asking a model."""

    HEADER = "header"
    ATTRIBUTION = "attribution"
    GREETING = "greeting"
    SIGNATURE = "signature"
    TITLE = "title"
    SUFFIX = "suffix"
    SHAPE = "shape"


class NameKind(StrEnum):
    """What a name stands for."""

    PERSON = "person"
    ORGANIZATION = "organization"
    PLACE = "place"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A string that occurs in the text and may be a name.

    Attributes:
        name: the string, with single spaces.
        evidence: the strongest reason found for it.
        kind: what the evidence says it is, or None when only a judge can tell.
    """

    name: str
    evidence: Evidence
    kind: NameKind | None = None


_WORD = r"[A-Z][\w'’&-]*(?:\.[A-Z]\.?)*"
_INITIAL = r"[A-Z]\."
_LINK = r"(?:of|the|for|and|de|der|van|von|da|di|del|la|le|&)"
_NAME = rf"(?:{_INITIAL}|{_WORD})(?:[ ](?:(?:{_LINK}[ ]){{0,2}}(?:{_INITIAL}|{_WORD}))){{0,4}}"
_PERSON = rf"(?:{_INITIAL}|{_WORD})(?:[ ](?:(?:van|von|de|der|la|le|da|di)[ ])?(?:{_INITIAL}|{_WORD})){{0,3}}"

_SEQUENCE = re.compile(rf"(?<![\w@./-]){_NAME}(?![\w@/])")
_ATTRIBUTION = re.compile(
    r"(?m)^[ \t>|]*(?:On [^\n]{4,80}?,[ ]?|At [^\n]{4,60}?,[ ]?|Once upon a time, )?"
    rf"[\"']?(?P<name>{_PERSON})[\"']?"
    r"(?:[ ][<(\[][^\n>)\]]{3,60}[>)\]])?[ ]?(?:wrote|writes|said|mentioned|sez)\b"
)
_GREETING = re.compile(rf"(?m)^[ \t>|]*(?:Hi|Hello|Dear|Hey|Hallo)[ ](?P<name>{_PERSON})[ ]?[,!:.-]*[ ]*$")
_CLOSING = re.compile(
    r"(?i)^[ \t>|]*(?:(?:best|kind|warm)[ ])?"
    r"(?:regards|cheers|thanks|thank you|sincerely|yours|best wishes|best|later)"
    r"(?:[ ](?:again|in advance|truly|sincerely))?[ ,.!-]*$|^--[ ]?$"
)
_SIGNED = re.compile(rf"^[ \t>|]*[-~]*[ ]?(?P<name>{_PERSON})[ ]?[,.]?$")
_TITLE = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|Professor|Sir|Councillor|President|Senator|Judge|Captain|Minister)\.?[ ]"
    rf"(?P<name>{_PERSON})"
)
_SUFFIX = re.compile(
    r"(?i)\b(?:inc|corp|corporation|ltd|llc|plc|gmbh|university|college|institute|court|council|police|bank|insurance|"
    r"group|foundation|association|company|ministry|department|agency|society|party|airlines|union|commission|committee|"
    r"consultants|laboratories|labs|technologies|systems|university of \w+)\.?$"
)
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|\b[\w-]+\.(?:com|org|net|edu|ie|uk|de)\b\S*")
_DISPLAY = re.compile(r"^\s*[\"']?(?P<name>[^<\"@]+?)[\"']?\s*<[^>]+>\s*$")
_BETWEEN_ADDRESSES = re.compile(r",(?=[^\"]*(?:\"[^\"]*\"[^\"]*)*$)")
_DATES = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}"
    r"|(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,?[ ])?\d{1,2}(?:st|nd|rd|th)?[ ](?:of[ ])?"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?,?(?:[ ]\d{4})?"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?[ ]\d{1,2}(?:st|nd|rd|th)?"
    r"(?!\d)(?:,?[ ]\d{4})?"
    r"|\d{1,2}/\d{1,2}/\d{2,4}"
    r"|(?:next|this|last)[ ](?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|tomorrow|tonight)\b"
)

_JOINT = re.compile(r" (?:of|for|and|&) (?:the )?")
_CONTACT = frozenset({"ph", "tel", "fax", "phone", "email", "e-mail", "wrote"})
_PLAIN = frozenset(files("sorbus.llm").joinpath("data/plain_words.txt").read_text("utf-8").split())


def display_names(headers: Mapping[str, str]) -> list[str]:
    """The human names in the address headers (From, Reply-To, To, Cc), in that order, without addresses."""
    fields = {key.lower(): value for key, value in headers.items()}
    addresses = (fields.get(field, "") for field in ("from", "reply-to", "to", "cc"))
    parts = (part for each in addresses for part in _BETWEEN_ADDRESSES.split(each[:2_000]))
    return [" ".join(match["name"].split()) for match in map(_DISPLAY.match, parts) if match]


def dates(text: str, *, limit: int = 8) -> list[str]:
    """Dates as they are written in the text, in order, each once."""
    return unique(match[0] for match in _DATES.finditer(text))[:limit]


def propose(text: str, *, headers: Mapping[str, str] | None = None, limit: int = 24) -> list[Proposal]:
    """Candidates for names in a text, strongest evidence first, each once.

    Args:
        text: the plain text of a mail or document.
        headers: its address headers, by name; display names in them are candidates too.
        limit: how many candidates to return at most.
    """
    found: dict[str, Proposal] = {}
    for each in _all(text, headers or {}):
        found.setdefault(each.name.casefold(), each)
    return list(found.values())[:limit]


def looks_like_person(name: str) -> bool:
    """One to four capitalised words without digits, as a person's name is written."""
    words = name.split()
    return (
        1 <= len(words) <= 4
        and not any(char.isdigit() or char == "&" for char in name)
        and words[0][0].isupper()
        and words[-1][0].isupper()
        and not any(word.casefold().strip(".,") in _PLAIN for word in words)
    )


def _all(text: str, headers: Mapping[str, str]) -> Iterator[Proposal]:
    for name in display_names(headers):
        person = looks_like_person(name) and " " in name and not _SUFFIX.search(name)
        yield Proposal(name=name, evidence=Evidence.HEADER, kind=NameKind.PERSON if person else None)
    for pattern, evidence in (
        (_ATTRIBUTION, Evidence.ATTRIBUTION),
        (_GREETING, Evidence.GREETING),
        (_TITLE, Evidence.TITLE),
    ):
        named = (match["name"] for match in pattern.finditer(text))
        persons = filter(looks_like_person, named)
        yield from (Proposal(name=name, evidence=evidence, kind=NameKind.PERSON) for name in persons)
    for name in _signatures(text):
        yield Proposal(name=name, evidence=Evidence.SIGNATURE, kind=NameKind.PERSON)
    shapes = _shapes(text)
    bodies = [name for name in shapes if " " in name and _SUFFIX.search(name)]
    yield from (Proposal(name=name, evidence=Evidence.SUFFIX, kind=NameKind.ORGANIZATION) for name in bodies)
    yield from (Proposal(name=name, evidence=Evidence.SHAPE) for name in shapes)


def _signatures(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if line.strip(" >|\t")]
    for number, line in enumerate(lines[:-1]):
        signed = _SIGNED.match(lines[number + 1])
        if signed and _CLOSING.match(line) and looks_like_person(signed["name"]):
            yield signed["name"]


def _shapes(text: str) -> list[str]:
    """Capitalised sequences of two words and more, and single words that are capitalised inside a sentence
    too.
    """
    bare = _ADDRESS.sub(" ; ", text)
    bare = "\n".join("" if _is_heading(line) else line for line in bare.splitlines())
    several: list[str] = []
    single: list[str] = []
    for match in _SEQUENCE.finditer(bare):
        words = _trim(match[0].split())
        if not words:
            continue
        name = " ".join(words).rstrip(".'’-").removesuffix("'s").removesuffix("’s")
        before = bare[: match.start()].rstrip(" \"'(")
        inside = before[-1:] not in ("", *".!?:;>|*-\n") and len(words) == len(match[0].split())
        if len(words) > 1:
            parts = [part for part in _JOINT.split(name) if " " in part]
            several += [name, *(part for part in parts if part != name)]
        elif len(name) > 2 and (inside or sum(map(str.isupper, name)) > 1):
            single.append(name)
    return unique([*several, *single])


def _is_heading(line: str) -> bool:
    """Whether a line is in title case throughout, so that capitals in it tell nothing."""
    words = re.findall(r"[^\W\d_][\w'’-]*", line)
    return len(words) >= 4 and sum(word[0].isupper() for word in words) > 0.7 * len(words)


def _trim(words: list[str]) -> list[str]:
    """The words without plain ones before them and contact words after them."""
    while words and words[0].casefold().strip(".,'") in _PLAIN:
        words = words[1:]
    while words and words[-1].casefold().strip(".,'") in _CONTACT:
        words = words[:-1]
    return words
