from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter

import pytest

from sorbus.pipelines.sample import labels, sample_documents, sample_mails
from sorbus.pipelines.sources import Item, open_source


@pytest.fixture(scope="module")
def items() -> dict[str, Item]:
    read = list(open_source(sample_mails()))
    names = sorted(path.name for path in sample_mails().iterdir())
    assert all(isinstance(each, Item) for each in read)
    return {name: each for name, each in zip(names, read, strict=True) if isinstance(each, Item)}


def test_every_mail_is_labelled_and_the_categories_are_balanced() -> None:
    assert set(labels()) == {path.name for path in sample_mails().iterdir()}
    counts = Counter(each["category"] for each in labels().values())
    assert set(counts) == {"support", "sales", "general"}
    assert min(counts.values()) >= 14
    assert counts.total() >= 48


def test_the_threads_that_are_found_are_the_labelled_ones(items: dict[str, Item]) -> None:
    found: dict[str, set[str]] = {}
    for name, item in items.items():
        found.setdefault(labels()[name]["thread"], set()).add(str(item.metadata["thread_id"]))
    assert all(len(ids) == 1 for ids in found.values())
    assert len(set.union(*found.values())) == len(found)
    sizes = Counter(each["thread"] for each in labels().values())
    assert sum(size >= 3 for size in sizes.values()) >= 10


def test_there_is_text_in_each_and_enough_variety(items: dict[str, Item]) -> None:
    assert all(len(item.text) >= 40 for item in items.values())
    raw = {path.name: path.read_bytes().lower() for path in sample_mails().iterdir()}
    assert sum(bool(item.metadata["attachments"]) for item in items.values()) >= 6
    for wanted, at_least in [
        (rb"multipart/alternative", 5),
        (rb"quoted-printable", 4),
        (rb"base64", 4),
        (rb"charset=\"?iso-8859-1", 10),
        (rb"charset=\"?gb2312", 2),
        (rb"charset=\"?koi8-r", 1),
        (rb"charset=\"?iso-8859-15", 1),
        (rb"\n(?:subject|from):[^\n]*=\?", 4),
    ]:
        assert sum(bool(re.search(wanted, each)) for each in raw.values()) >= at_least, wanted
    html_only = [each for each in raw.values() if b"text/html" in each.partition(b"\n\n")[0]]
    assert len(html_only) >= 3


def test_the_people_in_the_labels_stand_in_the_mails(items: dict[str, Item]) -> None:
    for name, label in labels().items():
        text = plain_letters(json.dumps(items[name].metadata, ensure_ascii=False) + items[name].text)
        people = [plain_letters(each) for each in label["people"]]
        assert [each for each in people if not all(part in text for part in each.split())] == [], name


def plain_letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o"))
    return plain.encode("ascii", "ignore").decode()


PUBLIC = re.compile(
    r"(?:freshrpms|linux|xent|postgresql|yahoogroups|ryanairmail|matrox|netscape|netcenter|redhat|telesys"
    r"|consumertoday|globalscape|weather|online|oreillynet|oreilly)\."
)


def test_addresses_of_people_are_at_example_domains() -> None:
    for path in sample_mails().iterdir():
        head = path.read_bytes().partition(b"\n\n")[0].decode("latin-1")
        for value in re.findall(r"^(?:From|Cc|Reply-To):(.*(?:\n[ \t].*)*)", head, flags=re.MULTILINE):
            for address in re.findall(r"[\w.+-]+@[\w.-]+", value):
                invented = re.search(r"\.example\.(?:org|net|com)$", address)
                assert invented or PUBLIC.search(address), (path.name, address)
        delivery = r"^(?:Received|Return-Path|Delivered-To|X-(?!Mailer|Priority))"
        assert not re.search(delivery, head, flags=re.MULTILINE)


def test_all_of_it_is_small() -> None:
    files = [*sample_mails().iterdir(), *sample_documents().iterdir()]
    assert sum(path.stat().st_size for path in files) < 1_500_000
