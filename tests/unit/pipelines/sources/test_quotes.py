from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.pipelines.sources import quoted_reply_removed


def test_quoted_lines_and_their_attribution_go() -> None:
    text = "On Mon, 5 Aug 2002, Ada Larkin wrote:\n\n> Does it work?\n> Please tell.\n\nYes, it does.\n"
    assert quoted_reply_removed(text) == "Yes, it does."


def test_an_attribution_over_two_lines_goes() -> None:
    text = "Hello.\n\nOn Mon, 5 Aug 2002, at 12:00, Ada Larkin\n<ada@example.org> wrote:\n> Old\n\nNew."
    assert quoted_reply_removed(text) == "Hello.\n\nNew."


def test_answers_between_quotes_stay() -> None:
    text = "Ada wrote:\n> one?\nYes.\n> two?\nNo.\n"
    assert quoted_reply_removed(text) == "Yes.\nNo."


@pytest.mark.parametrize(
    "history",
    [
        "-----Original Message-----\nFrom: Ada\nSent: Monday\nTo: Bo\nSubject: x\n\nOld text",
        "________________________________\nFrom: Ada Larkin\nSent: Monday\nTo: Bo\nSubject: x\n\nOld text",
        "Von: Ada\nGesendet: Montag\nAn: Bo\nBetreff: x\n\nAlter Text",
    ],
)
def test_an_appended_message_goes(history: str) -> None:
    assert quoted_reply_removed(f"Fine with me.\n\n{history}") == "Fine with me."


@pytest.mark.parametrize(
    "text",
    [
        "-----Original Message-----\nFrom: Ada\n\nA forwarded letter without a word of mine",
        "> only\n> quotes",
        "He wrote:\n\nThis is the letter that he wrote: it is not quoted.",
        "From: here to there it is a mile.\nThe end.",
        "Nothing is quoted here.\n\n-- \nAda",
        "",
    ],
)
def test_what_is_not_clearly_history_stays(text: str) -> None:
    assert quoted_reply_removed(text) == text


def test_a_line_that_an_mbox_quoted_is_no_quotation() -> None:
    assert (
        quoted_reply_removed("Dear all,\n>From now on it is open.") == "Dear all,\n>From now on it is open."
    )


@given(st.text(alphabet="> \nabO:wrte-From", max_size=200))
def test_it_never_invents_text_and_never_leaves_nothing(text: str) -> None:
    left = quoted_reply_removed(text)
    assert bool(left.strip()) == bool(text.strip())
    assert set(left.split("\n")) <= set(text.split("\n"))
