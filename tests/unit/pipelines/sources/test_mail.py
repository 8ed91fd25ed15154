from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorbus.errors.sources import MailTooComplex, MalformedMail, SourceEmpty
from sorbus.pipelines.sources import Item, SourceType, parse_mail

HEAD = b"From: Ada Larkin <ada@example.org>\nTo: bo@example.org\nSubject: Plan\nMessage-ID: <1@x>\n"


def mail(body: bytes, *headers: bytes) -> Item:
    return parse_mail(HEAD + b"".join(each + b"\n" for each in headers) + b"\n" + body)


def warnings(item: Item) -> str:
    return " | ".join(map(str, item.metadata["warnings"] or []))  # type: ignore[arg-type]


def test_a_plain_message_gives_its_text_and_headers() -> None:
    item = mail(
        b"Hello.\r\n", b"Date: Mon, 5 Aug 2002 10:00:00 +0200", b'Cc: "Lee, C" <c@example.org>, d@example.org'
    )
    assert item.source_type is SourceType.EMAIL
    assert (item.external_id, item.title, item.text) == ("1@x", "Plan", "Hello.")
    assert item.metadata["from"] == {"name": "Ada Larkin", "address": "ada@example.org"}
    assert item.metadata["cc"] == [
        {"name": "Lee, C", "address": "c@example.org"},
        {"name": "", "address": "d@example.org"},
    ]
    assert item.metadata["date"] == "2002-08-05T10:00:00+02:00"
    assert item.metadata["warnings"] == []


def test_encoded_headers_are_decoded() -> None:
    sender = b"From: =?iso-8859-1?q?J=F8rgen?= <j@example.org>\n"
    item = parse_mail(sender + b"Subject: =?UTF-8?B?R3LDvMOfZQ==?= =?utf-8?q?_=21?=\n\nx")
    assert item.title == "Grüße !"
    assert item.metadata["from"] == {"name": "Jørgen", "address": "j@example.org"}


def test_raw_eight_bit_headers_are_read() -> None:
    assert parse_mail("Subject: Grüße\nFrom: a@b.example\n\nx".encode()).title == "Grüße"


def test_a_newline_smuggled_into_a_header_begins_no_new_one() -> None:
    item = parse_mail(b"From: a@b.example\nSubject: =?utf-8?q?Hi=0D=0ABcc:_evil=40example.org?=\n\nx")
    assert item.title == "Hi Bcc: evil@example.org"
    assert "\n" not in json.dumps(item.metadata)


@pytest.mark.parametrize(
    "codec", ["iso-8859-1", "windows-1252", "koi8-r", "gb2312", "iso-2022-jp", "utf-8", "big5"]
)
def test_bodies_in_many_charsets_are_read(codec: str) -> None:
    text = {"koi8-r": "Привет", "gb2312": "你好", "iso-2022-jp": "三次元", "big5": "您好"}.get(codec, "Größe")
    item = mail(text.encode(codec), f"Content-Type: text/plain; charset={codec}".encode())
    assert item.text == text
    assert item.metadata["charset"] == codec


def test_quoted_printable_and_base64_are_decoded() -> None:
    assert (
        mail(
            b"a=\nb =C3=A9",
            b"Content-Transfer-Encoding: quoted-printable",
            b"Content-Type: text/plain; charset=utf-8",
        ).text
        == "ab é"
    )
    assert mail(b"SGVs\nbG8=\n", b"Content-Transfer-Encoding: base64").text == "Hello"


def test_broken_base64_is_read_as_far_as_it_goes() -> None:
    item = mail(b"SGVsbG8", b"Content-Transfer-Encoding: base64")
    assert item.text == "Hello"
    assert "base64" in warnings(item)


def test_nothing_of_a_nul_is_left() -> None:
    item = mail(b"a\0b", b"X: y\0z", b"Reply-To: \0")
    assert item.text == "ab"
    assert "\\u0000" not in json.dumps(item.metadata)


ALTERNATIVE = b"--b\nContent-Type: text/plain\n\n%b\n--b\nContent-Type: text/html\n\n<p>Rich %b</p>\n--b--\n"


def test_of_alternatives_plain_text_is_best() -> None:
    text = b"A plain text that is long enough to say something."
    item = mail(ALTERNATIVE % (text, b"text"), b"Content-Type: multipart/alternative; boundary=b")
    assert item.text == text.decode()
    assert item.metadata["attachments"] == []


def test_html_is_best_when_the_plain_text_says_nothing() -> None:
    item = mail(ALTERNATIVE % (b" ", b"text. " * 100), b"Content-Type: multipart/alternative; boundary=b")
    assert item.text.startswith("Rich text.")


def test_html_only_is_made_readable() -> None:
    assert mail(b"<html><body><p>One<p>Two", b"Content-Type: text/html").text == "One\n\nTwo"


def test_attachments_are_listed_and_not_read() -> None:
    disposition = b"Content-Disposition: attachment"
    body = (
        b"--b\n\nSee the file.\n"
        b'--b\nContent-Type: text/x-diff; name="../a\\b.patch"\n' + disposition + b"\n\n-a\n+b\n"
        b"--b\nContent-Type: image/png\n" + disposition + b"; filename*=utf-8''Gr%C3%BC%C3%9Fe.png\n"
        b"Content-Transfer-Encoding: base64\n\nAAAA\n--b--\n"
    )
    item = mail(body, b"Content-Type: multipart/mixed; boundary=b")
    assert item.text == "See the file."
    attachments = item.metadata["attachments"]
    assert isinstance(attachments, list)
    assert attachments[1] == {"name": "Grüße.png", "content_type": "image/png", "size": 3}
    assert len(attachments) == 2


