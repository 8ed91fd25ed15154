from __future__ import annotations

import pytest

from sorbus.pipelines.sources.threads import Threads, is_reply, normalised_subject


@pytest.mark.parametrize(
    ("subject", "normal"),
    [
        ("Network problems", "network problems"),
        ("Re: [ILUG] Network  problems", "network problems"),
        ("[ILUG] RE: Re[2]: AW: Network problems", "network problems"),
        ("Fwd: FW: Network problems", "network problems"),
        ("Regarding: the plan", "regarding: the plan"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_prefixes_and_list_tags_do_not_count(subject: str, normal: str) -> None:
    assert normalised_subject(subject) == normal


def test_a_reply_says_so_in_its_subject() -> None:
    assert is_reply("[list] Re: x")
    assert not is_reply("Return of the king")


def test_a_chain_of_in_reply_to_is_one_thread() -> None:
    threads = Threads()
    first = threads.thread_id("a@x", subject="Plan")
    second = threads.thread_id("b@x", ancestors=["a@x"], subject="Re: Plan")
    third = threads.thread_id("c@x", ancestors=["b@x"], subject="Re: Plan B")
    assert first == second == third


def test_a_reply_that_is_read_before_its_cause_belongs_with_it() -> None:
    threads = Threads()
    answer = threads.thread_id("b@x", ancestors=["a@x"], subject="Re: Plan")
    assert threads.thread_id("a@x", subject="Plan") == answer


def test_a_reply_without_references_goes_by_its_subject() -> None:
    threads = Threads()
    first = threads.thread_id("a@x", subject="[list] Plan")
    assert threads.thread_id("b@x", subject="RE: plan") == first
    assert threads.thread_id("c@x", subject="Plan") != first


def test_replies_with_an_empty_subject_are_not_lumped_together() -> None:
    threads = Threads()
    assert threads.thread_id("a@x", subject="Re:") != threads.thread_id("b@x", subject="Re:")


def test_ids_are_the_same_for_the_same_mails() -> None:
    ids = [Threads().thread_id("b@x", ancestors=["a@x", "c@x"], subject="Re: x") for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 24


def test_only_so_many_links_are_remembered() -> None:
    threads = Threads(capacity=10)
    for number in range(1000):
        threads.thread_id(f"{number}@x", subject=f"subject {number}")
    assert len(threads._roots) == 10
