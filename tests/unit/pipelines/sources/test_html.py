from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.pipelines.sources.html import BlockKind, html_blocks, html_to_text


def test_what_nobody_reads_is_left_out() -> None:
    html = (
        "<head><title>T</title><style>p{}</style></head><script>alert(1)</script><p>Hello<!-- no --> you</p>"
    )
    assert html_to_text(html) == "Hello you"
    assert html_blocks(html)[0] == "T"


def test_blocks_are_parted_and_inline_elements_are_not() -> None:
    assert html_to_text("<div>one <b>bold</b><div>two</div>three</div><p>four<br>five") == (
        "one bold\n\ntwo\n\nthree\n\nfour\nfive"
    )


def test_headings_lists_and_terms_are_light_markdown() -> None:
    html = "<h2>Items</h2><ul><li>a</li><li>b<p>c</p></li></ul><dl><dt>Total:</dt><dd>9</dd><dt>Alone</dl>"
    assert html_to_text(html) == "## Items\n\n- a\n- b\n\nc\n\nTotal: 9\n\nAlone"


def test_a_table_of_data_keeps_its_rows() -> None:
    html = "<table><tr><th>Name</th><th>Price</th></tr><tr><td>A|B</td><td>1</td></tr></table>"
    assert html_to_text(html) == "| Name | Price |\n|---|---|\n| A\\|B | 1 |"


def test_a_table_for_layout_is_read_as_text() -> None:
    inner = "<table><tr><td>x</td><td>1</td></tr><tr><td>y</td><td>2</td></tr></table>"
    html = (
        f"<table><tr><td><p>{'Long text. ' * 40}</p></td><td>side</td></tr><tr><td>{inner}</td></tr></table>"
    )
    kinds = [block.kind for block in html_blocks(html)[1]]
    assert kinds == [BlockKind.PARAGRAPH, BlockKind.PARAGRAPH, BlockKind.TABLE]


def test_entities_and_spaces_are_normalised() -> None:
    assert html_to_text("<p>a&nbsp;&nbsp;b &pound;3 &#8364; &eacute; &nosuch;</p>") == "a b £3 € é &nosuch;"


def test_a_picture_says_its_alternative_text() -> None:
    assert html_to_text('<p><img alt="Sale!"><img src="x.gif" alt=""></p>') == "Sale!"


def test_preformatted_text_keeps_its_lines() -> None:
    assert html_to_text("<pre>a\n  b</pre>") == "a\n  b"


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 200_000 + "END",
        "<a " * 200_000,
        "<!--" * 200_000,
        "<table><tr><td>x" * 50_000,
        "<b><i>" * 50_000 + "</b>" * 50_000,
        "<" * 300_000,
        "<table>" + "<tr>" + "<td>a" * 50_000 + "<tr><td>b" * 20_000,
    ],
    ids=["nesting", "attributes", "comments", "tables", "misnesting", "brackets", "wide"],
)
def test_html_made_to_do_harm_takes_linear_time(html: str) -> None:
    begun = perf_counter()
    html_to_text(html)
    assert perf_counter() - begun < 8


@given(st.text(max_size=300) | st.text(alphabet="<>/tdrhpa !-\"'&;=", max_size=200))
def test_any_text_is_read(html: str) -> None:
    assert "\0" not in html_to_text(html.replace("\0", ""))