def test_a_forwarded_message_is_read_when_there_is_nothing_else() -> None:
    inner = b"From: c@example.org\nSubject: Inner\n\nThe inner text."
    item = mail(
        b"--b\nContent-Type: message/rfc822\n\n" + inner + b"\n--b--\n",
        b"Content-Type: multipart/mixed; boundary=b",
    )
    assert item.text == "The inner text."
    assert item.metadata["attachments"][0]["name"] == "Inner"  # type: ignore[index, call-overload]


def test_a_message_without_an_id_is_known_by_its_bytes() -> None:
    raw = b"From: a@b.example\nSubject: x\n\nhello"
    assert parse_mail(raw).external_id == parse_mail(raw).external_id
    assert parse_mail(raw).external_id.startswith("sha256:")
    assert "no Message-ID" in warnings(parse_mail(raw))


def test_a_message_without_subject_is_called_by_its_first_line() -> None:
    assert parse_mail(b"From: a@b.example\n\n\nFirst  line\nsecond").title == "First line"
    assert parse_mail(b"From: a@b.example\n\n").title == "(no subject)"


@pytest.mark.parametrize(
    "header",
    [
        b"To: a@[",
        b'To: "',
        b"To: :;",
        b"Message-ID: <[]>",
        b"Cc: =?a?q??=",
        b"Date: 99 Foo 1999",
        b"Date: Mon, 1 Jan 99999 00:00:00 +9999",
        b"Content-Type: ;",
        b"Content-Type: text/plain; charset*=utf-8''%E2",
        b"Content-Type: multipart/mixed",
        b"Content-Transfer-Encoding: \xff",
        b"Content-Disposition: ; filename*0*=",
        b"References: " + b"<a@b> " * 50_000,
        b"To: " + b"(" * 2_000,
        b"To: " + b"a@b.example, " * 50_000,
        b"\n".join([b"To: a@b.example"] * 5_000),
    ],
)
def test_an_odd_header_does_not_stop_the_reading(header: bytes) -> None:
    item = mail(b"text", header)
    assert item.text == "text"
    json.dumps(item.metadata)


@pytest.mark.parametrize("raw", [b"", b"\n \n", b"From nobody Mon Jan  1 00:00:00 2001\n"])
def test_nothing_is_an_error_of_its_own(raw: bytes) -> None:
    with pytest.raises(SourceEmpty, match="`inbox/1` is empty"):
        parse_mail(raw, where="inbox/1")


def test_text_is_no_message() -> None:
    with pytest.raises(MalformedMail, match="none of the headers"):
        parse_mail(b"Once upon a time\nthere was a tree.\n")


def nested(depth: int) -> bytes:
    lines = (f"Content-Type: multipart/mixed; boundary=b{number}\n\n--b{number}\n" for number in range(depth))
    return b"From: a@b.example\n" + "".join(lines).encode() + b"\nat the bottom"


def test_parts_nested_deeply_are_read_until_it_is_absurd() -> None:
    assert parse_mail(nested(50)).text == "at the bottom"
    for depth in (200, 3_000):
        with pytest.raises(MailTooComplex):
            parse_mail(nested(depth))


def test_a_bomb_of_parts_is_refused() -> None:
    with pytest.raises(MailTooComplex, match="100,000"):
        parse_mail(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_001)


HEADERS = st.sampled_from(
    [
        b"From: ",
        b"To: ",
        b"Subject: ",
        b"Date: ",
        b"Message-ID: ",
        b"Content-Type: ",
        b"Content-Transfer-Encoding: ",
        b"Content-Disposition: ",
    ]
)
VALUES = st.binary(max_size=40) | st.sampled_from(
    [
        b"multipart/mixed; boundary=b",
        b"multipart/alternative; boundary=b",
        b"message/rfc822",
        b"text/html; charset=utf-16",
        b"base64",
        b"quoted-printable",
        b"x-uuencode",
        b"attachment; filename==?q?x",
        b"=?utf-8?b?////?=",
    ]
)
BODIES = st.binary(max_size=200) | st.lists(
    st.sampled_from(
        [
            b"--b\n",
            b"--b--\n",
            b"\n",
            b"Content-Type: text/html\n\n",
            b"<p>",
            b"begin 6 x\n",
            b"=\n",
            b"\xff\0",
            b"text\n",
        ]
    )
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(HEADERS, VALUES), max_size=8), BODIES)
def test_any_bytes_are_a_message_or_a_typed_error(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    raw = b"".join(name + value + b"\n" for name, value in headers) + b"\n" + body
    try:
        item = parse_mail(raw)
    except (SourceEmpty, MalformedMail, MailTooComplex):
        return
    stored = json.dumps([item.external_id, item.title, item.text, item.metadata], ensure_ascii=False)
    stored.encode("utf-8")
    # Escaped backslashes are taken out first: a mail may well say `\\u0000` in so many letters.
    assert "\\u0000" not in stored.replace("\\\\", "")
    assert item.external_id
    assert item.title
