from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.errors.sources import MalformedDocument
from sorbus.pipelines.sample import documents_expected, sample_documents
from sorbus.pipelines.sources import KeyValue, Section, Table, open_source, parse_document
from sorbus.pipelines.sources.items import Item

MEDIA_TYPES = ["text/plain", "text/markdown", "text/html", "text/csv", "application/json", "text/x-unknown"]


def test_plain_text_gives_headings_pairs_and_ruled_tables() -> None:
    table = "Qty  Name\n---  -----\n  2  Apple tree\n 10  Oak"
    text = f"INVOICE\n\nNumber: 7\nDate:  2024-01-02\n\n{table}\n\nTotal: 12 EUR\n"
    parsed = parse_document(text)
    assert parsed.title == "INVOICE"
    assert parsed.tables == (Table(("Qty", "Name"), (("2", "Apple tree"), ("10", "Oak"))),)
    assert parsed.value_of("number") == "7"
    assert [each.name for each in parsed.key_values] == ["Number", "Date", "Total"]
    assert parsed.sections[0] == Section("INVOICE", 1, "Number: 7\nDate:  2024-01-02\nTotal: 12 EUR")


def test_an_underlined_line_is_a_heading() -> None:
    parsed = parse_document("Report\n======\n\nText.\n\nPart\n----\nMore.")
    assert [(each.heading, each.level) for each in parsed.sections] == [("Report", 1), ("Part", 2)]


def test_a_web_address_is_no_pair() -> None:
    assert parse_document("see http://example.org/ now\n12:30: start").key_values == ()


def test_markdown_gives_sections_tables_and_pairs() -> None:
    parsed = parse_document(
        "# Plan\n\n- **Date:** 2024-01-02\n\n## Work\n\n|a|b|\n|-|-|\n|[x](y)|2|\n", "text/markdown"
    )
    assert parsed.title == "Plan"
    assert parsed.key_values == (KeyValue("Date", "2024-01-02"),)
    assert parsed.tables == (Table(("a", "b"), (("x", "2"),)),)
    assert [each.heading for each in parsed.sections] == ["Plan", "Work"]


def test_html_and_the_markdown_made_of_it_say_the_same() -> None:
    html = (sample_documents() / "order-confirmation.html").read_text()
    [item] = open_source(sample_documents() / "order-confirmation.html")
    assert isinstance(item, Item)
    direct, over_text = parse_document(html, "text/html"), parse_document(item.text, "text/markdown")
    assert direct.tables == over_text.tables
    assert direct.key_values == over_text.key_values


def test_a_two_column_table_without_header_is_pairs() -> None:
    parsed = parse_document(
        "<table><tr><td>Total:</td><td>9</td></tr><tr><td>Tax</td><td>1</td></tr></table>", "text/html"
    )
    assert parsed.key_values == (KeyValue("Total", "9"), KeyValue("Tax", "1"))


def test_json_gives_paths_and_tables_of_records() -> None:
    parsed = parse_document(
        '{"title":"T","to":{"name":"A","n":[1,null,true]},"rows":[{"x":1},{"y":"b"}]}', "application/json"
    )
    assert parsed.title == "T"
    assert parsed.value_of("to.name") == "A"
    assert [each.name for each in parsed.key_values] == ["title", "to.name", "to.n.0", "to.n.2"]
    assert parsed.tables == (Table(("x", "y"), (("1", ""), ("", "b"))),)


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_csv_finds_its_separator(sign: str) -> None:
    rows = [["name", "price"], ["a, b; c", "1"], ["d", "2"]]
    text = "\n".join(sign.join(f'"{cell}"' for cell in row) for row in rows)
    assert parse_document(text, "text/csv").tables == (
        Table(("name", "price"), (("a, b; c", "1"), ("d", "2"))),
    )


def test_csv_of_numbers_has_no_header() -> None:
    assert parse_document("1,2\n3,4", "text/csv").tables == (Table((), (("1", "2"), ("3", "4"))),)


@pytest.mark.parametrize(
    ("text", "media_type", "says"),
    [
        ("{", "application/json", "truncated"),
        ("[" * 100_000, "application/json", "recursion"),
        ('{"a": NaN}', "application/json", "invalid"),
        ('a,"b\n' + "x" * 200_000, "text/csv", "field"),
    ],
)
def test_a_broken_document_names_its_problem(text: str, media_type: str, says: str) -> None:
    with pytest.raises(MalformedDocument, match=media_type) as caught:
        parse_document(text, media_type, where="orders")
    assert says in str(caught.value)
    assert "`orders`" in str(caught.value)


def test_wide_tables_cannot_outgrow_memory() -> None:
    keys = json.dumps([{f"k{number}": 1} for number in range(5_000)])
    assert parse_document(keys, "application/json").tables == ()
    ruler = "a\n" + "-- " * 5_000 + "\n" + "x\n" * 5_000
    assert parse_document(ruler).tables == ()


def test_the_result_is_json() -> None:
    value = parse_document("# A\n\nb: c\n", "text/markdown").to_dict()
    assert json.loads(json.dumps(value)) == value
    assert value["key_values"] == [{"name": "b", "value": "c"}]


@pytest.mark.parametrize("name", sorted(documents_expected()))
def test_the_fields_of_the_sample_documents_stand_in_what_is_parsed(name: str) -> None:
    expected = documents_expected()[name]
    [item] = open_source(sample_documents() / name)
    assert isinstance(item, Item)
    assert item.title == expected["title"]
    assert item.metadata["media_type"] == expected["media_type"]
    parsed = parse_document(item.text, str(item.metadata["text_media_type"]))
    found = json.dumps(parsed.to_dict(), ensure_ascii=False)
    missing = {
        key: value for key, value in expected["fields"].items() if key != "rows" and value not in found
    }
    assert missing == {}


def test_the_price_list_has_its_rows() -> None:
    [item] = open_source(sample_documents() / "price-list.csv")
    assert isinstance(item, Item)
    [table] = parse_document(item.text, "text/csv").tables
    assert str(len(table.rows)) == documents_expected()["price-list.csv"]["fields"]["rows"]


@given(st.text(max_size=300), st.sampled_from(MEDIA_TYPES))
def test_any_text_is_parsed_the_same_way_twice_or_refused(text: str, media_type: str) -> None:
    try:
        parsed = parse_document(text, media_type)
    except MalformedDocument:
        assert media_type in {"application/json", "text/csv"}
        return
    assert parsed == parse_document(text, media_type)
    json.dumps(parsed.to_dict()).encode()
