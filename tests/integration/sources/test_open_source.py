"""Real files in real folders."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sorbus.pipelines.sources import Item, ItemFailed, SourceType, open_source

MAIL = b"From: a@example.org\nSubject: Plan %d\nMessage-ID: <%d@x>\n\nText %d\n"


def codes(path: Path, **options: int) -> list[str]:
    return [
        each.error.code if isinstance(each, ItemFailed) else each.title
        for each in open_source(path, **options)
    ]


def test_one_bad_file_stops_none_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL % (1, 1, 1))
    (tmp_path / "b.eml").write_bytes(b"")
    (tmp_path / "c.eml").write_bytes(b"no headers at all")
    (tmp_path / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / "e.json").write_bytes(b'{"a": ')
    (tmp_path / "f.txt").write_bytes(b"caf\xe9 \xff")
    (tmp_path / "g.eml").write_bytes(b"From: a@example.org\nSubject: big\n\n" + b"x" * 60_000)
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "h.md").write_text("# Title\n\nText")
    assert codes(tmp_path, max_bytes=50_000) == [
        "Plan 1",
        "source-empty",
        "mail-malformed",
        "source-unknown-content",
        "document-malformed",
        "café ÿ",
        "source-too-large",
        "Title",
    ]


def test_a_failure_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"x" * 2_000)
    [failed] = open_source(tmp_path, max_bytes=1_000)
    assert isinstance(failed, ItemFailed)
    assert failed.where == str(tmp_path / "big.txt")
    assert "has 2,000 bytes" in str(failed.error)
    assert "1,000 bytes at most" in str(failed.error)
    assert Path(failed.error.page).is_file()


def test_twenty_megabytes_are_the_limit(tmp_path: Path) -> None:
    at_limit, above = tmp_path / "1.txt", tmp_path / "2.txt"
    at_limit.write_bytes(b"a line of text\n" * (20 * 1024 * 1024 // 15))
    with above.open("wb") as stream:
        stream.truncate(20 * 1024 * 1024 + 1)
        stream.write(b"text")
    item, failed = open_source(tmp_path)
    assert isinstance(item, Item)
    assert len(item.text) > 20_000_000
    assert isinstance(failed, ItemFailed)
    assert "20.0 MB (20,971,521 bytes)" in str(failed.error)


def test_an_mbox_of_a_thousand_messages_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "in.mbox"
    with path.open("wb") as stream:
        for number in range(1_000):
            stream.write(
                b"From a@example.org Mon Aug  5 10:00:00 2002\n" + MAIL % (number, number, number) + b"\n"
            )
    source = open_source(path)
    assert isinstance(next(source), Item)
    rest = list(source)
    assert [each.title for each in rest if isinstance(each, Item)] == [
        f"Plan {number}" for number in range(1, 1_000)
    ]


def test_a_bad_message_in_an_mbox_is_named_by_its_number(tmp_path: Path) -> None:
    separator = b"From a@example.org Mon Aug  5 10:00:00 2002\n"
    path = tmp_path / "box"
    path.write_bytes(
        separator
        + MAIL % (1, 1, 1)
        + b"\n"
        + separator
        + b"X-Odd: 1\n\n"
        + b"y\n" * 99
        + b"\n"
        + separator
        + MAIL % (3, 3, 3)
    )
    first, failed, third = open_source(path)
    assert isinstance(first, Item)
    assert isinstance(failed, ItemFailed)
    assert failed.error.code == "mail-malformed"
    assert "message 2 at byte" in failed.where
    assert isinstance(third, Item)


def test_what_is_not_there_and_what_is_empty_is_said(tmp_path: Path) -> None:
    assert codes(tmp_path / "nowhere") == ["source-not-found"]
    assert codes(tmp_path) == ["source-without-items"]
    (tmp_path / "x.mbox").write_bytes(b"\n\n")
    assert codes(tmp_path / "x.mbox") == ["source-without-items"]
    (tmp_path / "file").write_bytes(b"text")
    assert codes(tmp_path / "file" / "below") == ["source-not-found"]


def test_pipes_and_sockets_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert codes(tmp_path) == ["source-unreadable", "source-unreadable"]


def test_a_link_that_leads_nowhere_is_a_failure_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone")
    (tmp_path / "b.txt").write_text("text")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert codes(tmp_path) == ["source-not-found", "text"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("secret")
    (tmp_path / "a.txt").chmod(0)
    assert codes(tmp_path) == ["source-unreadable"]


def test_a_name_in_odd_bytes_can_be_stored(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.bin")).write_bytes(b"")
    [failed] = open_source(tmp_path)
    assert isinstance(failed, ItemFailed)
    failed.where.encode("utf-8")


def test_documents_and_other_texts_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<meta charset="utf-8"><title>Page</title><p>Text</p>')
    (tmp_path / "b.log").write_text("2024-01-01 started")
    page, log = open_source(tmp_path)
    assert isinstance(page, Item)
    assert isinstance(log, Item)
    assert (page.source_type, page.title, page.text) == (SourceType.DOCUMENT, "Page", "Text")
    assert page.metadata["text_media_type"] == "text/markdown"
    assert log.source_type is SourceType.TEXT


def test_the_same_files_give_the_same_ids(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.eml").write_bytes(MAIL % (1, 1, 1))
    assert list(open_source(tmp_path)) == list(open_source(tmp_path))


NAMES = st.sampled_from(["x", "x.eml", "x.mbox", "x.txt", "x.md", "x.html", "x.csv", "x.json", "x.bin"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    NAMES, st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_under_any_name_are_items_or_failures(tmp_path: Path, name: str, raw: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    for each in open_source(path):
        if isinstance(each, Item):
            assert "\0" not in each.text
            each.text.encode("utf-8")
            assert each.title
        else:
            assert each.error.code != "unknown"
