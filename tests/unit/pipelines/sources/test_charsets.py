from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.pipelines.sources.charsets import clean, codec_of, decode, html_charset, one_line


def test_a_fitting_label_is_believed() -> None:
    decoded = decode("Скидки".encode("koi8-r"), declared="KOI8-R")
    assert decoded.text == "Скидки"
    assert decoded.charset == "koi8-r"
    assert decoded.warnings == ()


def test_utf8_under_a_latin_label_is_found_out() -> None:
    decoded = decode("Grüße für £3".encode(), declared="iso-8859-1")
    assert decoded.text == "Grüße für £3"
    assert decoded.warnings == ("labelled iso-8859-1, but is utf-8",)


def test_windows_quotes_under_a_latin_label_are_read_as_windows_programs_mean_them() -> None:
    assert decode(b"\x93now\x94 \x80 5", declared="ISO-8859-1").text == "“now” € 5"


def test_eight_bit_text_labelled_ascii_is_still_read() -> None:
    assert decode(b"caf\xe9", declared="us-ascii").text == "café"


def test_chinese_above_gb2312_is_read() -> None:
    assert decode("镕基".encode("gb18030"), declared="gb2312").text == "镕基"


def test_bytes_that_fit_nothing_are_replaced_and_named() -> None:
    decoded = decode(b"abc\xff\xfe\xfa", declared="utf-8")
    assert decoded.text.startswith("abc\ufffd")
    assert decoded.warnings == ("not all bytes are utf-8",)


@pytest.mark.parametrize(
    "label", ["unknown-8bit", "default", "x-none", "", "punycode", "hex", "utf-8\0", "rot13", "ü" * 99]
)
def test_labels_that_are_no_charset_of_text_are_guessed(label: str) -> None:
    assert decode("Größe".encode(), declared=label).text == "Größe"
    assert not label.strip() or codec_of(label) is None


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_byte_order_mark_wins(codec: str) -> None:
    decoded = decode("Grüße\r\n".encode(codec), declared="iso-8859-1")
    assert decoded.text == "Grüße\n"


def test_utf16_without_a_mark_is_recognised() -> None:
    assert decode("twenty plain letters".encode("utf-16-le")).text == "twenty plain letters"
    assert decode("twenty plain letters".encode("utf-16-be")).text == "twenty plain letters"


def test_japanese_mail_without_a_label_is_recognised() -> None:
    assert decode("三次元".encode("iso2022_jp")).text == "三次元"


def test_the_charset_in_html_is_found() -> None:
    assert html_charset(b'<html><meta charset="iso-8859-2">') == "iso-8859-2"
    assert html_charset(b"<META HTTP-EQUIV=Content-Type content='text/html; charset=koi8-r'>") == "koi8-r"
    assert html_charset(b"<p>charset=x") is None


def test_controls_and_half_surrogates_go() -> None:
    assert clean("a\0b\x1b[1m\r\nc\rd\ud800e\ufeff") == "ab[1m\nc\nd\ufffde"
    assert one_line(" a\r\nBcc: x\t\0 ") == "a Bcc: x"


@given(
    st.binary(max_size=400),
    st.none() | st.text(max_size=20) | st.sampled_from(["utf-8", "utf-16", "gb2312", "big5"]),
)
def test_any_bytes_become_text_that_can_be_stored(raw: bytes, declared: str | None) -> None:
    text = decode(raw, declared=declared).text
    assert "\0" not in text
    text.encode("utf-8")


@given(st.text(max_size=200).map(clean).filter(lambda text: not text.startswith("\ufffd")))
def test_utf8_text_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode(), declared="utf-8").text == text
