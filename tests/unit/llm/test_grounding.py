from __future__ import annotations

import pytest

from sorbus.llm.grounding import clean, grounded, occurs, sentences, without_footer

MAIL = """Bill Sobel is porting the code to Perl on Windows.
> Old text by somebody else about cats.
The changes are minor. He asks how to get them merged by Friday, 12 May.
"""


@pytest.mark.parametrize("name", ["Bill Sobel", "bill sobel", "Perl", "minor. He", "by\nFriday"])
def test_names_occur_as_whole_words_whatever_case_and_line_breaks(name: str) -> None:
    assert occurs(name, MAIL)


@pytest.mark.parametrize("name", ["Bill Sob", "Sobel Bill", "", " ", "Window"])
def test_parts_of_words_and_nothing_do_not_occur(name: str) -> None:
    assert not occurs(name, MAIL)


def test_a_name_across_quoted_lines_occurs() -> None:
    assert occurs("Anna Kowalska", "> so says Anna\n> Kowalska")


@pytest.mark.parametrize(
    "statement",
    [
        "Bill Sobel ports code to Perl on Windows.",
        "Bill asks how to merge minor changes.",
        "Merge by 12 May.",
    ],
)
def test_statements_in_the_texts_words_are_grounded(statement: str) -> None:
    assert grounded(statement, MAIL)


@pytest.mark.parametrize(
    "statement",
    [
        "Bill Gates is porting the code to Windows.",
        "The changes are merged by 13 May.",
        "A spammer abducted three girls yesterday.",
        "Bill is porting the code 视频卡 to Perl.",
        "",
        "It is so.",
    ],
)
def test_other_names_numbers_words_and_scripts_are_not(statement: str) -> None:
    assert not grounded(statement, MAIL)


def test_clean_drops_quotes_footers_and_addresses() -> None:
    own = "I have tried that and it works, thank you very much for all of your kind help with this. "
    text = f"> quoted\n{own}{own}\nSee http://example.com\n_______________________________\nlist footer"
    cleaned = clean(text, limit=1_000)
    assert "quoted" not in cleaned
    assert "footer" not in cleaned
    assert "http" not in cleaned
    assert "it works" in cleaned


def test_clean_keeps_quotes_when_little_else_is_left() -> None:
    assert "quoted text" in clean("> some quoted text\nYes.", limit=100)


def test_clean_drops_the_line_that_announces_a_quote() -> None:
    own = "I think that this is the right way to do it for all of us."
    assert clean(f"On Tue, 6 Aug 2002, Peter Miller wrote:\n> old\n{own}", limit=200) == own


def test_clean_cuts_between_words() -> None:
    assert clean("alpha beta gamma", limit=12) == "alpha beta"


def test_a_ruled_line_in_the_first_half_is_no_footer() -> None:
    text = "Title\n====================\n" + "body " * 50
    assert without_footer(text) == text


def test_sentences_survive_abbreviations_and_line_breaks() -> None:
    text = "I spoke with Dr. Chen about\nthe new kernel. It works now!\n\nA second paragraph follows here"
    assert sentences(text, shortest=10) == [
        "I spoke with Dr. Chen about the new kernel.",
        "It works now!",
        "A second paragraph follows here",
    ]
